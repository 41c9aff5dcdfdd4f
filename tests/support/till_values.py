"""What an offline till (till.py) counts with: lines, groups of equal units, receipts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

Json = Mapping[str, Any]
ITEMS = ("percent_off", "amount_off", "fixed_price", "quantity_tiers")
BUNDLES = ("buy_get", "bundle_price", "gift")
ORDERS = ("order_percent_off", "order_amount_off")
SHIPPING = ("shipping_percent_off", "shipping_price")


@dataclass(frozen=True)
class Line:
    line_id: str
    sku: str
    quantity: int
    price: int
    attributes: Json


@dataclass(frozen=True, eq=False)
class Effect:
    """One effect of a promotion that applies to the cart; ``of`` is the promotion."""

    of: Json
    does: Json
    points: int = 0
    """The percentage of an item effect, where it has one."""

    @property
    def kind(self) -> str:
        return str(self.does["kind"])


@dataclass
class Group:
    """Equal units of a line: its item effects, the bundle and what the bundle does to them."""

    line: int
    units: int
    bundle: Effect | None = None
    bundle_points: int = 0
    bundle_cut: int | None = None
    items: tuple[Effect, ...] = ()
    orders: tuple[Effect, ...] = ()

    @property
    def effects(self) -> tuple[Effect, ...]:
        return (*self.items, *((self.bundle,) if self.bundle else ()), *self.orders)


@dataclass
class Receipt:
    """By line and promotion what is taken off; by line the multiplier of points."""

    lines: Sequence[Line]
    cuts: list[Counter[str]]
    shipping: int
    shipping_cut: tuple[str, int] | None = None
    points: list[tuple[str, int] | None] = field(default_factory=list)

    @property
    def nets(self) -> list[int]:
        return [
            line.price * line.quantity - cuts.total()
            for line, cuts in zip(self.lines, self.cuts, strict=True)
        ]

    @property
    def saving(self) -> int:
        return sum(cuts.total() for cuts in self.cuts)


def half_up(amount: int, points: int) -> int:
    whole, rest = divmod(amount * points, 10_000)
    return whole + (2 * rest >= 10_000)


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    parts = [total * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in by_rest[: total - sum(parts)]:
        parts[at] += 1
    return parts


def within(products: Json | None, line: Line) -> bool:
    named: Json = products or {}
    skus, attributes = named.get("skus"), named.get("attributes")
    if (excluded := named.get("excluded")) and within(excluded, line):
        return False
    if not skus and not attributes:
        return True
    if line.sku in (skus or ()):
        return True
    rows = (attributes or {}).items()
    return bool(rows) and all(line.attributes.get(name) in values for name, values in rows)


def may_share(one: Json, other: Json) -> bool:
    """Whether two promotions may touch the same unit."""
    if one is other:
        return True
    return all(
        first.get("stacks_with", "none") == "all"
        or (
            first.get("stacks_with", "none") != "none"
            and (second.get("group") or "") in first["stacks_with"]
        )
        for first, second in ((one, other), (other, one))
    )


def subsets(some: Sequence[Effect]) -> Iterator[tuple[Effect, ...]]:
    for size in range(len(some) + 1):
        yield from combinations(some, size)
