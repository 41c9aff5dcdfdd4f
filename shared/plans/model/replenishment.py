"""How many units to order for a shelf, and why. Pure.

An order placed now arrives after the lead time, and must last until the next one arrives: the units
wanted within lead time + review are served by what is on the shelf, what is expected, and what is
ordered. The n-th unit there is sold with P(D >= n), and then earns its margin; else it costs what a
unit too many costs. So units pay up to the level that suffices with the probability

    ratio = margin / (margin + overage)                                (the newsvendor)

A pack is ordered when its units together earn more than they cost, of which some may lie above the
level. An order below the minimum is filled up to it, or left for the next review, whichever earns
more.
"""

from dataclasses import dataclass

from shared.plans.model.forecast import Distribution, Forecast

DAYS_OF_YEAR = 365


@dataclass(frozen=True, slots=True)
class Money:
    """Per unit, in minor units of a currency: what a sale earns, and what a unit costs that is
    still there when the next order arrives."""

    margin: float
    overage: float

    @property
    def ratio(self) -> float:
        whole = self.margin + self.overage
        return self.margin / whole if whole > 0 and self.margin > 0 else 0.0


def overage(
    price: int,
    margin: int,
    salvage: int | None,
    review_days: float,
    holding_share: float,
    *,
    is_last: bool,
) -> float:
    """What a unit too many costs. As long as it can be sold later it costs capital and space until
    the next order: ``holding_share`` of its cost a year. When this is the last order of a season,
    what it cost less its ``salvage``."""
    cost = price - margin
    holding = cost * holding_share * review_days / DAYS_OF_YEAR
    return holding + max(0, cost - (salvage or 0)) if is_last else holding


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be ordered: packs of ``pack`` units, at least ``minimum`` units at once; when the
    units arrive, and how many days later those of the next order do."""

    lead_days: int
    review_days: int
    pack: int = 1
    minimum: int = 0

    @property
    def days(self) -> int:
        return self.lead_days + self.review_days


@dataclass(frozen=True, slots=True)
class Replenishment:
    """``quantity`` units to order, and every term that it comes from: with ``mean`` units wanted
    within ``days``, ``level`` suffices with the probability ``ratio``; ``missing`` units are below
    it. ``gain`` is what the order earns (minor units), ``service`` the probability that the units
    suffice with it, ``reason`` why the quantity is not the missing units."""

    days: int
    mean: float
    variance: float
    ratio: float
    level: int
    available: int
    expected: int
    missing: int
    packs: int
    quantity: int
    gain: float
    service: float
    reason: str


def replenishment(
    wanted: Forecast, available: int, expected: int, terms: Terms, money: Money
) -> Replenishment:
    """The order for a shelf. ``wanted`` is the forecast of ``terms.days``; ``expected`` units
    arrive within them; ``available`` is negative for units that are owed."""
    demand = wanted.distribution()
    stock = available + expected
    level = demand.level(money.ratio) if money.ratio else 0
    missing = max(0, level - stock)
    packs, gain = _packs(demand, stock, terms.pack, missing, money)
    reason = "" if packs * terms.pack == missing else "packs"
    if 0 < packs * terms.pack < terms.minimum:
        most = -(-terms.minimum // terms.pack)
        filled = _gain(demand, stock, most * terms.pack, money)
        packs, gain, reason = (most, filled, "minimum") if filled > 0 else (0, 0.0, "below minimum")
    quantity = packs * terms.pack
    return Replenishment(
        days=terms.days,
        mean=wanted.mean,
        variance=wanted.variance,
        ratio=money.ratio,
        level=level,
        available=available,
        expected=expected,
        missing=missing,
        packs=packs,
        quantity=quantity,
        gain=gain,
        service=_suffices(demand, stock + quantity),
        reason=reason,
    )


def _packs(
    demand: Distribution, stock: int, pack: int, missing: int, money: Money
) -> tuple[int, float]:
    """Packs as long as each earns more than it costs, and what they earn."""
    gain = 0.0
    least = missing // pack  # all units of these packs pay
    if least:
        gain = _gain(demand, stock, least * pack, money)
    packs = least
    if missing % pack:
        more = _gain(demand, stock + least * pack, pack, money)
        if more > 0:
            packs, gain = packs + 1, gain + more
    return packs, gain


def _gain(demand: Distribution, stock: int, units: int, money: Money) -> float:
    """What the next ``units`` earn: the n-th unit is sold with P(D >= n) = P(D > n - 1)."""
    both = money.margin + money.overage
    sold = sum(demand.above(n) if n >= 0 else 1.0 for n in range(stock, stock + units))
    return both * sold - money.overage * units


def _suffices(demand: Distribution, units: int) -> float:
    return 1 - demand.above(units) if units >= 0 else 0.0
