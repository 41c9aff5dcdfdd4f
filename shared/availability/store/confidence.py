"""The confidence in the stock of each location, table ``availability``.

    pk CONFIDENCE   sk LOC#<location_id>   the faded picks and counts of a location by group

A record is below 8 KB, however many groups there are (model/confidence.py MOST_GROUPS), so that
reading all costs a request unit for each location: 2,000 for 2,000 locations, and 3,300 a second
while 1,000 processes do that, the most that an account has. ``confidence_of`` caches all records
for CACHE_SECONDS: packs need no newer ones, as a pick moves the confidence by a 20th at most.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.availability.model.confidence import (
    GROUP,
    ConfidenceRecord,
    PickOutcome,
    Picks,
    ShelfCount,
    learn,
    outcome_of_count,
    teaching_counts,
    thousandths,
)
from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.errors import Busy

PARTITION = "CONFIDENCE"
ATTEMPTS = 8
CACHE_SECONDS = 600
MOST_GROUPS_CACHED = 50_000
NO_GROUP = "-"
"""The group of a product without one, or that is not in the catalog."""


def learn_outcomes(location_id: str, outcomes: Sequence[PickOutcome]) -> bool:
    """Learns from ``outcomes``; False when all of them are known. One strongly consistent read, and
    one write when there is something new. Repeated outcomes change nothing.

    Raises Busy when others write the same location faster.
    """
    for _ in tables.attempts(ATTEMPTS):
        record = learn(read_record(location_id), outcomes)
        if record is None:
            return False
        if _written(location_id, record):
            return True
    raise Busy(f"too many writers on the confidence of {location_id}")


def learn_counts(location_id: str, countings: Iterable[ShelfCount]) -> bool:
    """Learns from the counts that people made at the location; False when there is nothing new."""
    teaching = teaching_counts(countings)
    if not teaching:
        return False
    group_of = product_groups(one.sku for one in teaching)
    return learn_outcomes(
        location_id, [outcome_of_count(one, group_of[one.sku]) for one in teaching]
    )


def read_record(location_id: str) -> ConfidenceRecord:
    """The record of the location, empty before its first pick (strongly consistent)."""
    item = tables.get(table_name("availability"), PARTITION, f"LOC#{location_id}", consistent=True)
    return _record(item) if item else ConfidenceRecord()


def product_groups(skus: Iterable[str]) -> dict[str, str]:
    """The product group of each SKU: one call per 100."""
    distinct = list(dict.fromkeys(skus))
    products = catalog.products(distinct)
    return {
        sku: products[sku].attributes.get(GROUP, NO_GROUP) if sku in products else NO_GROUP
        for sku in distinct
    }


def confidence_of(skus: Iterable[str]) -> dict[str, dict[str, int]]:
    """The confidence by SKU and location, in thousandths; locations without picks are left out.

    CACHE_SECONDS old at most. The catalog is asked only for SKUs that this process has not met.
    """
    cached = cache.get()
    if not cached.records:
        return {}
    distinct = list(dict.fromkeys(skus))
    if unknown := [sku for sku in distinct if sku not in cached.groups]:
        if len(cached.groups) > MOST_GROUPS_CACHED:
            cached.groups.clear()
            unknown = distinct
        cached.groups.update(product_groups(unknown))
    by_sku = {}
    for sku in distinct:
        group = cached.groups[sku]
        if group not in cached.numbers:
            cached.numbers[group] = {
                place: thousandths(record, group) for place, record in cached.records.items()
            }
        by_sku[sku] = cached.numbers[group]
    return by_sku


@dataclass(slots=True)
class CachedConfidence:
    """The records of all locations; the group of each SKU that was asked for; and by group the
    confidence at each location in thousandths."""

    records: Mapping[str, ConfidenceRecord]
    groups: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)


def _read_all() -> CachedConfidence:
    rows = tables.query(table_name("availability"), "pk = :pk", to_item({":pk": PARTITION}))
    return CachedConfidence({row["sk"].removeprefix("LOC#"): _record(row) for row in rows})


cache = Cached(_read_all, CACHE_SECONDS)


def _record(item: Mapping[str, Any]) -> ConfidenceRecord:
    return ConfidenceRecord(
        groups={name: Picks(*picks) for name, picks in item["groups"].items()},
        second=item["second"],
        seen=tuple(item["seen"]),
        version=item["version"],
    )


def _written(location_id: str, record: ConfidenceRecord) -> bool:
    condition = Condition()
    if record.version:
        # Holds while nobody has written since the record was read.
        condition.require("version = {}", record.version)
    else:
        # Holds while nobody has written a record of this location.
        condition.require("attribute_not_exists(pk)")
    refused = tables.write(
        "put_item",
        TableName=table_name("availability"),
        Item=to_item(
            {
                "pk": PARTITION,
                "sk": f"LOC#{location_id}",
                "groups": {
                    name: [round(picks.found, 4), round(picks.missed, 4)]
                    for name, picks in record.groups.items()
                },
                "second": record.second,
                "seen": list(record.seen),
                "version": record.version + 1,
            }
        ),
        **condition.arguments(),
    )
    return refused is None
