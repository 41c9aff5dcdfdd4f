"""Stores whose stock goes wrong, and who notices: picks, and people who count. Simulated.

A shelf has the units that are there and those that are believed to be. Sales over the counter take
from both (one in some dozens is rung up as another product), losses only from what is there,
deliveries add to both when the belief runs low. A pick goes where something is believed to be; when
it finds nothing, the belief is set to 0. A count sets it to what is there.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tests.bench.availability.chance import poisson

DAY = 86_400
GROUPS, SHELVES = 8, 15
"""Product groups, and shelves of each, of a store."""
EVERY_DAYS = 90
"""In which each shelf is counted once, on average."""
LOST, LITTLE = 0.0018, 0.0002
"""Units of a shelf that are lost in a day, in the median store and group."""
QUIET = 0.5
"""Picks a day below which a store is quiet."""

AT_RANDOM = "by plan, shelves drawn at random"
IN_TURN = "by plan, shelf after shelf"
WHOLE = "by plan, the whole store twice a year"
CALM = "by plan, where little is wrong"
SUSPICION = "of the three that look worst"
BOOK = "copies of a book, each night"


@dataclass(frozen=True, slots=True)
class Pick:
    store: str
    group: str
    second: int
    found: bool
    quiet: bool


@dataclass(frozen=True, slots=True)
class Count:
    store: str
    group: str
    second: int
    quantity: int
    believed: int


Happened = Pick | Count


def history(kind: str, stores: int, days: int, seed: int) -> list[Happened]:
    """All stores' picks and counts of the ``kind``, by time."""
    chance = random.Random(f"{kind} {seed}")
    of_group = [chance.lognormvariate(0, 0.5) for _ in range(GROUPS)]
    happened = [
        one
        for number in range(stores)
        for one in _store(f"store-{number}", kind, days, of_group, chance)
    ]
    return sorted(happened, key=lambda one: (one.second, one.store))


class _Shelves:
    """Of one store, by their number."""

    def __init__(self, disorder: float, of_group: list[float], chance: random.Random) -> None:
        whole = GROUPS * SHELVES
        self.chance = chance
        self.whole = whole
        self.full = [chance.choice((2, 3, 5, 8, 12, 20)) for _ in range(whole)]
        self.there, self.believed = list(self.full), list(self.full)
        self.wanted = list(accumulate(chance.paretovariate(2) for _ in range(whole)))
        disorder *= chance.lognormvariate(0, 0.9)
        self.mistaken = 20 * disorder
        self.lost = [disorder * of_group[shelf // SHELVES] for shelf in range(whole)]

    def drawn(self) -> int:
        return self.chance.choices(range(self.whole), cum_weights=self.wanted)[0]

    def sell(self, untold: list[int] | None) -> None:
        """``untold`` are sales that the belief hears of at night."""
        shelf = self.drawn()
        if not self.there[shelf]:
            return
        self.there[shelf] -= 1
        told = shelf if self.chance.random() > self.mistaken else self.chance.randrange(self.whole)
        if untold is None:
            self.believed[told] = max(0, self.believed[told] - 1)
        else:
            untold[told] += 1

    def lose(self) -> None:
        shelf = self.chance.choices(range(self.whole), weights=self.lost)[0]
        self.there[shelf] = max(0, self.there[shelf] - 1)

    def pick(self) -> tuple[int, bool] | None:
        for _ in range(20):
            shelf = self.drawn()
            if self.believed[shelf]:
                break
        else:
            return None
        found = self.there[shelf] > 0
        if found:
            self.there[shelf] -= 1
        self.believed[shelf] = self.believed[shelf] - 1 if found else 0
        return shelf, found

    def worst_of_three(self) -> int:
        seen = [self.chance.randrange(self.whole) for _ in range(3)]
        return min(seen, key=lambda at: self.there[at] / max(1, self.believed[at]))

    def deliver(self) -> None:
        for shelf, full in enumerate(self.full):
            if self.believed[shelf] <= full // 4:
                self.there[shelf] += full - self.believed[shelf]
                self.believed[shelf] = full


def _store(
    store: str, kind: str, days: int, of_group: list[float], chance: random.Random
) -> Iterator[Happened]:
    shelves = _Shelves(LITTLE if kind == CALM else LOST, of_group, chance)
    a_day = 10 ** chance.uniform(-1.3, 0.7)
    better = chance.choice((0.4, 1.0))
    turn = 0
    for day in range(days):
        losses = sum(shelves.lost) * (better if day > days / 2 else 1.0)
        untold = [0] * shelves.whole if kind == BOOK else None
        for at, act in _acts(kind, day, a_day, losses, shelves.whole, chance):
            second = day * DAY + at
            if act == "sale":
                shelves.sell(untold)
            elif act == "loss":
                shelves.lose()
            elif act == "pick":
                if picked := shelves.pick():
                    shelf, found = picked
                    yield Pick(store, _group(shelf), second, found, a_day < QUIET)
            else:
                shelf = chance.randrange(shelves.whole)
                if kind in {IN_TURN, WHOLE}:
                    shelf, turn = turn % shelves.whole, turn + 1
                elif kind == SUSPICION:
                    shelf = shelves.worst_of_three()
                there, believed = shelves.there[shelf], shelves.believed[shelf]
                yield Count(store, _group(shelf), second, there, believed)
                shelves.believed[shelf] = there
        for shelf, units in enumerate(untold or ()):
            believed = shelves.believed[shelf]
            book = max(0, believed - units)
            yield Count(store, _group(shelf), (day + 1) * DAY - 1, book, believed)
            shelves.believed[shelf] = book
        shelves.deliver()


def _acts(
    kind: str, day: int, a_day: float, losses: float, shelves: int, chance: random.Random
) -> list[tuple[int, str]]:
    """What happens on a day, by the second of it."""
    counts = poisson(chance, shelves / EVERY_DAYS)
    if kind == WHOLE:
        counts = shelves if day % 180 == 120 else 0
    many = {
        "sale": poisson(chance, shelves * 0.25),
        "loss": poisson(chance, losses),
        "pick": poisson(chance, a_day),
        "count": 0 if kind == BOOK else counts,
    }
    return sorted((chance.randrange(DAY), act) for act, times in many.items() for _ in range(times))


def _group(shelf: int) -> str:
    return f"group-{shelf // SHELVES}"
