"""The cost of a parcel from a location, and of each unit in it. Pure.

Every concern is expressed in money. Amounts are integers in thousandths of a minor unit, because
the carbon cost of a unit is often less than a cent.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from shared.routing.model.decision import Candidate, Expected, FutureOrders, Problem, RoutingLine
from shared.routing.model.policy import Policy, Tariff

SCALE = 1000
NEGLIGIBLE = 1e-12
MAX_SUMMED_MEAN = 100_000
"""Above this mean a Poisson tail is approximated instead of summed; the error is below 1e-7."""
MAX_PRICE_STEPS = 100
"""Up to this many units of a SKU have a price each; more units are priced in this many parts."""
DAY_SECONDS = 86_400
NO_FUTURE_ORDERS = FutureOrders(0.0, 0)

CostTerms = dict[str, int]


@dataclass(frozen=True, slots=True)
class Demand:
    """The units of one SKU to ship. Its ``lines`` are one demand, since they share the stock; the
    dearest line comes first and is served first.

    ``line`` is the first line with the quantity of all lines. ``penalties`` are the costs of an
    unfilled unit, one for each line.
    """

    sku: str
    line: RoutingLine
    lines: tuple[RoutingLine, ...]
    penalties: tuple[int, ...]

    @property
    def quantity(self) -> int:
        return self.line.quantity


def shipping_demands(lines: tuple[RoutingLine, ...], policy: Policy) -> tuple[Demand, ...]:
    """Group the lines to ship by SKU."""
    by_sku: dict[str, list[RoutingLine]] = {}
    for line in sorted(lines, key=lambda line: (line.sku, -line.price, line.line_id)):
        if line.method == "ship":
            by_sku.setdefault(line.sku, []).append(line)
    return tuple(
        Demand(
            sku,
            replace(sku_lines[0], quantity=sum(line.quantity for line in sku_lines)),
            tuple(sku_lines),
            tuple(unfilled_penalty(policy, line) for line in sku_lines),
        )
        for sku, sku_lines in by_sku.items()
    )


def must_stay_whole(line: RoutingLine) -> bool:
    """Whether the line has several units that must all come from one location."""
    return not line.splittable and line.quantity > 1


def unfilled_penalty(policy: Policy, line: RoutingLine) -> int:
    """The cost of one unit that no location ships."""
    return _scaled(policy.unfilled.amount + policy.unfilled.share * line.price)


def parcel_terms(problem: Problem, candidate: Candidate, tariff: Tariff) -> CostTerms:
    """The cost terms of an empty parcel."""
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
    """The cost terms of a unit, without its value on the shelf. Without a tariff, the unit is
    handed over the counter."""
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


class ShelfState(NamedTuple):
    """The ``stock`` of one SKU at one location and its forecast: ``rate`` in units per day over the
    counter, ``orders`` that will choose it first, ``expected`` deliveries by date."""

    stock: int
    rate: float
    orders: FutureOrders
    expected: tuple[Expected, ...] = ()


def shelf_state(candidate: Candidate, sku: str) -> ShelfState | None:
    """None where no demand is known, so that a unit on the shelf cannot be valued."""
    rate, orders = candidate.rates.get(sku), candidate.pulls.get(sku)
    if rate is None and orders is None:
        return None
    stock = candidate.stock.get(sku, 0) + candidate.kept.get(sku, 0)
    expected = candidate.expected.get(sku, ())
    return ShelfState(stock, rate or 0.0, orders or NO_FUTURE_ORDERS, expected)


class PriceStep(NamedTuple):
    """The next ``units`` to leave a shelf, and the costs of each of them."""

    units: int
    opportunity: int
    markdown: int


def price_steps(problem: Problem, candidate: Candidate, line: RoutingLine) -> tuple[PriceStep, ...]:
    """The shelf value of the units that ``line`` can take from the location, in the order in which
    they leave. Prices never fall, since the remaining units get scarcer.

    Up to MAX_PRICE_STEPS units have a price each. More units are divided into equal parts, each at
    the price of its middle unit, which is within 1 % of the margin.
    """
    units = min(line.quantity, candidate.stock.get(line.sku, 0))
    if units <= 0:
        return ()
    if (shelf := shelf_state(candidate, line.sku)) is None:
        return (PriceStep(units, 0, 0),)
    if units == 1:
        return (_price_step(problem, line, shelf, 0, 1),)
    parts = min(units, MAX_PRICE_STEPS)
    priced = [
        _price_step(
            problem,
            line,
            shelf,
            taken=(2 * part + 1) * units // (2 * parts),
            units=(part + 1) * units // parts - part * units // parts,
        )
        for part in range(parts)
    ]
    # Rounding of the Poisson tails must not make a later unit cheaper.
    return tuple(accumulate(priced, _at_least_as_dear))


def _at_least_as_dear(before: PriceStep, step: PriceStep) -> PriceStep:
    return PriceStep(
        step.units,
        max(before.opportunity, step.opportunity),
        max(before.markdown, step.markdown),
    )


def _price_step(
    problem: Problem, line: RoutingLine, shelf: ShelfState, taken: int, units: int
) -> PriceStep:
    return PriceStep(
        units,
        opportunity_cost(problem, line, shelf, taken),
        -_markdown_saving(problem, line, shelf, taken),
    )


def goods_terms(
    problem: Problem, candidate: Candidate, tariff: Tariff | None, line: RoutingLine, units: int
) -> CostTerms:
    """The cost terms of the first ``units`` that ``line`` takes from the location."""
    terms = {
        name: units * each for name, each in unit_terms(problem, candidate, tariff, line).items()
    }
    if shelf_state(candidate, line.sku) is None:
        return terms
    terms |= {"opportunity": 0, "markdown": 0}
    for step in price_steps(problem, candidate, line):
        taken = min(units, step.units)
        terms["opportunity"] += taken * step.opportunity
        terms["markdown"] += taken * step.markdown
        units -= taken
    return terms


def unit_co2e(policy: Policy, km: float, kg: float) -> float:
    """kg CO2e to carry ``kg`` over ``km``: tonne-kilometres times the vehicle's factor."""
    carbon = policy.carbon
    return kg / 1000 * km * (carbon.van if km < carbon.van_km else carbon.truck)


