"""All locations in a few packed items, so that a cold process reads them cheaply: table ``config``.

    pk LOCATIONS   sk META       since when writers keep the directory, and whether it is complete
                   sk SLICE#<n>  the locations of this slice, as deflated columns

2,000 locations are about 10 read units in one Query, instead of 126 for their own items. Each
location lies in one of SLICES slices, by a hash of its id. A write of a location writes its slice
in the same transaction, on condition of the slice's version, so that both always agree.

Locations that older code has written are not in the directory at first. It is complete when the
table had no location before, or once a writer has copied all locations SETTLING_SECONDS after the
directory was begun: by then no older code is running. Until it is complete nobody reads it.

A slice holds about 9,000 locations (40 bytes each, an item is 400 KB at most), so the directory
150,000. A write of a location costs 2 write units for each KB of its slice: 14 when there are 2,000
locations, 100 when there are 20,000. A 16th of the locations is rewritten each time, so loading n
locations costs n * n / 400 write units beside 4 for each.

Older code that comes back (a rollback) does not write the directory. When newer code runs again,
delete META: the directory is then begun anew.
"""

import json
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy
from shared.locations.model import Location
from shared.locations.store.items import (
    FIELDS,
    PARSERS,
    attribute_of,
    attributes_of,
    location_of_item,
)

PARTITION = "LOCATIONS"
META = "META"
SLICES = 16
"""A stored number: another one needs a new partition."""
SETTLING_SECONDS = 15 * 60
"""The longest that a Lambda function runs (AWS Lambda quotas, read 2026-11-28)."""
ATTEMPTS = 20
REPEATED = (
    "type",
    "country",
    "time_zone",
    "hours",
    "closed_on",
    "groups",
    "cut_offs",
    "language",
    "calendars",
)
"""Attributes with few different values: each value is written, and parsed, once for its slice."""

Item = Mapping[str, Any]


def read_complete() -> dict[str, Location] | None:
    """All locations by id, in the order of the ids; None while the directory is not complete."""
    items = list(
        tables.query(table_name("config"), "pk = :pk", to_item({":pk": PARTITION}))
    )  # META sorts before the slices
    if not items or not items[0].get("complete"):
        return None
    locations = [location for item in items[1:] for location in decode(item["locations"])]
    return {one.location_id: one for one in sorted(locations, key=lambda one: one.location_id)}


def put(location: Location) -> bool:
    """Creates or replaces the location and its entry in the directory, in one transaction; whether
    it is new. One call that reads three items, and one transaction of two.

    Raises Busy when others write locations of the same slice ATTEMPTS times in between.
    """
    own, part = location_key(location.location_id), slice_key(location.location_id)
    meta = Key(own.table, PARTITION, META)
    for _ in tables.attempts(ATTEMPTS):
        stored = tables.get_many([own, part, meta], consistent=True)
        if not stored.get(meta, {}).get("complete"):
            _complete(stored.get(meta))
            stored = tables.get_many([own, part], consistent=True)
        created = own not in stored
        parts = [_location_put(location, created), _slice_put(part, stored.get(part), [location])]
        if not tables.transact(parts):
            return created
    raise Busy("too many writers of locations; try again later")


def _location_put(location: Location, created: bool) -> Part:
    condition = Condition()
    # Holds while the location is as new as it was when its item was read: the items of one call
    # are read at different moments.
    condition.require("attribute_not_exists(pk)" if created else "attribute_exists(pk)")
    item = to_item(item_of(location))
    return {"Put": {"TableName": table_name("config"), "Item": item, **condition.arguments()}}


def item_of(location: Location) -> dict[str, Any]:
    return {"pk": "LOCATION", **attributes_of(location)}


def location_key(location_id: str) -> Key:
    return Key(table_name("config"), "LOCATION", location_id)


def slice_key(location_id: str) -> Key:
    number = zlib.crc32(location_id.encode()) % SLICES
    return Key(table_name("config"), PARTITION, f"SLICE#{number:02}")


