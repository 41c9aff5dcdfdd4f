"""Sends messages to SQS queues."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.aws.clients import sqs

MOST_BYTES = 256 * 1024
AT_ONCE = 10
LONGEST_DELAY = 900
LONGEST_ATTRIBUTE = 1000
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff]")


@dataclass(frozen=True, slots=True)
class Later:
    """A message that becomes visible after ``seconds``, LONGEST_DELAY at most."""

    body: str
    seconds: int
    attributes: Mapping[str, str]


def send(queue_url: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Sends one message; its attributes are cut to LONGEST_ATTRIBUTE printable characters."""
    sqs().send_message(
        QueueUrl=queue_url, MessageBody=body, MessageAttributes=_attributes(attributes or {})
    )


def send_many(queue_url: str, bodies: Sequence[str]) -> set[int]:
    """Sends a message for each body, ten per call at most; returns the indexes of those that
    failed."""
    return _send_all(queue_url, [{"MessageBody": body} for body in bodies])


def send_later(queue_url: str, messages: Sequence[Later]) -> set[int]:
    """Sends delayed messages; returns the indexes of those that failed."""
    entries = [
        {
            "MessageBody": one.body,
            "DelaySeconds": max(0, min(LONGEST_DELAY, one.seconds)),
            "MessageAttributes": _attributes(one.attributes),
        }
        for one in messages
    ]
    return _send_all(queue_url, entries)


def _attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {
            "DataType": "String",
            "StringValue": UNPRINTABLE.sub("?", text)[:LONGEST_ATTRIBUTE] or "-",
        }
        for name, text in attributes.items()
    }


def _send_all(queue_url: str, entries: Sequence[Mapping[str, Any]]) -> set[int]:
    failed: set[int] = set()
    call: list[Any] = []
    size = 0
    for place, entry in enumerate(entries):
        length = _bytes(entry)
        if call and (len(call) == AT_ONCE or size + length > MOST_BYTES):
            failed |= _send_call(queue_url, call)
            call, size = [], 0
        call.append({"Id": str(place), **entry})
        size += length
    return failed | (_send_call(queue_url, call) if call else set())


def _bytes(entry: Mapping[str, Any]) -> int:
    """The size that the queue counts: the body, and names, types and values of the attributes."""
    texts = [entry["MessageBody"]]
    for name, attribute in entry.get("MessageAttributes", {}).items():
        texts += [name, attribute["DataType"], attribute["StringValue"]]
    return sum(len(text.encode()) for text in texts)


def _send_call(queue_url: str, entries: list[Any]) -> set[int]:
    answer = sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
    return {int(failed["Id"]) for failed in answer.get("Failed", [])}
