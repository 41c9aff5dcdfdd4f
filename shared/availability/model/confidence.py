"""How likely it is that a unit which the stock shows is found when somebody goes to pick it. Pure.

Kept per location and product group (the catalog's attribute GROUP) as faded counts of picks that
found the goods and picks that did not. The answer is the mean of a Beta posterior, in two steps,
so that a group of which little is known borrows from the rest of its location:

    location   m = (MEAN * WEIGHT + found of all groups) / (WEIGHT + picks of all groups)
    group      p = (m * WEIGHT + found of the group)     / (WEIGHT + picks of the group)

that is, a prior Beta(MEAN * WEIGHT, (1 - MEAN) * WEIGHT) over locations, and one of the same weight
around the location's mean over its groups. Picks fade with HALF_LIFE: shelves are put in order.

Counts teach as well. A count of N units where B > 0 were believed says what a pick would have met:

    found = min(N, B) / B     of COUNT_WORTH picks

because a pick takes one of the believed units, and B - N of these are not there. Units too many
are found all the same, and where nothing was believed nobody would have been sent.

Only counts that people make by plan teach (``reason``: cycle_counting, stock_taking), and of these
also those that find all in order: the ones that correct are by their choice the bad ones, and taken
alone they say of a location with some disorder that most of it is. The rest is left out because it
makes the answers worse (tests/bench/availability/calibration.py, "counts of each kind"):

    a system's copy of its book   what differs are sales that nobody has told, not units that are
                                  missing; what does not differ repeats each night what one system
                                  believes of itself, and proves nothing of the shelf
    a net count                   orders and shelf cannot be told apart in it
    a count on suspicion          is made where units are missing, and speaks of no other shelf: it
                                  should come without a ``reason``

COUNT_WORTH is below one. A count meets any shelf, a pick the shelves that sell; a shelf that is
counted in its turn is seen at its worst, just before it is put right; and whoever counts a whole
store says thousands of things at once, of the same day. For the same cause at most MOST_COUNTS of a
location teach at a time, chosen by their ids, which know nothing of what was found.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GROUP = "department"
MEAN = 0.95
"""Of the prior: a location that has never picked is believed to find 19 of 20."""
WEIGHT = 20.0
"""Picks that the prior is worth."""
HALF_LIFE = 90 * 86_400
"""Seconds after which a pick counts half."""
COUNT_WORTH = 0.25
"""Picks that a count is worth."""
MOST_COUNTS = 16
"""Of a location and a batch: what is REMEMBERED holds some batches, should they come again."""
REMEMBERED = 64
"""Outcomes of a location that are known by their ids, so that one told twice counts once."""
WHOLE = 1000
"""Packs have the probability in thousandths."""


@dataclass(frozen=True, slots=True)
class Picks:
    found: float = 0.0
    missed: float = 0.0

    def faded(self, seconds: int) -> "Picks":
        left = 0.5 ** (max(0, seconds) / HALF_LIFE)
        return Picks(self.found * left, self.missed * left)


@dataclass(frozen=True, slots=True)
class PickOutcome:
    """One pick, or one count that showed what a pick would have met, at ``second`` (epoch).

    ``found`` is the share that was there, ``worth`` in picks."""

    id: str
    group: str
    found: float
    second: int
    worth: float = 1.0


@dataclass(frozen=True, slots=True)
class ShelfCount:
    """People have counted ``quantity`` units at ``second``, where ``believed`` were thought to be.
    ``id`` names the count for ever."""

    id: str
    sku: str
    location_id: str
    quantity: int
    believed: int
    second: int


@dataclass(frozen=True, slots=True)
class ConfidenceRecord:
    """What is known of a location at ``second``; ``seen`` are digests of the latest outcomes."""

    groups: Mapping[str, Picks] = field(default_factory=dict)
    second: int = 0
    seen: tuple[str, ...] = ()
    version: int = 0


def teaching_counts(countings: Iterable[ShelfCount]) -> list[ShelfCount]:
    """Those of the counts of one location that teach: the same ones when they come again."""
    by_digest = {_digest(one.id): one for one in countings if one.believed > 0}
    return [one for _, one in sorted(by_digest.items())[:MOST_COUNTS]]


def outcome_of_count(counting: ShelfCount, group: str) -> PickOutcome:
    """What it says of picks of ``group``, that of its SKU; ``believed`` is above 0."""
    found = min(counting.quantity, counting.believed) / counting.believed
    return PickOutcome(counting.id, group, found, counting.second, COUNT_WORTH)


def learn(record: ConfidenceRecord, outcomes: Iterable[PickOutcome]) -> ConfidenceRecord | None:
    """``record`` after ``outcomes``; None when all of them are known.

    An outcome that comes late counts for what it is worth by then.
    """
    known = set(record.seen)
    new = {digest: one for one in outcomes if (digest := _digest(one.id)) not in known}
    if not new:
        return None
    second = max(record.second, *(one.second for one in new.values()))
    groups = {name: picks.faded(second - record.second) for name, picks in record.groups.items()}
    for one in new.values():
        before = groups.get(one.group, Picks())
        worth = Picks(one.worth * one.found, one.worth * (1 - one.found))
        worth = worth.faded(second - one.second)
        groups[one.group] = Picks(before.found + worth.found, before.missed + worth.missed)
    return ConfidenceRecord(groups, second, (*record.seen, *new)[-REMEMBERED:], record.version)


def probability(record: ConfidenceRecord, group: str) -> float:
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