def _slice_put(key: Key, before: Item | None, locations: Iterable[Location]) -> Part:
    """The part that puts ``locations`` into the slice ``before``."""
    entries = decode(before["locations"]) if before else []
    by_id = {one.location_id: one for one in [*entries, *locations]}
    condition = Condition()
    if before is None:
        # Holds for the first writer of the slice.
        condition.require("attribute_not_exists(pk)")
    else:
        # Holds while nobody has written a location of the slice since it was read.
        condition.require("version = {}", before["version"])
    item = {
        "pk": key.pk,
        "sk": key.sk,
        "locations": encode(by_id.values()),
        "version": before["version"] + 1 if before else 1,
    }
    return {"Put": {"TableName": key.table, "Item": to_item(item), **condition.arguments()}}


def _complete(meta: Item | None) -> None:
    """Begins the directory, or completes it when that is due; otherwise changes nothing."""
    now = int(time.time())
    if meta is None:
        any_location = tables.query_page(
            table_name("config"), "pk = :pk", to_item({":pk": "LOCATION"}), 1, ConsistentRead=True
        )
        # Holds while nobody has begun the directory.
        _put_meta(now, "attribute_not_exists(pk)", complete=not any_location.items)
    elif now >= meta["since"] + SETTLING_SECONDS:
        _copy_all()
        # Holds unless META was deleted to begin anew.
        _put_meta(meta["since"], "attribute_exists(pk)", complete=True)


def _put_meta(since: int, condition: str, *, complete: bool) -> None:
    item = {"pk": PARTITION, "sk": META, "since": since, "complete": complete or None}
    tables.write(
        "put_item",
        TableName=table_name("config"),
        Item=to_item(item),
        ConditionExpression=condition,
    )


def _copy_all() -> None:
    """Copies all locations into their slices.

    The slices are read before the locations: a location that is written afterwards makes the
    write of its slice fail, and the slice is copied again.
    """
    for _ in tables.attempts(ATTEMPTS):
        keys = [Key(table_name("config"), PARTITION, f"SLICE#{n:02}") for n in range(SLICES)]
        slices = tables.get_many(keys, consistent=True)
        stored: dict[Key, list[Location]] = {key: [] for key in keys}
        for item in tables.query(
            table_name("config"), "pk = :pk", to_item({":pk": "LOCATION"}), ConsistentRead=True
        ):
            location = location_of_item(item)
            stored[slice_key(location.location_id)].append(location)
        parts = [_slice_put(key, slices.get(key), stored[key]) for key in keys if stored[key]]
        refused = [part for part in parts if tables.write("put_item", **part["Put"])]
        if not refused:
            return
    raise Busy("too many writers of locations; try again later")


def encode(locations: Iterable[Location]) -> bytes:
    """The locations as deflated columns, in the order of their ids. A column of REPEATED has its
    different values, and the index of the value of each location."""
    rows = [attributes_of(one) for one in sorted(locations, key=lambda one: one.location_id)]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    for name in REPEATED:
        columns[name] = _distinct(columns[name])
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), 9)


def _distinct(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    texts = [json.dumps(value) for value in values]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return [json.loads(text) for text in places], [places[text] for text in texts]


def decode(packed: bytes) -> list[Location]:
    """The locations of a slice; equal opening hours and dates are one object."""
    columns = json.loads(zlib.decompress(packed))
    missing = [None] * len(columns["sk"])
    return list(map(Location, *[_values(field, columns, missing) for field in FIELDS]))


def _values(field: str, columns: Mapping[str, Any], missing: Sequence[None]) -> Sequence[Any]:
    """The values of a field; older code has written no column for a field that it did not know."""
    column, parse = columns.get(attribute_of(field), missing), PARSERS.get(field)
    if field not in REPEATED or column is missing:
        return list(map(parse, column)) if parse else column
    different, places = column
    values = list(map(parse, different)) if parse else different
    return [values[place] for place in places]
