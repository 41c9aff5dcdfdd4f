"""The combination of promotions that saves the shopper most, within bounds.

Stages: item effects, then bundles, then effects on the order; in a stage by priority, then id.
Two promotions touch the same unit only if each names the group of the other.

- A *choice* says which bundles and order effects are on. Given a choice, each group of equal units
  takes its best *clique* of item effects (at most MOST_IN_CLIQUE that stack with one another and
  with the group's bundle), knowing which percentages off the order will follow.
- Order effects that exclude something are enumerated (at most MOST_ORDERS of them); the others are
  on. Bundles fall into components that share no line. Given the order effects, each component takes
  the best subset of its bundles (at most MOST_IN_COMPONENT), independently of the other components.
- Then changes improve the choice until none does: a bundle or an order effect goes on or off, two
  of them do, or a line takes another clique, which may leave it to an order effect that needs it.

Ties: the combination of fewer promotions, then the one of higher priority. ``complete`` is false
when a bound kept something from being tried. `python -m tests.bench pricing.quote` measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from shared.pricing.model.cart import Situation
from shared.pricing.model.pieces import Pieces
from shared.pricing.model.weighing import ANY, Choice, Group, Weighed, Weighing, bits, mask_of

MOST_ROUNDS = 8
"""Rounds of improvements: each takes the change that improves most."""


class Change(NamedTuple):
    """Bundles and order effects that go on or off, and lines that take another clique: (line,
    ``kept_open``) each."""

    bundles: int = 0
    orders: int = 0
    lines: tuple[tuple[int, int], ...] = ()

    def with_change(self, other: "Change") -> "Change":
        return Change(
            self.bundles ^ other.bundles, self.orders ^ other.orders, self.lines + other.lines
        )


@dataclass(frozen=True, slots=True)
class Combination:
    """The groups of the best choice. ``used`` has the bits of the pieces that take something off,
    ``considered`` of those that the search could take."""

    groups: tuple[Group, ...]
    used: int
    complete: bool
    considered: int


def combine(pieces: Pieces, situation: Situation) -> Combination:
    """The best combination of the pieces whose conditions hold."""
    return combine_weighed(Weighing(pieces, situation))


def combine_weighed(weighing: Weighing) -> Combination:
    """The best of the choices that ``weighing`` has."""
    return _Search(weighing).combination()


class _Search:
    """The search over the choices of one cart."""

    def __init__(self, weighing: Weighing) -> None:
        self.weighing = weighing

    def combination(self) -> Combination:
        best = self._improved(self._first())
        groups = tuple(self.weighing.groups(best.choice))
        used = mask_of(cut.piece for group in groups for cut in group.cuts)
        return Combination(groups, used, self.weighing.complete, self.weighing.considered)

    def _first(self) -> Weighed:
        """The best choice where each line takes its best clique."""
        best: Weighed | None = None
        anything = (ANY,) * len(self.weighing.lines)
        for orders in self._order_choices():
            weighed = self.weighing.weighed(
                Choice(self._bundles(orders, anything), orders, anything)
            )
            if best is None or _better(weighed, best):
                best = weighed
            if self.weighing.exhausted():
                break
        assert best is not None
        return best

    def _bundles(self, orders: int, kept_open: tuple[int, ...]) -> int:
        """The bundles that are best beside these order effects, each component by itself."""
        bundles = 0
        for number, component in enumerate(self.weighing.components):
            if len(component.subsets) > 1:
                best = min(
                    (
                        self.weighing.part(number, subset, orders, kept_open).net,
                        subset.bit_count(),
                        subset,
                    )
                    for subset in component.subsets
                    if not subset or not self.weighing.exhausted()
                )
                bundles |= best[2]
        return bundles

    def _order_choices(self) -> list[int]:
        """Masks of the order effects that are on: those that exclude nothing always are. The
        largest come first, so that of equal choices one is kept that leaves more to improve."""
        always = mask_of(
            index for index in self.weighing.kinds.orders if not self.weighing.conflicts[index]
        )
        return [
            always | mask_of(subset)
            for size in range(len(self.weighing.contested), -1, -1)
            for subset in combinations(self.weighing.contested, size)
            if not self._idle(subset)
        ]

    def _idle(self, subset: Sequence[int]) -> bool:
        """Whether one of two order effects would touch nothing, because the other excludes it from
        the same lines, and nothing but order effects excludes the other."""
        elsewhere = mask_of([*self.weighing.kinds.items, *self.weighing.kinds.bundles])
        return any(
            self.weighing.conflicts[first] >> second & 1
            and not self.weighing.conflicts[first] & elsewhere
            and self.weighing.line_masks[second] & ~self.weighing.line_masks[first] == 0
            and not self.weighing.measured >> first & 1
            for first, second in combinations(subset, 2)
        )

    def _improved(self, best: Weighed) -> Weighed:
        """The best choice after changes, until none is better."""
        changes = self._changes()
        for _ in range(MOST_ROUNDS):
            better = best
            for change in changes:
                tried = self._changed(best.choice, change)
                if _better(tried, better):
                    better = tried
                if self.weighing.exhausted():
                    return better
            if better is best:
                break
            best = better
        return best

    def _changed(self, choice: Choice, change: Change) -> Weighed:
        kept_open = choice.kept_open
        if change.lines:
            lines = list(kept_open)
            for line, possible in change.lines:
                lines[line] = possible
            kept_open = tuple(lines)
        return self.weighing.weighed(
            Choice(choice.bundles ^ change.bundles, choice.orders ^ change.orders, kept_open)
        )

    def _changes(self) -> list[Change]:
        """Bundles that compete and contested order effects, alone and in pairs; lines, alone and
        with an order effect that they leave possible."""
        competing = mask_of(
            index
            for component in self.weighing.components
            for index in bits(component.subsets[-1])
            if len(component.subsets) > 2 or self.weighing.conflicts[index]
        )
        bundles = [Change(bundles=1 << index) for index in bits(competing)]
        orders = [Change(orders=1 << index) for index in self.weighing.contested]
        lines = self._line_changes()
        return [
            *bundles,
            *orders,
            *(one.with_change(other) for one, other in combinations([*bundles, *orders], 2)),
            *(change for _, change in lines),
            *(
                change.with_change(order)
                for possible, change in lines
                for order in orders
                if possible & order.orders
            ),
        ]

    def _line_changes(self) -> list[tuple[int, Change]]:
        """Lines that leave more order effects possible than their best clique does, with these
        order effects; each line alone, and all lines that can do so for an order effect."""
        found: list[tuple[int, Change]] = []
        together: dict[int, list[tuple[int, int]]] = {}
        contested = mask_of(self.weighing.contested)
        for line in range(len(self.weighing.lines)):
            best, *others = self.weighing.options(self.weighing.whole(line), -1)
            if not others:
                continue
            found.append((0, Change(lines=((line, ANY),))))
            found.append((0, Change(lines=((line, best.open),))))
            for option in others:
                if gained := option.open & ~best.open & contested:
                    found.append((gained, Change(lines=((line, option.open),))))
                    for index in bits(gained):
                        together.setdefault(index, []).append((line, option.open))
        found += [
            (1 << index, Change(lines=tuple(dict(lines).items())))
            for index, lines in together.items()
            if len(lines) > 1
        ]
        return found


def _better(one: Weighed, other: Weighed) -> bool:
    if one.saving != other.saving:
        return one.saving > other.saving
    return one.used != other.used and one.rank < other.rank
