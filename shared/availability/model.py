"""What every location could sell of a SKU, packed so that one read answers. Pure.

A pack is a fold over the changes of the SKU's positions: for each location the newest version
wins, so that any order and any repetition of the changes gives the same pack.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

Supply = tuple[int, int]
"""Units that are expected, after the epoch second at which they are."""


@dataclass(frozen=True, slots=True)
class Row:
    """``available`` units at a location, as of the position's ``version``; ``expected`` supply in
    the order of its dates."""

    available: int
    version: int
    expected: tuple[Supply, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """All locations of one SKU. Stale by the stream's lag at most; a reservation never is.

    ``as_of`` is when the newest change in it was made; ``version`` counts its writes.
    """

    sku: str
    rows: dict[str, Row]
    as_of: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A position as of its ``version``, changed at ``at``; ``row`` is None when it is no more."""

    location_id: str
    version: int
    row: Row | None
    at: datetime


def fold(sku: str, pack: Pack | None, changes: Iterable[Change]) -> Pack | None:
    """``pack`` after ``changes``, or None when they are all known: nothing is to be written.

    A change older than what is known of its location, or as old, changes nothing. A position that
    is no more leaves no trace: its changes must not come after its end.
    """
    rows = dict(pack.rows) if pack else {}
    as_of = pack.as_of if pack else None
    news = False
    for change in changes:
        known = rows.get(change.location_id)
        if change.row is None:
            if known is None or known.version > change.version:
                continue
            del rows[change.location_id]
        elif known is None or known.version < change.version:
            rows[change.location_id] = change.row
        else:
            continue
        news = True
        as_of = change.at if as_of is None else max(as_of, change.at)
    if not news or as_of is None:
        return None
    return Pack(sku, rows, as_of, pack.version if pack else 0)


@dataclass(frozen=True, slots=True)
class Columns:
    """A pack as it is stored: the locations in the order of their ids, and what each has.

    ``expected`` has the place of a location for its key; most locations expect nothing. ``as_of``
    is a text, RFC 3339 with milliseconds.
    """

    as_of: str
    locations: list[str]
    available: list[int]
    versions: list[int]
    expected: dict[str, list[list[int]]]


def encode(rows: dict[str, Row]) -> bytes:
    """Compact JSON of the columns, deflated."""
    order = sorted(rows)
    columns = {
        "l": order,
        "a": [rows[location].available for location in order],
        "v": [rows[location].version for location in order],
        "e": {
            str(place): [list(supply) for supply in rows[location].expected]
            for place, location in enumerate(order)
            if rows[location].expected
        },
    }
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), 9)


def unpack(packed: bytes, as_of: str) -> Columns:
    columns = json.loads(zlib.decompress(packed))
    return Columns(as_of, columns["l"], columns["a"], columns["v"], columns["e"])


def decode(packed: bytes) -> dict[str, Row]:
    columns = unpack(packed, "")
    rows = {
        location: Row(available, version)
        for location, available, version in zip(
            columns.locations, columns.available, columns.versions, strict=True
        )
    }
    for place, supplies in columns.expected.items():
        location = columns.locations[int(place)]
        expected = tuple((second, units) for second, units in supplies)
        rows[location] = replace(rows[location], expected=expected)
    return rows
