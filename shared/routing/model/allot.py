"""Which location ships which units of which line: the cheapest way, with its proof. Pure.

Lines of one SKU share its stock, so they are one demand of the solver. A unit costs what it costs
where it lies, each one more than the one before as the shelf gets emptier; a unit that stays
unfilled costs what its line says. Both are convex, which the solver takes as it is.

A line that may not be split and shares its SKU with others (``whole``) is not convex. The solver
first treats it as if it could be split. Where its units then come from two places, a branch and
bound search (best bound first) fixes where the line comes from, place by place, or that it stays
unfilled; a location that ships a fixed line sends a parcel anyway, and its other units are free of
that cost.
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
from shared.routing.model.price import SCALE, Demand, parcel_terms, steps, unit_terms, whole
from shared.routing.model.solve import solve

MOST_WORK = 20_000
"""Places and lines that are looked at in all branches together: half a second, some 100 branches
over 200 places."""
MOST_TRIALS = 300
"""Choices of a place for a whole line that are tried in one branch."""

Places = dict[str, dict[int, int]]
"""Units by line id and place."""
Fixed = Mapping[str, int | None]
"""A branch: the places of lines by id, None for a line that is to stay unfilled."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """``units`` by location and line. The costs are thousandths of a minor unit and hold a split
    penalty for each parcel; no allotment costs less than ``lower_bound``."""

    units: Assignment
    cost: int
    lower_bound: int

    @property
    def proven(self) -> bool:
        return self.lower_bound == self.cost


class Wanted(NamedTuple):
    """A line as far as it matters where it comes from; ``penalty`` is of each unit."""

    line_id: str
    quantity: int
    whole: bool
    penalty: int


@dataclass(frozen=True, slots=True)
class _Market:
    """What places (by index) ask for a parcel, and for the units of each demand."""

    lines: tuple[tuple[Wanted, ...], ...]
    opening: tuple[int, ...]
    shelves: tuple[dict[int, Runs], ...]
    packages: int
    split: int


class _Relaxed(NamedTuple):
    """Units by demand and place beside the fixed lines; what the branch costs at least, and at
    most if the lines come out whole."""

    units: dict[int, dict[int, int]]
    cost: int
    lower_bound: int


def allot(
    problem: Problem, demands: Sequence[Demand], kept: Sequence[tuple[Candidate, Tariff]]
) -> Allotment:
    """``kept`` are the locations that can ship, with the tariff of each."""
    market = _market(problem, demands, kept)
    order = count()
    waiting: list[tuple[float, int, Fixed]] = [(-math.inf, next(order), {})]
    best: Places = {}
    cost = _cost(market, best)
    unproven = cost
    size = len(kept) + sum(map(len, market.lines))
    for _ in range(max(1, MOST_WORK // size if size else 0)):
        if not waiting or waiting[0][0] >= cost:
            break
        bound, _, branch = heappop(waiting)
        relaxed = _relaxed(market, branch)
        lower_bound = int(max(bound, relaxed.lower_bound))
        if lower_bound >= cost:
            continue
        handed = _handed(market, branch, relaxed)
        reached = _cost(market, handed)
        if reached < cost:
            best, cost = handed, reached
        if reached == relaxed.cost:
            unproven = min(unproven, lower_bound)
            continue
        for further in _further(market, branch, handed):
            heappush(waiting, (lower_bound, next(order), further))
    lower_bound = min([cost, unproven, *(int(bound) for bound, _, _ in waiting[:1])])
    names = [candidate.location_id for candidate, _ in kept]
    return Allotment(_by_location(best, names), cost, lower_bound)


def lines_of(demand: Demand) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(line.line_id, line.quantity, whole(line), penalty)
        for line, penalty in zip(demand.lines, demand.penalties, strict=True)
    )


def hand_out(lines: Sequence[Wanted], there: Mapping[int, int]) -> Places:
    """The units ``there``, by place, to the lines so that the penalties of the rest are least;
    whole lines stay whole. Of many lines that must, not every way is tried."""
    together = sorted(
        (line for line in lines if line.whole), key=lambda line: -line.penalty * line.quantity
    )
    loose = [line for line in lines if not line.whole]
    if not together:
        return _loose(loose, there)
    best: tuple[int, Places] | None = None
    trials = 0

    def place(at: int, left: dict[int, int], chosen: Places, lost: int) -> None:
        nonlocal best, trials
        trials += 1
        if best is not None and (lost >= best[0] or trials > MOST_TRIALS):
            return
        if at == len(together):
            given = chosen | _loose(loose, left)
            total = lost + _lost(loose, given)
            if best is None or total < best[0]:
                best = total, given
            return
        line = together[at]
        # Two places with as many units left are one choice; the tightest is tried first.
        for units, n in sorted(
            {units: n for n, units in sorted(left.items(), reverse=True)}.items()
        ):
            if units >= line.quantity:
                less = {**left, n: units - line.quantity}
                place(at + 1, less, {**chosen, line.line_id: {n: line.quantity}}, lost)
        place(at + 1, left, chosen, lost + line.quantity * line.penalty)

    place(0, dict(there), {}, 0)
    return best[1] if best is not None else {}


def _loose(lines: Iterable[Wanted], there: Mapping[int, int]) -> Places:
    """Place by place, to the first lines first: those whose units cost most when left unfilled."""
    wanted = {line.line_id: line.quantity for line in lines}
    given: Places = {}
    for n, units in sorted(there.items()):
        left = units
        for line_id, missing in wanted.items():
            if taken := min(left, missing):
                given.setdefault(line_id, {})[n] = taken
                wanted[line_id] -= taken
                left -= taken
    return given


def _lost(lines: Iterable[Wanted], given: Places) -> int:
    return sum(
        line.penalty * (line.quantity - sum(given.get(line.line_id, {}).values())) for line in lines
    )


def _market(
    problem: Problem, demands: Sequence[Demand], kept: Sequence[tuple[Candidate, Tariff]]
) -> _Market:
    index = {demand.sku: i for i, demand in enumerate(demands)}
    opening, shelves = [], []
    for candidate, tariff in kept:
        opening.append(sum(parcel_terms(problem, candidate, tariff).values()))
        row: dict[int, Runs] = {}
        for sku, units in candidate.stock.items():
            i = index.get(sku)
            if i is not None and units > 0:
                line = demands[i].line
                each = sum(unit_terms(problem, candidate, tariff, line).values())
                row[i] = _merged(
                    (each + step.opportunity + step.markdown, step.units)
                    for step in steps(problem, candidate, line)
                )
        shelves.append(row)
    return _Market(
        lines=tuple(map(lines_of, demands)),
        opening=tuple(opening),
        shelves=tuple(shelves),
        packages=problem.policy.max_packages,
        # Every parcel is charged the split penalty, the first one too: so is having none.
        split=SCALE * problem.policy.split,
    )


def _merged(runs: Iterable[tuple[int, int]]) -> Runs:
    merged: list[tuple[int, int]] = []
    for each, units in runs:
        if merged and merged[-1][0] == each:
            merged[-1] = each, merged[-1][1] + units
        else:
            merged.append((each, units))
    return tuple(merged)


def _charged(runs: Runs, units: int) -> int:
    """What the first ``units`` cost."""
    cost = 0
    for each, most in runs:
        cost += each * min(units, most)
        units -= min(units, most)
    return cost


def _after(runs: Runs, units: int) -> Runs:
    """What is left when the first ``units`` are gone."""
    left = []
    for each, most in runs:
        gone = min(units, most)
        units -= gone
        if gone < most:
            left.append((each, most - gone))
    return tuple(left)


def _cost(market: _Market, places: Places) -> int:
    taken: dict[int, dict[int, int]] = {}
    cost = 0
    for i, lines in enumerate(market.lines):
        cost += _lost(lines, places)
        for line in lines:
            for n, units in places.get(line.line_id, {}).items():
                row = taken.setdefault(n, {})
                row[i] = row.get(i, 0) + units
    for n, row in taken.items():
        cost += market.opening[n]
        cost += sum(_charged(market.shelves[n][i], units) for i, units in row.items())
    return cost if taken else cost + market.split


def _relaxed(market: _Market, branch: Fixed) -> _Relaxed:
    """The branch solved as if every line that is not fixed could be split, but for one that is
    alone with its SKU."""
    rest = _rest(market, branch)
    packages = market.packages - len(rest.sending)
    nodes = [n for n in range(len(market.opening)) if n not in rest.sending] if packages else []
    free: list[tuple[Offer, int | None]] = [
        (offer, n) for n in rest.sending for offer in _offers(market, rest, n)
    ]
    free += _lesser(rest)
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
    left = list(rest.lots)
    for n, taken in solution.take.items():
        for at, lots in taken.items():
            units.setdefault(rest.demands[at], {})[nodes[n]] = lots * rest.sizes[at]
            left[at] -= lots
    for (at, each, most), place in sorted(free, key=lambda row: row[0][1]):
        if each < unfilled[at] and (lots := min(left[at], most)):
            left[at] -= lots
            if place is not None:
                there = units.setdefault(rest.demands[at], {})
                there[place] = there.get(place, 0) + lots * rest.sizes[at]
    return _Relaxed(units, rest.cost + solution.cost, rest.cost + solution.lower_bound)


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left to solve beside the fixed lines: ``demands`` that have other ``lines``, in
    ``lots`` of some ``sizes`` (a whole line that is alone is one lot).

    ``gone`` are the units that fixed lines take, by place and demand; the places ``sending`` them
    send a parcel, which is in ``cost``.
    """

    demands: tuple[int, ...]
    lines: tuple[tuple[Wanted, ...], ...]
    sizes: tuple[int, ...]
    lots: tuple[int, ...]
    gone: Mapping[tuple[int, int], int]
    sending: tuple[int, ...]
    cost: int


