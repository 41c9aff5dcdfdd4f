"""How likely it is that a unit which the stock shows is found when somebody goes to pick it. Pure.

Kept per location and product group (the catalog's attribute GROUP) as faded counts of picks that
found the goods and picks that did not. The answer is the mean of a Beta posterior, in two steps,
so that a group of which little is known borrows from the rest of its location:

    location   m = (MEAN * WEIGHT + found of all groups) / (WEIGHT + picks of all groups)
    group      p = (m * WEIGHT + found of the group)     / (WEIGHT + picks of the group)

that is, a prior Beta(MEAN * WEIGHT, (1 - MEAN) * WEIGHT) over locations, and one of the same weight
around the location's mean over its groups. Counts fade with HALF_LIFE: shelves are put in order.
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
class Outcome:
    """One pick, or one count that showed what a pick would have met, at ``second`` (epoch)."""

    id: str
    group: str
    found: bool
    second: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a location at ``second``; ``seen`` are digests of the latest outcomes."""

    groups: Mapping[str, Picks] = field(default_factory=dict)
    second: int = 0
    seen: tuple[str, ...] = ()
    version: int = 0


def learn(record: Record, outcomes: Iterable[Outcome]) -> Record | None:
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
        worth = Picks(one.found, not one.found).faded(second - one.second)
        groups[one.group] = Picks(before.found + worth.found, before.missed + worth.missed)
    return Record(groups, second, (*record.seen, *new)[-REMEMBERED:], record.version)


def probability(record: Record, group: str) -> float:
    found = sum(picks.found for picks in record.groups.values())
    missed = sum(picks.missed for picks in record.groups.values())
    location = _mean(MEAN, Picks(found, missed))
    return _mean(location, record.groups.get(group, Picks()))


def thousandths(record: Record, group: str) -> int:
    return round(probability(record, group) * WHOLE)


def _mean(prior: float, picks: Picks) -> float:
    return (prior * WEIGHT + picks.found) / (WEIGHT + picks.found + picks.missed)


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=5).hexdigest()
