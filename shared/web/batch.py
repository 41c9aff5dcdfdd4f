"""Batches of records that Lambda hands to a worker, from a queue or from the stream of a table.

A worker answers which records failed (``again``); Lambda delivers these once more: of a queue each
of them, of a stream the first one and everything behind it. A record that can never be read is put
away, so that it holds up no others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from shared.aws.events import send
from shared.aws.settings import setting
from shared.aws.streams import put_away
from shared.errors import Busy
from shared.web.crash import crash

StreamRecord = Mapping[str, Any]
V = TypeVar("V")

logger = Logger(service="norain", utc=True)


def again(names: Iterable[str]) -> dict[str, Any]:
    """The answer that makes Lambda deliver the records of these names again."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(set(names))]}


def number_of(record: StreamRecord) -> str:
    """The name of a record of a stream."""
    number: str = record["dynamodb"]["SequenceNumber"]
    return number


def readable(
    records: Iterable[StreamRecord], read: Callable[[StreamRecord], V]
) -> Iterator[tuple[StreamRecord, V]]:
    """Each record of a stream with what ``read`` makes of it; unreadable ones are put away."""
    for record in records:
        try:
            value = read(record)
        except (KeyError, TypeError, ValueError) as error:
            logger.error("unreadable", extra={"event_id": record.get("eventID"), **crash(error)})
            put_away(record, type(error).__name__)
        else:
            yield record, value


def each_message(
    messages: Iterable[Mapping[str, Any]], work: Callable[[str], None]
) -> dict[str, Any]:
    """Does ``work`` with the body of each message of a queue; those that fail come again."""
    failed = []
    for message in messages:
        name = message["messageId"]
        try:
            work(message["body"])
        except Exception as error:
            logger.error("the message failed", extra={"message_id": name, **crash(error)})
            failed.append(name)
    return again(failed)


def together(
    messages: Iterable[Mapping[str, Any]],
    read: Callable[[str], V],
    work: Callable[[Sequence[V]], None],
) -> dict[str, Any]:
    """Does ``work`` once, with what ``read`` makes of the bodies of all messages of a queue. When
    that fails, it does it with each alone, so that one that fails holds up no others: ``work`` must
    be harmless when it is repeated. Those that cannot be read or fail come again, and all of them
    when a table is Busy: one by one they would ask more of it."""
    values: dict[str, V] = {}
    failed = []
    for message in messages:
        try:
            values[message["messageId"]] = read(message["body"])
        except (KeyError, TypeError, ValueError) as error:
            logger.error("unreadable", extra={"message_id": message["messageId"], **crash(error)})
            failed.append(message["messageId"])
    if not values:
        return again(failed)
    try:
        work(list(values.values()))
    except Busy as error:
        logger.warning("busy", extra={"messages": len(values), **crash(error)})
        return again([*failed, *values])
    except Exception as error:
        logger.warning("one by one", extra={"messages": len(values), **crash(error)})
    else:
        return again(failed)
    for name, value in values.items():
        try:
            work([value])
        except Exception as error:
            logger.error("the message failed", extra={"message_id": name, **crash(error)})
            failed.append(name)
    return again(failed)


def publish(events: Iterable[tuple[StreamRecord, list[dict[str, Any]]]]) -> dict[str, Any]:
    """Sends the events of each record of a stream to the bus, in order.

    When the bus does not take one, its record and all behind it come again; events that were taken
    keep their ids, so that receivers recognize them.
    """
    owned = [(number_of(record), event) for record, group in events for event in group]
    taken = send(setting("event_bus"), [event for _, event in owned])
    logger.info("published", extra={"events": taken, "refused": len(owned) - taken})
    return again([owned[taken][0]] if taken < len(owned) else [])
