"""Messages to a queue."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.clients import sqs

MOST_BYTES = 256 * 1024
AT_ONCE = 10
LONGEST_ATTRIBUTE = 1000
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff]")


def send(queue_url: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """One message; its attributes are cut to LONGEST_ATTRIBUTE printable characters."""
    sqs().send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageAttributes={
            name: {
                "DataType": "String",
                "StringValue": UNPRINTABLE.sub("?", text)[:LONGEST_ATTRIBUTE] or "-",
            }
            for name, text in (attributes or {}).items()
        },
    )


def send_many(queue_url: str, bodies: Sequence[str]) -> set[int]:
    """A message of each body, ten per call at most; the places of those that were not taken."""
    left: set[int] = set()
    call: list[Any] = []
    size = 0
    for place, body in enumerate(bodies):
        length = len(body.encode())
        if call and (len(call) == AT_ONCE or size + length > MOST_BYTES):
            left |= _sent(queue_url, call)
            call, size = [], 0
        call.append({"Id": str(place), "MessageBody": body})
        size += length
    return left | (_sent(queue_url, call) if call else set())


def _sent(queue_url: str, entries: list[Any]) -> set[int]:
    answer = sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
    return {int(failed["Id"]) for failed in answer.get("Failed", [])}


def hide(queue_url: str, receipt_handle: str, seconds: int) -> None:
    """A message that was received comes again after ``seconds`` (12 h at most)."""
    sqs().change_message_visibility(
        QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
    )