def _rest(market: _Market, fixed: Fixed) -> _Rest:
    gone: dict[tuple[int, int], int] = {}
    demands, rest, cost = [], [], 0
    for i, lines in enumerate(market.lines):
        if left := tuple(line for line in lines if line.line_id not in fixed):
            demands.append(i)
            rest.append(left)
        for line in lines if fixed else ():
            if (n := fixed.get(line.line_id)) is not None:
                gone[n, i] = gone.get((n, i), 0) + line.quantity
            elif line.line_id in fixed:
                cost += line.penalty * line.quantity
    sending = tuple(sorted({n for n, _ in gone}))
    cost += sum(market.opening[n] for n in sending)
    cost += sum(_charged(market.shelves[n][i], units) for (n, i), units in gone.items())
    sizes = tuple(lines[0].quantity if len(lines) == 1 and lines[0].whole else 1 for lines in rest)
    return _Rest(
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


def _offers(market: _Market, rest: _Rest, n: int) -> list[Offer]:
    offers: list[Offer] = []
    shelves = market.shelves[n]
    for at, i in enumerate(rest.demands):
        if i in shelves:
            there = shelves[i]
            if (n, i) in rest.gone:
                there = _after(there, rest.gone[n, i])
            if (size := rest.sizes[at]) == 1:
                offers += [(at, each, units) for each, units in there]
            elif sum(units for _, units in there) >= size:
                offers.append((at, _charged(there, size), 1))
    return offers


def _lesser(rest: _Rest) -> list[tuple[Offer, None]]:
    """Leaving the units of a line unfilled that costs less than leaving those of the first."""
    return [
        ((at, line.penalty, line.quantity), None)
        for at, lines in enumerate(rest.lines)
        for line in lines[1:]
        if line.penalty < lines[0].penalty
    ]


def _handed(market: _Market, branch: Fixed, relaxed: _Relaxed) -> Places:
    """The fixed lines where they are, the others as far as they come out whole."""
    places: Places = {}
    for i, lines in enumerate(market.lines):
        for line in lines:
            if (n := branch.get(line.line_id)) is not None:
                places[line.line_id] = {n: line.quantity}
        left = [line for line in lines if line.line_id not in branch]
        places |= hand_out(left, relaxed.units.get(i, {}))
    return places


def _further(market: _Market, branch: Fixed, handed: Places) -> Iterable[Fixed]:
    """One more line fixed, in each possible way: the greatest of those that did not come out."""
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
        there = sum(units for _, units in shelves.get(i, ())) - taken.get(n, 0)
        if there >= line.quantity and (n in sending or len(sending) < market.packages):
            yield {**branch, line.line_id: n}


def _by_location(places: Places, names: Sequence[str]) -> Assignment:
    units: Assignment = {}
    for n, line_id, taken in sorted(
        (n, line_id, taken) for line_id, row in places.items() for n, taken in row.items()
    ):
        units.setdefault(names[n], {})[line_id] = taken
    return units
