"""What it costs to send a parcel from a location, and each unit in it. Pure.

Every concern is money: amounts are thousandths of a minor unit (integers), because a unit's share
of carbon is often less than a cent.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from shared.routing.model.decision import Candidate, Expected, Problem, Pull, RoutingLine
from shared.routing.model.policy import Policy, Tariff

SCALE = 1000
NEGLIGIBLE = 1e-12
MOST_SUMMED = 100_000
"""Beyond this mean a Poisson tail is no longer summed: the approximation is within 1e-7 there."""
MOST_PRICED = 100
"""So many units of a SKU are priced one by one; of more, as many that lie evenly among them."""
DAY_SECONDS = 86_400
NO_PULL = Pull(0.0, 0)

CostTerms = dict[str, int]


@dataclass(frozen=True, slots=True)
class Demand:
    """The units of one SKU to be shipped: of all its ``lines`` together, since they share its
    stock; the dearest line first, which is served first.

    ``line`` is the first one as if it were for all units; ``penalties`` are what one unit of each
    of the lines costs when it is not sent.
    """

    sku: str
    line: RoutingLine
    lines: tuple[RoutingLine, ...]
    penalties: tuple[int, ...]

    @property
    def quantity(self) -> int:
        return self.line.quantity


def demands(lines: tuple[RoutingLine, ...], policy: Policy) -> tuple[Demand, ...]:
    """The shipped lines by SKU."""
    by_sku: dict[str, list[RoutingLine]] = {}
    for line in sorted(lines, key=lambda line: (line.sku, -line.price, line.line_id)):
        if line.method == "ship":
            by_sku.setdefault(line.sku, []).append(line)
    return tuple(
        Demand(
            sku,
            replace(same[0], quantity=sum(line.quantity for line in same)),
            tuple(same),
            tuple(unfilled(policy, line) for line in same),
        )
        for sku, same in by_sku.items()
    )


def whole(line: RoutingLine) -> bool:
    """Whether it has several units that must come from one location."""
    return not line.splittable and line.quantity > 1


def unfilled(policy: Policy, line: RoutingLine) -> int:
    return _scaled(policy.unfilled.amount + policy.unfilled.share * line.price)


def parcel_terms(problem: Problem, candidate: Candidate, tariff: Tariff) -> CostTerms:
    """What a parcel costs before anything is in it."""
    policy = problem.policy
    promised = policy.services[problem.service_level].promise_days
    late = max(0, tariff.days + candidate.delay_days - promised)
    return {
        "package": SCALE * policy.handling[candidate.kind].package,
        "carrier": SCALE * tariff.parcel,
        "carbon": _scaled(policy.carbon.price * policy.carbon.stop),
        "late": SCALE * late * policy.late_day,
        "split": SCALE * policy.split,
    }


def unit_terms(
    problem: Problem, candidate: Candidate, tariff: Tariff | None, line: RoutingLine
) -> CostTerms:
    """What each unit costs beside its worth on the shelf; without a tariff it is handed over, not
    sent."""
    policy, sku = problem.policy, line.sku
    terms = {"pick": SCALE * policy.handling[candidate.kind].unit}
    if tariff is not None:
        terms["carrier"] = _scaled(tariff.kg * line.kg)
        terms["carbon"] = _scaled(policy.carbon.price * unit_co2e(policy, candidate.km, line.kg))
    if credit := candidate.credits.get(sku):
        terms["credit"] = -SCALE * credit
    if (confidence := candidate.confidence.get(sku)) is not None:
        terms["rejection"] = _scaled((1 - confidence) * policy.rejection)
    return terms


class ShelfPrice(NamedTuple):
    """``stock`` units of one SKU at one location, and what is to come: units per day over the
    counter, ``pull`` of orders, deliveries by their dates."""

    stock: int
    rate: float
    pull: Pull
    expected: tuple[Expected, ...] = ()


def shelf(candidate: Candidate, sku: str) -> ShelfPrice | None:
    """None where no demand is known: nothing can be said of what the unit is worth there."""
    rate, pull = candidate.rates.get(sku), candidate.pulls.get(sku)
    if rate is None and pull is None:
        return None
    there = candidate.stock.get(sku, 0) + candidate.kept.get(sku, 0)
    return ShelfPrice(there, rate or 0.0, pull or NO_PULL, candidate.expected.get(sku, ()))


class PriceStep(NamedTuple):
    """``units`` that leave a shelf one after the other, and what each of them costs."""

    units: int
    opportunity: int
    markdown: int


def steps(problem: Problem, candidate: Candidate, line: RoutingLine) -> tuple[PriceStep, ...]:
    """The worth on the shelf of all units that ``line`` can take there, in the order they go: no
    step is cheaper than the one before, since what is left gets scarcer.

    Each unit has its own price up to MOST_PRICED; of more, equal parts have that of their middle
    unit, within 1 % of the margin.
    """
    units = min(line.quantity, candidate.stock.get(line.sku, 0))
    if units <= 0:
        return ()
    if (found := shelf(candidate, line.sku)) is None:
        return (PriceStep(units, 0, 0),)
    if units == 1:
        return (_step(problem, line, found, 0, 1),)
    parts = min(units, MOST_PRICED)
    priced = [
        _step(
            problem,
            line,
            found,
            taken=(2 * part + 1) * units // (2 * parts),
            units=(part + 1) * units // parts - part * units // parts,
        )
        for part in range(parts)
    ]
    # The tails are rounded: that must not make a later unit cheaper.
    return tuple(accumulate(priced, _not_cheaper))


def _not_cheaper(before: PriceStep, step: PriceStep) -> PriceStep:
    return PriceStep(
        step.units,
        max(before.opportunity, step.opportunity),
        max(before.markdown, step.markdown),
    )


def _step(
    problem: Problem, line: RoutingLine, found: ShelfPrice, taken: int, units: int
) -> PriceStep:
    return PriceStep(
        units,
        opportunity(problem, line, found, taken),
        -_markdown(problem, line, found, taken),
    )


def goods_terms(
    problem: Problem, candidate: Candidate, tariff: Tariff | None, line: RoutingLine, units: int
) -> CostTerms:
    """What the first ``units`` that ``line`` takes from the location cost together."""
    terms = {
        name: units * each for name, each in unit_terms(problem, candidate, tariff, line).items()
    }
    if shelf(candidate, line.sku) is None:
        return terms
    terms |= {"opportunity": 0, "markdown": 0}
    for step in steps(problem, candidate, line):
        taken = min(units, step.units)
        terms["opportunity"] += taken * step.opportunity
        terms["markdown"] += taken * step.markdown
        units -= taken
    return terms


def unit_co2e(policy: Policy, km: float, kg: float) -> float:
    """kg CO2e of carrying ``kg`` over ``km``: tonne-kilometres times the vehicle's factor."""
    carbon = policy.carbon
    return kg / 1000 * km * (carbon.van if km < carbon.van_km else carbon.truck)


