"""Units that orders wanted, by shelf and day, table ``plans``.

    pk ORDERED#<order_id>        sk ORDERED   {version, places, cells, ttl}
    pk WANTED#<sku>#<location>   sk <day>     {units, ttl}
    pk WANTED#<sku>#*            sk <day>     {units, ttl}       over all locations

A mark says what was counted of an order. Mark and units are written in one transaction, on the
condition that what was counted is older: the units are what the order has become since, so that an
event which comes twice, late or never changes nothing in the end. Several orders go in one
transaction, which writes each sum once.

Sizes: a row has 0.1 KB, a mark 0.3 KB for an order of 2 lines and 40 KB for 500. The row of a SKU
over all locations takes 1,000 writes a second, each of up to 20 orders. All expire after KEPT.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import WRITE_PARTS, Key, Part
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.plans.model.wanted import Cell
from shared.plans.store.lost import plans_table

KEPT = timedelta(days=400)
"""Longer than an order can still change, and two summers."""
EVERYWHERE = "*"

Units = Mapping[Cell, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """What was counted of an order at its ``version`` (0: never), and at which location each line
    was wanted: an erased address moves nothing."""

    order_id: str
    version: int = 0
    places: Mapping[str, str] = field(default_factory=dict)
    units: Units = field(default_factory=dict)


def marks_of(order_ids: Iterable[str]) -> dict[str, Mark]:
    """The marks that exist (strongly consistent): one call per 100."""
    keys = {_mark_key(order_id): order_id for order_id in order_ids}
    items = tables.get_many(keys, consistent=True)
    return {keys[key]: _mark(keys[key], item) for key, item in items.items()}


def _mark(order_id: str, item: Mapping[str, Any]) -> Mark:
    plain = json.loads(item["counted"])
    return Mark(
        order_id,
        item["version"],
        plain["places"],
        {
            Cell(date.fromisoformat(day), place, sku): units
            for day, place, sku, units in plain["units"]
        },
    )


def count(changes: Sequence[tuple[Mark, Mark]], now: datetime) -> bool:
    """Replaces each mark by the one after it, and adds what has changed to the units. False when
    nothing of a transaction was written, because somebody else has counted one of its orders
    meanwhile. An order of 45 lines (MOST_LINES) takes 91 of the WRITE_PARTS."""
    done = True
    for group in _groups(changes):
        sums: Counter[tuple[str, str, date]] = Counter()
        for before, after in group:
            for key, units in _sums(before, after).items():
                sums[key] += units
        parts = [_mark_part(before, after, now) for before, after in group]
        parts += [_sum_part(key, units) for key, units in sums.items() if units]
        if tables.transact(parts):
            done = False
    return done


def _groups(changes: Sequence[tuple[Mark, Mark]]) -> Iterator[list[tuple[Mark, Mark]]]:
    group: list[tuple[Mark, Mark]] = []
    keys: set[tuple[str, str, date]] = set()
    for change in changes:
        more = _sums(*change).keys()
        if group and len(keys | more) + len(group) + 1 > WRITE_PARTS:
            yield group
            group, keys = [], set()
        group.append(change)
        keys |= more
    if group:
        yield group


def _sums(before: Mark, after: Mark) -> Counter[tuple[str, str, date]]:
    sums: Counter[tuple[str, str, date]] = Counter()
    for cell in before.units.keys() | after.units.keys():
        change = after.units.get(cell, 0) - before.units.get(cell, 0)
        if change:
            for place in (cell.location_id, EVERYWHERE):
                sums[cell.sku, place, cell.day] += change
    return sums


def _mark_part(before: Mark, after: Mark, now: datetime) -> Part:
    condition = Condition()
    if before.version:
        # Holds while nobody has counted the order since its mark was read.
        condition.require("version = {}", before.version)
    else:
        # Holds while the order was never counted.
        condition.require("attribute_not_exists(pk)")
    plain = {
        "places": dict(after.places),
        "units": [
            [cell.day.isoformat(), cell.location_id, cell.sku, units]
            for cell, units in sorted(after.units.items())
        ],
    }
    key = _mark_key(after.order_id)
    item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": after.version,
        "counted": json.dumps(plain, separators=(",", ":")),
        "ttl": int((now + KEPT).timestamp()),
    }
    return {"Put": {"TableName": plans_table(), "Item": to_item(item), **condition.arguments()}}


def _sum_part(key: tuple[str, str, date], units: int) -> Part:
    sku, location_id, day = key
    update = Update()
    update.add("units", units)
    update.set("ttl", int((datetime.combine(day, time(), UTC) + KEPT).timestamp()))
    return {"Update": update.request(plans_table(), _shelf(sku, location_id), day.isoformat())}


def wanted(sku: str, location_id: str, first: date, last: date) -> dict[date, int]:
    """The units of a shelf by day, of EVERYWHERE for a SKU over all locations; one Query
    (eventually consistent)."""
    rows = tables.query(
        plans_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": _shelf(sku, location_id),
                ":first": first.isoformat(),
                ":last": last.isoformat(),
            }
        ),
    )
    return {date.fromisoformat(row["sk"]): row["units"] for row in rows}


def _shelf(sku: str, location_id: str) -> str:
    return f"WANTED#{sku}#{location_id}"


def _mark_key(order_id: str) -> Key:
    return Key(plans_table(), f"ORDERED#{order_id}", "ORDERED")