def opportunity_cost(problem: Problem, line: RoutingLine, shelf: ShelfState, taken: int = 0) -> int:
    """What the next unit would earn on its shelf after ``taken`` units have left; 0 when the
    product's margin or salvage value is unknown.

    This is the salvage value plus ``expected_unit_value`` with the demand until the season ends.
    With announced deliveries, it is the highest value over the periods that end at a delivery or
    at the season's end, each with its demand and the stock delivered by then: a unit that is scarce
    before the next delivery is dear, however large that delivery is.
    """
    if line.margin is None or line.salvage is None:
        return 0
    margin, days = max(0, line.margin - line.salvage), selling_days(problem, line)
    ends = [(days, shelf.stock)]
    if shelf.expected:
        ends = delivery_periods(shelf, problem.now.timestamp(), days)
    earned = _best_unit_value(shelf, ends, margin, taken)
    return _scaled(problem.policy.opportunity * (earned + line.salvage))


def _best_unit_value(
    shelf: ShelfState, ends: list[tuple[float, int]], margin: int, taken: int
) -> float:
    """What the next unit is worth above its salvage value after ``taken`` units have left."""
    rate, orders = shelf.rate, shelf.orders
    if len(ends) == 1:
        ((days, stock),) = ends
        return expected_unit_value(
            stock - taken, rate * days, margin, orders.rate * days, orders.saving
        )
    return max(
        expected_unit_value(stock - taken, rate * days, margin, orders.rate * days, orders.saving)
        for days, stock in ends
    )


def delivery_periods(shelf: ShelfState, now: float, horizon_days: float) -> list[tuple[float, int]]:
    """The days until each delivery within ``horizon_days``, and until their end, each with the
    units in stock until then. ``now`` is an epoch second."""
    stock, ends = shelf.stock, []
    for second, units in shelf.expected:
        days = (second - now) / DAY_SECONDS
        if 0 < days < horizon_days:
            ends.append((days, stock))
            stock += units
    return [*ends, (horizon_days, stock)]


def leftover_probability(
    problem: Problem, line: RoutingLine, shelf: ShelfState, taken: int = 0
) -> float:
    """The probability that the last unit of the shelf, after ``taken`` units have left, is unsold
    at the end of the season, or after the policy's ``target_days`` if the season has no end."""
    days = float(problem.policy.markdown.target_days)
    if line.season_ends_at is not None:
        days = selling_days(problem, line)
    stock = delivery_periods(shelf, problem.now.timestamp(), days)[-1][1]
    return 1 - poisson_tail((shelf.rate + shelf.orders.rate) * days, stock - taken)


def _markdown_saving(problem: Problem, line: RoutingLine, shelf: ShelfState, taken: int) -> int:
    """The markdown that taking a unit avoids, times the probability that it would be left over.
    The salvage value of such a unit is already part of ``opportunity_cost``."""
    markdown = problem.policy.markdown
    loss = markdown.amount + markdown.share * line.price
    return _scaled(loss * leftover_probability(problem, line, shelf, taken)) if loss else 0


def expected_unit_value(
    stock: int, walk_in: float, margin: float, orders: float, saving: float
) -> float:
    """The expected earnings of the last of ``stock`` units, above its salvage value.

    Shoppers will ask for ``walk_in`` units over the counter, each earning ``margin``. Orders whose
    first choice is this shelf will ask for ``orders`` units, each saving ``saving`` against its
    second choice. Both demands are Poisson. The unit goes to the more valuable demand with the
    probability that this demand reaches it, else to the other:

        min(m, g) P(W + O >= s) + |m - g| P(B >= s)          B = W if m >= g, else O

    Littlewood's rule (1972) for two classes, as marginal value; without orders the newsvendor price
    m P(W >= s).
    """
    both = poisson_tail(walk_in + orders, stock)
    if not both:
        return 0.0
    better = poisson_tail(walk_in if margin >= saving else orders, stock)
    return min(margin, saving) * both + abs(margin - saving) * better


def selling_days(problem: Problem, line: RoutingLine) -> float:
    """Days until the season ends; the policy's ``horizon_days`` for a product without season."""
    if line.season_ends_at is None:
        return problem.policy.horizon_days
    return max(0.0, (line.season_ends_at - problem.now).total_seconds() / DAY_SECONDS)


def poisson_tail(mean: float, least: int) -> float:
    """P(X >= least) of a Poisson variable X, summed from ``least`` away from the mean.

    Above MAX_SUMMED_MEAN it is P(Y <= mean) of the gamma variable Y of shape ``least``, whose cube
    root is approximately normal (Wilson and Hilferty, PNAS 1931).
    """
    if least <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if mean > MAX_SUMMED_MEAN:
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
    """Round the terms so that they add up to the rounded total (largest remainder method)."""
    rounded = {name: amount // SCALE for name, amount in terms.items()}
    total = (sum(terms.values()) + SCALE // 2) // SCALE
    for name in sorted(terms, key=lambda name: (-(terms[name] % SCALE), name)):
        if sum(rounded.values()) == total:
            break
        rounded[name] += 1
    return {name: amount for name, amount in sorted(rounded.items()) if amount}


def _scaled(minor_units: float) -> int:
    return round(SCALE * minor_units)
