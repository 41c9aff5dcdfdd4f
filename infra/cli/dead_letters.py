"""Dead letters of queues, streams and schedules: finding them, and sending them back.

A message is deleted from the dead-letter queue only after it has been sent to its queue again, and
a failed record of a stream only after its worker has taken it. If that is interrupted, the message
is sent twice, which changes nothing: an event is applied once. What a schedule gave up, its next
run has done, so these messages are only deleted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from infra.cli.status import short
from infra.local.cloud import CloudFailed
from shared.instants import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 60
DEAD = "DeadLetters"
RECORDS = "data-failedrecords"
EXHAUSTED = "received too often: the worker did not finish it in any attempt"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``body`` is parsed when it is JSON, else the text. ``received_at`` is when its message was
    first received, ``receipt`` the handle to delete it with."""

    message_id: str
    code: str
    detail: str
    body: Any
    receipt: str
    received_at: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "receipt"}


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """Messages go back to the queue ``source`` (a URL); streams and schedules have none."""

    name: str
    url: str
    source: str | None


def queues(sqs: "SQSClient", stage: str) -> list[DeadLetterQueue]:
    """Every dead-letter queue of the stage, by names such as ``webhooks-deliveries``."""
    urls = sqs.list_queues(QueueNamePrefix=f"norain-{stage}-", MaxResults=1000).get("QueueUrls", [])
    attributes = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "RedrivePolicy"])[
            "Attributes"
        ]
        for url in urls
    }
    sources = {
        json.loads(queue["RedrivePolicy"])["deadLetterTargetArn"]: url
        for url, queue in attributes.items()
        if queue.get("RedrivePolicy")
    }
    return sorted(
        (
            DeadLetterQueue(_name(url), url, sources.get(queue["QueueArn"]))
            for url, queue in attributes.items()
            if DEAD in url
        ),
        key=lambda queue: queue.name,
    )


def _name(url: str) -> str:
    """``.../norain-dev-Stock-FeedDeadLettersB01CC067-8A66C8`` becomes ``stock-feed``."""
    stack, _, rest = short(url.rsplit("/", 1)[-1]).partition(" ")
    return f"{stack}-{rest.partition(DEAD)[0]}".lower()


def chosen(all_queues: Sequence[DeadLetterQueue], names: Sequence[str]) -> list[DeadLetterQueue]:
    """The queues of ``names``, or all when there are no names; ``stock`` means ``stock-feed``.

    Raises CloudFailed for an unknown name.
    """
    known = {queue.name: queue for queue in all_queues}
    known |= {
        name.removesuffix("-feed"): queue for name, queue in known.items() if name.endswith("-feed")
    }
    if unknown := [name for name in names if name not in known]:
        raise CloudFailed(f"there are no dead letters of {unknown[0]}: one of {', '.join(known)}")
    return [known[name] for name in names] if names else list(all_queues)


def receive(sqs: "SQSClient", url: str) -> list[DeadLetter]:
    """All messages of the queue; they are hidden from other receivers for a minute."""
    letters: dict[str, DeadLetter] = {}
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        AttributeNames=["SentTimestamp"],
        VisibilityTimeout=HIDDEN_SECONDS,
    ).get("Messages"):
        fresh = [_letter(message) for message in messages if message["MessageId"] not in letters]
        if not fresh:
            break
        letters.update({letter.message_id: letter for letter in fresh})
    return list(letters.values())


def release(sqs: "SQSClient", url: str, letters: Sequence[DeadLetter]) -> None:
    """Make the letters visible to other receivers again."""
    for letter in letters:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
        )


def send_back(
    aws: Callable[[str], Any],
    queue: DeadLetterQueue,
    letters: Sequence[DeadLetter],
    corrected: Mapping[str, Any],
) -> list[DeadLetter]:
    """Send each letter back, with its body from ``corrected`` (by message id) if there is one.

    Returns the letters whose worker failed again; they stay in ``queue``. ``aws`` makes a boto3
    client of a service by its name.
    """
    refused = []
    for letter in letters:
        body = corrected.get(letter.message_id, letter.body)
        if queue.source is not None:
            text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
            # People erased after the message was first received must not come back with it.
            first = {"received_at": {"DataType": "String", "StringValue": letter.received_at}}
            aws("sqs").send_message(
                QueueUrl=queue.source,
                MessageBody=text,
                MessageAttributes=first if letter.received_at else {},
            )
        elif queue.name == RECORDS and not _reprocess(aws, body):
            refused.append(letter)
            continue
        aws("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=letter.receipt)
    return refused


def _reprocess(aws: Callable[[str], Any], notification: Mapping[str, Any]) -> bool:
    """Invoke the worker of each failed record that the S3 notification names, and delete the record
    once the worker has taken it. False when a worker fails."""
    for row in notification.get("Records", []):
        record = {
            "Bucket": row["s3"]["bucket"]["name"],
            "Key": unquote_plus(row["s3"]["object"]["key"]),
        }
        try:
            kept = json.loads(aws("s3").get_object(**record)["Body"].read())
        except aws("s3").exceptions.NoSuchKey:
            continue  # an earlier, interrupted attempt has done this record
        response = aws("lambda").invoke(
            FunctionName=kept["requestContext"]["functionArn"], Payload=kept["payload"].encode()
        )
        answer = json.loads(response["Payload"].read() or b"null")
        if response.get("FunctionError") or (answer or {}).get("batchItemFailures"):
            return False
        aws("s3").delete_object(**record)
    return True


def corrected_bodies(text: str) -> dict[str, Any]:
    """Bodies by message id, from the output of ``norain --json redrive --dry-run``.

    Raises CloudFailed when the text is something else.
    """
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return {row["message_id"]: row["body"] for row in rows}
    except (ValueError, KeyError, TypeError):
        raise CloudFailed(
            "--edit takes the output of `norain --json redrive --dry-run`: "
            'a JSON array of {"message_id": ..., "body": ...}'
        ) from None


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _notified(body: Any) -> tuple[str, str] | None:
    """Code and detail of a notification of the failed-records bucket; None for other messages."""
    if not isinstance(body, dict):
        return None
    if body.get("Event") == "s3:TestEvent":
        return "bucket_set_up", "test message of S3 from the setup of the bucket: nothing failed"
    keys = [
        unquote_plus(row["s3"]["object"]["key"]) for row in body.get("Records", []) if "s3" in row
    ]
    return ("record_failed", ", ".join(keys)) if keys else None


def _letter(message: "MessageTypeDef") -> DeadLetter:
    attributes = {
        name: attribute.get("StringValue", "")
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = message["Body"]
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    code, detail = _notified(body) or ("receives_exhausted", EXHAUSTED)
    return DeadLetter(
        message_id=message["MessageId"],
        code=attributes.get("code", code),
        detail=attributes.get("detail", detail),
        body=body,
        receipt=message["ReceiptHandle"],
        received_at=attributes.get("received_at", rfc3339(sent)),
    )
