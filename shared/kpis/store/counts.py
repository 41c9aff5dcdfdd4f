"""What was counted of each order, and the sums of it: table ``kpis``.

    pk COUNTED#<order_id>  sk COUNTED     {revision, version, channel, currency, facts, kept, ttl}
    pk TOTAL#<month>       sk <day>#<channel>#<currency>              figures over all locations
    pk PLACE#<day>#<slot>  sk <location>#<channel>#<currency>         figures of a location

A mark says what was counted of an order. Mark and sums are written in one transaction, on the
condition that nobody has counted the order since the mark was read: what is added to the sums is
what the order has become since then, so that an event which comes twice, late, or not at all
changes nothing in the end. Marks expire MARK_KEPT after the last count, sums never.

Several orders go in one transaction, which writes each sum once: an order alone takes 2 write units
for its mark and 2 for each sum.

Sizes: a mark has 0.4 KB for an order of 2 lines, 8 KB for one of 50; a sum at most 0.8 KB. A day of
2,000 locations and 5 channels is 8 MB in SLOTS partitions, a month of 5 channels 120 KB.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import WRITE_PARTS, Key, Part
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.kpis.model.costs import ServingCost
from shared.kpis.model.figures import FIGURES, Cell, Facts, Figures, difference
from shared.web.portions import checksum

MARK_KEPT = timedelta(days=800)
"""Longer than anything of an order can still change: returns, late claims."""


MOST_SUMS = WRITE_PARTS - 10
"""Sums of one transaction; the rest are marks."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was counted of an order at its ``version``, and the costs that it was counted with.
    ``revision`` is 0 for an order that was never counted."""

    order_id: str
    channel: str
    currency: str
    revision: int = 0
    version: int = 0
    facts: Facts = field(default_factory=dict)
    unit_costs: Mapping[str, int] = field(default_factory=dict)
    serving_costs: Mapping[str, ServingCost] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
    """The key of a sum. ``location_id`` is None for all locations."""

    day: date
    channel: str
    currency: str
    location_id: str | None = None


Sums = dict[Sum, Figures]


SLOTS = 8
"""Partitions of a day's locations, so that each takes its share of the writes."""


def kpis_table() -> str:
    return table_name("kpis")


def marks_of(order_ids: Iterable[str]) -> dict[str, Mark]:
    """The marks that exist (strongly consistent): one call per 100."""
    keys = {_mark_key(order_id): order_id for order_id in order_ids}
    items = tables.get_many(keys, consistent=True)
    return {keys[key]: mark_of_item(item) for key, item in items.items()}


def mark_of_item(item: Mapping[str, Any]) -> Mark:
    plain = json.loads(zlib.decompress(bytes(item["counted"])))
    return Mark(
        order_id=item["pk"].partition("#")[2],
        channel=item["channel"],
        currency=item["currency"],
        revision=item["revision"],
        version=item["version"],
        facts=_facts(plain["facts"]),
        unit_costs=plain["unit_costs"],
        serving_costs={name: ServingCost(*pair) for name, pair in plain["serving_costs"].items()},
    )


def count(changes: Sequence[tuple[Mark, Mark]], now: datetime) -> bool:
    """Replaces each mark by the one after it, and adds to the sums what has changed. False when
    some orders must be counted again: somebody else has counted one of them meanwhile, so that
    nothing of its transaction is written, or one is larger than a transaction."""
    done = True
    for group in _groups(changes):
        sums: Sums = {}
        for before, after in group:
            for key, figures in _sums(before, after).items():
                sums.setdefault(key, Counter()).update(figures)
        parts = [_mark_part(before, after, now) for before, after in group]
        parts += [_sum_part(key, figures) for key, figures in sums.items() if any(figures.values())]
        cut = any(after.version == before.version for before, after in group)
        if tables.transact(parts) or cut:
            done = False
    return done


def _groups(changes: Sequence[tuple[Mark, Mark]]) -> Iterator[list[tuple[Mark, Mark]]]:
    """The changes in groups, each of which fits a transaction. A change of too many sums is cut:
    its first part leaves the order at its former version, so that it is counted again."""
    group: list[tuple[Mark, Mark]] = []
    keys: set[Sum] = set()
    for before, after in changes:
        change = before, _first_part(before, after)
        more = _sums(*change).keys()
        if group and len(keys | more) + len(group) + 1 > WRITE_PARTS:
            yield group
            group, keys = [], set()
        group.append(change)
        keys |= more
    if group:
        yield group


def _first_part(before: Mark, after: Mark) -> Mark:
    if len(_sums(before, after)) <= MOST_SUMS:
        return after
    facts = {cell: Counter(row) for cell, row in before.facts.items()}
    keys: set[Sum] = set()
    for cell, row in sorted(difference(after.facts, before.facts).items()):
        keys |= set(_sums_of(after, cell))
        if len(keys) > MOST_SUMS:
            break
        facts.setdefault(cell, Counter()).update(row)
    return replace(after, version=before.version, facts=facts)


