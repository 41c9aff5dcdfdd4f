"""Messages to a queue."""

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
    """A message that the queue shows after ``seconds``, or after LONGEST_DELAY if that is less."""

    body: str
    seconds: int
    attributes: Mapping[str, str]


def send(queue_url: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """One message; its attributes are cut to LONGEST_ATTRIBUTE printable characters."""
    sqs().send_message(
        QueueUrl=queue_url, MessageBody=body, MessageAttributes=_attributes(attributes or {})
    )


def send_many(queue_url: str, bodies: Sequence[str]) -> set[int]:
    """A message of each body, ten per call at most; the places of those that were not taken."""
    return _send_all(queue_url, [{"MessageBody": body} for body in bodies])


def send_later(queue_url: str, messages: Sequence[Later]) -> set[int]:
    """Like ``send_many``."""
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
    left: set[int] = set()
    call: list[Any] = []
    size = 0
    for place, entry in enumerate(entries):
        length = _bytes(entry)
        if call and (len(call) == AT_ONCE or size + length > MOST_BYTES):
            left |= _sent(queue_url, call)
            call, size = [], 0
        call.append({"Id": str(place), **entry})
        size += length
    return left | (_sent(queue_url, call) if call else set())


def _bytes(entry: Mapping[str, Any]) -> int:
    """What the queue counts: the body, and names, types and values of the attributes."""
    texts = [entry["MessageBody"]]
    for name, told in entry.get("MessageAttributes", {}).items():
        texts += [name, told["DataType"], told["StringValue"]]
    return sum(len(text.encode()) for text in texts)


def _sent(queue_url: str, entries: list[Any]) -> set[int]:
    answer = sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
    return {int(failed["Id"]) for failed in answer.get("Failed", [])}
