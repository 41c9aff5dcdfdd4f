"""The reference: mixed-integer programmes, solved by HiGHS to a gap of 0 in one thread."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import highspy
import numpy as np

from tests.bench.routing.instances import Costs
from tests.bench.routing.season import World


class Programme:
    """min cost x, where each row holds and 0 <= x <= most; some x are integer."""

    def __init__(self) -> None:
        self._columns: list[tuple[float, float, bool]] = []
        self._rows: list[tuple[float, float, Mapping[int, float]]] = []

    def variable(self, cost: float, most: float, *, integer: bool = False) -> int:
        self._columns.append((cost, most, integer))
        return len(self._columns) - 1

    def row(self, least: float, most: float, factors: Mapping[int, float]) -> None:
        self._rows.append((least, most, factors))

    def minimum(self) -> tuple[float, float]:
        """The optimum, and the CPU seconds that finding it took, without handing it over."""
        cost, most, integer = zip(*self._columns, strict=True)
        lows, highs, factors = zip(*self._rows, strict=True)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(cost), len(factors)
        model.col_cost_, model.col_upper_ = np.array(cost), np.array(most)
        model.col_lower_ = np.zeros(len(cost))
        model.row_lower_, model.row_upper_ = np.array(lows), np.array(highs)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *map(len, factors)], dtype=np.int32)
        model.a_matrix_.index_ = np.array([i for row in factors for i in row], dtype=np.int32)
        model.a_matrix_.value_ = np.array([value for row in factors for value in row.values()])
        kinds = highspy.HighsVarType
        model.integrality_ = [kinds.kInteger if one else kinds.kContinuous for one in integer]
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.setOptionValue("threads", 1)
        solver.passModel(model)
        started = time.process_time()
        solver.run()
        seconds = time.process_time() - started
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ValueError(f"HiGHS stopped: {solver.getModelStatus()}")
        return float(solver.getInfo().objective_function_value), seconds


@dataclass(frozen=True, slots=True)
class Reference:
    cost: float
    cpu_seconds: float


def cheapest(given: Costs) -> Reference:
    """The best plan of one order.

    Only the open nodes are integer: given them each line takes the cheapest units first, and where
    a line may not be split a node has all of it or nothing, so that splitting gains nothing.
    """
    programme = Programme()
    served = {
        line: {programme.variable(given.unfilled[line], units): 1.0}
        for line, units in given.quantity.items()
    }
    opened = {}
    for node, parcel in given.parcel.items():
        opened[node] = programme.variable(parcel, 1, integer=True)
        for line, (each, most) in given.unit[node].items():
            taken = programme.variable(each, most)
            served[line][taken] = 1.0
            programme.row(-np.inf, 0, {taken: 1.0, opened[node]: -float(most)})
    for line, units in given.quantity.items():
        programme.row(units, units, served[line])
    programme.row(0, given.packages, dict.fromkeys(opened.values(), 1.0))
    return Reference(*programme.minimum())


def hindsight(world: World) -> Reference:
    """The best that could have been done with a small season of one delivery, all known before."""
    network, programme = world.network, Programme()
    ((_, stock),) = world.network.deliveries
    used: dict[tuple[int, int], dict[int, float]] = {}
    unavoidable = 0.0
    for order in world.orders:
        parcels: dict[int, int] = {}
        for product, units in zip(order.products.tolist(), order.units.tolist(), strict=True):
            lost = float(network.online_margin[product])
            served = {programme.variable(units * lost, 1): 1.0}
            for node in np.flatnonzero(stock[product] >= units).tolist():
                kilo = network.kg[product] * network.per_kg[order.region, node]
                unit = network.pick[node] + kilo + network.salvage[product, node]
                taken = programme.variable(units * float(unit), 1, integer=True)
                if node not in parcels:
                    parcel = float(network.parcel[order.region, node])
                    parcels[node] = programme.variable(parcel, 1, integer=True)
                served[taken] = 1.0
                used.setdefault((product, node), {})[taken] = float(units)
                programme.row(-np.inf, 0, {taken: 1.0, parcels[node]: -1.0})
            programme.row(1, 1, served)
    for walker in world.walk_ins:
        place = walker.product, walker.node
        margin = float(network.walk_in_margin[walker.product])
        unavoidable += margin
        if stock[place]:
            gain = float(network.salvage[place]) - margin
            used.setdefault(place, {})[programme.variable(gain, 1, integer=True)] = 1.0
    for place, factors in used.items():
        programme.row(0, float(stock[place]), factors)
    cost, seconds = programme.minimum()
    return Reference(unavoidable + cost, seconds)
