"""Sends signed messages to webhooks (SQS).

A message that fails, or whose webhook rests, is put into the queue anew, with its attempt and when
it is due, and the old one is deleted once the new one is taken. A queue delays a message for 15
minutes at most: one that comes before it is due goes back for what is left. So none is in flight
while it waits, of which a queue has 120,000 at most.
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
"""What has not been answered by then has failed: a receiver may answer a byte at a time."""

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Message:
    """``attempt`` is the one that is to be made, not before ``due``."""

    name: str
    attempt: int
    due: datetime | None
    body: str
    client_id: str
    webhook_id: str
    event: dict[str, Any]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """All at once. What has failed is sent anew for its next attempt, or given up with a reason."""
    now = _now()
    known = {(one.client_id, one.webhook_id): one for one in store.every()}
    resting: dict[str, datetime] = {}
    due: list[tuple[Message, Webhook]] = []
    gone, unknown = _erased(event["Records"])
    waiting: list[tuple[Message, Later]] = []
    failed: set[str] = set()
    for record in event["Records"]:
        message = _read(record, gone)
        webhook = known.get((message.client_id, message.webhook_id))
        if webhook is None:
            logger.info("its webhook was deleted", extra={"message_id": message.name})
        elif webhook.state == "disabled":
            _give_up(message, "webhook_disabled", "its webhook was disabled")
        elif message.due is not None and now < message.due:
            waiting.append((message, _later(message, message.due, now)))
        elif unknown or (may_hear := _may_hear(webhook, message)) is None:
            failed.add(message.name)
        elif not may_hear:
            logger.info("its client may not hear of it", extra={"message_id": message.name})
        elif (until := _rests_until(webhook, now, resting)) is not None:
            waiting.append((message, _later(message, until, now)))
        else:
            due.append((message, rights.entitled(webhook)))
    outcomes = _sent(due, now)
    for (message, webhook), outcome in zip(due, outcomes, strict=True):
        try:
            if later := _done(message, webhook, outcome):
                waiting.append((message, later))
        except Exception:
            logger.exception("not noted", extra={"message_id": message.name})
            failed.add(message.name)
    left = send_later(setting("deliveries"), [delivery for _, delivery in waiting])
    failed |= {waiting[place][0].name for place in left}
    arrived = sum(outcome.delivered for outcome in outcomes)
    logger.info(
        "delivered", extra={"messages": len(due), "arrived": arrived, "waiting": len(waiting)}
    )
    return again(failed)


def _erased(records: list[dict[str, Any]]) -> tuple[set[str], bool]:
    """The persons of these messages who were erased since; whether that cannot be known now."""
    told = (json.loads(record["body"])["event"]["data"] for record in records)
    try:
        return erased_among({data["profile_id"] for data in told if data.get("profile_id")}), False
    except Busy:
        return set(), True


def _read(record: dict[str, Any], gone: set[str]) -> Message:
    """Of what fan_out.py or ``_later`` has written; without a person who is ``gone``."""
    body = record["body"]
    told = json.loads(body)
    if told["event"]["data"].get("profile_id") in gone:
        told["event"] = event_without_person(told["event"])
        body = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
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
        told["client_id"],
        told["webhook_id"],
        told["event"],
    )


def _may_hear(webhook: Webhook, message: Message) -> bool | None:
    """Whether its client may hear of the event now; None when that cannot be known just now."""
    try:
        return model.wants(rights.entitled(webhook), message.event)
    except Busy:
        return None


def _later(message: Message, due: datetime, now: datetime, attempt: int | None = None) -> Later:
    """The message again, for the same attempt unless another one is named."""
    return Later(
        message.body,
        max(1, int((due - now).total_seconds())),
        {"attempt": str(attempt or message.attempt), "due": str(int(due.timestamp()))},
    )


def _rests_until(webhook: Webhook, now: datetime, resting: dict[str, datetime]) -> datetime | None:
    """Until when it is left alone; None when it is to be tried. ``resting`` is what this batch
    knows of those that rest."""
    rest = model.rest(webhook, now)
    if rest is None:
        return None
    name = webhook.webhook_id
    if name in resting:
        return resting[name]
    if webhook.resumes_at is not None and now < webhook.resumes_at:
        until: datetime | None = webhook.resumes_at
    else:
        until = store.resting(webhook, now, now + timedelta(seconds=rest))
    resting[name] = until or now + timedelta(seconds=rest)
    return until


def _sent(due: list[tuple[Message, Webhook]], now: datetime) -> list[DeliveryOutcome]:
    if not due:
        return []
    pool = ThreadPoolExecutor(len(due))
    try:
        tries = [
            pool.submit(sending.send, webhook, model.told_to(webhook, one.event), now)
            for one, webhook in due
        ]
        wait(tries, SECONDS)
        late = DeliveryOutcome(None, "it has not answered in time")
        return [one.result() if one.done() else late for one in tries]
    finally:
        pool.shutdown(wait=False)


def _done(message: Message, webhook: Webhook, outcome: DeliveryOutcome) -> Later | None:
    """The message for its next attempt; None when nothing is left to do for it."""
    if outcome.delivered:
        if webhook.failing_since is not None or message.attempt > 1:
            store.delivered(webhook)  # an attempt before may have failed since it was read
        return None
    now = _now()
    failing = store.failed(webhook, now)
    extra = {
        "webhook_id": webhook.webhook_id,
        "attempt": message.attempt,
        "status": outcome.status,
        "reason": outcome.reason,
    }
    logger.warning("not delivered", extra=extra)
    gone = outcome.status == model.GONE
    if failing is not None and (gone or model.worn_out(failing, now)):
        disabled = store.disable(failing, now)
        logger.warning(
            "disabled" if disabled else "not disabled: it has had a message", extra=extra
        )
    pause = None if gone else model.wait(message.attempt, outcome.retry_after)
    if pause is None:
        _give_up(message, "not_delivered", outcome.reason)
        return None
    return _later(message, now + timedelta(seconds=pause), now, message.attempt + 1)


def _give_up(message: Message, code: str, detail: str) -> None:
    send(setting("dead_letters"), message.body, {"code": code, "detail": detail})


def _now() -> datetime:
    """Whole seconds, as those that the queue counts: what it shows is due."""
    return datetime.now(UTC).replace(microsecond=0)
