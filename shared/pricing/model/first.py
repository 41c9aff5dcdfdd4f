"""The promotions of a cart by priority alone, for books in the mode ``first``.

In the order of priority, then id, each effect claims the units that it may touch and that no
earlier one excludes; whatever saves more is not asked. An item effect claims only units that it
makes cheaper; a bundle claims units of no other bundle, and a bundle price those that nobody has
claimed, which no item effect claims later. Then the stages apply as always: items, bundles, order.
"""

from dataclasses import dataclass, field
from typing import cast

from shared.pricing.model.bundles import Taken, take
from shared.pricing.model.cart import Situation
from shared.pricing.model.combining import Combination
from shared.pricing.model.conditions import Touched, measures_own, missing_condition
from shared.pricing.model.effects import BundlePrice, ItemEffect, OrderEffect
from shared.pricing.model.money import percent_of, shares
from shared.pricing.model.pieces import Pieces, item_cut, order_cut
from shared.pricing.model.weighing import Cut, Group, mask_of

NO_BUNDLE = -1


@dataclass(slots=True)
class _Units:
    """Equal units of a line that the same pieces have ``claimed`` (bits): ``items`` and ``orders``
    in their order, and the ``bundle`` with what it takes off them."""

    line: int
    units: int
    list_total: int
    items: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    bundle: int = NO_BUNDLE
    taken: Taken | None = None
    claimed: int = 0

    @property
    def has_bundle_price(self) -> bool:
        return self.taken is not None and self.taken.cut is not None

    @property
    def place(self) -> tuple[int, int, int]:
        return self.line, self.bundle, self.taken.basis_points if self.taken else 0


def combine_first(pieces: Pieces, situation: Situation) -> Combination:
    """The pieces whose conditions hold, by priority."""
    claims = _Claims(pieces, situation)
    for index in range(len(pieces.all)):
        claims.add(index)
    groups = _groups(claims)
    used = mask_of(cut.piece for group in groups for cut in group.cuts)
    return Combination(tuple(groups), used, True, mask_of(range(len(pieces.all))))


class _Claims:
    """Which pieces have claimed which units so far."""

    def __init__(self, pieces: Pieces, situation: Situation) -> None:
        self.pieces, self.situation = pieces, situation
        self.lines = situation.lines
        self.units = [
            _Units(index, line.quantity, line.list_total) for index, line in enumerate(self.lines)
        ]

    def add(self, index: int) -> None:
        free = self._free(index)
        if index in self.pieces.items:
            for units in free:
                cuts = self.item_cuts(units, [*units.items, index])
                if cuts[-1].amount and not units.has_bundle_price:
                    self._claim(units, index, units.items)
        elif index in self.pieces.bundles:
            self._claim_bundle(index, free)
        elif free and not self._is_short(index, free):
            for units in free:
                self._claim(units, index, units.orders)

    def item_cuts(self, units: _Units, items: list[int]) -> list[Cut]:
        """What item effects take off the units, one after the other."""
        left, cuts = units.list_total, []
        for index in items:
            effect = cast("ItemEffect", self.pieces.all[index].effect)
            cuts.append(Cut(index, item_cut(effect, units.list_total, left, units.units)))
            left -= cuts[-1].amount
        return cuts

    def _free(self, index: int) -> list[_Units]:
        """The units that the piece may touch beside those that have claimed them."""
        lines, conflicts = self.pieces.all[index].lines, self.pieces.conflicts[index]
        return [
            units for units in self.units if units.line in lines and not units.claimed & conflicts
        ]

    def _claim(self, units: _Units, index: int, among: list[int]) -> None:
        among.append(index)
        units.claimed |= 1 << index

    def _claim_bundle(self, index: int, free: list[_Units]) -> None:
        piece = self.pieces.all[index]
        possible = {units.line: units for units in free if units.bundle == NO_BUNDLE}
        if isinstance(piece.effect, BundlePrice):
            possible = {line: units for line, units in possible.items() if not units.claimed}
        counts = dict.fromkeys(piece.lines, 0) | {
            line: units.units for line, units in possible.items()
        }
        for taken in take(piece, self.lines, counts):
            self._split(possible[taken.line], taken, index)

    def _split(self, units: _Units, taken: Taken, index: int) -> None:
        """Units of a line without a bundle become units with one."""
        price = self.lines[units.line].unit_price
        units.units -= taken.units
        units.list_total -= taken.units * price
        self.units.append(
            _Units(
                units.line,
                taken.units,
                taken.units * price,
                list(units.items),
                list(units.orders),
                index,
                taken,
                units.claimed | 1 << index,
            )
        )
        self.units = [one for one in self.units if one.units]

    def _is_short(self, index: int, free: list[_Units]) -> bool:
        """Whether the conditions of an order effect fail on the units that are free for it."""
        promotion = self.pieces.all[index].promotion
        if not measures_own(promotion):
            return False
        touched = Touched(
            sum(units.list_total for units in free), sum(units.units for units in free)
        )
        return missing_condition(promotion, self.situation, touched) is not None


def _groups(claims: _Claims) -> list[Group]:
    """The units with what each piece takes off them, to the cent."""
    found = sorted(claims.units, key=lambda units: units.place)
    lefts, cuts = [], list[list[Cut]]()
    for units in found:
        of_units = _before_orders(claims, units)
        cuts.append(of_units)
        lefts.append(units.list_total - sum(cut.amount for cut in of_units))
    for index in claims.pieces.orders:
        mine = [at for at, units in enumerate(found) if index in units.orders]
        weights = [lefts[at] for at in mine]
        effect = cast("OrderEffect", claims.pieces.all[index].effect)
        for at, part in zip(mine, shares(order_cut(effect, sum(weights)), weights), strict=True):
            lefts[at] -= part
            if part:
                cuts[at].append(Cut(index, part))
    return [
        Group(units.line, units.units, units.list_total, left, units.claimed, tuple(of_units))
        for units, left, of_units in zip(found, lefts, cuts, strict=True)
    ]


def _before_orders(claims: _Claims, units: _Units) -> list[Cut]:
    """What items and the bundle take off."""
    cuts = claims.item_cuts(units, units.items)
    if units.taken is not None:
        left = units.list_total - sum(cut.amount for cut in cuts)
        amount = units.taken.cut
        if amount is None:
            amount = percent_of(left, units.taken.basis_points)
        cuts.append(Cut(units.bundle, amount))
    # After a split a percentage may round to nothing.
    return [cut for cut in cuts if cut.amount]
