"""Candidates for a person and a cart, and which of them are shown. Pure.

Scores of one list are comparable with one another, not with those of another list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from shared.recommendations.model.counters import Again, Bought

Kind = Literal["again", "with", "new", "alternatives"]
ReasonKind = Literal[
    "bought_before", "goes_with", "suits_you", "popular_here", "new_here", "variant", "similar"
]
Suggested = Sequence[tuple[str, float]]
"""SKUs with scores, the best first."""
PER_DEPARTMENT = 3
"""Of ten places, as many go to one department at most."""
NEW_EVERY = 10
"""One place in so many goes to a new item."""
OWN_HABITS = 0.6
"""What the own purchases of a known person weigh beside the cart, at most."""
MOST_OF_ITEM = 50
"""Partners of one item of a cart that are candidates."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a SKU is suggested. ``times`` and ``last`` say how often and when the person bought it;
    ``sku`` is the item of the cart that it goes with, or that it can replace."""

    kind: ReasonKind
    times: int | None = None
    last: date | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    sku: str
    score: float
    reason: Reason


def together(homes: Iterable[Again]) -> Again:
    """What the homes of one person buy."""
    found: dict[str, Bought] = {}
    for again in homes:
        for sku, one in again.items.items():
            other = found.get(sku)
            found[sku] = (
                Bought(one.weight, one.times, one.last)
                if other is None
                else Bought(
                    one.weight + other.weight, one.times + other.times, max(one.last, other.last)
                )
            )
    return Again(found)


def bought_before(again: Again) -> list[Candidate]:
    """What the person buys, the most usual of late first."""
    order = sorted(again.items.items(), key=lambda item: (-item[1].weight, item[0]))
    return [
        Candidate(sku, float(one.weight), Reason("bought_before", one.times, one.last))
        for sku, one in order
    ]


def goes_with(
    cart: Iterable[str], partners: Mapping[str, Suggested], again: Again | None = None
) -> list[Candidate]:
    """What goes with the cart: each of its items asks for its partners. With ``again``, what the
    person buys anyway comes nearer to the top."""
    scores: dict[str, float] = {}
    causes: dict[str, tuple[float, str]] = {}
    for sku in cart:
        for other, points in partners.get(sku, ())[:MOST_OF_ITEM]:
            scores[other] = scores.get(other, 0.0) + points
            if points > causes.get(other, (0.0, ""))[0]:
                causes[other] = points, sku
    found = {
        sku: Candidate(sku, points, Reason("goes_with", sku=causes[sku][1]))
        for sku, points in scores.items()
        if sku in causes
    }
    if again is not None and again.items and found:
        found = _with_habits(found, again)
    return sorted(found.values(), key=lambda one: (-one.score, one.sku))


def _with_habits(found: Mapping[str, Candidate], again: Again) -> dict[str, Candidate]:
    best = max(one.score for one in found.values())
    heaviest = max(one.weight for one in again.items.values())
    habits = {
        sku: OWN_HABITS * best * (one.weight / heaviest) ** 0.5 for sku, one in again.items.items()
    }
    blended = {
        sku: Candidate(sku, one.score + habits.get(sku, 0.0), one.reason)
        for sku, one in found.items()
    }
    for sku, points in habits.items():
        if sku not in blended:
            one = again.items[sku]
            blended[sku] = Candidate(sku, points, Reason("bought_before", one.times, one.last))
    return blended


def suits(fitted: Iterable[Suggested], again: Again) -> list[Candidate]:
    """What the person has never bought and others with the same habits have: by the lists that the
    nightly fit has made for the homes."""
    scores: dict[str, float] = {}
    for row in fitted:
        for sku, points in row:
            scores[sku] = max(scores.get(sku, 0.0), points)
    order = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        Candidate(sku, points, Reason("suits_you"))
        for sku, points in order
        if sku not in again.items
    ]


def popular(skus: Iterable[str], without: Again | None = None) -> list[Candidate]:
    """What is bought most, in this order; without what the person has bought."""
    known = without.items if without else {}
    return [
        Candidate(sku, 1 / place, Reason("popular_here"))
        for place, sku in enumerate(skus, 1)
        if sku not in known
    ]


@dataclass(frozen=True, slots=True)
class Kin:
    """What the choice needs to know of a product; ``""`` for unknown."""

    department: str = ""
    group: str = ""


NO_KIN = Kin()


@dataclass(slots=True)
class Choice:
    """Chooses ``limit`` of the candidates that are offered, each SKU and each group of variants
    once, at most PER_DEPARTMENT of ten of a department."""

    limit: int
    kin: Mapping[str, Kin]
    without: frozenset[str] = frozenset()
    groups: set[str] = field(default_factory=set)
    chosen: list[Candidate] = field(default_factory=list)
    _skus: set[str] = field(default_factory=set)
    _departments: dict[str, int] = field(default_factory=dict)

    def offer(self, candidates: Iterable[Candidate], places: int | None = None) -> None:
        """Takes of the candidates in their order until ``places`` (all that are left) are full."""
        most = self.limit if places is None else min(self.limit, len(self.chosen) + places)
        per_department = PER_DEPARTMENT * -(-self.limit // 10)
        for one in candidates:
            if len(self.chosen) >= most:
                return
            kin = self.kin.get(one.sku, NO_KIN)
            if one.sku in self.without or one.sku in self._skus or kin.group in self.groups:
                continue
            if kin.department and self._departments.get(kin.department, 0) >= per_department:
                continue
            self.chosen.append(one)
            self._skus.add(one.sku)
            if kin.group:
                self.groups.add(kin.group)
            self._departments[kin.department] = self._departments.get(kin.department, 0) + 1


def chosen(
    choice: Choice, lists: Sequence[Sequence[Candidate]], newcomers: Sequence[Candidate]
) -> list[Candidate]:
    """Fills the places from the first list, then from the next ones; each NEW_EVERY-th place goes
    to a new item, if there is one."""
    news = iter(newcomers)
    while len(choice.chosen) < choice.limit:
        before = len(choice.chosen)
        for candidates in lists:
            choice.offer(candidates, NEW_EVERY - 1 - len(choice.chosen) % NEW_EVERY)
        if len(choice.chosen) % NEW_EVERY == NEW_EVERY - 1:
            choice.offer(news, 1)
        if len(choice.chosen) % NEW_EVERY == NEW_EVERY - 1:
            for candidates in lists:
                choice.offer(candidates, 1 if len(choice.chosen) % NEW_EVERY else 0)
        if len(choice.chosen) == before:
            break
    return choice.chosen
