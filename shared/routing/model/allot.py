"""Decide which location ships which units of which line: the cheapest way, with its proof. Pure.

Lines of one SKU share its stock, so they are one demand of the solver. Each unit of a shelf costs
at least as much as the one before, as the shelf gets emptier; an unfilled unit costs the penalty of
its line. Both costs are convex, as the solver needs them.

The cost of an unsplittable line that shares its SKU with other lines (``whole``) is not convex. The
solver first treats such a line as splittable. Where its units then come from two locations, a
branch and bound search (best bound first) fixes the line to each possible location in turn, or
leaves it unfilled. A location that ships a fixed line sends a parcel anyway, so its other units are
free of the parcel's cost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from shared.routing.model.decision import Assignment, Candidate, Problem
from shared.routing.model.instance import Instance, Offer, Runs
from shared.routing.model.policy import Tariff
from shared.routing.model.price import (
    SCALE,
    Demand,
    must_stay_whole,
    parcel_terms,
    price_steps,
    unit_terms,
)
from shared.routing.model.solve import solve

MAX_WORK = 20_000
"""Limit on locations plus lines over all branches: half a second, about 100 branches over 200
locations."""
MAX_TRIALS = 300
"""Limit on the placements of whole lines that are tried in one branch."""

Places = dict[str, dict[int, int]]
"""Units by line id and index of the location."""
Branch = Mapping[str, int | None]
"""The index of the location to which a line id is fixed; None for a line fixed as unfilled."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """``units`` by location and line. Costs are in thousandths of a minor unit and include a split
    penalty for each parcel; no allotment costs less than ``lower_bound``."""

    units: Assignment
    cost: int
    lower_bound: int

    @property
    def proven(self) -> bool:
        return self.lower_bound == self.cost


class AllotmentLine(NamedTuple):
    """A line as the allotment needs it; ``penalty`` is the cost of each unfilled unit."""

    line_id: str
    quantity: int
    whole: bool
    penalty: int


@dataclass(frozen=True, slots=True)
class _Market:
    """The cost of a parcel (``opening``) and of the units of each demand (``shelves``), by index of
    the location."""

    lines: tuple[tuple[AllotmentLine, ...], ...]
    opening: tuple[int, ...]
    shelves: tuple[dict[int, Runs], ...]
    packages: int
    split: int


class _RelaxedSolution(NamedTuple):
    """``units`` of the lines that are not fixed, by demand and location. The branch costs at least
    ``lower_bound``, and ``cost`` if the whole lines stay whole in it."""

    units: dict[int, dict[int, int]]
    cost: int
    lower_bound: int


def allot(
    problem: Problem, demands: Sequence[Demand], eligible: Sequence[tuple[Candidate, Tariff]]
) -> Allotment:
    """The cheapest allotment to the ``eligible`` locations, given with their tariffs."""
    market = _market(problem, demands, eligible)
    names = [candidate.location_id for candidate, _ in eligible]
    if len(demands) == 1 and demands[0].quantity == 1:
        best = _place_of_unit(market)
        cost = _cost(market, best)
        return Allotment(_by_location(best, names), cost, cost)
    order = count()
    waiting: list[tuple[float, int, Branch]] = [(-math.inf, next(order), {})]
    best = {}
    cost = _cost(market, best)
    unproven = cost
    size = len(eligible) + sum(map(len, market.lines))
    for _ in range(max(1, MAX_WORK // size if size else 0)):
        if not waiting or waiting[0][0] >= cost:
            break
        bound, _, branch = heappop(waiting)
        relaxed = _solve_relaxation(market, branch)
        lower_bound = int(max(bound, relaxed.lower_bound))
        if lower_bound >= cost:
            continue
        places = _feasible_places(market, branch, relaxed)
        reached = _cost(market, places)
        if reached < cost:
            best, cost = places, reached
        if reached == relaxed.cost:
            unproven = min(unproven, lower_bound)
            continue
        for child in _child_branches(market, branch, places):
            heappush(waiting, (lower_bound, next(order), child))
    lower_bound = min([cost, unproven, *(int(bound) for bound, _, _ in waiting[:1])])
    return Allotment(_by_location(best, names), cost, lower_bound)


def _place_of_unit(market: _Market) -> Places:
    """The place of the only unit: the location where it costs least, the first of equals; none when
    to leave it unfilled costs less or the same."""
    ((line,),) = market.lines
    costs = [
        (opening + row[0][0][0], n)
        for n, (opening, row) in enumerate(zip(market.opening, market.shelves, strict=True))
        if 0 in row
    ]
    if not costs or not market.packages:
        return {}
    least, n = min(costs)
    return {line.line_id: {n: 1}} if least < line.penalty + market.split else {}


def allotment_lines(demand: Demand) -> tuple[AllotmentLine, ...]:
    return tuple(
        AllotmentLine(line.line_id, line.quantity, must_stay_whole(line), penalty)
        for line, penalty in zip(demand.lines, demand.penalties, strict=True)
    )


def distribute_units(lines: Sequence[AllotmentLine], stock: Mapping[int, int]) -> Places:
    """Distribute the ``stock`` of the locations to the lines with the lowest penalties for unfilled
    units. Whole lines stay whole; with many of them, not every combination is tried."""
    whole_lines = sorted(
        (line for line in lines if line.whole), key=lambda line: -line.penalty * line.quantity
    )
    splittable = [line for line in lines if not line.whole]
    if not whole_lines:
        return _distribute_splittable(splittable, stock)
    best: tuple[int, Places] | None = None
    trials = 0

    def place(at: int, remaining: dict[int, int], chosen: Places, lost: int) -> None:
        nonlocal best, trials
        trials += 1
        if best is not None and (lost >= best[0] or trials > MAX_TRIALS):
            return
        if at == len(whole_lines):
            places = chosen | _distribute_splittable(splittable, remaining)
            total = lost + _unfilled_cost(splittable, places)
            if best is None or total < best[0]:
                best = total, places
            return
        line = whole_lines[at]
        # Locations with equally many remaining units are equivalent; the tightest fit goes first.
        for units, n in sorted(
            {units: n for n, units in sorted(remaining.items(), reverse=True)}.items()
        ):
            if units >= line.quantity:
                less = {**remaining, n: units - line.quantity}
                place(at + 1, less, {**chosen, line.line_id: {n: line.quantity}}, lost)
        place(at + 1, remaining, chosen, lost + line.quantity * line.penalty)

    place(0, dict(stock), {}, 0)
    return best[1] if best is not None else {}


def _distribute_splittable(lines: Iterable[AllotmentLine], stock: Mapping[int, int]) -> Places:
    """Location by location, to the lines with the highest penalty (which come first)."""
    unserved = {line.line_id: line.quantity for line in lines}
    places: Places = {}
    for n, units in sorted(stock.items()):
        remaining = units
        for line_id, missing in unserved.items():
            if taken := min(remaining, missing):
                places.setdefault(line_id, {})[n] = taken
                unserved[line_id] -= taken
                remaining -= taken
    return places


def _unfilled_cost(lines: Iterable[AllotmentLine], places: Places) -> int:
    return sum(
        line.penalty * (line.quantity - sum(places.get(line.line_id, {}).values()))
        for line in lines
    )


def _market(
    problem: Problem, demands: Sequence[Demand], eligible: Sequence[tuple[Candidate, Tariff]]
) -> _Market:
    index = {demand.sku: i for i, demand in enumerate(demands)}
    opening, shelves = [], []
    cost_of_parcel: dict[tuple[str, int, int], int] = {}
    for candidate, tariff in eligible:
        # The locations of one kind and tariff have the same.
        parcel = candidate.kind, id(tariff), candidate.delay_days
        if parcel not in cost_of_parcel:
            cost_of_parcel[parcel] = sum(parcel_terms(problem, candidate, tariff).values())
        opening.append(cost_of_parcel[parcel])
        row: dict[int, Runs] = {}
        for sku, units in candidate.stock.items():
            i = index.get(sku)
            if i is not None and units > 0:
                line = demands[i].line
                each = sum(unit_terms(problem, candidate, tariff, line).values())
                row[i] = _merge_equal_costs(
                    (each + step.opportunity + step.markdown, step.units)
                    for step in price_steps(problem, candidate, line)
                )
        shelves.append(row)
    return _Market(
        lines=tuple(map(allotment_lines, demands)),
        opening=tuple(opening),
        shelves=tuple(shelves),
        packages=problem.policy.max_packages,
        # Every parcel is charged the split penalty, including the first. So is a plan without one.
        split=SCALE * problem.policy.split,
    )


def _merge_equal_costs(runs: Iterable[tuple[int, int]]) -> Runs:
    merged: list[tuple[int, int]] = []
    for each, units in runs:
        if merged and merged[-1][0] == each:
            merged[-1] = each, merged[-1][1] + units
        else:
            merged.append((each, units))
    return tuple(merged)


def _cost_of_first(runs: Runs, units: int) -> int:
    """The cost of the first ``units``."""
    cost = 0
    for each, most in runs:
        cost += each * min(units, most)
        units -= min(units, most)
    return cost


def _without_first(runs: Runs, units: int) -> Runs:
    """The runs without the first ``units``."""
    remaining = []
    for each, most in runs:
        gone = min(units, most)
        units -= gone
        if gone < most:
            remaining.append((each, most - gone))
    return tuple(remaining)


def _cost(market: _Market, places: Places) -> int:
    taken: dict[int, dict[int, int]] = {}
    cost = 0
    for i, lines in enumerate(market.lines):
        cost += _unfilled_cost(lines, places)
        for line in lines:
            for n, units in places.get(line.line_id, {}).items():
                row = taken.setdefault(n, {})
                row[i] = row.get(i, 0) + units
    for n, row in taken.items():
        cost += market.opening[n]
        cost += sum(_cost_of_first(market.shelves[n][i], units) for i, units in row.items())
    return cost if taken else cost + market.split


def _solve_relaxation(market: _Market, branch: Branch) -> _RelaxedSolution:
    """Solve the branch as if every line that is not fixed could be split, except a line that is
    the only one of its SKU."""
    rest = _branch_problem(market, branch)
    packages = market.packages - len(rest.sending)
    nodes = [n for n in range(len(market.opening)) if n not in rest.sending] if packages else []
    free: list[tuple[Offer, int | None]] = [
        (offer, n) for n in rest.sending for offer in _offers(market, rest, n)
    ]
    free += _cheaper_penalties(rest)
    unfilled = tuple(
        lines[0].penalty * size for lines, size in zip(rest.lines, rest.sizes, strict=True)
    )
    solution = solve(
        Instance(
            quantity=tuple(rest.lots),
            splittable=(True,) * len(rest.lots),
            unfilled=unfilled,
            packages=packages,
            opening=tuple(market.opening[n] for n in nodes),
            offers=tuple(tuple(_offers(market, rest, n)) for n in nodes),
            nothing=0 if rest.sending else market.split,
            free=tuple(offer for offer, _ in free),
        )
    )
    units: dict[int, dict[int, int]] = {}
    unserved = list(rest.lots)
    for n, taken in solution.take.items():
        for at, lots in taken.items():
            units.setdefault(rest.demands[at], {})[nodes[n]] = lots * rest.sizes[at]
            unserved[at] -= lots
    for (at, each, most), place in sorted(free, key=lambda row: row[0][1]):
        if each < unfilled[at] and (lots := min(unserved[at], most)):
            unserved[at] -= lots
            if place is not None:
                by_location = units.setdefault(rest.demands[at], {})
                by_location[place] = by_location.get(place, 0) + lots * rest.sizes[at]
    return _RelaxedSolution(units, rest.cost + solution.cost, rest.cost + solution.lower_bound)


@dataclass(frozen=True, slots=True)
class _BranchProblem:
    """The part of a branch that is not fixed: ``demands`` with their remaining ``lines``, counted
    in ``lots`` of ``sizes`` units (a whole line that is alone is one lot).

    ``gone`` are the units of fixed lines by location and demand. The locations ``sending`` them
    send a parcel, which ``cost`` includes.
    """

    demands: tuple[int, ...]
    lines: tuple[tuple[AllotmentLine, ...], ...]
    sizes: tuple[int, ...]
    lots: tuple[int, ...]
    gone: Mapping[tuple[int, int], int]
    sending: tuple[int, ...]
    cost: int


def _branch_problem(market: _Market, fixed: Branch) -> _BranchProblem:
    gone: dict[tuple[int, int], int] = {}
    demands, rest, cost = [], [], 0
    for i, lines in enumerate(market.lines):
        if open_lines := tuple(line for line in lines if line.line_id not in fixed):
            demands.append(i)
            rest.append(open_lines)
        for line in lines if fixed else ():
            if (n := fixed.get(line.line_id)) is not None:
                gone[n, i] = gone.get((n, i), 0) + line.quantity
            elif line.line_id in fixed:
                cost += line.penalty * line.quantity
    sending = tuple(sorted({n for n, _ in gone}))
    cost += sum(market.opening[n] for n in sending)
    cost += sum(_cost_of_first(market.shelves[n][i], units) for (n, i), units in gone.items())
    sizes = tuple(lines[0].quantity if len(lines) == 1 and lines[0].whole else 1 for lines in rest)
    return _BranchProblem(
        demands=tuple(demands),
        lines=tuple(rest),
        sizes=sizes,
        lots=tuple(
            sum(line.quantity for line in lines) // size
            for lines, size in zip(rest, sizes, strict=True)
        ),
        gone=gone,
        sending=sending,
        cost=cost,
    )


def _offers(market: _Market, rest: _BranchProblem, n: int) -> list[Offer]:
    offers: list[Offer] = []
    shelves = market.shelves[n]
    for at, i in enumerate(rest.demands):
        if i in shelves:
            runs = shelves[i]
            if (n, i) in rest.gone:
                runs = _without_first(runs, rest.gone[n, i])
            if (size := rest.sizes[at]) == 1:
                offers += [(at, each, units) for each, units in runs]
            elif sum(units for _, units in runs) >= size:
                offers.append((at, _cost_of_first(runs, size), 1))
    return offers


def _cheaper_penalties(rest: _BranchProblem) -> list[tuple[Offer, None]]:
    """The unfilled units of lines whose penalty is below that of the demand's first line, as offers
    that need no location."""
    return [
        ((at, line.penalty, line.quantity), None)
        for at, lines in enumerate(rest.lines)
        for line in lines[1:]
        if line.penalty < lines[0].penalty
    ]


def _feasible_places(market: _Market, branch: Branch, relaxed: _RelaxedSolution) -> Places:
    """A feasible solution: fixed lines at their location, the others where the relaxation leaves
    them whole."""
    places: Places = {}
    for i, lines in enumerate(market.lines):
        for line in lines:
            if (n := branch.get(line.line_id)) is not None:
                places[line.line_id] = {n: line.quantity}
        open_lines = [line for line in lines if line.line_id not in branch]
        places |= distribute_units(open_lines, relaxed.units.get(i, {}))
    return places


def _child_branches(market: _Market, branch: Branch, handed: Places) -> Iterable[Branch]:
    """The branch with one more line fixed, in each possible way: the line with the most units among
    those that ``handed`` does not serve."""
    open_lines = [
        (line.line_id in handed, -line.quantity, line.line_id, i, line)
        for i, lines in enumerate(market.lines)
        for line in lines
        if line.whole and line.line_id not in branch
    ]
    if not open_lines:
        return
    *_, i, line = min(open_lines)
    sending = {n for n in branch.values() if n is not None}
    taken: dict[int, int] = {}
    for other in market.lines[i]:
        if (n := branch.get(other.line_id)) is not None:
            taken[n] = taken.get(n, 0) + other.quantity
    yield {**branch, line.line_id: None}
    for n, shelves in enumerate(market.shelves):
        stock = sum(units for _, units in shelves.get(i, ())) - taken.get(n, 0)
        if stock >= line.quantity and (n in sending or len(sending) < market.packages):
            yield {**branch, line.line_id: n}


def _by_location(places: Places, names: Sequence[str]) -> Assignment:
    units: Assignment = {}
    for n, line_id, taken in sorted(
        (n, line_id, taken) for line_id, row in places.items() for n, taken in row.items()
    ):
        units.setdefault(names[n], {})[line_id] = taken
    return units
