"""Forecasts and order-up-to levels of a year of baskets, by the functions that plan."""

import time
from collections.abc import Callable, Iterator, Sequence

from shared.plans.model.forecast import (
    Calendar,
    State,
    Trend,
    after_day,
    forecast,
    trend_after_day,
    weekday_factors,
)
from tests.bench.plans.baskets import DAYS, HORIZON, JUDGED, TUNED, Baskets, Missing, baskets
from tests.bench.plans.judge import Cover, Verdict
from tests.bench.report import Row, Table, Tell

COVER = 7
SHARES = (0.90, 0.95, 0.98)
QUICK = 300
WATCHED = 28
"""Days before weekdays have factors."""
NOTES = (
    "pairs of SKU and store with 25 sale lines or more in a year; their stock is not known",
    "tuned: 28 days each from days 196, 224 and 252; judged: from days 280, 308 and 336",
    "peers: TSB .1/.03 by itself; mean of SES .05, TSB and 56 days with own weekdays; same weekday",
)

Peer = Callable[[Sequence[int]], list[float]]
"""A forecast of HORIZON days from a history."""
Snapshot = tuple[Sequence[State], Sequence[Trend], Calendar]


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    try:
        data = baskets(QUICK if quick else None)
    except Missing as missing:
        yield Table(f"forecasts: left out, {missing}", [])
        return
    days = {*TUNED, *JUDGED, *range(JUDGED[0], DAYS - COVER + 1, COVER)}
    tell(f"{len(data.wanted):,} shelves, {DAYS} days")
    known, seconds = snapshots(data, days)
    rows = [_row("NoRain, tuned", verdict(data, known, TUNED), seconds)]
    rows.append(_row("NoRain, judged", verdict(data, known, JUDGED), seconds))
    for name, peer in PEERS.items():
        tell(name)
        rows.append(_row(f"{name}, judged", _peer(data, peer), None))
    yield Table(f"28 days of {len(data.wanted):,} shelves", rows, NOTES)
    tell("levels of a week")
    yield Table(
        "order-up-to levels of a week, every week of the days judged", list(_covers(data, known))
    )


def snapshots(data: Baskets, days: set[int]) -> tuple[dict[int, Snapshot], float]:
    """What is known before each of ``days``, and seconds per update of a shelf."""
    states = [State()] * len(data.wanted)
    trends = [Trend()] * len(data.chain)
    found: dict[int, Snapshot] = {}
    spent, sold = 0.0, [0.0] * 7
    for day in range(DAYS):
        calendar = Calendar(day % 7, weekday_factors(sold))
        if day in days:
            found[day] = states, trends, calendar
        weight = calendar.factor(0) if day > WATCHED else 1.0
        began = time.perf_counter()
        states = [
            after_day(state, row[day], weight)
            for state, row in zip(states, data.wanted, strict=True)
        ]
        spent += time.perf_counter() - began
        sold[day % 7] += sum(row[day] for row in data.wanted)
        trends = [
            trend_after_day(trend, row[day]) for trend, row in zip(trends, data.chain, strict=True)
        ]
    return found, spent / DAYS / len(data.wanted)


def verdict(data: Baskets, known: dict[int, Snapshot], origins: Sequence[int]) -> Verdict:
    found = Verdict()
    for origin in origins:
        states, trends, calendar = known[origin]
        for state, sku, row in zip(states, data.sku_of, data.wanted, strict=True):
            days = forecast(state, HORIZON, calendar, trends[sku]).by_day
            found.add(days, row[origin : origin + HORIZON], row[:origin])
    return found


def _covers(data: Baskets, known: dict[int, Snapshot]) -> Iterator[Row]:
    covers = {share: Cover() for share in SHARES}
    for origin in range(JUDGED[0], DAYS - COVER + 1, COVER):
        states, trends, calendar = known[origin]
        for state, sku, row in zip(states, data.sku_of, data.wanted, strict=True):
            demand = forecast(state, COVER, calendar, trends[sku]).distribution()
            wanted = sum(row[origin : origin + COVER])
            for share, cover in covers.items():
                cover.add(demand.level(share), wanted)
    for share, cover in covers.items():
        yield {
            "asked": share,
            "reached": round(cover.reached, 4),
            "fill rate": round(cover.fill_rate, 4),
            "units": round(cover.mean_level, 2),
        }


def _row(name: str, found: Verdict, seconds: float | None) -> Row:
    return {
        "forecast": name,
        "RMSSE": round(found.rmsse, 4),
        "WAPE": round(found.wape, 4),
        "bias": round(found.bias, 3),
        "µs an update": round(seconds * 1e6, 1) if seconds is not None else None,
    }


def _peer(data: Baskets, peer: Peer) -> Verdict:
    found = Verdict()
    for origin in JUDGED:
        for row in data.wanted:
            found.add(peer(row[:origin]), row[origin : origin + HORIZON], row[:origin])
    return found


def _same_weekday(history: Sequence[int]) -> list[float]:
    return [float(units) for units in history[-7:]] * (HORIZON // 7)


def _mean_of_days_with_demand(history: Sequence[int]) -> float:
    first = [units for units in history[:28] if units]
    size, chance = (sum(first) / len(first) if first else 1.0), len(first) / 28
    for units in history[28:]:
        if units:
            size += 0.1 * (units - size)
        chance += 0.03 * ((units > 0) - chance)
    return size * chance


def _smoothed(history: Sequence[int]) -> float:
    level = sum(history[:28]) / 28
    for units in history[28:]:
        level += 0.05 * (units - level)
    return level


def _tsb(history: Sequence[int]) -> list[float]:
    return [_mean_of_days_with_demand(history)] * HORIZON


def _three(history: Sequence[int]) -> list[float]:
    three = (_smoothed(history), _mean_of_days_with_demand(history), sum(history[-56:]) / 56)
    sums = [sum(history[weekday::7]) for weekday in range(7)]
    factors = [(units + 30 / 7) / (sum(sums) / 7 + 30 / 7) for units in sums]
    return [sum(three) / 3 * factors[(len(history) + day) % 7] for day in range(HORIZON)]


PEERS: dict[str, Peer] = {"same weekday": _same_weekday, "TSB": _tsb, "mean of three": _three}
