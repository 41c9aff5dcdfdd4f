"""The messages that the feed's workers gave up, and their way back to the queue.

A message is deleted from the dead-letter queue only after it lies in the feed queue again. If that
is interrupted it is sent twice, which changes nothing: an event is applied once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.local.cloud import CloudFailed

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 60
UNKNOWN = "received too often: the worker did not get to the end of it"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``body`` is parsed when it is JSON, else the text as it is."""

    message_id: str
    code: str
    detail: str
    body: Any
    receipt: str

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "receipt"}


def receive(sqs: "SQSClient", url: str) -> list[DeadLetter]:
    """Every message that lies in the queue now; they are hidden from others for a minute."""
    found: dict[str, DeadLetter] = {}
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        VisibilityTimeout=HIDDEN_SECONDS,
    ).get("Messages"):
        fresh = [_letter(message) for message in messages if message["MessageId"] not in found]
        if not fresh:
            break
        found.update({letter.message_id: letter for letter in fresh})
    return list(found.values())


def give_back(sqs: "SQSClient", url: str, letters: Sequence[DeadLetter]) -> None:
    """Let them be seen again at once."""
    for letter in letters:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
        )


def redrive(
    sqs: "SQSClient",
    dead_letters_url: str,
    queue_url: str,
    letters: Sequence[DeadLetter],
    mended: Mapping[str, Any],
) -> None:
    """Send each letter to the queue, with its body in ``mended`` (by message id) if it is there."""
    for letter in letters:
        body = mended.get(letter.message_id, letter.body)
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
        sqs.send_message(QueueUrl=queue_url, MessageBody=text)
        sqs.delete_message(QueueUrl=dead_letters_url, ReceiptHandle=letter.receipt)


def mended_bodies(text: str) -> dict[str, Any]:
    """Bodies by message id, from what ``norain --json redrive --dry-run`` printed.

    Raises CloudFailed when it is something else.
    """
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return {row["message_id"]: row["body"] for row in rows}
    except (ValueError, KeyError, TypeError):
        raise CloudFailed(
            "that is not what `norain --json redrive --dry-run` printed: "
            'a JSON array of {"message_id": ..., "body": ...}'
        ) from None


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _letter(message: "MessageTypeDef") -> DeadLetter:
    attributes = {
        name: attribute.get("StringValue", "")
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = message["Body"]
    return DeadLetter(
        message_id=message["MessageId"],
        code=attributes.get("code", "receives_exhausted"),
        detail=attributes.get("detail", UNKNOWN),
        body=body,
        receipt=message["ReceiptHandle"],
    )
