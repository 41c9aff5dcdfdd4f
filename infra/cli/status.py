"""How a running system is: its queues, its tables, and how far availability is behind stock."""

import importlib.metadata
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from infra.local.cloud import Cloud
from infra.local.target import Target

GENERATED = re.compile(
    r"^norain-(?P<stage>\w+)-(?P<stack>[A-Za-z]+)-(?P<name>\w+?)[0-9A-F]{8}-\w+$"
)
LOOK_BACK_SECONDS = 3600
COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def status(target: Target, running: Cloud, digest: str) -> dict[str, Any]:
    """``digest`` names the sources as they are now."""
    return {
        "api_url": target.api_url,
        "endpoint_url": target.endpoint_url,
        "pid": running.pid,
        "code": {"deployed": target.digest, "current": target.digest == digest},
        "queues": sorted(_queues(target), key=lambda row: str(row["queue"])),
        "tables": dict(_tables(target)),
        "availability": _availability(target),
        "versions": {
            name: importlib.metadata.version(name) for name in ("norain", "ministack", "boto3")
        },
    }


def _queues(target: Target) -> Iterator[dict[str, Any]]:
    found = target.sqs.list_queues(QueueNamePrefix=f"norain-{target.stage}-")
    for url in found.get("QueueUrls", []):
        answer: Any = target.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        told = answer["Attributes"]
        yield {
            "queue": short(url.rsplit("/", 1)[-1]),
            **{name: int(told.get(attribute, 0)) for name, attribute in COUNTS.items()},
        }


def _tables(target: Target) -> Iterator[tuple[str, int]]:
    """Items by table. DynamoDB itself counts them every six hours, the local cloud at once."""
    for name, table in target.tables.items():
        yield name, target.dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]


def short(name: str) -> str:
    """``norain-dev-Stock-FeedQueueB01CC067-8A66C82359ECD`` as ``Stock FeedQueue``."""
    found = GENERATED.match(name)
    return f"{found['stack']} {found['name']}" if found else name


def _availability(target: Target) -> dict[str, Any]:
    """What the projection last logged of itself: how long the oldest change had waited."""
    logs = target.aws("logs")
    stack = f"norain-{target.stage}-Availability"
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
        if stack in group["logGroupName"] and "ProjectLogs" in group["logGroupName"]
    ]
    since = int((time.time() - LOOK_BACK_SECONDS) * 1000)
    last: dict[str, Any] = {}
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since, filterPattern="projected"
        )
        for page in pages:
            for event in page["events"]:
                line = _json(event["message"])
                if "lag_ms" in line and event["timestamp"] >= last.get("timestamp", 0):
                    last = {"timestamp": event["timestamp"], "lag_ms": line["lag_ms"]}
    if not last:
        return {"told": "nothing projected within the last hour"}
    ago = max(0, round(time.time() - last["timestamp"] / 1000))
    return {
        "lag_ms": last["lag_ms"],
        "seconds_ago": ago,
        "told": f"{last['lag_ms']} ms behind stock when it last ran, {ago} s ago",
    }


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
