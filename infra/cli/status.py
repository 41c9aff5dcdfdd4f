"""`norain status`: queues, tables and walks of a running system, and how far availability is
behind."""

import importlib.metadata
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from infra.cli.output import show, table
from infra.local import cloud, deploy
from infra.local.cloud import Cloud, CloudFailed
from infra.local.target import Target, load
from shared.aws import walks
from shared.aws.items import from_item, to_item
from shared.aws.walks import Walk

GENERATED = re.compile(
    r"^norain-(?P<stage>\w+)-(?P<stack>[A-Za-z]+)-(?P<name>\w+?)[0-9A-F]{8}-\w+$"
)
LOOK_BACK_SECONDS = 3600
WALKS = (
    Walk("config", "export/web"),
    Walk("config", "rules"),
    Walk("config", "rebuild"),
    Walk("config", "index-orders"),
    Walk("stock", "audit"),
    Walk("config", "learn-demand"),
    Walk("config", "backfill-demand"),
    Walk("config", "what-if"),
)
COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def status() -> None:
    """Show what is running and stored, what waits in the queues, how far the exports, the announced
    rules and the audit are, and the lag of availability.

    \b
    norain status
    norain status --json | jq .queues
    """
    running = cloud.state()
    if running is None:
        raise CloudFailed("the local cloud is not running: `norain up` starts it")
    report = _report(load(), running, deploy.digest())
    show(
        report,
        f"API  {report['api_url']}",
        f"code {report['code']['deployed']}"
        + (
            ""
            if report["code"]["current"]
            else " [yellow](the sources have changed since: `norain up` deploys them)[/]"
        ),
        table(
            "queues",
            ("queue", "waiting", "in flight"),
            [(row["queue"], row["waiting"], row["in_flight"]) for row in report["queues"]],
        ),
        table("tables", ("table", "items"), report["tables"].items()),
        table(
            "walks",
            ("walk", "round", "segments", "done", "workers", "seconds", "ended", "counts"),
            [
                (
                    row["walk"],
                    row["round"],
                    row["segments"],
                    row["done"],
                    row["workers"],
                    row["seconds"],
                    row["ended_at"] or "",
                    ", ".join(
                        f"{name} {count} ({count / max(1, row['seconds']):.0f}/s)"
                        for name, count in row["counts"].items()
                    ),
                )
                for row in report["walks"]
            ],
        ),
        f"availability: {report['availability']['told']}",
        "  ".join(f"{name} {version}" for name, version in report["versions"].items()),
    )


def _report(target: Target, running: Cloud, digest: str) -> dict[str, Any]:
    """``digest`` names the sources as they are now."""
    return {
        "api_url": target.api_url,
        "endpoint_url": target.endpoint_url,
        "pid": running.pid,
        "code": {"deployed": target.digest, "current": target.digest == digest},
        "queues": sorted(_queues(target), key=lambda row: str(row["queue"])),
        "tables": dict(_tables(target)),
        "walks": list(_walks(target)),
        "availability": _availability(target),
        "versions": {
            name: importlib.metadata.version(name) for name in ("norain", "ministack", "boto3")
        },
    }


def _queues(target: Target) -> Iterator[dict[str, Any]]:
    listed = target.sqs.list_queues(QueueNamePrefix=f"norain-{target.stage}-")
    for url in listed.get("QueueUrls", []):
        answer: Any = target.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes = answer["Attributes"]
        yield {
            "queue": short(url.rsplit("/", 1)[-1]),
            **{name: int(attributes.get(attribute, 0)) for name, attribute in COUNTS.items()},
        }


def _tables(target: Target) -> Iterator[tuple[str, int]]:
    """Number of items by table. AWS updates it every six hours, the local cloud at once."""
    for name, table_name in target.tables.items():
        described = target.dynamodb.describe_table(TableName=table_name)
        yield name, described["Table"]["ItemCount"]


def _walks(target: Target) -> Iterator[dict[str, Any]]:
    """How far the rounds over whole tables are (shared/aws/walks.py)."""
    now = datetime.now(UTC)
    for walk in WALKS:
        pages = target.dynamodb.get_paginator("query").paginate(
            TableName=target.tables[walk.table],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": walks.partition(walk)}),
        )
        items = [from_item(item) for page in pages for item in page["Items"]]
        progress = walks.progress_of(walk, items, now)
        if progress is not None:
            yield progress.summary(now)


def short(name: str) -> str:
    """``norain-dev-Stock-FeedQueueB01CC067-8A66C82359ECD`` becomes ``Stock FeedQueue``."""
    match = GENERATED.match(name)
    return f"{match['stack']} {match['name']}" if match else name


def _availability(target: Target) -> dict[str, Any]:
    """The lag that the projection logged last: how long its oldest change had waited."""
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
        return {"told": "no change of stock within the last hour"}
    ago = max(0, round(time.time() - last["timestamp"] / 1000))
    return {
        "lag_ms": last["lag_ms"],
        "seconds_ago": ago,
        "told": f"{last['lag_ms']} ms behind stock at its last run, {ago} s ago",
    }


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
