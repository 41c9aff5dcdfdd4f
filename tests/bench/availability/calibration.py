"""Whether a confidence of 0.8 is one: picks replayed in their order, each foretold before it is
known, by the functions that do it in the system (shared/availability/confidence.py).

The picks are simulated, and so their truth is known: every store has its own accuracy, every
product group its own, drawn once; half of the stores put their shelves in order half-way.

Counts are judged in a world of shelves (counting.py), where a pick meets what went wrong before it:
each kind of count has histories of its own, foretold once from the picks alone and once with them.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.availability.model.confidence import (
    MEAN,
    ConfidenceRecord,
    PickOutcome,
    ShelfCount,
    learn,
    outcome_of_count,
    probability,
)
from tests.bench.availability import counting
from tests.bench.availability.chance import poisson
from tests.bench.availability.counting import Count, Happened
from tests.bench.report import Table, Tell

DAY = 86_400
BUCKETS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
STORES, GROUPS = 40, 12


@dataclass(frozen=True, slots=True)
class Pick:
    store: str
    group: str
    second: int
    found: bool
    truth: float


@dataclass(frozen=True, slots=True)
class Foretold:
    said: float
    found: bool
    truth: float


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    worlds, days = (3, 120) if quick else (5, 365)
    tell("picks")
    histories = [simulated(STORES, GROUPS, days, seed) for seed in range(worlds)]
    ours = told(histories, probability)
    picks = sum(map(len, histories))
    yield Table(
        "confidence: foretold and seen",
        [
            {
                "said": f"{low:.2f} to {high:.2f}",
                "picks": len(rows),
                "said, mean": _mean([row.said for row in rows]),
                "found, share": _mean([row.found for row in rows]),
                "truth, mean": _mean([row.truth for row in rows]),
            }
            for low, high, rows in buckets(ours)
        ],
        (
            f"{picks:,} simulated picks, {_mean([row.found for row in ours]):.3f} found",
            f"{worlds} draws of {STORES} stores x {GROUPS} groups over {days} days",
            "the first fifth of each only learnt; half of the stores find more from half-way on",
        ),
    )
    answers = {
        "by store and group, as it is answered": ours,
        "by store alone": told(histories, lambda record, _: probability(record, "another")),
        f"the prior alone, {MEAN}": told(histories, lambda _, __: MEAN),
        "the truth itself": [Foretold(row.truth, row.found, row.truth) for row in ours],
    }
    yield Table(
        "confidence: how far off",
        [
            {
                "answer": name,
                "Brier score": brier(rows),
                "calibration error": calibration_error(rows),
                "from the truth": math.sqrt(_mean([(row.said - row.truth) ** 2 for row in rows])),
            }
            for name, rows in answers.items()
        ],
        (
            "Brier score: mean square of said - found; nothing said is better than the truth",
            "calibration error: over the buckets, the mean of |said - found|, weighed by picks",
        ),
    )

    tell("counts")
    yield Table(
        "confidence: counts of each kind",
        [row for kind in KINDS for row in _judged(kind, quick)],
        (
            f"as above, of the picks in a world of shelves; quiet: below {counting.QUIET} a day",
            f"a shelf is counted in {counting.EVERY_DAYS} days; whole stores, books as named",
            "each kind taught as if it were one that teaches",
        ),
    )


Telling = Callable[[Count], bool]


KINDS = (
    counting.AT_RANDOM,
    counting.IN_TURN,
    counting.WHOLE,
    counting.CALM,
    counting.SUSPICION,
    counting.BOOK,
)
"""By plan, the first four; the others do not teach, and this is why."""
LEARNT: tuple[tuple[str, Telling], ...] = (
    ("picks", lambda _: False),
    ("picks and counts", lambda _: True),
    ("picks and counts that correct", lambda count: count.quantity != count.believed),
)


def _judged(kind: str, quick: bool) -> Iterator[dict[str, str | int | float | None]]:
    worlds, days = (1, 150) if quick or kind == counting.BOOK else (3, 365)
    histories = [counting.history(kind, STORES, days, seed) for seed in range(worlds)]
    for learnt, telling in LEARNT:
        rows = counted(histories, telling)
        quiet = [row for row, is_quiet in rows if is_quiet]
        every = [row for row, _ in rows]
        yield {
            "counts": kind,
            "learnt from": learnt,
            "calibration error": calibration_error(every),
            "Brier score": brier(every),
            "quiet stores: calibration error": calibration_error(quiet),
            "quiet: Brier score": brier(quiet),
            "picks": len(every),
            "of quiet stores": len(quiet),
        }


def counted(
    histories: Sequence[Sequence[Happened]], telling: Telling
) -> list[tuple[Foretold, bool]]:
    """The picks of all histories but for the first fifth of each, and whether they are of a quiet
    store; foretold from the picks before them, and from the counts that are ``telling``."""
    return [row for one in histories for row in _with_counts(one, telling)]


def _with_counts(history: Sequence[Happened], telling: Telling) -> Iterator[tuple[Foretold, bool]]:
    records: dict[str, ConfidenceRecord] = {}
    begin = history[-1].second / 5
    for number, one in enumerate(history):
        record = records.get(one.store, ConfidenceRecord())
        if isinstance(one, Count):
            if not one.believed or not telling(one):
                continue
            made = ShelfCount(str(number), "", one.store, one.quantity, one.believed, one.second)
            outcome = outcome_of_count(made, one.group)
        else:
            if one.second >= begin:
                yield Foretold(probability(record, one.group), one.found, math.nan), one.quiet
            outcome = PickOutcome(str(number), one.group, one.found, one.second)
        records[one.store] = learn(record, [outcome]) or record


def told(
    histories: Sequence[Sequence[Pick]], said: Callable[[ConfidenceRecord, str], float]
) -> list[Foretold]:
    """The picks of all histories but for the first fifth of each."""
    return [row for one in histories for row in replayed(one, said)[len(one) // 5 :]]


def simulated(stores: int, groups: int, days: int, seed: int) -> list[Pick]:
    """Picks by time. A store's accuracy is logistic(2.4 + N(0, 0.8) + its group's N(0, 0.5)); busy
    stores pick ten times as much as quiet ones."""
    chance = random.Random(seed)
    of_group = [chance.gauss(0, 0.5) for _ in range(groups)]
    history = []
    for number in range(stores):
        level, better = 2.4 + chance.gauss(0, 0.8), 1.0 if number % 2 else 0.0
        a_day = 10 ** chance.uniform(-0.3, 0.7)
        for day in range(days):
            for _ in range(poisson(chance, a_day)):
                group = min(int(chance.expovariate(0.35)), groups - 1)
                gained = better if day > days / 2 else 0.0
                truth = 1 / (1 + math.exp(-(level + of_group[group] + gained)))
                second = day * DAY + chance.randrange(DAY)
                found = chance.random() < truth
                history.append(Pick(f"store-{number}", f"group-{group}", second, found, truth))
    return sorted(history, key=lambda pick: (pick.second, pick.store))


def replayed(
    history: Sequence[Pick], said: Callable[[ConfidenceRecord, str], float]
) -> list[Foretold]:
    """Each pick foretold from those before it."""
    records: dict[str, ConfidenceRecord] = {}
    foretold = []
    for number, pick in enumerate(history):
        record = records.get(pick.store, ConfidenceRecord())
        foretold.append(Foretold(said(record, pick.group), pick.found, pick.truth))
        outcome = PickOutcome(str(number), pick.group, pick.found, pick.second)
        records[pick.store] = learn(record, [outcome]) or record
    return foretold


def buckets(told: Sequence[Foretold]) -> Iterator[tuple[float, float, list[Foretold]]]:
    """The buckets that have any, with the answers that fall in each."""
    for low, high in pairwise(BUCKETS):
        rows = [row for row in told if low <= row.said < high or (high == 1.0 and row.said == 1.0)]
        if rows:
            yield low, high, rows


def brier(told: Sequence[Foretold]) -> float:
    return _mean([(row.said - row.found) ** 2 for row in told])


def calibration_error(told: Sequence[Foretold]) -> float:
    return sum(
        len(rows) * abs(_mean([row.said for row in rows]) - _mean([row.found for row in rows]))
        for _, _, rows in buckets(told)
    ) / max(1, len(told))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
