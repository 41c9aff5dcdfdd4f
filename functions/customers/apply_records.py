"""Resolve the records of the customer feed, each event once (SQS)."""

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
from shared.documents import loads
from shared.errors import Busy, Gone, MalformedRequest, Refusal
from shared.instants import milliseconds, rfc3339
from shared.web.auth import Sources
from shared.web.batch import again
from shared.web.crash import crash
from shared.web.problem import summary

WRITERS = 8
RECEIVED_AT = "received_at"
"""The message attribute with the first arrival of a message, kept through the dead letters."""

logger = Logger(service="norain", utc=True)


@dataclass(slots=True)
class Message:
    """One message of the queue: its first arrival, its parsed ``records`` and its ``invalid``
    events with the reason of each. ``erased`` counts the records of erased people."""

    message_id: str
    received_at: datetime
    records: list[Observed] = field(default_factory=list)
    invalid: list[tuple[str, Refusal]] = field(default_factory=list)
    erased: int = 0
    failed: bool = False


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A message is retried when one of its events failed for a temporary reason; events that were
    resolved are idempotent. When all others are done, each invalid event goes to the dead letters
    with its reason. Records of erased people are dropped at once.
    """
    now = milliseconds(datetime.now(UTC))
    messages = [_read(record, now) for record in event["Records"]]
    work = [(message, record) for message in messages for record in message.records]
    with ThreadPoolExecutor(WRITERS) as pool:
        for (message, record), error in zip(
            work, pool.map(lambda pair: _resolve(pair[0], pair[1], now), work), strict=True
        ):
            match error:
                case None:
                    pass
                case Gone():
                    message.erased += 1
                case Refusal() if not isinstance(error, Busy):
                    message.invalid.append((record.document, error))
                case _:
                    message.failed = True
                    _log_error(error, message.message_id)
    for message in messages:
        message.failed = message.failed or not _send_to_dead_letters(message)
    logger.info(
        "resolved",
        extra={
            "messages": len(messages),
            "events": len(work),
            "bad": sum(len(message.invalid) for message in messages),
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
        message.invalid.append((record["body"], MalformedRequest("the message is not JSON")))
        return message
    for document in body if isinstance(body, list) else [body]:
        try:
            message.records.append(observed(document, now, sources))
        except Refusal as refusal:
            message.invalid.append((json.dumps(document), refusal))
    return message


def _received_at(record: dict[str, Any], now: datetime) -> datetime:
    """When the queue accepted the message, or the earlier time of its attribute RECEIVED_AT (from
    the dead letters, or from a file). The attribute can only make a message older."""
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    attribute = record.get("messageAttributes", {}).get(RECEIVED_AT, {}).get("stringValue")
    try:
        first = datetime.fromisoformat(attribute) if attribute else sent
    except ValueError:
        first = sent
    return milliseconds(min(now, sent, first if first.tzinfo else sent))


def _resolve(message: Message, observation: Observed, now: datetime) -> Exception | None:
    """Resolve one record. Returns its error, so that it does not stop the other records."""
    try:
        store.resolve(
            observation.record,
            observation.request.name,
            now,
            store.new_id(),
            observation.request.digest,
            message.received_at,
        )
    except Exception as error:
        return error
    return None


def _log_error(error: Exception, message_id: str) -> None:
    """Log the place of the error, but not its message, which may contain personal data."""
    logger.error(
        "a record was not resolved",
        extra={"message_id": message_id, **crash(error)},
    )


def _send_to_dead_letters(message: Message) -> bool:
    """Send each invalid event to the dead letters, with its reason. Returns whether that worked.

    A message that will be retried sends none, so that each invalid event is sent once.
    """
    if message.failed:
        return True
    try:
        for body, refusal in message.invalid:
            reason = summary(refusal)
            logger.warning(
                "an invalid event", extra={"message_id": message.message_id, "reason": reason}
            )
            attributes = {**reason, RECEIVED_AT: rfc3339(message.received_at)}
            send(setting("dead_letters"), body, attributes)
    except Exception as error:
        _log_error(error, message.message_id)
        return False
    return True