def _sums(before: Mark, after: Mark) -> Sums:
    sums: Sums = {}
    for cell, row in difference(after.facts, before.facts).items():
        for key in _sums_of(after, cell):
            sums.setdefault(key, Counter()).update(row)
    return sums


def _sums_of(mark: Mark, cell: Cell) -> tuple[Sum, Sum]:
    whole = Sum(cell.day, mark.channel, mark.currency)
    return whole, replace(whole, location_id=cell.location_id)


def _mark_part(before: Mark, after: Mark, now: datetime) -> Part:
    condition = Condition()
    if before.revision:
        # Holds while nobody has counted the order since its mark was read.
        condition.require("revision = {}", before.revision)
    else:
        # Holds while the order was never counted.
        condition.require("attribute_not_exists(pk)")
    plain = {
        "facts": _plain(after.facts),
        "unit_costs": after.unit_costs,
        "serving_costs": {
            name: [cost.handling, cost.carrier] for name, cost in after.serving_costs.items()
        },
    }
    key = _mark_key(after.order_id)
    item = {
        "pk": key.pk,
        "sk": key.sk,
        "revision": before.revision + 1,
        "version": after.version,
        "channel": after.channel,
        "currency": after.currency,
        "counted": zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 6),
        "ttl": int((now + MARK_KEPT).timestamp()),
    }
    return {"Put": {"TableName": kpis_table(), "Item": to_item(item), **condition.arguments()}}


def _sum_part(key: Sum, figures: Figures) -> Part:
    update = Update()
    for name, value in figures.items():
        if value:
            update.add(name, value)
    return {"Update": update.request(kpis_table(), *_sum_key(key))}


def _mark_key(order_id: str) -> Key:
    return Key(kpis_table(), f"COUNTED#{order_id}", "COUNTED")


def _sum_key(key: Sum) -> tuple[str, str]:
    day = key.day.isoformat()
    if key.location_id is None:
        return f"TOTAL#{day[:7]}", f"{day}#{key.channel}#{key.currency}"
    return _slot(key.day, key.location_id), f"{key.location_id}#{key.channel}#{key.currency}"


def _slot(day: date, location_id: str) -> str:
    return f"PLACE#{day.isoformat()}#{checksum(location_id) % SLOTS}"


def totals(first: date, last: date) -> Sums:
    """The sums over all locations of these days: one Query per month (eventually consistent)."""
    sums: Sums = {}
    month = first.replace(day=1)
    while month <= last:
        rows = tables.query(
            kpis_table(),
            "pk = :pk AND sk BETWEEN :first AND :last",
            to_item(
                {
                    ":pk": f"TOTAL#{month.isoformat()[:7]}",
                    ":first": first.isoformat(),
                    ":last": f"{last.isoformat()}$",  # behind every `<day>#...`
                }
            ),
        )
        for row in rows:
            day, channel, currency = row["sk"].split("#")
            sums[Sum(date.fromisoformat(day), channel, currency)] = _figures(row)
        month = (month + timedelta(days=32)).replace(day=1)
    return sums


def of_places(day: date, location_id: str | None = None) -> Sums:
    """The sums of the day by location: of one with one Query, of all with SLOTS (eventually
    consistent)."""
    slots = [f"PLACE#{day.isoformat()}#{slot}" for slot in range(SLOTS)]
    condition, values = "pk = :pk", {}
    if location_id is not None:
        slots = [_slot(day, location_id)]
        condition += " AND begins_with(sk, :location)"
        values = {":location": f"{location_id}#"}
    sums: Sums = {}
    for slot in slots:
        for row in tables.query(kpis_table(), condition, to_item({":pk": slot, **values})):
            place, channel, currency = row["sk"].rsplit("#", 2)
            sums[Sum(day, channel, currency, place)] = _figures(row)
    return sums


def _figures(row: Mapping[str, Any]) -> Figures:
    return Counter({name: row[name] for name in FIGURES if name in row})


def _plain(facts: Facts) -> list[Any]:
    numbers = {name: number for number, name in enumerate(FIGURES)}
    return [
        [cell.day.isoformat(), cell.location_id, cell.sku]
        + [[numbers[name], value] for name, value in row.items() if value]
        for cell, row in facts.items()
    ]


def _facts(plain: Iterable[list[Any]]) -> Facts:
    return {
        Cell(date.fromisoformat(day), location_id, sku): Counter(
            {FIGURES[number]: value for number, value in figures}
        )
        for day, location_id, sku, *figures in plain
    }
