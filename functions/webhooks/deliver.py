"""Sends signed messages to webhooks; one that fails waits in the queue and is sent again (SQS)."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import hide, send
from shared.webhooks import model, sending, table
from shared.webhooks.model import Webhook
from shared.webhooks.sending import Outcome

SECONDS = 20
"""What has not been answered by then has failed: a receiver may answer a byte at a time."""

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    receipt: str
    attempt: int
    body: str
    client_id: str
    webhook_id: str
    event: dict[str, Any]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """All at once. What has failed is hidden until its next attempt, or given up with a reason."""
    now = datetime.now(UTC)
    known = {(one.client_id, one.webhook_id): one for one in table.every()}
    due: list[tuple[Message, Webhook]] = []
    failed: set[str] = set()
    for record in event["Records"]:
        message = _read(record)
        webhook = known.get((message.client_id, message.webhook_id))
        if webhook is None:
            logger.info("its webhook was deleted", extra={"message_id": message.name})
        elif webhook.state == "disabled":
            _give_up(message, "webhook_disabled", "its webhook was disabled")
        else:
            due.append((message, webhook))
    outcomes = _sent(due, now)
    for (message, webhook), outcome in zip(due, outcomes, strict=True):
        try:
            if not _done(message, webhook, outcome, now):
                failed.add(message.name)
        except Exception:
            logger.exception("not noted", extra={"message_id": message.name})
            failed.add(message.name)
    arrived = sum(outcome.delivered for outcome in outcomes)
    logger.info("delivered", extra={"messages": len(due), "arrived": arrived})
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(failed)]}


def _read(record: dict[str, Any]) -> Message:
    """Of what fan_out.py has written."""
    told = json.loads(record["body"])
    return Message(
        record["messageId"],
        record["receiptHandle"],
        int(record["attributes"]["ApproximateReceiveCount"]),
        record["body"],
        told["client_id"],
        told["webhook_id"],
        told["event"],
    )


def _sent(due: list[tuple[Message, Webhook]], now: datetime) -> list[Outcome]:
    if not due:
        return []
    pool = ThreadPoolExecutor(len(due))
    try:
        tries = [pool.submit(sending.send, webhook, one.event, now) for one, webhook in due]
        wait(tries, SECONDS)
        late = Outcome(None, "it has not answered in time")
        return [one.result() if one.done() else late for one in tries]
    finally:
        pool.shutdown(wait=False)


def _done(message: Message, webhook: Webhook, outcome: Outcome, now: datetime) -> bool:
    """Whether nothing is left to do for the message."""
    if outcome.delivered:
        if webhook.failing_since is not None or message.attempt > 1:
            table.delivered(webhook)  # an attempt before may have failed since it was read
        return True
    failing = table.failed(webhook, now)
    extra = {
        "webhook_id": webhook.webhook_id,
        "attempt": message.attempt,
        "status": outcome.status,
        "reason": outcome.reason,
    }
    logger.warning("not delivered", extra=extra)
    gone = outcome.status == model.GONE
    if failing is not None and (gone or model.worn_out(failing, now)):
        disabled = table.disable(failing, now)
        logger.warning(
            "disabled" if disabled else "not disabled: it has had a message", extra=extra
        )
    pause = None if gone else model.wait(message.attempt, outcome.retry_after)
    if pause is None:
        _give_up(message, "not_delivered", outcome.reason)
        return True
    hide(setting("deliveries"), message.receipt, pause)
    return False


def _give_up(message: Message, code: str, detail: str) -> None:
    send(setting("dead_letters"), message.body, {"code": code, "detail": detail})
