"""What a choice of promotions comes to for a cart: which units bundles take, the best clique of
item effects for each group of equal units, and what effects on the order take off the rest.

A choice is weighed by sums over units that the same order effects may touch; ``groups`` then has
the amounts to the cent. The search over choices is in combining.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter
from typing import NamedTuple

from shared.pricing.model.bundles import Taken, take
from shared.pricing.model.cart import Situation
from shared.pricing.model.conditions import Touched, measures_own, missing_condition
from shared.pricing.model.effects import (
    OrderPercentOff,
)
from shared.pricing.model.money import percent_of, shares
from shared.pricing.model.pieces import Pieces, item_cut, order_cut

MOST_IN_CLIQUE = 3
MOST_ON_LINE = 10
"""Item effects of one line that cliques are made of: those that save most alone."""
MOST_ORDERS = 6
MOST_IN_COMPONENT = 6
MOST_STEPS = 60_000
"""Groups and components that are looked at before the search stops: some 0.2 s."""


class Cut(NamedTuple):
    """What a piece takes off."""

    piece: int
    amount: int


class Group(NamedTuple):
    """Equal units of a line that the same effects touch, and what is left of their ``list_total``.
    ``touched`` has the bits of the pieces that touch the units, also of a bundle that takes nothing
    off them."""

    line: int
    units: int
    list_total: int
    left: int
    touched: int
    cuts: tuple[Cut, ...]


class Choice(NamedTuple):
    """Bit masks of the bundles and the order effects that are on. ``kept_open`` has by line the
    order effects that its clique must leave possible, ANY where the best clique is taken."""

    bundles: int
    orders: int
    kept_open: tuple[int, ...]


ANY = -1


class Weighed(NamedTuple):
    """What a choice saves, and the bits of the pieces that take something off. Amounts off the
    order are split over sums of units only, so that it may be some cents off."""

    choice: Choice
    saving: int
    used: int

    @property
    def rank(self) -> tuple[int, int, tuple[int, ...]]:
        """The lowest is the best: it saves most with the fewest promotions."""
        return -self.saving, self.used.bit_count(), tuple(bits(self.used))


class Option(NamedTuple):
    """The best clique of a group among those that leave the same order effects ``open``."""

    left: int
    clique: tuple[int, ...]
    group: Group
    open: int
    used: int


class Sums(NamedTuple):
    """Sums over the groups of a component that leave the same order effects open."""

    open: int
    left: int
    list_total: int
    units: int


class Part(NamedTuple):
    """A component under some choice. ``net`` is what is left after percentages off the order."""

    net: int
    sums: tuple[Sums, ...]
    used: int
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """A line, or lines that share bundles, directly or through others. ``subsets`` are masks of its
    bundles, the last one is that of all; ``orders`` the order effects that may touch its lines."""

    lines: tuple[int, ...]
    subsets: tuple[int, ...]
    orders: int


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, rising."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def mask_of(numbers: Iterable[int]) -> int:
    """A mask with these bits."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


