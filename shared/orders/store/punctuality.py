"""How well locations keep their times, table ``orders``: a row per fulfillment, and sums per day.

    pk PUNCTUAL#<day>#<slot>  sk FUL#<location>#<fulfillment>  {version, counts, ttl}  1 write unit
    pk PUNCTUAL#<day>#<slot>  sk LATE                          {mark, ttl}
    pk PUNCTUAL#<day>         sk SUMS                          {data, marks, ttl}

The same pattern as store/demand.py: the worker of the table's stream writes a row when what a
fulfillment counts as has changed, on condition of the order's version, so that records that come
late or twice change nothing. A location has one slot, so that its day is one Query; the day of all
locations is SLOTS of them, or its sums.

Sums of a day are made once, when it has SETTLED: parcels are delivered days after they were due. A
row that comes later leaves a new mark in LATE, and sums whose marks differ are made again.

Sizes: a row has 0.1 KB, 12,000 fulfillments of a day are 1 MB, of 13 months 0.4 GB. Sums of
2,000 locations have 40 KB. Rate: a slot takes 1,000 writes a second, 200 fulfillments a second
through all their steps.
"""

import json
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.orders.model.punctuality import COUNTS, Standing, Sums, add, mask
from shared.orders.store.keys import orders_table
from shared.web.portions import checksum

SLOTS = 16
KEPT = timedelta(days=400)
"""13 months."""
SETTLED = timedelta(days=10)
"""How long after its end the sums of a day may be made."""
ZONES = timedelta(hours=12)
"""A local day ends up to 12 hours after the day in UTC."""
CLOCKS = timedelta(minutes=10)
"""By how much the clocks of two workers may differ."""


@dataclass(frozen=True, slots=True)
class PunctualityRow:
    """The standing of a fulfillment by the order's ``version``."""

    version: int
    standing: Standing


def record(rows: Iterable[PunctualityRow], now: datetime) -> None:
    """Writes the rows; harmless when it is repeated."""
    late: dict[tuple[str, date], None] = {}
    for row in rows:
        standing = row.standing
        if expiry(standing.day) <= now.timestamp():
            continue
        pk = _rows(standing.day, standing.location_id)
        condition = Condition()
        # Holds while no row, or one of an older version of the order, is stored.
        condition.require("attribute_not_exists(pk) OR version < {}", row.version)
        item = {
            "pk": pk,
            "sk": f"FUL#{standing.location_id}#{standing.fulfillment_id}",
            "version": row.version,
            "counts": mask(standing.counted),
            "ttl": expiry(standing.day),
        }
        tables.write(
            "put_item", TableName=orders_table(), Item=to_item(item), **condition.arguments()
        )
        # Also for a row that was stored already: its writer may have died before it left the mark.
        if now >= _settled(standing.day) - CLOCKS:
            late[pk, standing.day] = None
    for pk, day in late:
        mark_item = {"pk": pk, "sk": "LATE", "mark": uuid.uuid4().hex, "ttl": expiry(day)}
        tables.write("put_item", TableName=orders_table(), Item=to_item(mark_item))


def sums_of_day(day: date, now: datetime, location_id: str | None = None) -> Sums:
    """The counts of the day by location, of one or of all.

    Read units: those of the rows, 0.5 per 4 KB or 50 fulfillments, twice that to make sums;
    for a settled day 17 and its sums, 1 per 4 KB.
    """
    if now < _settled(day):
        return _from_rows(day, location_id, consistent=False)
    marks, stored = _marks_and_sums(day)
    if stored is not None:
        return {name: row for name, row in stored.items() if location_id in {None, name}}
    if location_id is not None:
        return _from_rows(day, location_id, consistent=False)
    sums = _from_rows(day, None, consistent=True)
    data = zlib.compress(json.dumps(sums, separators=(",", ":")).encode(), 6)
    item = {"pk": f"PUNCTUAL#{day}", "sk": "SUMS", "data": data, "marks": marks}
    tables.write("put_item", TableName=orders_table(), Item=to_item({**item, "ttl": expiry(day)}))
    return sums


def _from_rows(day: date, location_id: str | None, *, consistent: bool) -> Sums:
    sums: Sums = {}
    if location_id is not None:
        asked = [(_rows(day, location_id), f"FUL#{location_id}#")]
    else:
        asked = [(f"PUNCTUAL#{day}#{slot:02d}", "FUL#") for slot in range(SLOTS)]
    for pk, prefix in asked:
        for row in tables.query(
            orders_table(),
            "pk = :pk AND begins_with(sk, :prefix)",
            to_item({":pk": pk, ":prefix": prefix}),
            ConsistentRead=consistent,
        ):
            add(sums, row["sk"].split("#")[1], row["counts"])
    return sums


def _marks_and_sums(day: date) -> tuple[dict[str, str], Sums | None]:
    """The marks of late rows, and the sums if they have been made with these."""
    stored = Key(orders_table(), f"PUNCTUAL#{day}", "SUMS")
    keys = [Key(orders_table(), f"PUNCTUAL#{day}#{slot:02d}", "LATE") for slot in range(SLOTS)]
    items = tables.get_many([*keys, stored], consistent=True)
    marks = {key.pk.rpartition("#")[2]: items[key]["mark"] for key in keys if key in items}
    head = items.get(stored)
    if head is None or head["marks"] != marks:
        return marks, None
    return marks, _sums(json.loads(zlib.decompress(bytes(head["data"]))))


def _sums(document: Mapping[str, Any]) -> Sums:
    """Sums of older code have fewer counts."""
    missing = (0,) * len(COUNTS)
    return {name: (*row, *missing)[: len(COUNTS)] for name, row in document.items()}


def _rows(day: date, location_id: str) -> str:
    return f"PUNCTUAL#{day}#{checksum(location_id) % SLOTS:02d}"


def _settled(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1) + ZONES + SETTLED


def expiry(day: date) -> int:
    """When rows and sums of the day expire (epoch seconds)."""
    return int((datetime.combine(day, time(), UTC) + KEPT).timestamp())
