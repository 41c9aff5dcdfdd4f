"""Which limits break first, and at how many times the yardstick retailer.

``reached`` is what the retailer needs at its peak, in the unit of the quota. Growth multiplies
rows, questions, orders and SKUs (figures.Figures.grown), not stores.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.scale.figures import Figures
from tests.bench.scale.retailer import (
    DAY,
    READ_BYTES,
    Rates,
    locations,
    mean_read_units,
    mean_write_units,
    pack_read_units,
    pack_write_units,
    rates,
    works,
)

MOST_GROWTH = 1000.0


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    quota: Callable[[Figures], float]
    """How much there may be."""
    stated: str
    """The figure that the quota comes from, whose source and date are those of the limit."""
    reached: Callable[[Figures, Rates], float]
    remedy: str


@dataclass(frozen=True, slots=True)
class Break:
    limit: Limit
    reached: float
    """At the yardstick."""
    growth: float
    """Times the yardstick, where the limit breaks; MOST_GROWTH when it never does."""


def breaks(figures: Figures) -> list[Break]:
    """All limits, that which breaks first before the others."""
    found = [
        Break(limit, limit.reached(figures, rates(figures)), breaking_growth(limit, figures))
        for limit in LIMITS
    ]
    return sorted(found, key=lambda one: one.growth)


def breaking_growth(limit: Limit, figures: Figures) -> float:
    """The growth from which on the limit is exceeded, by bisection: what is reached grows with the
    retailer, but not always in proportion, and some of it does not grow at all."""

    def exceeded(growth: float) -> bool:
        grown = figures.grown(growth)
        return limit.reached(grown, rates(grown)) > limit.quota(grown)

    if not exceeded(MOST_GROWTH):
        return MOST_GROWTH
    low, high = 0.001, MOST_GROWTH
    if exceeded(low):
        return low
    while high - low > 0.001 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if exceeded(middle) else (middle, high)
    return high


def _requests(figures: Figures, day: Rates) -> float:
    orders = 2 + figures["assumption.holds_an_order"] + figures["measured.order_later_calls"]
    return figures["yardstick.questions_a_second"] + day.orders_peak * orders


def _concurrency(figures: Figures, _: Rates) -> float:
    walks = figures["setting.helpers"] + figures["setting.audit_workers"]
    return walks + sum(
        work.concurrency(figures)
        for work in works(figures)
        if work.name not in {"audit", "exports"}
    )


def _of(name: str) -> Callable[[Figures, Rates], float]:
    """The environments that the work of that name needs at its peak."""
    return lambda figures, _: next(
        work.concurrency(figures) for work in works(figures) if work.name.startswith(name)
    )


def _projected(figures: Figures, day: Rates) -> float:
    return day.changes_peak / figures["assumption.merged_changes"] * mean_write_units(figures)


def _projected_in_bursts(figures: Figures, day: Rates) -> float:
    """While files are read, their workers are all busy, whatever the size of the retailer; tills
    and orders come beside them."""
    files = next(work for work in works(figures) if work.name.startswith("applies files"))
    rows = figures["setting.feed_batch"] * figures["measured.rows_a_message"]
    written = figures["setting.bulk_concurrency"] * rows / files.seconds(figures)
    from_files = day.feed_peak * figures["assumption.file_share"]
    changed = (written - from_files) * figures["assumption.changed_share"]
    return (day.changes_peak + changed) * mean_write_units(figures)


def _stock_writes(figures: Figures, day: Rates) -> float:
    row = figures["measured.feed_write_units"] + figures["measured.ledger_write_units"]
    notes = (day.rows - day.changed) / DAY * figures["assumption.feed_peak"]
    holds = day.orders_peak * figures["assumption.holds_an_order"]
    return (
        day.changes_peak * row
        + notes * figures["measured.unchanged_write_units"]
        + holds * (figures["measured.hold_write_units"] + figures["measured.hold_end_write_units"])
    )


def _most_locations(figures: Figures) -> float:
    return max(locations(figures, one) for one in figures.classes)


def _hot_pack(figures: Figures, day: Rates) -> float:
    return (
        day.changes_peak
        * figures["assumption.hot_changes"]
        * pack_write_units(figures, _most_locations(figures))
    )


def _hot_reads(figures: Figures, day: Rates) -> float:
    """Each process that answers reads a hot pack about once a second (availability.hot)."""
    processes = _of("answers availability")(figures, day)
    return processes * 1.11 * pack_read_units(figures, _most_locations(figures))


def _confidence_reads(figures: Figures, day: Rates) -> float:
    """Each process of the projector reads the confidence of all locations now and then."""
    stored = (
        figures["yardstick.stores"]
        * figures["assumption.product_groups"]
        * figures["assumption.group_bytes"]
    )
    seconds = figures["setting.confidence_seconds"]
    return _of("projects positions")(figures, day) * stored / READ_BYTES / 2 / seconds


def _availability_reads(figures: Figures, _: Rates) -> float:
    asked = 1 - figures["measured.remembered_questions"]
    return figures["yardstick.questions_a_second"] * asked * mean_read_units(figures)


def _first_load(figures: Figures, day: Rates) -> float:
    """Lanes that the projector needs while a new table is filled as fast as the feed comes."""
    share = figures["setting.projector_memory"] / 1769
    return day.feed_peak / (figures["measured.changes_a_cpu_second"] * share)


def _deadlines(figures: Figures, day: Rates) -> float:
    """An entry is put, and deleted, for each hold."""
    return (
        day.orders_peak * figures["assumption.holds_an_order"] * 2 / figures["setting.hold_shards"]
    )


def _deliveries(figures: Figures, day: Rates) -> float:
    events = day.events / DAY * figures["assumption.feed_peak"]
    sent = events * figures["assumption.webhooks_an_event"]
    return sent * figures["assumption.delivery_seconds"] / 10


def _quota(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


def _limit(
    name: str, stated: str, reached: Callable[[Figures, Rates], float], remedy: str
) -> Limit:
    return Limit(name, _quota(stated), stated, reached, remedy)


LIMITS = (
    _limit(
        "requests to the API",
        "quota.gateway_requests",
        _requests,
        "ask AWS for 20,000 and deploy with -c requests_per_second=20000; a CDN in front of the"
        " questions for one second",
    ),
    Limit(
        "lanes of the projector, while a new table is filled",
        lambda figures: figures["assumption.new_table_shards"] * figures["setting.parallelization"],
        "assumption.new_table_shards",
        _first_load,
        "warm the table before the first load (warm throughput), or load it and rebuild the packs",
    ),
    _limit(
        "environments of Lambda at work",
        "quota.lambda_concurrency",
        _concurrency,
        "ask AWS for 5,000; reserve some for the functions that answer",
    ),
    _limit(
        "workers of the feed, for tills",
        "setting.feed_concurrency",
        _of("applies the feed"),
        "raise max_concurrency of feed in infra/stacks/stock.py",
    ),
    _limit(
        "workers of the bulk queue, for files",
        "setting.bulk_concurrency",
        _of("applies files"),
        "raise max_concurrency of bulk in infra/stacks/stock.py",
    ),
    _limit(
        "write units of the table availability",
        "quota.table_write_units",
        _projected,
        "packs in smaller items; ask AWS for 100,000",
    ),
    _limit(
        "write units of the table availability, while all workers of files are busy",
        "quota.table_write_units",
        _projected_in_bursts,
        "packs in smaller items; fewer workers of the bulk queue; ask AWS for 100,000",
    ),
    _limit(
        "write units of the table stock",
        "quota.table_write_units",
        _stock_writes,
        "ask AWS for 100,000",
    ),
    _limit(
        "read units of the table availability",
        "quota.table_read_units",
        _availability_reads,
        "ask AWS for 100,000; a longer memory of packs",
    ),
    _limit(
        "write units of the pack of the hottest SKU",
        "quota.partition_write_units",
        _hot_pack,
        "packs in smaller items; the projector merges changes that wait, and lags",
    ),
    _limit(
        "read units of the pack of the hottest SKU",
        "quota.partition_read_units",
        _hot_reads,
        "a longer memory of packs (PACK_SECONDS)",
    ),
    _limit(
        "read units of the confidence of all locations (CONFIDENCE)",
        "quota.partition_read_units",
        _confidence_reads,
        "a longer CACHE_SECONDS; read only the records that changed",
    ),
    _limit(
        "write units of a shard of the deadlines of holds",
        "quota.partition_write_units",
        _deadlines,
        "more SHARDS in shared/stock/store/rows.py",
    ),
    _limit(
        "write units of the units that wait to be picked (UNPICKED)",
        "quota.partition_write_units",
        lambda figures, day: day.orders_peak * 3 * 2,
        "spread UNPICKED over keys by location",
    ),
    _limit(
        "calls of PutEvents",
        "quota.put_events",
        lambda figures, day: day.events / DAY * figures["assumption.feed_peak"],
        "ask AWS for more; outside us-east-1 the default is a fourth or less",
    ),
    _limit(
        "workers that deliver webhooks",
        "setting.deliver_concurrency",
        _deliveries,
        "raise max_concurrency in infra/stacks/webhooks.py",
    ),
    _limit(
        "workers of the audit, for a round a day",
        "setting.audit_workers",
        lambda figures, day: day.positions * figures["measured.audit_cpu_ms"] / 1000 / DAY,
        "raise WORKERS in functions/stock/audit.py",
    ),
)


def at(growth: float) -> str:
    if growth < 0.01:
        return "any size"
    if growth >= MOST_GROWTH:
        return "-"
    return f"x{growth:.2f}" if growth < 10 else f"x{math.floor(growth)}"