def opportunity(problem: Problem, line: RoutingLine, found: ShelfPrice, taken: int = 0) -> int:
    """What the next unit would have earned where it lies when ``taken`` are gone, at this moment;
    0 when the product's margin and salvage are unknown.

    Its salvage value, and above that ``worth`` with the demand until the season ends. Where more
    is announced, the most that it is worth over any of the periods up to a delivery or to the end:
    with the demand until then, and what has come by then. A unit that is short before the lorry
    comes is dear, however much the lorry brings.
    """
    if line.margin is None or line.salvage is None:
        return 0
    margin, left = max(0, line.margin - line.salvage), days_left(problem, line)
    ends = [(left, found.stock)]
    if found.expected:
        ends = periods(found, problem.now.timestamp(), left)
    earned = _most(found, ends, margin, taken)
    return _scaled(problem.policy.opportunity * (earned + line.salvage))


def _most(found: ShelfPrice, ends: list[tuple[float, int]], margin: int, taken: int) -> float:
    """What the next unit is worth above its salvage value when ``taken`` are gone already."""
    rate, pull = found.rate, found.pull
    if len(ends) == 1:
        ((left, stock),) = ends
        return worth(stock - taken, rate * left, margin, pull.rate * left, pull.saving)
    return max(
        worth(stock - taken, rate * left, margin, pull.rate * left, pull.saving)
        for left, stock in ends
    )


