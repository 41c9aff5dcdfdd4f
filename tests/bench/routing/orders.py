"""Single orders: the project's solver on seeded instances, checked by another's arithmetic.

Seeds 1000 and up. CPU is ``time.process_time`` of one solve in one thread; reading the instance
and checking the plan are not in it. ``optimal`` are plans within 1e-5 of HiGHS in the same run.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.routing.model.instance import Instance, Solution
from shared.routing.model.solve import solve
from tests.bench.report import Row, Table, Tell
from tests.bench.routing import highs
from tests.bench.routing.instances import Costs, Plan, costs, evaluate, generate

FIRST_SEED = 1000
COUNT, QUICK_COUNT = 300, 30
NODES = 200
SHAPES = ((2, 2), (3, 3), (10, 4))  # lines, packages
UNIT = 10_000  # the instances' costs have four decimals: exact as integers
SAME = 1e-5


@dataclass(frozen=True, slots=True)
class Measured:
    """EUR, and CPU seconds per order; ``optimum`` only with a reference."""

    cost: float
    gap: float
    proven: bool
    seconds: float
    optimum: highs.Reference


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    count = QUICK_COUNT if quick else COUNT
    measured = {lines: _measured(lines, packages, count, tell) for lines, packages in SHAPES}
    seeds = f"{count} orders of each kind, seeds {FIRST_SEED} to {FIRST_SEED + count - 1}."
    proven = "proven: the solver's bound meets its plan. gap: plan above that bound, EUR. CPU: ms."
    own = [_own(lines, orders) for lines, orders in measured.items()]
    yield Table(f"Single orders, {NODES} nodes", own, [seeds, proven])
    against = (
        "optimal: as cheap as HiGHS MILP in the same run. excess: plan above it, EUR. CPU: ms."
    )
    reference = [_reference(lines, orders) for lines, orders in measured.items()]
    yield Table("The same by HiGHS", reference, [against])


def _measured(lines: int, packages: int, count: int, tell: Tell) -> list[Measured]:
    found = []
    for index in range(count):
        tell(f"orders of {lines} lines: {index} of {count}")
        order = generate(
            FIRST_SEED + index,
            nodes=NODES,
            lines=lines,
            warehouses=max(2, NODES // 40),
            packages=packages,
        )
        given = costs(order)
        instance = as_instance(given)
        started = time.process_time()
        solution = solve(instance)
        seconds = time.process_time() - started
        cost = evaluate(given, as_plan(given, solution))
        if abs(cost - solution.cost / UNIT) > SAME:
            raise ValueError(f"seed {order['seed']}: says {solution.cost / UNIT}, costs {cost}")
        gap = (solution.cost - solution.lower_bound) / UNIT
        optimum = highs.cheapest(given)
        found.append(Measured(cost, gap, solution.proven, seconds, optimum))
    return found


def _own(lines: int, orders: Sequence[Measured]) -> Row:
    seconds = [order.seconds for order in orders]
    return {
        "lines": lines,
        "proven %": 100 * statistics.mean(order.proven for order in orders),
        "worst gap": max(order.gap for order in orders),
        "CPU p50": 1e3 * quantile(seconds, 0.50),
        "CPU p99": 1e3 * quantile(seconds, 0.99),
    }


def _reference(lines: int, orders: Sequence[Measured]) -> Row:
    excess = [order.cost - order.optimum.cost for order in orders]
    theirs = [order.optimum.cpu_seconds for order in orders]
    own = [order.seconds for order in orders]
    return {
        "lines": lines,
        "optimal %": 100 * statistics.mean(each < SAME for each in excess),
        "worst excess": round(max(excess), 5),
        "CPU p50": 1e3 * quantile(theirs, 0.50),
        "CPU p99": 1e3 * quantile(theirs, 0.99),
        "ratio p50": quantile(theirs, 0.50) / quantile(own, 0.50),
        "ratio p99": quantile(theirs, 0.99) / quantile(own, 0.99),
    }


def as_instance(given: Costs) -> Instance:
    place = {line: index for index, line in enumerate(given.quantity)}
    return Instance(
        quantity=tuple(given.quantity.values()),
        splittable=tuple(given.splittable.values()),
        unfilled=tuple(round(UNIT * each) for each in given.unfilled.values()),
        packages=given.packages,
        opening=tuple(round(UNIT * each) for each in given.parcel.values()),
        offers=tuple(
            tuple((place[line], round(UNIT * each), most) for line, (each, most) in offers.items())
            for offers in given.unit.values()
        ),
    )


def as_plan(given: Costs, solution: Solution) -> Plan:
    nodes, lines = list(given.parcel), list(given.quantity)
    return {
        nodes[n]: {lines[i]: units for i, units in taken.items()}
        for n, taken in solution.take.items()
    }


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
