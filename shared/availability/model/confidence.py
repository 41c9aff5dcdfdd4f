"""Confidence: how likely a picker finds a unit that the stock shows. Pure.

Kept per location and product group (the catalog's attribute GROUP) as faded counts of successful
and failed picks. The confidence is the mean of a Beta posterior, in two steps, so that a group with
few picks borrows from the rest of its location:

    location   m = (MEAN * WEIGHT + found of all groups) / (WEIGHT + picks of all groups)
    group      p = (m * WEIGHT + found of the group)     / (WEIGHT + picks of the group)

that is, a prior Beta(MEAN * WEIGHT, (1 - MEAN) * WEIGHT) over locations, and one of the same weight
around the location's mean over its groups. Picks fade with HALF_LIFE, because shelves are put in
order.

Counts teach as well. A count of N units where B > 0 were believed shows what a pick would have met:

    found = min(N, B) / B     of COUNT_WORTH picks

because a pick takes one of the believed units, and B - N of them are missing. Surplus units do not
make a pick fail, and where no units were believed nobody would have been sent to pick.

Only planned counts by people teach (``reason``: cycle_counting, stock_taking), including those that
confirm the stock. Correcting counts are made where something is wrong: alone they would make a
location with some disorder look mostly wrong. Other counts make the confidence worse
(tests/bench/availability/calibration.py, "counts of each kind"):

    a copy of a system's book     differences are sales that were not reported, not missing units;
                                  agreement only repeats each night what one system believes, and
                                  proves nothing about the shelf
    a net count                   orders and shelf cannot be told apart in it
    a count on suspicion          is made where units are missing, and says nothing about other
                                  shelves: it should come without a ``reason``

COUNT_WORTH is below one. A count meets any shelf, a pick mostly the shelves that sell; a shelf is
counted at its worst, just before it is put right; and a count of a whole store produces thousands
of outcomes of the same day. For the same reason at most MOST_COUNTS of a location teach at a time,
chosen by their ids, which do not depend on the result.

A location keeps MOST_GROUPS groups, those with most picks. The picks of all others are added up in
one group, REST: they still make the location's mean, which is what a group with few picks borrows.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

GROUP = "department"
MEAN = 0.95
"""Mean of the prior: a location without picks is believed to find 19 of 20."""
WEIGHT = 20.0
"""Picks that the prior is worth."""
HALF_LIFE = 90 * 86_400
"""Seconds after which a pick counts half."""
COUNT_WORTH = 0.25
"""Picks that a count is worth."""
MOST_COUNTS = 16
"""Counts of a location and a batch that teach: REMEMBERED then covers several batches, in case they
come again."""
MOST_GROUPS = 100
"""Groups of a location, REST included."""
MOST_NAME_BYTES = 4_000
"""Bytes of the names of these groups together: a record is below 8 KB, so that reading one costs
one request unit."""
REST = ""
"""The group of all that are not kept. No product has it: an attribute is never empty."""
REMEMBERED = 64
"""Outcomes of a location that are remembered by their ids, so that a repeated outcome
counts once."""
WHOLE = 1000
"""Packs store the confidence in thousandths."""


@dataclass(frozen=True, slots=True)
class Picks:
    """Faded numbers of picks that found their goods, and of picks that missed them."""

    found: float = 0.0
    missed: float = 0.0

    def faded(self, seconds: int) -> "Picks":
        fading = 0.5 ** (max(0, seconds) / HALF_LIFE)
        return Picks(self.found * fading, self.missed * fading)


@dataclass(frozen=True, slots=True)
class PickOutcome:
    """One pick at ``second`` (epoch), or one count that shows what a pick would have met.

    ``found`` is the share of the units that was there, ``worth`` the weight in picks.
    """

    id: str
    group: str
    found: float
    second: int
    worth: float = 1.0


@dataclass(frozen=True, slots=True)
class ShelfCount:
    """People have counted ``quantity`` units at ``second`` where ``believed`` units were expected.
    ``id`` names the count for ever."""

    id: str
    sku: str
    location_id: str
    quantity: int
    believed: int
    second: int


@dataclass(frozen=True, slots=True)
class ConfidenceRecord:
    """The picks of a location, faded to ``second``; ``seen`` are digests of the latest outcomes."""

    groups: Mapping[str, Picks] = field(default_factory=dict)
    second: int = 0
    seen: tuple[str, ...] = ()
    version: int = 0


def teaching_counts(countings: Iterable[ShelfCount]) -> list[ShelfCount]:
    """The counts of one location that teach: always the same ones, also when they come again."""
    by_digest = {_digest(one.id): one for one in countings if one.believed > 0}
    return [one for _, one in sorted(by_digest.items())[:MOST_COUNTS]]


def outcome_of_count(counting: ShelfCount, group: str) -> PickOutcome:
    """The outcome that a count shows for picks of ``group``, its SKU's group; ``believed`` is above
    0."""
    found = min(counting.quantity, counting.believed) / counting.believed
    return PickOutcome(counting.id, group, found, counting.second, COUNT_WORTH)


def learn(record: ConfidenceRecord, outcomes: Iterable[PickOutcome]) -> ConfidenceRecord | None:
    """``record`` after ``outcomes``; None when all of them are known.

    A late outcome counts with its faded weight. A group that is not kept becomes part of REST.
    """
    known = set(record.seen)
    new = {digest: outcome for outcome in outcomes if (digest := _digest(outcome.id)) not in known}
    if not new:
        return None
    second = max(record.second, *(outcome.second for outcome in new.values()))
    groups = {name: picks.faded(second - record.second) for name, picks in record.groups.items()}
    for outcome in new.values():
        before = groups.get(outcome.group, Picks())
        worth = Picks(outcome.worth * outcome.found, outcome.worth * (1 - outcome.found))
        worth = worth.faded(second - outcome.second)
        groups[outcome.group] = Picks(before.found + worth.found, before.missed + worth.missed)
    seen = (*record.seen, *new)[-REMEMBERED:]
    return ConfidenceRecord(_most_picked(groups), second, seen, record.version)


def _most_picked(groups: Mapping[str, Picks]) -> Mapping[str, Picks]:
    """The groups that are kept, and REST with the picks of the others."""
    names = sorted(
        groups.keys() - {REST},
        key=lambda name: (-groups[name].found - groups[name].missed, name),
    )
    sizes = accumulate(len(name.encode()) for name in names)
    fitting = sum(size <= MOST_NAME_BYTES for size in sizes)
    if fitting == len(names) <= MOST_GROUPS - (REST in groups):
        return groups
    kept = set(names[: min(fitting, MOST_GROUPS - 1)])
    others = [picks for name, picks in groups.items() if name not in kept]
    rest = Picks(sum(one.found for one in others), sum(one.missed for one in others))
    return {**{name: picks for name, picks in groups.items() if name in kept}, REST: rest}


def probability(record: ConfidenceRecord, group: str) -> float:
    """The confidence in the stock of a group at the location."""
    found = sum(picks.found for picks in record.groups.values())
    missed = sum(picks.missed for picks in record.groups.values())
    location = _mean(MEAN, Picks(found, missed))
    return _mean(location, record.groups.get(group, Picks()))


def thousandths(record: ConfidenceRecord, group: str) -> int:
    return round(probability(record, group) * WHOLE)


def _mean(prior: float, picks: Picks) -> float:
    return (prior * WEIGHT + picks.found) / (WEIGHT + picks.found + picks.missed)


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=5).hexdigest()
