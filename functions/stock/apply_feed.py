"""Applies the stock feed: each event once, however often and in whatever order it arrives (SQS).

Two functions run this handler: one for the feed queue (tills and other systems), one for the bulk
queue (rows of files). Events of one position may be in both, in any order.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.documents import loads
from shared.errors import Busy, MalformedRequest, Refusal
from shared.stock import store
from shared.stock.contract.feed import event_of
from shared.stock.model.events import Announced, Event
from shared.stock.model.position import PositionKey
from shared.web.batch import again
from shared.web.problem import summary

WRITERS = 16

logger = Logger(service="norain", utc=True)


@dataclass(slots=True)
class Message:
    """One message of the queue: its parsed events, and its refused ones with the reason."""

    message_id: str
    events: list[Event] = field(default_factory=list)
    documents: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Of the announcements, by source and id: only these can be refused by their position."""
    bad: list[tuple[str, Refusal]] = field(default_factory=list)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One write per position that the batch changes, however many messages its events came in.

    A message is retried when one of its events could not be applied for a temporary reason; events
    that were applied change nothing then. Invalid events, and announcements of supply for which a
    position has no room, are sent to the dead letters when all others are done, so that they are
    sent once.
    """
    now = datetime.now(UTC)
    messages = [_read(record, now) for record in event["Records"]]
    by_position: dict[PositionKey, list[tuple[str, Event]]] = defaultdict(list)
    for message in messages:
        for one in message.events:
            by_position[one.sku, one.location_id].append((message.message_id, one))
    failed, writes = _apply(by_position, messages, now)
    bad = 0
    for message in messages:
        if message.message_id in failed:
            continue
        bad += len(message.bad)
        if not _put_away(message):
            failed.add(message.message_id)
    logger.info(
        "applied",
        extra={
            "messages": len(messages),
            "events": sum(len(message.events) for message in messages),
            "positions": len(by_position),
            "writes": writes,
            "bad": bad,
            "failed_messages": len(failed),
        },
    )
    return again(failed)


def _read(record: dict[str, Any], now: datetime) -> Message:
    message = Message(record["messageId"])
    try:
        body = loads(record["body"])
    except (ValueError, RecursionError):
        message.bad.append((record["body"], MalformedRequest("the message is not JSON")))
        return message
    for document in body if isinstance(body, list) else [body]:
        try:
            event = event_of(document, now)
        except Refusal as refusal:
            message.bad.append((json.dumps(document), refusal))
            continue
        message.events.append(event)
        if isinstance(event, Announced):
            message.documents[event.source, event.id] = document
    return message


def _apply(
    by_position: dict[PositionKey, list[tuple[str, Event]]],
    messages: Sequence[Message],
    now: datetime,
) -> tuple[set[str], int]:
    """The messages with events that were not applied, and the number of writes. Announcements for
    which there is no room are added to the refused events of their messages."""
    events = {place: [event for _, event in rows] for place, rows in by_position.items()}
    if not events:
        return set(), 0
    positions = store.positions_of(events)
    applied = store.applied_movements(event for rows in events.values() for event in rows)
    with ThreadPoolExecutor(WRITERS) as pool:
        written = store.apply_batch(events, positions, applied, now, pool.map)
    failed = set()
    for place, result in written.items():
        if isinstance(result, Exception):
            logger.error(
                "the position was not written",
                exc_info=result,
                extra={"sku": place[0], "location_id": place[1]},
            )
            failed |= {message_id for message_id, _ in by_position[place]}
    applied_places = {
        place: events[place] for place, result in written.items() if isinstance(result, int)
    }
    for event, refusal in store.left_out(applied_places, positions):
        _refuse(event, refusal, messages, failed)
    return failed, sum(result for result in written.values() if isinstance(result, int))


def _refuse(
    event: Announced, refusal: Refusal, messages: Sequence[Message], failed: set[str]
) -> None:
    for message in messages:
        document = message.documents.pop((event.source, event.id), None)
        if document is None:
            continue
        if isinstance(refusal, Busy):
            failed.add(message.message_id)
        else:
            message.bad.append((json.dumps(document), refusal))


def _put_away(message: Message) -> bool:
    """Sends each refused event alone to the dead letters, with its reason; False when that
    failed."""
    try:
        for body, refusal in message.bad:
            reason = summary(refusal)
            logger.warning(
                "an event is refused", extra={"message_id": message.message_id, "reason": reason}
            )
            send(setting("dead_letters"), body, reason)
    except Exception:
        logger.exception(
            "a refused event was not sent to the dead letters",
            extra={"message_id": message.message_id},
        )
        return False
    return True