def periods(found: ShelfPrice, now: float, left: float) -> list[tuple[float, int]]:
    """The days until each delivery of the next ``left`` days, and until their end, each with the
    units that are there until then. ``now`` is an epoch second."""
    stock, ends = found.stock, []
    for second, units in found.expected:
        days = (second - now) / DAY_SECONDS
        if 0 < days < left:
            ends.append((days, stock))
            stock += units
    return [*ends, (left, stock)]


def left_over(problem: Problem, line: RoutingLine, found: ShelfPrice, taken: int = 0) -> float:
    """The chance that the last unit there when ``taken`` are gone is still there when the season
    ends, or without an end when the policy's ``target_days`` have passed: that it is above what it
    is to hold."""
    days = float(problem.policy.markdown.target_days)
    if line.season_ends_at is not None:
        days = days_left(problem, line)
    stock = periods(found, problem.now.timestamp(), days)[-1][1]
    return 1 - poisson_tail((found.rate + found.pull.rate) * days, stock - taken)


def _markdown(problem: Problem, line: RoutingLine, found: ShelfPrice, taken: int) -> int:
    """What taking a unit earns because it need not be marked down: with the chance that it would
    have had to be. Its price then is the salvage value, which ``opportunity`` has charged."""
    markdown = problem.policy.markdown
    loss = markdown.amount + markdown.share * line.price
    return _scaled(loss * left_over(problem, line, found, taken)) if loss else 0


def worth(stock: int, walk_in: float, margin: float, orders: float, saving: float) -> float:
    """What the last of ``stock`` units earns, above its salvage value.

    ``walk_in`` units will be asked for over the counter, each earning ``margin``, and ``orders``
    units by orders whose first choice this is, each ``saving`` something against its next best.
    Both are Poisson; the unit goes to the better of the two with the chance that it lasts till
    there, else to the other:

        min(m, g) P(W + O >= s) + |m - g| P(B >= s)          B = W if m >= g, else O

    Littlewood's rule (1972) for two classes, as marginal value; without orders the newsvendor price
    m P(W >= s).
    """
    both = poisson_tail(walk_in + orders, stock)
    if not both:
        return 0.0
    better = poisson_tail(walk_in if margin >= saving else orders, stock)
    return min(margin, saving) * both + abs(margin - saving) * better


def days_left(problem: Problem, line: RoutingLine) -> float:
    if line.season_ends_at is None:
        return problem.policy.horizon_days
    return max(0.0, (line.season_ends_at - problem.now).total_seconds() / DAY_SECONDS)


def poisson_tail(mean: float, least: int) -> float:
    """P(X >= least) of a Poisson variable, summed from ``least`` away from the mean.

    Beyond MOST_SUMMED as P(Y <= mean) of the gamma variable Y of shape ``least``, whose cube root
    is about normal (Wilson and Hilferty, PNAS 1931).
    """
    if least <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if mean > MOST_SUMMED:
        short = 1 - 1 / (9 * least) - (mean / least) ** (1 / 3)
        return math.erfc(3 * math.sqrt(least / 2) * short) / 2
    above = least > mean
    k = least if above else least - 1
    term = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
    total = 0.0
    while term > NEGLIGIBLE:
        total += term
        if above:
            k += 1
            term *= mean / k
        else:
            term *= k / mean
            k -= 1
    return total if above else 1 - total


def in_minor_units(terms: Mapping[str, int]) -> CostTerms:
    """The terms rounded so that they still add up to their rounded sum (largest remainder)."""
    whole = {name: amount // SCALE for name, amount in terms.items()}
    total = (sum(terms.values()) + SCALE // 2) // SCALE
    for name in sorted(terms, key=lambda name: (-(terms[name] % SCALE), name)):
        if sum(whole.values()) == total:
            break
        whole[name] += 1
    return {name: amount for name, amount in sorted(whole.items()) if amount}


def _scaled(minor_units: float) -> int:
    return round(SCALE * minor_units)
