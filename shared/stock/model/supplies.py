"""How many expected supplies a position has. Pure.

A position has at most MOST_SUPPLIES, those counted that have arrived or were cancelled within the
last TIDY_AFTER (tidying.py). When there is no room for a new one it is left out: of several the
latest. The feed's worker sends what was left out to the dead letters, from where it can come again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.stock.model.events import Announced, Event
from shared.stock.model.position import Expected, Position
from shared.stock.model.tidying import current_supply

MOST_SUPPLIES = 100
"""At 100 to 640 bytes each: every write of a position writes all of them, and every read reads
them."""


def with_room(position: Position | None, events: Sequence[Event]) -> Sequence[Event]:
    """``events`` without the announcements of new supplies for which ``position`` has no room."""
    new = _new(position, events)
    supply = position.expected if position else ()
    if not new or len(supply) + len(new) <= MOST_SUPPLIES:
        return events
    due = position.due if position else {}
    current = current_supply(supply, due, _newest(position, events))
    nearest = sorted(new, key=lambda reference: (new[reference], reference))
    left_out = set(nearest[max(0, MOST_SUPPLIES - len(current)) :])
    return [
        event
        for event in events
        if not isinstance(event, Announced) or event.reference not in left_out
    ]


def announces_new(position: Position | None, events: Iterable[Event]) -> bool:
    return bool(_new(position, events))


def left_out(position: Position | None, events: Sequence[Event]) -> list[Announced]:
    """The announcements among ``events`` that are not in ``position`` after they were applied, and
    would matter there."""
    if not _new(position, events):
        return []
    known = {row.reference for row in position.expected} if position else set()
    newest = _newest(position, events)
    return [
        event
        for event in events
        if isinstance(event, Announced)
        and event.reference not in known
        and current_supply([expected_by(event)], {}, newest)
    ]


def is_full(position: Position | None) -> bool:
    return position is not None and len(position.expected) >= MOST_SUPPLIES


def expected_by(event: Announced) -> Expected:
    return Expected(event.quantity, event.expected_at, event.reference, event.stamp)


def _new(position: Position | None, events: Iterable[Event]) -> dict[str, datetime]:
    """When the supplies that ``position`` does not know are expected, by reference."""
    announced = [event for event in events if isinstance(event, Announced)]
    if not announced:
        return {}
    known = {row.reference for row in position.expected} if position else set()
    return {one.reference: one.expected_at for one in announced if one.reference not in known}


def _newest(position: Position | None, events: Iterable[Event]) -> datetime:
    stamps = [row.stamp.at for row in (position.expected if position else ()) if row.stamp]
    return max([*stamps, *(event.time for event in events if isinstance(event, Announced))])
