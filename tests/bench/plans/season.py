"""Half a year of a store, planned three ways: what each earns on the same demand.

Shoppers come as a Poisson process whose rate differs between SKUs and days, and drifts; a shelf
that is empty sells nothing, and nobody sees what it would have sold. Once a week an order is made,
which arrives two days later. A unit that is sold earns its margin, one that is there when the next
order arrives costs its overage.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.plans.model.forecast import Calendar, State, after_day, forecast
from shared.plans.model.replenishment import Money, Terms, replenishment
from tests.bench.report import Row, Table, Tell

WEEK = 7
LEARNING = 8
WEEKS = LEARNING + 26
"""Weeks, of which the first ones fill the shelves by a rule of thumb and are not judged."""
TERMS = Terms(lead_days=2, review_days=WEEK)
SKUS = 120
SEEDS = range(10)
SAFETY = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
COVERS = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
MARGIN = 100.0
OVERAGES = (2.0, 10.0, 40.0)
"""Of a unit too many; by SKU: what keeps, what ages, what spoils."""


@dataclass
class Shelf:
    """``sales`` are what was sold each day, ``shares`` the parts of the days with units to sell."""

    money: Money
    rate: float
    burst: float
    drift: float
    on_hand: int = 0
    due: int = 0
    state: State = field(default_factory=State)
    sales: list[int] = field(default_factory=list)
    earned: float = 0.0
    stock: float = 0.0
    wanted: int = 0
    sold: int = 0

    def day(self, arrivals: Sequence[float], *, judged: bool) -> None:
        """``arrivals`` are the times of the day at which a shopper wants a unit."""
        sold = min(self.on_hand, len(arrivals))
        emptied = 1.0
        if not self.on_hand:
            emptied = 0.0
        elif sold == self.on_hand:
            emptied = arrivals[sold - 1]
        self.on_hand -= sold
        self.state = after_day(self.state, sold, emptied)
        self.sales.append(sold)
        if judged:
            self.earned += sold * self.money.margin
            self.wanted += len(arrivals)
            self.sold += sold
            self.stock += self.on_hand


Policy = Callable[[Shelf], int]
"""The stock up to which a shelf is filled; at most what is there orders nothing."""


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    seeds = SEEDS[:2] if quick else SEEDS
    policies: dict[str, list[Policy]] = {
        "plan": [_plan],
        "(s, S)": [_s_s(safety) for safety in SAFETY],
        "min-max": [_min_max(cover) for cover in COVERS],
    }
    found: dict[str, Row] = {}
    wins: dict[str, int] = {}
    ours: list[float] = []
    for name, variants in policies.items():
        tell(name)
        runs = [[season(seed, policy) for seed in seeds] for policy in variants]
        best = max(runs, key=lambda run: sum(shelf.earned for shelves in run for shelf in shelves))
        earned = [sum(shelf.earned for shelf in shelves) for shelves in best]
        ours = ours or earned
        wins[name] = sum(own > other for own, other in zip(ours, earned, strict=True))
        found[name] = _row(name, best, earned, wins[name] if name != "plan" else None)
    yield Table(
        f"{WEEKS - LEARNING} weeks of {SKUS} SKUs, {len(seeds)} seeds",
        list(found.values()),
        (
            "peers: the best of 7 parameters each, chosen on these very seeds, the same for all",
            "SKUs; mean and deviation of 56 days. (s, S): lead time and review with safety;",
            "min-max: filled up when half is gone. They know no margins",
            "earned: margin of what is sold less the overage of what is left, per seed",
        ),
    )


def _row(
    name: str, run: Sequence[Sequence[Shelf]], earned: Sequence[float], won: int | None
) -> Row:
    shelves = [shelf for shelves in run for shelf in shelves]
    days = (WEEKS - LEARNING) * WEEK
    return {
        "policy": name,
        "earned": round(sum(earned) / len(earned)),
        "fill rate": round(
            sum(shelf.sold for shelf in shelves) / sum(shelf.wanted for shelf in shelves), 4
        ),
        "units on a shelf": round(sum(shelf.stock for shelf in shelves) / days / len(shelves), 2),
        "seeds in which plan earns more": won,
    }


def season(seed: int, policy: Policy) -> list[Shelf]:
    """The shelves after the season; the same seed has the same shoppers for every policy."""
    chance = random.Random(seed)
    shelves = [
        Shelf(
            Money(MARGIN, chance.choice(OVERAGES)),
            rate=chance.gammavariate(0.8, 1.2),
            burst=chance.uniform(0.5, 3.0),
            drift=chance.gauss(0, 0.02),
        )
        for _ in range(SKUS)
    ]
    for week in range(WEEKS):
        judged = week >= LEARNING
        for shelf in shelves:
            act = policy if judged else _thumb
            shelf.due = max(0, act(shelf) - shelf.on_hand)
        for day in range(WEEK):
            for shelf in shelves:
                if day == TERMS.lead_days:
                    if judged:
                        shelf.earned -= shelf.on_hand * shelf.money.overage
                    shelf.on_hand += shelf.due
                mean = shelf.rate * math.exp(shelf.drift * week)
                rate = chance.gammavariate(shelf.burst, mean / shelf.burst)
                shelf.day(_arrivals(rate, chance), judged=judged)
    return shelves


def _arrivals(rate: float, chance: random.Random) -> list[float]:
    times: list[float] = []
    at = chance.expovariate(rate) if rate > 1e-9 else 2.0
    while at < 1:
        times.append(at)
        at += chance.expovariate(rate)
    return times


def _plan(shelf: Shelf) -> int:
    wanted = forecast(shelf.state, TERMS.days, Calendar(0))
    return shelf.on_hand + replenishment(wanted, shelf.on_hand, 0, TERMS, shelf.money).quantity


def _thumb(shelf: Shelf) -> int:
    """Twice what the last weeks sold, and three units."""
    return 3 + round(2 * _mean(shelf) * TERMS.days)


def _s_s(safety: float) -> Policy:
    def level(shelf: Shelf) -> int:
        mean, days = _mean(shelf), TERMS.days
        recent = shelf.sales[-56:]
        deviation = math.sqrt(sum((sold - mean) ** 2 for sold in recent) / max(1, len(recent)))
        order_up_to = math.ceil(mean * days + safety * deviation * math.sqrt(days))
        reorder_at = math.ceil(mean * days / 2 + safety * deviation * math.sqrt(days / 2))
        return order_up_to if shelf.on_hand <= reorder_at else 0

    return level


def _min_max(cover: float) -> Policy:
    def level(shelf: Shelf) -> int:
        most = math.ceil(cover * _mean(shelf) * TERMS.days)
        return most if shelf.on_hand <= most / 2 else 0

    return level


def _mean(shelf: Shelf) -> float:
    recent = shelf.sales[-56:]
    return sum(recent) / max(1, len(recent))
