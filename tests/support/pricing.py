"""Random carts and promotions, and a second way to find the best combination: every one of them.

``best_saving`` shares no code with shared/pricing/model/combining.py and its neighbours: it lists
units one by one, tries every subset of bundles and of order effects, and for each of them every
clique of item effects for every group of equal units.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, product
from math import prod
from typing import Any

from shared.catalog.model import Product
from shared.pricing.model.book import Book, Condition, Promotion
from shared.pricing.model.cart import Cart, CartLine, Person, Place, PricedLine, Situation
from shared.pricing.model.effects import (
    AmountOff,
    BuyGet,
    FixedPrice,
    OrderAmountOff,
    OrderPercentOff,
    PercentOff,
    ProductSet,
)

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)
WEB = Place("web", "denver", "US")
NOBODY = Person()
ITEMS = (PercentOff, AmountOff, FixedPrice)
DEPARTMENT = "department"


def products(prices: dict[str, int], department: str = "food") -> dict[str, Product]:
    return {
        sku: Product(sku, sku, price, "USD", 1.0, attributes={DEPARTMENT: department})
        for sku, price in prices.items()
    }


def cart(*lines: tuple[str, int], **more: Any) -> Cart:
    """Lines of (sku, quantity), with the ids 1, 2, …"""
    return Cart(tuple(CartLine(str(number), *line) for number, line in enumerate(lines, 1)), **more)


def book(*promotions: dict[str, Any], **more: Any) -> Book:
    """A book of documents of promotions; what is left out is ordinary."""
    ordinary = {"title": "A promotion", "stacks_with": "all", "group": "g"}
    documents = [
        {"promotion_id": f"p{number}", **ordinary, **one} for number, one in enumerate(promotions)
    ]
    return Book.from_json(1, {"currency": "USD", "promotions": documents, **more})


def departments(names: Sequence[str]) -> ProductSet:
    return ProductSet(attributes=((DEPARTMENT, frozenset(names)),))


@dataclass(frozen=True, slots=True)
class World:
    products: dict[str, Product]
    cart: Cart
    book: Book

    def situation(self) -> Situation:
        lines = tuple(
            PricedLine(line.line_id, line.sku, line.quantity, product.price, product.attributes)
            for line in self.cart.lines
            for product in [self.products[line.sku]]
        )
        return Situation(lines, NOBODY, WEB, AT)


def random_world(
    rng: random.Random, lines: int, promotions: int, names: Sequence[str], most_in_set: int = 3
) -> World:
    """Promotions over ``names`` of departments; two in three name another's group."""
    found: dict[str, Product] = {}
    wanted = []
    for number in range(lines):
        sku = f"S{number}"
        price, attributes = rng.randint(199, 9999), {DEPARTMENT: rng.choice(names)}
        found[sku] = Product(sku, sku, price, "USD", 1.0, attributes=attributes)
        wanted.append((sku, rng.choice([1, 1, 1, 2, 3, 4])))
    made = [random_promotion(rng, number, names, most_in_set) for number in range(promotions)]
    return World(found, cart(*wanted), Book.of(1, "USD", made, {}))


def random_promotion(
    rng: random.Random,
    number: int,
    names: Sequence[str],
    most_in_set: int = 3,
    kinds: Sequence[float] = (0.6, 0.2, 0.2),
) -> Promotion:
    """``kinds`` are the shares of item effects, bundles and order effects."""
    size = rng.randint(1, min(most_in_set, len(names)))
    some = departments(sorted(rng.sample(list(names), size)))
    percent, when = rng.choice([500, 1000, 1500, 2000, 3000]), None
    effect: Any
    match rng.choices(["item", "bundle", "order"], kinds)[0]:
        case "item":
            effect = rng.choice(
                [
                    PercentOff(some, percent),
                    PercentOff(some, percent, "list"),
                    AmountOff(some, rng.choice([100, 300, 500])),
                    FixedPrice(some, rng.choice([499, 999, 2999])),
                ]
            )
        case "bundle":
            points = rng.choice([5000, 10000])
            effect = BuyGet(some, rng.choice([1, 2, 3]), 1, points)
        case _:
            touched = ProductSet() if rng.random() < 0.6 else some
            effect = rng.choice(
                [
                    OrderPercentOff(touched, percent),
                    OrderAmountOff(touched, rng.choice([500, 1000])),
                ]
            )
            least = rng.choice([0, 3000, 8000, 15000])
            when = Condition("subtotal", at_least=least) if least else None
    exclusive = rng.random() < 0.15
    stacks = frozenset() if exclusive else frozenset(g for g in "abcd" if rng.random() < 0.55)
    return Promotion(
        f"p{number}",
        f"Promotion {number}",
        (effect,),
        rng.choice("abcd"),
        stacks,
        rng.randrange(10),
        when=when,
    )


@dataclass
class _Units:
    """Equal units: the line, how many, the bundle that they are in and its percentage."""

    line: PricedLine
    count: int
    bundle: Promotion | None = None
    points: int = 0


