"""What workers gave up, wherever it lies, and its way back: of queues, streams and schedules.

A message is deleted from the dead-letter queue only after it lies in its queue again, and a record
of a stream only after its worker has taken it. If that is interrupted it is sent twice, which
changes nothing: an event is applied once. What a schedule gave up its next run has done.
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
UNKNOWN = "received too often: the worker did not get to the end of it"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``body`` is parsed when it is JSON, else the text as it is. ``received_at`` is when its
    message first came."""

    message_id: str
    code: str
    detail: str
    body: Any
    receipt: str
    received_at: str = ""

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "receipt"}


@dataclass(frozen=True, slots=True)
class Place:
    """A dead-letter queue; what lies there goes back to the queue ``source``, if it has one."""

    name: str
    url: str
    source: str | None


def places(sqs: "SQSClient", stage: str) -> list[Place]:
    """Every dead-letter queue of the stage by its name, such as ``webhooks-deliveries``."""
    urls = sqs.list_queues(QueueNamePrefix=f"norain-{stage}-", MaxResults=1000).get("QueueUrls", [])
    attributes = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "RedrivePolicy"])[
            "Attributes"
        ]
        for url in urls
    }
    sources = {
        json.loads(found["RedrivePolicy"])["deadLetterTargetArn"]: url
        for url, found in attributes.items()
        if found.get("RedrivePolicy")
    }
    return sorted(
        (
            Place(_name(url), url, sources.get(found["QueueArn"]))
            for url, found in attributes.items()
            if DEAD in url
        ),
        key=lambda place: place.name,
    )


def _name(url: str) -> str:
    """``.../norain-dev-Stock-FeedDeadLettersB01CC067-8A66C8`` as ``stock-feed``."""
    stack, _, rest = short(url.rsplit("/", 1)[-1]).partition(" ")
    return f"{stack}-{rest.partition(DEAD)[0]}".lower()


def chosen(found: Sequence[Place], names: Sequence[str]) -> list[Place]:
    """The places of ``names``, all without any; ``stock`` stands for ``stock-feed``.

    Raises CloudFailed for a name that is none.
    """
    known = {place.name: place for place in found}
    known |= {
        name.removesuffix("-feed"): place for name, place in known.items() if name.endswith("-feed")
    }
    if unknown := [name for name in names if name not in known]:
        raise CloudFailed(f"no dead letters are called {unknown[0]}: one of {', '.join(known)}")
    return [known[name] for name in names] if names else list(found)


def receive(sqs: "SQSClient", url: str) -> list[DeadLetter]:
    """Every message that lies in the queue now; they are hidden from others for a minute."""
    found: dict[str, DeadLetter] = {}
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        AttributeNames=["SentTimestamp"],
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
    aws: Callable[[str], Any],
    place: Place,
    letters: Sequence[DeadLetter],
    mended: Mapping[str, Any],
) -> list[DeadLetter]:
    """Sends each letter back, with its body in ``mended`` (by message id) if it is there; those
    whose worker failed again, which stay. ``aws`` makes a client of a service."""
    stay = []
    for letter in letters:
        body = mended.get(letter.message_id, letter.body)
        if place.source is not None:
            text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
            # Who was erased since the message first came must not come back with it.
            came = {"received_at": {"DataType": "String", "StringValue": letter.received_at}}
            aws("sqs").send_message(
                QueueUrl=place.source,
                MessageBody=text,
                MessageAttributes=came if letter.received_at else {},
            )
        elif place.name == RECORDS and not _taken(aws, body):
            stay.append(letter)
            continue
        aws("sqs").delete_message(QueueUrl=place.url, ReceiptHandle=letter.receipt)
    return stay


def _taken(aws: Callable[[str], Any], told: Mapping[str, Any]) -> bool:
    """Hands the records that a notification of the bucket names to their workers again, and
    deletes them there; False when a worker fails."""
    for row in told.get("Records", []):
        where = {
            "Bucket": row["s3"]["bucket"]["name"],
            "Key": unquote_plus(row["s3"]["object"]["key"]),
        }
        try:
            kept = json.loads(aws("s3").get_object(**where)["Body"].read())
        except aws("s3").exceptions.NoSuchKey:
            continue  # an earlier try has come so far
        answer = aws("lambda").invoke(
            FunctionName=kept["requestContext"]["functionArn"], Payload=kept["payload"].encode()
        )
        said = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError") or (said or {}).get("batchItemFailures"):
            return False
        aws("s3").delete_object(**where)
    return True


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


def _told(body: Any) -> tuple[str, str] | None:
    """Code and detail of a notification of the bucket of failed records; None for anything else."""
    if not isinstance(body, dict):
        return None
    if body.get("Event") == "s3:TestEvent":
        return "bucket_set_up", "S3 has tried the way from the bucket: nothing has failed"
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
    code, detail = _told(body) or ("receives_exhausted", UNKNOWN)
    return DeadLetter(
        message_id=message["MessageId"],
        code=attributes.get("code", code),
        detail=attributes.get("detail", detail),
        body=body,
        receipt=message["ReceiptHandle"],
        received_at=attributes.get("received_at", rfc3339(sent)),
    )
