"""Send signed messages to webhooks (SQS).

A failed message, or one whose webhook rests, is enqueued again with its attempt and due time, and
the old message is deleted once the queue has accepted the new one. SQS delays a message by at most
15 minutes; a message that arrives before it is due is enqueued again for the rest of the time. So
no message is in flight while it waits; a queue allows at most 120,000 messages in flight.
"""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import Later, send, send_later
from shared.customers.store import erased_among
from shared.errors import Busy
from shared.orders.model.erased import event_without_person
from shared.web.batch import again
from shared.webhooks import model, rights, sending, store
from shared.webhooks.model import Webhook
from shared.webhooks.sending import DeliveryOutcome

SECONDS = 20
"""A delivery without a complete answer by then has failed: a receiver may answer byte by byte."""

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Message:
    """The delivery number ``attempt`` of an event, to be made at ``due`` or later."""

    message_id: str
    attempt: int
    due: datetime | None
    body: str
    client_id: str
    webhook_id: str
    event: dict[str, Any]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver the batch in parallel. A failed message is enqueued for its next attempt, or given up
    and sent to the dead letters with a reason."""
    now = _now()
    webhooks = {
        (webhook.client_id, webhook.webhook_id): webhook for webhook in store.all_webhooks()
    }
    resting: dict[str, datetime] = {}
    due: list[tuple[Message, Webhook]] = []
    erased, erasures_unknown = _erased_profiles(event["Records"])
    waiting: list[tuple[Message, Later]] = []
    failed: set[str] = set()
    for record in event["Records"]:
        message = _read(record, erased)
        webhook = webhooks.get((message.client_id, message.webhook_id))
        if webhook is None:
            logger.info("the webhook was deleted", extra={"message_id": message.message_id})
        elif webhook.state == "disabled":
            _give_up(message, "webhook_disabled", "the webhook was disabled")
        elif message.due is not None and now < message.due:
            waiting.append((message, _enqueue_at(message, message.due, now)))
        elif erasures_unknown or (entitled := _is_entitled(webhook, message)) is None:
            failed.add(message.message_id)
        elif not entitled:
            logger.info(
                "the client may not receive the event", extra={"message_id": message.message_id}
            )
        elif (until := _rests_until(webhook, now, resting)) is not None:
            waiting.append((message, _enqueue_at(message, until, now)))
        else:
            due.append((message, rights.with_current_rights(webhook)))
    outcomes = _send_all(due, now)
    for (message, webhook), outcome in zip(due, outcomes, strict=True):
        try:
            if next_attempt := _record_outcome(message, webhook, outcome):
                waiting.append((message, next_attempt))
        except Exception:
            logger.exception(
                "the outcome was not recorded", extra={"message_id": message.message_id}
            )
            failed.add(message.message_id)
    not_enqueued = send_later(setting("deliveries"), [delivery for _, delivery in waiting])
    failed |= {waiting[index][0].message_id for index in not_enqueued}
    arrived = sum(outcome.delivered for outcome in outcomes)
    logger.info(
        "delivered", extra={"messages": len(due), "arrived": arrived, "waiting": len(waiting)}
    )
    return again(failed)


def _erased_profiles(records: list[dict[str, Any]]) -> tuple[set[str], bool]:
    """The profiles of these messages that were erased since, and whether the look-up failed."""
    event_data = (json.loads(record["body"])["event"]["data"] for record in records)
    profile_ids = {data["profile_id"] for data in event_data if data.get("profile_id")}
    try:
        return erased_among(profile_ids), False
    except Busy:
        return set(), True


def _read(record: dict[str, Any], erased: set[str]) -> Message:
    """A message as fan_out.py or ``_enqueue_at`` wrote it, without data of an ``erased`` person."""
    body = record["body"]
    content = json.loads(body)
    if content["event"]["data"].get("profile_id") in erased:
        content["event"] = event_without_person(content["event"])
        body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    attributes = {
        name: attribute.get("stringValue", "")
        for name, attribute in record.get("messageAttributes", {}).items()
    }
    due = attributes.get("due")
    return Message(
        record["messageId"],
        int(attributes.get("attempt", 1)),
        datetime.fromtimestamp(int(due), UTC) if due else None,
        body,
        content["client_id"],
        content["webhook_id"],
        content["event"],
    )


def _is_entitled(webhook: Webhook, message: Message) -> bool | None:
    """Whether the client may receive the event now; None when its rights cannot be read."""
    try:
        return model.is_entitled_to(rights.with_current_rights(webhook), message.event)
    except Busy:
        return None


def _enqueue_at(
    message: Message, due: datetime, now: datetime, attempt: int | None = None
) -> Later:
    """The message to enqueue again for ``due``; for the same attempt unless another is given."""
    return Later(
        message.body,
        max(1, int((due - now).total_seconds())),
        {"attempt": str(attempt or message.attempt), "due": str(int(due.timestamp()))},
    )


def _rests_until(webhook: Webhook, now: datetime, resting: dict[str, datetime]) -> datetime | None:
    """The end of the webhook's rest; None when this message may try it. ``resting`` are the ends
    that this batch has seen, by webhook id."""
    rest = model.rest_seconds(webhook, now)
    if rest is None:
        return None
    webhook_id = webhook.webhook_id
    if webhook_id in resting:
        return resting[webhook_id]
    if webhook.resumes_at is not None and now < webhook.resumes_at:
        until: datetime | None = webhook.resumes_at
    else:
        until = store.claim_retry(webhook, now, now + timedelta(seconds=rest))
    resting[webhook_id] = until or now + timedelta(seconds=rest)
    return until


def _send_all(due: list[tuple[Message, Webhook]], now: datetime) -> list[DeliveryOutcome]:
    if not due:
        return []
    pool = ThreadPoolExecutor(len(due))
    try:
        deliveries = [
            pool.submit(sending.send, webhook, model.event_for(webhook, message.event), now)
            for message, webhook in due
        ]
        wait(deliveries, SECONDS)
        late = DeliveryOutcome(None, "the receiver did not answer in time")
        return [delivery.result() if delivery.done() else late for delivery in deliveries]
    finally:
        pool.shutdown(wait=False)


def _record_outcome(message: Message, webhook: Webhook, outcome: DeliveryOutcome) -> Later | None:
    """Record the outcome with the webhook. Returns the message for its next attempt; None when it
    was delivered or given up."""
    if outcome.delivered:
        if webhook.failing_since is not None or message.attempt > 1:
            store.record_success(webhook)  # an earlier attempt may have failed after the read
        return None
    now = _now()
    failing = store.record_failure(webhook, now)
    extra = {
        "webhook_id": webhook.webhook_id,
        "attempt": message.attempt,
        "status": outcome.status,
        "reason": outcome.reason,
    }
    logger.warning("not delivered", extra=extra)
    gone = outcome.status == model.GONE  # the receiver has ended its subscription
    if failing is not None and (gone or model.failed_too_long(failing, now)):
        disabled = store.disable(failing, now)
        logger.warning(
            "disabled" if disabled else "not disabled: a delivery succeeded meanwhile", extra=extra
        )
    pause = None if gone else model.retry_seconds(message.attempt, outcome.retry_after)
    if pause is None:
        _give_up(message, "not_delivered", outcome.reason)
        return None
    return _enqueue_at(message, now + timedelta(seconds=pause), now, message.attempt + 1)


def _give_up(message: Message, code: str, detail: str) -> None:
    send(setting("dead_letters"), message.body, {"code": code, "detail": detail})


def _now() -> datetime:
    """Whole seconds, as the queue counts delays, so that a message shown by the queue is due."""
    return datetime.now(UTC).replace(microsecond=0)