def best_saving(world: World, most: int = 20_000) -> int | None:
    """The largest saving of all combinations; None when there are more than ``most`` of them."""
    lines = list(world.situation().lines)
    by_kind: dict[str, list[Promotion]] = {"item": [], "bundle": [], "order": []}
    for promotion in world.book.promotions:
        effect = promotion.effects[0]
        kind = "bundle" if isinstance(effect, BuyGet) else "order"
        by_kind["item" if isinstance(effect, ITEMS) else kind].append(promotion)
    best = tried = 0
    for bundles in _subsets(by_kind["bundle"]):
        groups = _allocated(lines, bundles)
        cliques = [list(_cliques(group, by_kind["item"])) for group in groups]
        tried += prod(map(len, cliques)) * 2 ** len(by_kind["order"])
        if tried > most:
            return None
        for chosen in product(*cliques):
            lefts = [_left(*pair) for pair in zip(groups, chosen, strict=True)]
            touched = [
                [*clique, *([group.bundle] if group.bundle else [])]
                for group, clique in zip(groups, chosen, strict=True)
            ]
            for orders in _subsets(by_kind["order"]):
                left = sum(_after_orders(groups, lefts, touched, orders))
                best = max(best, sum(line.list_total for line in lines) - left)
    return best


def _subsets(some: Sequence[Promotion]) -> Iterator[tuple[Promotion, ...]]:
    for size in range(len(some) + 1):
        yield from combinations(some, size)


def _has(promotion: Promotion, line: PricedLine) -> bool:
    effect: Any = promotion.effects[0]
    return bool(effect.products.has(line.sku, line.attributes))


def _allocated(lines: Sequence[PricedLine], bundles: Sequence[Promotion]) -> list[_Units]:
    """The units one by one, dearest first, in whole groups of the bundle."""
    units = [number for number, line in enumerate(lines) for _ in range(line.quantity)]
    units.sort(key=lambda number: (-lines[number].unit_price, number))
    counted: Counter[tuple[int, Promotion | None, int]] = Counter()
    for bundle in bundles:
        effect: Any = bundle.effects[0]
        mine = [number for number in units if _has(bundle, lines[number])]
        size = effect.buy + effect.get
        for begin in range(0, len(mine) - size + 1, size):
            for place, number in enumerate(mine[begin : begin + size]):
                units.remove(number)
                points = effect.basis_points if place >= effect.buy else 0
                counted[number, bundle, points] += 1
    counted.update((number, None, 0) for number in units)
    ordered = sorted(counted.items(), key=lambda entry: (entry[0][0], entry[0][2]))
    return [
        _Units(lines[number], count, bundle, points) for (number, bundle, points), count in ordered
    ]


def _cliques(group: _Units, items: Sequence[Promotion]) -> Iterator[tuple[Promotion, ...]]:
    mine = [one for one in items if _has(one, group.line)]
    for size in range(min(3, len(mine)) + 1):
        for clique in combinations(mine, size):
            together = [*clique, *([group.bundle] if group.bundle else [])]
            if all(one.stacks(other) for one, other in combinations(together, 2)):
                yield clique


def _half_up(amount: int, points: int) -> int:
    quotient, rest = divmod(amount * points, 10_000)
    return quotient + (rest >= 5_000)


def _left(group: _Units, clique: Sequence[Promotion]) -> int:
    listed = left = group.line.unit_price * group.count
    for promotion in clique:
        match promotion.effects[0]:
            case PercentOff(_, points, of):
                left = max(0, left - _half_up(left if of == "left" else listed, points))
            case AmountOff(_, amount):
                left = max(0, left - amount * group.count)
            case FixedPrice(_, amount):
                left = min(left, amount * group.count)
    return left - _half_up(left, group.points)


def _after_orders(
    groups: Sequence[_Units],
    lefts: Sequence[int],
    touched: Sequence[Sequence[Promotion]],
    orders: Sequence[Promotion],
) -> list[int]:
    left, marks = list(lefts), [list(one) for one in touched]
    for promotion in orders:
        free = [
            number
            for number, group in enumerate(groups)
            if _has(promotion, group.line) and all(one.stacks(promotion) for one in marks[number])
        ]
        listed = sum(groups[number].line.unit_price * groups[number].count for number in free)
        base = sum(left[number] for number in free)
        if not base or (promotion.when and listed < promotion.when.at_least):
            continue
        effect: Any = promotion.effects[0]
        if isinstance(effect, OrderPercentOff):
            cut = _half_up(base, effect.basis_points)
        else:
            cut = min(base, effect.amount)
        whole = {number: cut * left[number] // base for number in free}
        rests = sorted(free, key=lambda number: -(cut * left[number] % base))
        for number in rests[: cut - sum(whole.values())]:
            whole[number] += 1
        for number in free:
            left[number] -= whole[number]
            marks[number].append(promotion)
    return left
