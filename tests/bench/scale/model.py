"""The tables of the retailer's day (retailer.py), of its limits and of its assumptions."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench import prices
from tests.bench.report import Row, Table
from tests.bench.scale.figures import Figures
from tests.bench.scale.limits import at, breaks
from tests.bench.scale.retailer import (
    costs,
    dollars,
    locations,
    mean_write_units,
    pack_read_units,
    pack_slices,
    pack_write_units,
    rates,
    works,
)

SWING = 0.5
FIRST_LIMITS = 5
BIGGEST = 12


@dataclass(frozen=True, slots=True)
class Swing:
    """Dollars a day with half of a figure, and with one and a half times it."""

    name: str
    low: float
    high: float
    estimate: bool

    @property
    def width(self) -> float:
        return abs(self.high - self.low)


def swings(figures: Figures) -> list[Swing]:
    """Every figure that the bill depends on, the one with most influence first."""
    found = [
        Swing(
            name,
            dollars(figures.changed({name: figure.value * (1 - SWING)})),
            dollars(figures.changed({name: figure.value * (1 + SWING)})),
            figure.estimate,
        )
        for name, figure in figures.figures.items()
        if not name.startswith("quota.")
    ]
    found = [swing for swing in found if swing.width > 0]
    return sorted(found, key=lambda swing: swing.width, reverse=True)


def tables(figures: Figures) -> Iterator[Table]:
    yield _retailer(figures)
    yield _by_service(figures)
    yield _biggest(figures)
    yield _by_growth(figures)
    yield _limits(figures)
    yield _functions(figures)
    yield _packs(figures)
    yield _levers(figures)
    yield _sensitivity(figures)


def _retailer(figures: Figures) -> Table:
    day = rates(figures)
    rows: list[Row] = [
        {"what": what, "amount": amount, "unit": unit}
        for what, amount, unit in (
            ("stores", figures["yardstick.stores"], ""),
            ("SKUs", figures["yardstick.skus"], ""),
            ("positions", day.positions, ""),
            ("rows of the feed", day.rows, "a day"),
            ("changes of positions", day.changes, "a day"),
            ("changes of positions, at the peak", day.changes_peak, "a second"),
            ("questions", day.questions, "a day"),
            ("orders", day.orders, "a day"),
            ("events", day.events, "a day"),
            ("shards of the stream of stock", day.shards, ""),
        )
    ]
    estimates = sum(figure.estimate for figure in figures.figures.values())
    note = (
        f"{len(figures.figures)} figures in tests/bench/scale/figures.toml,"
        f" {estimates} of them are estimates"
    )
    return Table("The yardstick retailer", rows, [note])


def _by_service(figures: Figures) -> Table:
    services: dict[str, float] = defaultdict(float)
    for cost in costs(figures):
        services[cost.service] += cost.dollars
    total = sum(services.values())
    rows: list[Row] = [
        {"service": service, "$ a day": amount, "share": f"{amount / total:.1%}"}
        for service, amount in sorted(services.items(), key=lambda one: -one[1])
    ]
    rows.append({"service": "all", "$ a day": total, "share": f"{total * 365:,.0f} $ a year"})
    return Table(f"Dollars a day (list prices of {prices.DATE})", rows)


def _biggest(figures: Figures) -> Table:
    found = sorted(costs(figures), key=lambda cost: -cost.dollars)
    total = sum(cost.dollars for cost in found)
    rows: list[Row] = [
        {
            "service": cost.service,
            "what": cost.what,
            "millions a day": cost.amount / 1e6,
            "unit": cost.unit,
            "$ a day": cost.dollars,
        }
        for cost in found[:BIGGEST]
    ]
    first = ", ".join(f"{c.service}: {c.what} {c.dollars / total:.0%}" for c in found[:3])
    units = mean_write_units(figures)
    notes = [f"The biggest: {first}.", f"A projected change is {units:.1f} write units."]
    return Table(f"The {BIGGEST} biggest items of {len(found)}", rows, notes)


def _by_growth(figures: Figures) -> Table:
    rows: list[Row] = []
    for growth in (0.1, 1.0, 2.0, 4.0, 10.0):
        grown = figures.grown(growth)
        broken = [one for one in breaks(figures) if one.growth <= growth]
        rows.append(
            {
                "times the yardstick": growth,
                "$ a day": dollars(grown),
                "environments": sum(work.concurrency(grown) for work in works(grown)),
                "limits broken": len(broken),
            }
        )
    return Table("Growth: rows, questions, orders and SKUs together", rows)


def _limits(figures: Figures) -> Table:
    rows: list[Row] = []
    notes: list[str] = []
    for number, one in enumerate(breaks(figures), 1):
        stated = figures.figures[one.limit.stated]
        rows.append(
            {
                "": number,
                "limit": one.limit.name,
                "quota": one.limit.quota(figures),
                "at the yardstick": one.reached,
                "breaks at": at(one.growth),
                "by": one.limit.stated,
            }
        )
        if number <= FIRST_LIMITS:
            notes.append(f"{number}. {one.limit.remedy}. ({stated.source}, {stated.date})")
    return Table("Limits, in the order in which they break", rows, notes)


def _functions(figures: Figures) -> Table:
    rows: list[Row] = [
        {
            "function": work.name,
            "thousands a day": work.invocations / 1000,
            "a second, at the peak": work.peak_a_second,
            "ms": work.seconds(figures) * 1000,
            "environments, at the peak": work.concurrency(figures),
        }
        for work in works(figures)
    ]
    return Table("Functions", rows, ["ms: CPU by the share of a processor, and waiting."])


def _packs(figures: Figures) -> Table:
    rows: list[Row] = []
    for most in (32_000.0, 16_000.0, 8_000.0, 4_000.0):
        other = figures.changed({"setting.pack_bytes": most})
        units: dict[str, str] = {}
        for one in figures.classes:
            there = locations(other, one)
            written, read = pack_write_units(other, there), pack_read_units(other, there)
            units[f"{there:,.0f} locations"] = f"{pack_slices(other, there)}: {written}, {read:g}"
        packs = next(cost for cost in costs(other) if cost.what == "packs, by the projector")
        row: Row = {
            "bytes of an item": most,
            **units,
            "write units a change": mean_write_units(other),
        }
        rows.append({**row, "writes, $ a day": packs.dollars, "all, $ a day": dollars(other)})
    notes = ["items of the pack: write units of a change, read units of a question"]
    return Table("Packs in smaller items", rows, notes)


def _levers(figures: Figures) -> Table:
    today = dollars(figures)
    together: dict[str, float] = {}
    rows: list[Row] = []
    for lever in figures.levers:
        after = dollars(figures.changed(lever.values))
        rows.append({"lever": lever.name, "$ a day": after, "saves": today - after})
        together = {**lever.values, **together}
    after = dollars(figures.changed(together))
    rows.append({"lever": "all of them", "$ a day": after, "saves": today - after})
    note = "all of them: where two change the same figure, the first."
    return Table("What somebody could change", rows, [note])


def _sensitivity(figures: Figures) -> Table:
    today = dollars(figures)
    rows: list[Row] = [
        {
            "figure": swing.name,
            "-50 %, $": swing.low - today,
            "+50 %, $": swing.high - today,
            "": "estimate" if swing.estimate else "",
        }
        for swing in swings(figures)[:BIGGEST]
    ]
    note = f"Dollars a day against {today:,.0f}, when one figure is wrong by half."
    return Table("How much each figure matters", rows, [note])
