"""Single orders: the project's solver on seeded instances, checked by another's arithmetic.

Seeds 1000 and up. CPU is ``time.process_time`` of one solve in one thread; reading the instance
and checking the plan are not in it. ``optimal`` are plans within 1e-5 of HiGHS in the same run.
"""

import statistics
import time
from collections.abc import Iterator, Sequence

from shared.routing.solve import Instance, Solution, solve
from tests.bench.report import Row, Table, Tell
from tests.bench.routing import highs
from tests.bench.routing.instances import Costs, Plan, costs, evaluate, generate

FIRST_SEED = 1000
COUNT, QUICK_COUNT = 300, 30
NODES = 200
SHAPES = ((2, 2), (3, 3), (10, 4))  # lines, packages
UNIT = 10_000  # the instances' costs have four decimals: exact as integers
SAME = 1e-5


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    count = QUICK_COUNT if quick else COUNT
    notes = [
        f"{count} orders of each kind, seeds {FIRST_SEED} to {FIRST_SEED + count - 1}; CPU in ms.",
        "proven: the solver's own bound meets its plan. gap: plan above bound, EUR.",
    ]
    if highs.AVAILABLE:
        notes.append("optimal, excess (EUR), and the ratio: against HiGHS 1.15 MILP, same run.")
    else:
        notes.append("highspy is not installed (extra `bench`): no reference column.")
    rows = [_row(lines, packages, count, tell) for lines, packages in SHAPES]
    yield Table(f"Single orders, {NODES} nodes", rows, notes)


def _row(lines: int, packages: int, count: int, tell: Tell) -> Row:
    solved: list[Solution] = []
    own, reference, excess = [], [], []
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
        own.append(time.process_time() - started)
        solved.append(solution)
        cost = evaluate(given, as_plan(given, solution))
        if abs(cost - solution.cost / UNIT) > SAME:
            raise ValueError(f"seed {order['seed']}: says {solution.cost / UNIT}, costs {cost}")
        if highs.AVAILABLE:
            best = highs.cheapest(given)
            reference.append(best.cpu_seconds)
            excess.append(cost - best.cost)
    row: dict[str, str | int | float | None] = {
        "lines": lines,
        "parcels <=": packages,
        "proven %": 100 * statistics.mean(solution.proven for solution in solved),
        "worst gap": max(one.cost - one.lower_bound for one in solved) / UNIT,
        "CPU p50": 1e3 * quantile(own, 0.50),
        "CPU p99": 1e3 * quantile(own, 0.99),
    }
    if reference:
        row |= {
            "optimal %": 100 * statistics.mean(each < SAME for each in excess),
            "worst excess": max(excess),
            "HiGHS p50": 1e3 * quantile(reference, 0.50),
            "HiGHS p99": 1e3 * quantile(reference, 0.99),
            "x faster p50": quantile(reference, 0.50) / quantile(own, 0.50),
            "x faster p99": quantile(reference, 0.99) / quantile(own, 0.99),
        }
    return row


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