class Weighing:
    """The choices of one cart; what has been computed is kept. ``considered`` has the bits of the
    pieces that may be taken; ``complete`` is false when a bound keeps something from being tried.
    """

    def __init__(self, pieces: Pieces, situation: Situation) -> None:
        self.pieces = pieces.all
        self.conflicts = pieces.conflicts
        self.kinds = pieces
        self.situation = situation
        self.lines = situation.lines
        self.complete = True
        self.considered = mask_of([*pieces.orders, *pieces.bundles])
        self.steps = 0
        self.list_total = situation.subtotal(range(len(self.lines)))
        self.line_masks = tuple(mask_of(piece.lines) for piece in pieces.all)
        self.orders_of_line = [
            mask_of(index for index in pieces.orders if self.line_masks[index] >> line & 1)
            for line in range(len(self.lines))
        ]
        self.percents = mask_of(
            index
            for index in pieces.orders
            if isinstance(pieces.all[index].effect, OrderPercentOff)
        )
        self.measured = mask_of(
            index for index in pieces.orders if measures_own(pieces.all[index].promotion)
        )
        self.cliques = [self._cliques(line) for line in range(len(self.lines))]
        self.components = self._components()
        self.contested = self._contested()
        self.kept_taken: dict[tuple[int, int], list[tuple[int, Taken]]] = {}
        self.kept_choices: dict[tuple[Taken, int, int, int], tuple[int, Option]] = {}
        self.kept_options: dict[tuple[Taken, int], list[Option]] = {}
        self.kept_parts: dict[tuple[int, int, int, int | tuple[int, ...]], Part] = {}
        self.kept_weights: dict[Choice, Weighed] = {}
        self.kept_misses: dict[tuple[int, Touched], bool] = {}
        self.unsteady: list[int] = []
        self.steady_sums: dict[int, Sums] = {}
        self.steady_used = 0
        self._add_steady()

    def _add_steady(self) -> None:
        """Sum up the components that are the same under every choice."""
        anything = (ANY,) * len(self.lines)
        for number, component in enumerate(self.components):
            line = component.lines[0]
            if len(component.subsets) > 1 or len(self.options(self.whole(line), -1)) > 1:
                self.unsteady.append(number)
                continue
            part = self.part(number, 0, 0, anything)
            self.steady_used |= part.used
            for row in part.sums:
                before = self.steady_sums.get(row.open)
                self.steady_sums[row.open] = row if before is None else _added(before, row)

    def whole(self, line: int) -> Taken:
        """All units of a line."""
        return Taken(line, self.lines[line].quantity)

    def exhausted(self) -> bool:
        """Whether the search has to stop; from then on it is not ``complete``."""
        if self.steps > MOST_STEPS:
            self.complete = False
            return True
        return False

    def _cliques(self, line: int) -> list[tuple[int, tuple[int, ...]]]:
        """(mask, pieces) of the cliques of item effects of a line, the empty one first."""
        matching = [index for index in self.kinds.items if self.line_masks[index] >> line & 1]
        if len(matching) > MOST_ON_LINE:
            self.complete = False
            total, units = self.lines[line].list_total, self.lines[line].quantity
            matching.sort(key=lambda index: -self._item_cut(index, total, total, units))
            matching = sorted(matching[:MOST_ON_LINE])
        self.considered |= mask_of(matching)
        found: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        for size in range(1, min(MOST_IN_CLIQUE, len(matching)) + 1):
            for clique in combinations(matching, size):
                mask = mask_of(clique)
                if not any(self.conflicts[index] & mask for index in clique):
                    found.append((mask, clique))
        return found

    def _item_cut(self, index: int, list_total: int, left: int, units: int) -> int:
        return item_cut(self.pieces[index].effect, list_total, left, units)  # type: ignore[arg-type]

    def _components(self) -> list[Component]:
        joined: list[tuple[int, list[int]]] = []  # (mask of lines, bundles)
        for index in self.kinds.bundles:
            lines, bundles = self.line_masks[index], [index]
            apart = []
            for other_lines, other_bundles in joined:
                if other_lines & lines:
                    lines |= other_lines
                    bundles += other_bundles
                else:
                    apart.append((other_lines, other_bundles))
            joined = [*apart, (lines, bundles)]
        found = []
        rest = mask_of(range(len(self.lines)))
        for lines, together in joined:
            rest &= ~lines
            bundles = sorted(together, key=self._list_of)[:MOST_IN_COMPONENT]
            if len(bundles) < len(together):
                self.complete = False
                self.considered &= ~(mask_of(together) & ~mask_of(bundles))
            subsets = [
                mask_of(subset)
                for size in range(len(bundles) + 1)
                for subset in combinations(sorted(bundles), size)
            ]
            found.append(self._component(lines, subsets))
        return [*found, *(self._component(1 << line, [0]) for line in bits(rest))]

    def _component(self, lines: int, subsets: Sequence[int]) -> Component:
        orders = 0
        for line in bits(lines):
            orders |= self.orders_of_line[line]
        return Component(tuple(bits(lines)), tuple(subsets), orders)

    def _list_of(self, index: int) -> int:
        """Bundles of which the cart has most go first."""
        return -self.situation.subtotal(self.pieces[index].lines)

    def _contested(self) -> list[int]:
        """The order effects that exclude something: those that save most alone, in their order."""
        contested = [index for index in self.kinds.orders if self.conflicts[index]]
        if len(contested) > MOST_ORDERS:
            self.complete = False
            contested.sort(key=lambda index: -self._alone(index))
            self.considered &= ~mask_of(contested[MOST_ORDERS:])
        return sorted(contested[:MOST_ORDERS])

    def _alone(self, index: int) -> int:
        return self._order_cut(index, self.situation.subtotal(self.pieces[index].lines))

    def _order_cut(self, index: int, left: int) -> int:
        return order_cut(self.pieces[index].effect, left)  # type: ignore[arg-type]

    def weighed(self, choice: Choice) -> Weighed:
        kept = self.kept_weights.get(choice)
        if kept is None:
            self.steps += len(self.unsteady)
            kept = self.kept_weights[choice] = self._weigh(choice)
        return kept

    def _weigh(self, choice: Choice) -> Weighed:
        sums = dict(self.steady_sums)
        used = self.steady_used
        for number in self.unsteady:
            component = self.components[number]
            part = self.part(
                number, choice.bundles & component.subsets[-1], choice.orders, choice.kept_open
            )
            used |= part.used
            for row in part.sums:
                before = sums.get(row.open)
                sums[row.open] = row if before is None else _added(before, row)
        rows = list(sums.values())
        lefts = [row.left for row in rows]
        touched = [0] * len(rows)
        for index in bits(choice.orders):
            conflicts = self.conflicts[index]
            free = [
                at
                for at, row in enumerate(rows)
                if row.open >> index & 1 and not touched[at] & conflicts
            ]
            if not free or (self.measured >> index & 1 and self._short(index, rows, free)):
                continue
            cut = self._order_cut(index, sum(lefts[at] for at in free))
            if not cut:
                continue
            used |= 1 << index
            parts = shares(cut, [lefts[at] for at in free])
            for at, part_of_cut in zip(free, parts, strict=True):
                lefts[at] -= part_of_cut
                touched[at] |= 1 << index
        return Weighed(choice, self.list_total - sum(lefts), used)

    def _short(self, index: int, rows: Sequence[Sums | Group], free: Iterable[int]) -> bool:
        """Whether the conditions of an order effect fail on the units that are left to it."""
        mine = [rows[at] for at in free]
        touched = Touched(sum(row.list_total for row in mine), sum(row.units for row in mine))
        kept = self.kept_misses.get((index, touched))
        if kept is None:
            miss = missing_condition(self.pieces[index].promotion, self.situation, touched)
            kept = self.kept_misses[index, touched] = miss is not None
        return kept

    def groups(self, choice: Choice) -> list[Group]:
        """The groups with everything that the choice takes off, to the cent."""
        groups: list[Group] = []
        for number, component in enumerate(self.components):
            subset = choice.bundles & component.subsets[-1]
            groups += self.part(number, subset, choice.orders, choice.kept_open).groups
        groups.sort()
        for index in bits(choice.orders):
            groups = self._with_order(index, groups)
        return groups

    def _with_order(self, index: int, groups: list[Group]) -> list[Group]:
        """The groups after an order effect, which is shared over those that it may touch."""
        lines, conflicts = self.line_masks[index], self.conflicts[index]
        free = [
            at
            for at, group in enumerate(groups)
            if lines >> group.line & 1 and not group.touched & conflicts
        ]
        if not free or (self.measured >> index & 1 and self._short(index, groups, free)):
            return groups
        weights = [groups[at].left for at in free]
        cut = self._order_cut(index, sum(weights))
        after = list(groups)
        for at, part in zip(free, shares(cut, weights), strict=True):
            group = groups[at]
            cuts = (*group.cuts, Cut(index, part)) if part else group.cuts
            after[at] = group._replace(
                left=group.left - part, touched=group.touched | bool(cut) << index, cuts=cuts
            )
        return after

    def part(self, number: int, bundles: int, orders: int, kept_open: tuple[int, ...]) -> Part:
        component = self.components[number]
        percents = orders & self.percents & component.orders
        lines = component.lines
        wanted = kept_open[lines[0]] if len(lines) == 1 else itemgetter(*lines)(kept_open)
        key = number, bundles, percents, wanted
        kept = self.kept_parts.get(key)
        if kept is None:
            kept = self.kept_parts[key] = self._make_part(number, bundles, percents, kept_open)
        return kept

    def _make_part(
        self, number: int, bundles: int, percents: int, kept_open: tuple[int, ...]
    ) -> Part:
        net = used = 0
        sums: dict[int, Sums] = {}
        groups = []
        units = self._taken(number, bundles)
        self.steps += len(units)
        for bundle, taken in units:
            after, option = self._option(taken, bundle, percents, kept_open[taken.line])
            net += after
            used |= option.used
            group = option.group
            groups.append(group)
            row = Sums(option.open, group.left, group.list_total, group.units)
            before = sums.get(option.open)
            sums[option.open] = row if before is None else _added(before, row)
        return Part(net, tuple(sums.values()), used, tuple(groups))

    def _taken(self, number: int, bundles: int) -> list[tuple[int, Taken]]:
        """(bundle or -1, units) of every unit of a component."""
        key = number, bundles
        kept = self.kept_taken.get(key)
        if kept is None:
            free = {line: self.lines[line].quantity for line in self.components[number].lines}
            kept = []
            for index in bits(bundles):
                for taken in take(self.pieces[index], self.lines, free):
                    free[taken.line] -= taken.units
                    kept.append((index, taken))
            kept += [(-1, Taken(line, units)) for line, units in free.items() if units]
            self.kept_taken[key] = kept
        return kept

    def _option(
        self, taken: Taken, bundle: int, percents: int, kept_open: int
    ) -> tuple[int, Option]:
        """What is left of the units after percentages off the order, with the clique that leaves
        least, or that leaves ``kept_open`` possible."""
        key = taken, bundle, percents & self.orders_of_line[taken.line], kept_open
        kept = self.kept_choices.get(key)
        if kept is None:
            kept = self.kept_choices[key] = self._chosen(taken, bundle, percents, kept_open)
        return kept

    def _chosen(
        self, taken: Taken, bundle: int, percents: int, kept_open: int
    ) -> tuple[int, Option]:
        options = self.options(taken, bundle)
        if kept_open != ANY:
            options = [option for option in options if option.open == kept_open] or options
        if len(options) == 1 or not percents:
            return options[0].left, options[0]
        return min(
            ((self._after(percents & option.open, option.left), option) for option in options),
            key=lambda pair: (pair[0], len(pair[1].clique), pair[1].clique),
        )

    def _after(self, percents: int, left: int) -> int:
        """What is left after percentages off the order; those that exclude an earlier one do not
        apply."""
        touched = 0
        for index in bits(percents):
            if not touched & self.conflicts[index]:
                left -= self._order_cut(index, left)
                touched |= 1 << index
        return left

    def options(self, taken: Taken, bundle: int) -> list[Option]:
        """The options of the units, the one that leaves least first."""
        key = taken, bundle
        kept = self.kept_options.get(key)
        if kept is None:
            by_open: dict[int, Option] = {}
            for option in self._all_options(taken, bundle):
                best = by_open.get(option.open)
                if best is None or option < best:
                    by_open[option.open] = option
            kept = self.kept_options[key] = sorted(by_open.values())
        return kept

    def _all_options(self, taken: Taken, bundle: int) -> Iterator[Option]:
        total = self.lines[taken.line].unit_price * taken.units
        held = 1 << bundle if bundle >= 0 else 0
        if taken.cut is not None:  # a bundle price: no item effect lowers it
            cuts = [Cut(bundle, taken.cut)] if taken.cut else []
            yield self._made_option(taken, total, total - taken.cut, held, (), cuts)
            return
        barred = self.conflicts[bundle] if bundle >= 0 else 0
        for mask, clique in self.cliques[taken.line]:
            if mask & barred:
                continue
            left, cuts = total, []
            for index in clique:
                if cut := self._item_cut(index, total, left, taken.units):
                    cuts.append(Cut(index, cut))
                    left -= cut
            if taken.basis_points and (cut := percent_of(left, taken.basis_points)):
                cuts.append(Cut(bundle, cut))
                left -= cut
            yield self._made_option(taken, total, left, mask | held, clique, cuts)

    def _made_option(
        self,
        taken: Taken,
        total: int,
        left: int,
        touched: int,
        clique: tuple[int, ...],
        cuts: Sequence[Cut],
    ) -> Option:
        group = Group(taken.line, taken.units, total, left, touched, tuple(cuts))
        possible = mask_of(
            index
            for index in bits(self.orders_of_line[taken.line])
            if not touched & self.conflicts[index]
        )
        return Option(left, clique, group, possible, mask_of(cut.piece for cut in cuts))


def _added(one: Sums, other: Sums) -> Sums:
    return Sums(
        one.open,
        one.left + other.left,
        one.list_total + other.list_total,
        one.units + other.units,
    )
