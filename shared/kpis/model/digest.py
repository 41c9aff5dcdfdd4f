"""The digest of a day: what was earned, what went wrong, and what to do about it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.kpis.model.figures import NOTHING, NOWHERE, Figures, summed
from shared.kpis.model.kpis import KPIS, Kind, value_of

TOLD = ("net_sales", "contribution", "orders", "promise_kept", "fill_rate", "split", "returns")
"""The KPIs of the headline."""
MOST_PLACES = 5
"""Locations that are named of each problem."""
LEAST_UNITS = 3
"""Fewer units are chance."""
WORSE = 0.2
"""A share is worse when it has grown by this part of what is usual, and by LEAST_UNITS units."""

Problem = Literal["rejected", "late", "returned", "split", "unprofitable"]


@dataclass(frozen=True, slots=True)
class Told:
    """A KPI of the day, and what is usual: the same over the weeks before."""

    name: str
    kind: Kind
    currency: str
    value: float | None
    usual: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went wrong. ``number`` are units, parcels, or minor units of ``currency``."""

    problem: Problem
    number: int
    place: str | None
    text: str
    what_to_do: str
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    day: date
    told: tuple[Told, ...]
    findings: tuple[Finding, ...]


def digest(
    day: date,
    of_day: Mapping[str, Figures],
    usual: Mapping[str, Figures],
    weeks: int,
    places: Mapping[str, Figures],
    channels: Mapping[tuple[str, str], Figures],
) -> Digest:
    """``of_day`` and ``usual`` by currency: the figures of the day, and the sums of the same
    weekday over the ``weeks`` before it. ``places`` are the figures of the day by location,
    ``channels`` by channel and currency."""
    told = [
        _told(name, currency, figures, usual.get(currency, NOTHING), weeks)
        for currency, figures in sorted(of_day.items())
        for name in TOLD
    ]
    findings = [
        *_places("rejected", places, _rejected),
        *_places("late", places, _late),
        *_returned(of_day, usual),
        *_split(of_day, usual),
        *_unprofitable(channels),
    ]
    return Digest(day, tuple(told), tuple(findings))


def _told(name: str, currency: str, figures: Figures, usual: Figures, weeks: int) -> Told:
    kpi = KPIS[name]
    before = value_of(kpi, usual).value
    if before is not None and kpi.denominator is None:
        before = before / weeks if weeks else None
    return Told(name, kpi.kind, currency, value_of(kpi, figures).value, before)


WORDS: Mapping[Problem, tuple[str, str]] = {
    "rejected": (
        "{place} rejected {number} of {asked} units that it was asked for",
        "count the shelves of these orders; for no_capacity lower its capacity_per_hour",
    ),
    "late": (
        "{place} was late with {number} of {asked} units",
        "read GET /v1/punctuality: which step takes too long?",
    ),
}
"""Of a problem of locations: what is wrong, and what to do."""


def _places(
    problem: Problem, places: Mapping[str, Figures], units: Callable[[Figures], int]
) -> list[Finding]:
    """The worst locations, those with the most units first."""
    bad = sorted(
        (-units(figures), name)
        for name, figures in places.items()
        if name != NOWHERE and units(figures) >= LEAST_UNITS
    )
    text, what_to_do = WORDS[problem]
    found = []
    for negative, name in bad[:MOST_PLACES]:
        asked = places[name]["due_units"] + places[name]["rejected_units"]
        said = text.format(place=name, number=-negative, asked=asked)
        found.append(Finding(problem, -negative, name, said, what_to_do))
    return found


def _rejected(figures: Figures) -> int:
    return figures["rejected_units"]


def _late(figures: Figures) -> int:
    return figures["due_units"] - figures["kept_units"]


def _returned(of_day: Mapping[str, Figures], usual: Mapping[str, Figures]) -> list[Finding]:
    more = _beyond(of_day, usual, "returned_units", "sold_units")
    if not more:
        return []
    text = f"{more} units more than usual came back for what was sold"
    return [
        Finding("returned", more, None, text, "run returns_by_sku.sql: which products, and why?")
    ]


def _split(of_day: Mapping[str, Figures], usual: Mapping[str, Figures]) -> list[Finding]:
    more = _beyond(of_day, usual, "parcels", "shipped_orders")
    if not more:
        return []
    text = f"{more} parcels more than usual for the orders that were shipped"
    what_to_do = "move stock of what is ordered together: GET /v1/transfers/suggestions"
    return [Finding("split", more, None, text, what_to_do)]


def _beyond(
    of_day: Mapping[str, Figures], usual: Mapping[str, Figures], part: str, whole: str
) -> int:
    """How much more of ``part`` there is than the usual share of ``whole`` explains; 0 where it is
    not clearly more, or nothing is usual yet."""
    now, before = summed(of_day.values()), summed(usual.values())
    if not before[whole]:
        return 0
    expected = now[whole] * before[part] / before[whole]
    more = round(now[part] - expected)
    return more if more >= max(LEAST_UNITS, WORSE * expected) else 0


def _unprofitable(channels: Mapping[tuple[str, str], Figures]) -> list[Finding]:
    found = []
    for (channel, currency), figures in sorted(channels.items()):
        earned = value_of(KPIS["contribution"], figures).numerator
        if earned < 0:
            text = f"{channel} cost {-earned / 100:,.2f} {currency} more than it earned"
            what_to_do = "run contribution_by_channel.sql: goods, serving, or returns?"
            found.append(Finding("unprofitable", -earned, channel, text, what_to_do, currency))
    return found


def as_text(told: Digest) -> str:
    """The digest as the body of a mail."""
    lines = [f"NoRain, {told.day.isoformat()}", ""]
    for one in told.told:
        usual = f" (usual: {worded(one.kind, one.usual, one.currency)})"
        value = worded(one.kind, one.value, one.currency)
        lines.append(f"  {KPIS[one.name].title}: {value}{usual if one.usual is not None else ''}")
    if not told.told:
        lines.append("  nothing was ordered, handed over or returned")
    lines += ["", "What went wrong:" if told.findings else "Nothing went wrong."]
    for finding in told.findings:
        lines += [f"- {finding.text}.", f"  To do: {finding.what_to_do}"]
    return "\n".join(lines) + "\n"


def worded(kind: Kind, value: float | None, currency: str) -> str:
    """A value for a person."""
    if value is None:
        return "-"
    match kind:
        case "money":
            return f"{value / 100:,.2f} {currency}"
        case "share":
            return f"{value:.1%}"
        case "count":
            return f"{value:,.0f}"
    return f"{value:.3f}"
