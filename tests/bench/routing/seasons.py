"""Whole seasons: how much of what could be saved is saved.

captured = (rule - policy) / (rule - bound), against the vendors' rule and against the exact but
short-sighted plan; the bound is one that no policy can beat (tests/bench/routing/bound.py), so 100
cannot be reached. The seeds are public; judge with others, and with shifted parameters.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.bench.report import Row, Table, Tell
from tests.bench.routing.bound import lower_bound
from tests.bench.routing.policies import (
    Cheapest,
    FewestParcels,
    LearningRouter,
    Nearest,
    Newsvendor,
    Router,
)
from tests.bench.routing.season import Parameters, Policy, World, simulate, world

SEASONS = {
    "100 nodes": Parameters(seed=1),
    "30 nodes": Parameters(seed=2, nodes=30),
    "200 nodes": Parameters(seed=3, nodes=200),
    "little stock": Parameters(seed=4, stock_ratio=0.9),
    "much stock": Parameters(seed=5, stock_ratio=1.5),
    "in warehouses": Parameters(seed=6, warehoused=0.9),
    "walk-in .7": Parameters(seed=7, walk_in=0.7),
    "walk-in .25": Parameters(seed=8, walk_in=0.25),
    "4 deliveries": Parameters(seed=9, deliveries=3),
    "12 deliveries": Parameters(seed=10, deliveries=11),
}
SHIFTED: dict[str, Callable[[Parameters], Parameters]] = {
    "forecast error .6": lambda given: replace(given, error=0.6),
    "forecast 40 % too low": lambda given: replace(given, bias=0.6, error=0.3),
    "demand shock": lambda given: replace(given, shock=2.0),
    "phantom stock": lambda given: replace(given, phantom=0.03),
    "dear carrier": lambda given: replace(given, tariff=1.4),
}
SHIFTED_SEASONS = ("100 nodes", "30 nodes", "little stock")
RULES: dict[str, Callable[[], Policy]] = {
    "vendor": FewestParcels,
    "nearest": Nearest,
    "myopic": Cheapest,
}
PRICED: dict[str, Callable[[], Policy]] = {
    "newsvendor": Newsvendor,
    "told": Router,
    "router": LearningRouter,
}
WHO = (
    "vendor: fewest parcels, as they ship it; myopic: cheapest plan of each order, exact; router: "
    "shared.routing as it ships, its rates learnt from what is sold; told: the same, believing the "
    "forecast it is told; newsvendor: told, and knowing nothing of the orders to come."
)


@dataclass(frozen=True, slots=True)
class Judged:
    name: str
    cost: dict[str, float]
    bound: float

    def captured(self, policy: str, rule: str) -> float:
        saved = self.cost[rule] - self.cost[policy]
        return 100 * saved / (self.cost[rule] - self.bound)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    seasons = {
        name: replace(given, products=250, orders=1000, nodes=min(60, given.nodes))
        for name, given in list(SEASONS.items())[:2]
    }
    if not quick:
        seasons = SEASONS
    judged = [_judged(name, given, tell) for name, given in seasons.items()]
    size = next(iter(seasons.values()))
    yield Table(
        f"Seasons of {size.orders:,} online orders and {size.products:,} products, EUR",
        [{"season": one.name, **_euro(one)} for one in judged],
        [WHO],
    )
    yield _captured("Captured of what the bound allows, %", judged)
    for shift, shifted_by in SHIFTED.items():
        shifted = [
            _judged(name, shifted_by(given), tell)
            for name, given in seasons.items()
            if name in SHIFTED_SEASONS
        ]
        yield _captured(f"Captured under {shift}, %", shifted)


def _judged(name: str, given: Parameters, tell: Tell) -> Judged:
    season = world(given)
    cost = {
        policy: _cost(season, make(), f"{name}, {policy}", tell)
        for policy, make in (RULES | PRICED).items()
    }
    bound = lower_bound(season, tell=lambda text: tell(f"{name}, {text}"))
    return Judged(name, cost, bound.value)


def _cost(season: World, policy: Policy, name: str, tell: Tell) -> float:
    return simulate(season, policy, lambda text: tell(f"{name}: {text}")).cost


def _euro(one: Judged) -> Row:
    return {policy: round(cost) for policy, cost in one.cost.items()} | {"bound": round(one.bound)}


def _captured(title: str, judged: Sequence[Judged]) -> Table:
    rows = [_shares(one.name, [one], min) for one in judged]
    rows.append(_shares("mean", judged, statistics.mean))
    rows.append(_shares("worst", judged, min))
    return Table(title, rows)


def _shares(name: str, judged: Sequence[Judged], over: Callable[[Iterable[float]], float]) -> Row:
    return {"season": name} | {
        f"{policy}, {rule}": over([one.captured(policy, rule) for one in judged])
        for rule in ("vendor", "myopic")
        for policy in PRICED
    }
