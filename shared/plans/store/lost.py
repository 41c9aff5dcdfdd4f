"""Demand that could not be sold, table ``plans``.

    pk LOST#<day>#<slot>  sk <location>#<sku>#<who>  {units, channel, ttl}

A row is written by one INSERT, which holds while there is none: somebody who asks for a SKU again
and again on a day is counted once. All rows of a refusal go in one call, 1 write unit each; a call
that fails loses them, as demand that nobody counted.

Sizes: a row has 0.2 KB; 10,000 refusals a day are 2 MB in SLOTS partitions. ``who`` is a keyed
hash; rows expire after KEPT.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from shared.aws import dynamodb as tables
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.aws.statement import STATEMENTS, execute, insert_statement
from shared.plans.model.wanted import Cell, LostDemand
from shared.web.portions import checksum

KEPT = timedelta(days=120)
SLOTS = 8
"""Partitions of a day, by location, so that each takes its share of the writes."""
MOST_ROWS = STATEMENTS
"""Rows of a refusal that are kept: one call."""


def plans_table() -> str:
    return table_name("plans")


def note(rows: Sequence[LostDemand]) -> int:
    """Writes the first MOST_ROWS rows, in one call, and returns how many were new."""
    by_key = {_key(row): row for row in rows[:MOST_ROWS]}
    return sum(execute([_insert(*key, row) for key, row in by_key.items()])) if by_key else 0


def _key(row: LostDemand) -> tuple[str, str]:
    cell = row.cell
    return _slot(cell.day, cell.location_id), f"{cell.location_id}#{cell.sku}#{row.who}"


def _insert(pk: str, sk: str, row: LostDemand) -> dict[str, object]:
    update = Update()
    # Holds while nobody has counted this person, SKU and day.
    update.require("attribute_not_exists(pk)")
    update.set("units", row.units)
    update.set("channel", row.channel)
    update.set("ttl", int((datetime.combine(row.cell.day, time(), UTC) + KEPT).timestamp()))
    return insert_statement(update, plans_table(), pk, sk)


def lost_units(
    first: date, last: date, location_id: str | None = None, sku: str | None = None
) -> dict[Cell, tuple[int, int]]:
    """Units and persons by cell (eventually consistent): of one location with one Query per day,
    of all with SLOTS."""
    units: Counter[Cell] = Counter()
    persons: Counter[Cell] = Counter()
    for cell, wanted in _rows(first, last, location_id):
        if sku is None or cell.sku == sku:
            units[cell] += wanted
            persons[cell] += 1
    return {cell: (units[cell], persons[cell]) for cell in sorted(units)}


def _rows(first: date, last: date, location_id: str | None) -> Iterator[tuple[Cell, int]]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        condition, values = "pk = :pk", {}
        slots: Iterable[str] = (_name(day, slot) for slot in range(SLOTS))
        if location_id is not None:
            slots = (_slot(day, location_id),)
            condition += " AND begins_with(sk, :location)"
            values = {":location": f"{location_id}#"}
        for pk in slots:
            for row in tables.query(plans_table(), condition, to_item({":pk": pk, **values})):
                place, sku, _ = row["sk"].split("#")
                yield Cell(day, place, sku), row["units"]


def _slot(day: date, location_id: str) -> str:
    return _name(day, checksum(location_id) % SLOTS)


def _name(day: date, slot: int) -> str:
    return f"LOST#{day.isoformat()}#{slot}"
