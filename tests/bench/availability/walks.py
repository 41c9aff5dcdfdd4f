"""Walks over all SKUs: CPU, units and bytes per exported SKU and per SKU of announced rules; from
these what 500,000 and 1,000,000 SKUs take and cost."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.availability import export, tell_rules
from infra.concurrency import EXPORT_HELPERS, RULES_HELPERS
from shared.availability.model.export import Stores
from shared.availability.store import announced
from shared.availability.store.announced import RulesChange, RulesState
from shared.aws import s3, walks
from shared.aws.walks import Round, Segment, Walk
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.locations.store import all_locations
from shared.stock.model.rules import ChannelRules, Rule, RuleAmount, RuleMatch, changed_rules
from tests.bench import prices
from tests.bench.availability.shelves import empty_tables, open_stores, stock
from tests.bench.report import Row, Table, Tell
from tests.support.units import metered

AT = datetime(2026, 11, 28, tzinfo=UTC)
RULES = {
    "safety stock of one channel": Rule("r", RuleMatch(channels=frozenset({"web"})), RuleAmount(3)),
    "a fence of 30 %": Rule("r", RuleMatch(), RuleAmount(ratio=3000), frozenset({"pos"})),
}
EXPORTED, TOLD = 1_000_000, 500_000
GOAL_MINUTES = 30


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    exported: list[Row] = []
    told: list[Row] = []
    for locations, skus in ((500, 30 if quick else 200), (2_000, 10 if quick else 50)):
        with empty_tables(), pytest.MonkeyPatch.context() as patch:
            tell(f"{skus} SKUs at {locations} locations")
            open_stores(locations)
            for number in range(skus):
                stock(f"sku-{number:06}", locations, number)
                catalog.put(Product(f"sku-{number:06}", f"Thing {number}", 1999, "USD", 0.2))
            exported += [
                _exported(patch, formats, locations, skus)
                for formats in (["google"], ["schema.org"], list(export.FILES))
            ]
            told += [_told(patch, name, locations, skus) for name in RULES]
    yield Table(
        "Exports: per SKU, and 1,000,000 SKUs (goal: every hour)",
        exported,
        (
            "A step of the handler on DynamoDB Local, S3 left out. minutes: by",
            f"{1 + EXPORT_HELPERS} workers with a whole processor each. joining: by one worker at",
            "50 MB a second, an estimate. $: Lambda while it computes, and DynamoDB.",
        ),
    )
    yield Table(
        f"Announced rules: per SKU, and 500,000 SKUs (goal: {GOAL_MINUTES} minutes)",
        told,
        (
            f"A step of the handler without the bus. minutes: by {1 + RULES_HELPERS} workers with",
            "a whole processor each, with 10 ms for each call of 10 events, after 75 s in which",
            "the rules settle. $: Lambda and DynamoDB; the bus takes 1 $ per million events more.",
        ),
    )


def _measured(step: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of the second run, and the units of the first."""
    with metered() as units:
        step()
    busy = time.process_time()
    step()
    return time.process_time() - busy, units


def _segment(plan: dict[str, Any]) -> Segment:
    return Segment(Round(Walk("config", "bench"), 1, 1, AT, plan), 0, lease_until=walks.now())


def _exported(patch: pytest.MonkeyPatch, formats: list[str], locations: int, skus: int) -> Row:
    sizes: list[int] = []
    patch.setattr(s3, "put", lambda _, __, body: sizes.append(len(body)))
    patch.setenv("NORAIN_EXPORTS", "exports")
    stores = Stores.of(all_locations(), datetime.now(UTC))
    segment = _segment({"channel": "web", "formats": formats})
    busy, units = _measured(lambda: export._step(segment, stores, lambda: 900_000.0))
    size = sum(sizes) / 2
    cpu = EXPORTED * busy / skus
    return {
        "files": " + ".join(formats),
        "locations": locations,
        "CPU ms": busy / skus * 1000,
        "RU": units.read / skus,
        "bytes": size / skus,
        "GB": EXPORTED * size / skus / 1e9,
        "minutes": cpu / (1 + EXPORT_HELPERS) / 60,
        "joining min": EXPORTED * size / skus / 50e6 / 60,
        "$ a round": prices.compute(cpu) + EXPORTED * units.read / skus * prices.READ_UNIT,
    }


def _told(patch: pytest.MonkeyPatch, name: str, locations: int, skus: int) -> Row:
    rule = RULES[name]
    change = RulesChange(
        ChannelRules(),
        RulesState(),
        ChannelRules(1, (rule,)),
        RulesState(1, AT),
        changed_rules((), (rule,)),
    )
    segment = _segment({})
    events: list[dict[str, Any]] = []

    def step() -> None:
        packs, _ = announced.packs_page(segment, tell_rules.PAGE * 10)
        if len(packs) != skus:
            raise RuntimeError(f"{len(packs)} packs")
        events[:] = tell_rules._events([change], packs)

    busy, units = _measured(step)
    cpu = TOLD * busy / skus
    waiting = TOLD * len(events) / skus / 10 * 0.010
    return {
        "rules": name,
        "locations": locations,
        "CPU ms": busy / skus * 1000,
        "RU": units.read / skus,
        "events": len(events) / skus,
        "minutes": (cpu + waiting) / (1 + RULES_HELPERS) / 60,
        "alone, hours": (cpu + waiting) / 3600,
        "$": prices.compute(cpu + waiting) + TOLD * units.read / skus * prices.READ_UNIT,
    }
