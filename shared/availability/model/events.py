"""Events of availability: a status has crossed a threshold. Pure.

An event is made from two successive packs and the rules of channel stock in force, or from one pack
and the rules before and after a change. Making it again gives the same event with the same id.

Among events of one SKU and channel the one with the latest ``time`` is valid, in whatever order
they arrive; among those of one ``time``, the one that arrives last.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.availability.model.answer import status
from shared.availability.model.pack import Pack, PackRow
from shared.instants import rfc3339

SOURCE = "norain/availability"
CHANGED = "availability.changed"
MOST_LOCATIONS = 1000
"""Locations of one event, at most 140 bytes each: a bus takes 256 KB. All locations of a SKU change
at once when its product does."""


PackViews = tuple[Pack | None, Pack]
"""A pack as a channel may sell it, and the pack before it."""


def channel_events(
    before: Pack | None, pack: Pack, views: Mapping[str, PackViews]
) -> list[dict[str, Any]]:
    """The CloudEvents of ``pack``, which was written over ``before``: one for all channels without
    terms of their own, and one for each channel whose terms give another result."""
    whole = change_event(before, pack)
    apart: list[str] = []
    own: list[dict[str, Any]] = []
    for channel, (was, now) in sorted(views.items()):
        event = change_event(was, now)
        if (event and event["data"]) == (whole and whole["data"]):
            continue
        apart.append(channel)
        if event:
            data = {**event["data"], "channel": channel}
            own.append({**event, "id": f"{event['id']}@{channel}", "data": data})
    if whole is None:
        return _in_parts(own)
    if apart:
        whole["data"]["not_for"] = apart
    return _in_parts([whole, *own])


def rule_change_events(
    views: Mapping[str, PackViews], rules: str, since: datetime
) -> list[dict[str, Any]]:
    """The CloudEvents of a pack after the rules of channel stock have changed: one for each channel
    for which the change, in force ``since``, crosses a threshold.

    ``rules`` names both versions of the rules for ever.
    """
    events = []
    for channel, (was, now) in sorted(views.items()):
        if event := change_event(was, now):
            name = f"{event['id']}@{channel}~rules{rules}"
            data = {**event["data"], "channel": channel}
            time = rfc3339(max(now.as_of, since))
            events.append({**event, "id": name, "time": time, "data": data})
    return _in_parts(events)


def _in_parts(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events, with each one that has too many locations divided into several."""
    parts = []
    for event in events:
        data, rows = event["data"], event["data"]["locations"]
        for start in range(0, max(1, len(rows)), MOST_LOCATIONS):
            name = f"{event['id']}~{start}" if start else event["id"]
            some = rows[start : start + MOST_LOCATIONS]
            parts.append({**event, "id": name, "data": {**data, "locations": some}})
    return parts


def change_event(before: Pack | None, pack: Pack) -> dict[str, Any] | None:
    """The CloudEvent of ``pack``, which was written over ``before``; None when no status has
    changed.

    It counts the ``available`` units of the packs.
    """
    old, new = _summary(before), _summary(pack)
    was, now = _statuses(before), _statuses(pack)
    crossed = [
        {
            "location_id": location,
            "sellable": max(0, pack.rows[location].available if location in pack.rows else 0),
            "status": now.get(location, "out_of_stock"),
            "was": was.get(location, "out_of_stock"),
        }
        for location in sorted(was.keys() | now.keys())
        if was.get(location, "out_of_stock") != now.get(location, "out_of_stock")
    ]
    if old == new and not crossed:
        return None
    return {
        "specversion": "1.0",
        "id": f"{pack.sku}#{pack.version}",
        "source": SOURCE,
        "type": CHANGED,
        "subject": pack.sku,
        "time": rfc3339(pack.as_of),
        "datacontenttype": "application/json",
        "data": {
            "sku": pack.sku,
            "status": new,
            "was": old,
            "sellable": sum(max(0, row.available) for row in pack.rows.values()),
            "locations": crossed,
        },
    }


def _summary(pack: Pack | None) -> str:
    if pack is None:
        return "out_of_stock"
    rows = pack.rows.values()
    return status(
        sum(max(0, row.available) for row in rows),
        pack.life,
        pack.as_of,
        expected=any(_coming(row, pack.as_of) for row in rows),
    )


def _statuses(pack: Pack | None) -> Mapping[str, str]:
    """The status of each location; supply that is expected there makes it a backorder."""
    if pack is None:
        return {}
    life, at = pack.life, pack.as_of
    return {
        location: status(max(0, row.available), life, at, expected=_coming(row, at))
        for location, row in pack.rows.items()
    }


def _coming(row: PackRow, at: datetime) -> bool:
    """Whether supply is expected after ``at``; overdue supply does not count."""
    return any(second > at.timestamp() for second, _ in row.expected)
