"""Works off the customer feed: who each observed record is, each event once (SQS)."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.customers import store
from shared.customers.contract.statements import Observed, observed
from shared.customers.store.values import milliseconds
from shared.documents import loads
from shared.errors import Busy, Gone, MalformedRequest, Refusal
from shared.instants import rfc3339
from shared.web.auth import Sources
from shared.web.batch import again
from shared.web.crash import crash
from shared.web.problem import summary

WRITERS = 8
RECEIVED_AT = "received_at"
"""The message attribute that keeps when a message first came, on its way through dead letters."""

logger = Logger(service="norain", utc=True)


@dataclass(slots=True)
class Message:
    """One message of the queue: when it came there first, what it tells of persons, and what of it
    is wrong."""

    message_id: str
    received_at: datetime
    told: list[Observed] = field(default_factory=list)
    bad: list[tuple[str, Refusal]] = field(default_factory=list)
    erased: int = 0
    failed: bool = False


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A message comes again when one of its events could not be resolved for a passing reason;
    what of it was resolved changes nothing then. Its bad events go alone to the dead letters, with
    their reason, when all others are done; what is told of the erased is forgotten at once.
    """
    now = milliseconds(datetime.now(UTC))
    messages = [_read(record, now) for record in event["Records"]]
    work = [(message, one) for message in messages for one in message.told]
    with ThreadPoolExecutor(WRITERS) as pool:
        for (message, one), refusal in zip(
            work, pool.map(lambda pair: _resolve(pair[0], pair[1], now), work), strict=True
        ):
            match refusal:
                case None:
                    pass
                case Gone():
                    message.erased += 1
                case Refusal() if not isinstance(refusal, Busy):
                    message.bad.append((one.document, refusal))
                case _:
                    message.failed = True
                    _tell(refusal, message.message_id)
    for message in messages:
        message.failed = message.failed or not _put_away(message)
    logger.info(
        "resolved",
        extra={
            "messages": len(messages),
            "events": len(work),
            "bad": sum(len(message.bad) for message in messages),
            "erased": sum(message.erased for message in messages),
            "failed_messages": sum(message.failed for message in messages),
        },
    )
    failed = sorted(message.message_id for message in messages if message.failed)
    return again(failed)


def _read(record: dict[str, Any], now: datetime) -> Message:
    message = Message(record["messageId"], _received_at(record, now))
    sources = Sources.of(setting("customer_feed_sources").split())
    try:
        body = loads(record["body"])
    except (ValueError, RecursionError):
        message.bad.append((record["body"], MalformedRequest("the message is not JSON")))
        return message
    for document in body if isinstance(body, list) else [body]:
        try:
            message.told.append(observed(document, now, sources))
        except Refusal as refusal:
            message.bad.append((json.dumps(document), refusal))
    return message


def _received_at(record: dict[str, Any], now: datetime) -> datetime:
    """When the queue took the message; of one that comes back from the dead letters, or of a file,
    what is said of the time before. It can make a message older, and never younger."""
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    said = record.get("messageAttributes", {}).get(RECEIVED_AT, {}).get("stringValue")
    try:
        before = datetime.fromisoformat(said) if said else sent
    except ValueError:
        before = sent
    return milliseconds(min(now, sent, before if before.tzinfo else sent))


def _resolve(message: Message, one: Observed, now: datetime) -> Exception | None:
    """What hinders one must not hinder the others."""
    try:
        store.resolve(
            one.record,
            one.request.name,
            now,
            store.new_id(),
            one.request.digest,
            message.received_at,
        )
    except Exception as error:
        return error
    return None


def _tell(error: Exception, message_id: str) -> None:
    """Where it broke, and never the words of the error: they may be of a person."""
    logger.error(
        "a record was not resolved",
        extra={"message_id": message_id, **crash(error)},
    )


def _put_away(message: Message) -> bool:
    """Sends each bad event alone to the dead letters, with its reason; whether that worked.

    Of a message that comes again nothing is put away yet, so that it is put away once.
    """
    if message.failed:
        return True
    try:
        for body, refusal in message.bad:
            reason = summary(refusal)
            logger.warning(
                "a bad event", extra={"message_id": message.message_id, "reason": reason}
            )
            told = {**reason, RECEIVED_AT: rfc3339(message.received_at)}
            send(setting("dead_letters"), body, told)
    except Exception as error:
        _tell(error, message.message_id)
        return False
    return True
