"""Which units a bundle takes, dearest first, without listing units one by one: a cart may have a
million of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from shared.pricing.model.cart import PricedLine
from shared.pricing.model.effects import (
    BundlePrice,
    BuyGet,
    Gift,
)
from shared.pricing.model.money import WHOLE, shares
from shared.pricing.model.pieces import Piece

UNLIMITED = 10**9


class Taken(NamedTuple):
    """Units of a line in a bundle. ``basis_points`` is the percentage off them, 0 for the bought
    ones; ``cut`` is the amount off them that a bundle price gives, None for other bundles."""

    line: int
    units: int
    basis_points: int = 0
    cut: int | None = None


def take(piece: Piece, lines: Sequence[PricedLine], free: Mapping[int, int]) -> list[Taken]:
    """The units that the bundle takes of the ``free`` units of each line; empty when there are too
    few of them."""
    match piece.effect:
        case Gift():
            return _gift(piece.effect, piece.lines, free)
        case BuyGet() if piece.effect.get_products is None:
            return _same_set(piece.effect, piece.parts[0][0], free)
        case BuyGet():
            return _two_sets(piece, piece.effect, free)
        case BundlePrice():
            return _bundle_price(piece, piece.effect, lines, free)
        case _:
            raise AssertionError("not a bundle")


def _gift(effect: Gift, touched: Sequence[int], free: Mapping[int, int]) -> list[Taken]:
    left = effect.quantity
    taken = []
    for line in touched:
        units = min(free[line], left)
        left -= units
        if units:
            taken.append(Taken(line, units, WHOLE))
    return taken


def _same_set(effect: BuyGet, dearest: Sequence[int], free: Mapping[int, int]) -> list[Taken]:
    size = effect.buy + effect.get
    groups = min(sum(free[line] for line in dearest) // size, effect.most or UNLIMITED)

    def cheaper_before(position: int) -> int:
        """How many of the first units, dearest first, are the cheaper ones of their group."""
        whole, rest = divmod(position, size)
        return whole * effect.get + max(0, rest - effect.buy)

    taken = []
    position, end = 0, groups * size
    for line in dearest:
        units = min(free[line], end - position)
        if units <= 0:
            continue
        cheaper = cheaper_before(position + units) - cheaper_before(position)
        position += units
        if units > cheaper:
            taken.append(Taken(line, units - cheaper))
        if cheaper:
            taken.append(Taken(line, cheaper, effect.basis_points))
    return taken


def _two_sets(piece: Piece, effect: BuyGet, free: Mapping[int, int]) -> list[Taken]:
    (bought, buy), (got, get) = piece.parts
    groups = min(
        sum(free[line] for line in bought) // buy,
        sum(free[line] for line in got) // get,
        effect.most or UNLIMITED,
    )
    return [
        *(Taken(line, units) for line, units in _first(bought, groups * buy, free)),
        *(
            Taken(line, units, effect.basis_points)
            for line, units in _first(got, groups * get, free)
        ),
    ]


def _first(dearest: Sequence[int], wanted: int, free: Mapping[int, int]) -> list[tuple[int, int]]:
    """(line, units) of the first ``wanted`` free units."""
    found = []
    for line in dearest:
        units = min(free[line], wanted)
        if units > 0:
            found.append((line, units))
            wanted -= units
    return found


def _bundle_price(
    piece: Piece, effect: BundlePrice, lines: Sequence[PricedLine], free: Mapping[int, int]
) -> list[Taken]:
    """As many bundles as still save something: the dearest come first, so that each saves at most
    as much as the one before it."""

    def units(bundles: int) -> dict[int, int] | None:
        """Units by line for so many bundles; None when there are too few."""
        rest = dict(free)
        found: dict[int, int] = {}
        for dearest, quantity in piece.parts:
            part = _first(dearest, bundles * quantity, rest)
            if sum(count for _, count in part) < bundles * quantity:
                return None
            for line, count in part:
                rest[line] -= count
                found[line] = found.get(line, 0) + count
        return found

    def worth(bundles: int) -> int:
        return sum(lines[line].unit_price * count for line, count in (units(bundles) or {}).items())

    most = min(
        (sum(free[line] for line in part) // quantity for part, quantity in piece.parts),
        default=0,
    )
    possible = _last(min(most, effect.most or UNLIMITED), lambda count: units(count) is not None)
    bundles = _last(possible, lambda count: worth(count) - worth(count - 1) > effect.amount)
    if not bundles:
        return []
    counted = sorted((units(bundles) or {}).items())
    totals = [lines[line].unit_price * count for line, count in counted]
    saving = sum(totals) - bundles * effect.amount
    if saving <= 0:
        return []
    cuts = shares(saving, totals)
    return [Taken(line, count, cut=cut) for (line, count), cut in zip(counted, cuts, strict=True)]


def _last(most: int, holds: Callable[[int], bool]) -> int:
    """The last number from 1 to ``most`` for which ``holds``, which is false from some number on;
    0 when there is none."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
