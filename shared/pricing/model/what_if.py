"""What-if: the carts of past orders priced by another book. Pure.

What people bought is taken as given: demand does not react (UNKNOWN says what else a what-if cannot
know). Amounts are in minor units; the sums of pages add up to those of all orders.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self

from shared.catalog.model import Product
from shared.pricing.model.book import Book
from shared.pricing.model.cart import Cart, Person, Place
from shared.pricing.model.money import WHOLE
from shared.pricing.model.pricing import asks_sellable, price, priced_lines
from shared.pricing.model.quote import Quote

UNKNOWN = (
    "demand: people are taken to buy the same at another price",
    "limits: uses, budgets and limits of a day or a person are not counted",
    "stock: what a promotion asks to be sellable is taken to have been so",
    "products: attributes and margins are those of today",
)
"""What a what-if cannot know."""
PLENTY = 10**9
NOBODY = "none"
"""The tier of shoppers of whom none was named."""


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order as its quote saw it. ``products`` have the base prices of that time, without price
    rows, and the margins at these prices. ``paid`` is the price that it was placed with."""

    order_id: str
    cart: Cart
    person: Person
    place: Place
    at: datetime
    products: Mapping[str, Product]
    paid: Quote


@dataclass(slots=True)
class Effect:
    """What a promotion does: ``amount`` off in all, in ``orders``, on ``units``. ``unit_discount``
    is the largest part of its list price that a unit with it loses, over all promotions, and
    ``unit_margin`` the least margin of such a unit; both in basis points."""

    amount: int = 0
    orders: int = 0
    units: int = 0
    funded: int = 0
    unit_discount: int = 0
    unit_margin: int | None = None

    def add(self, more: "Effect") -> None:
        self.amount += more.amount
        self.orders += more.orders
        self.units += more.units
        self.funded += more.funded
        self.unit_discount = max(self.unit_discount, more.unit_discount)
        margins = [one.unit_margin for one in (self, more) if one.unit_margin is not None]
        self.unit_margin = min(margins, default=None)


@dataclass(slots=True)
class Sums:
    """Sums over orders. ``sales`` are the lines after ``discounts``; ``margin`` is that of the
    ``units_with_margin``, whose products have one, with what vendors pay (``funded``)."""

    orders: int = 0
    units: int = 0
    list_total: int = 0
    discounts: int = 0
    sales: int = 0
    shipping: int = 0
    funded: int = 0
    margin: int = 0
    units_with_margin: int = 0
    promotions: dict[str, Effect] = field(default_factory=dict)

    def add(self, more: "Sums") -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        for named, effect in more.promotions.items():
            self.promotions.setdefault(named, Effect()).add(effect)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COUNTED} | {
            "promotions": {
                named: {one.name: getattr(effect, one.name) for one in fields(Effect)}
                for named, effect in sorted(self.promotions.items())
            }
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        known = {one.name for one in fields(Effect)}
        return cls(
            **{name: document.get(name, 0) for name in COUNTED},
            promotions={
                named: Effect(**{name: row[name] for name in known if name in row})
                for named, row in document["promotions"].items()
            },
        )


COUNTED = tuple(one.name for one in fields(Sums) if one.name != "promotions")


@dataclass(slots=True)
class Gain:
    """What some shoppers pay less under the draft (``amount``; below 0: more), in ``orders``."""

    orders: int = 0
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """An order that has another price under the draft: what its lines and shipping cost."""

    order_id: str
    before: int
    after: int


@dataclass(slots=True)
class Outcome:
    """``before`` are the prices that are compared with, ``after`` those of the draft. ``tiers`` and
    ``channels`` say who gains; ``differences`` are sorted by the size of the change."""

    before: Sums = field(default_factory=Sums)
    after: Sums = field(default_factory=Sums)
    cheaper: int = 0
    dearer: int = 0
    incomplete: int = 0
    """Orders of which not every combination of promotions was considered."""
    tiers: dict[str, Gain] = field(default_factory=dict)
    channels: dict[str, Gain] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def what_if(orders: Iterable[PastOrder], draft: Book, now: Book | None) -> Outcome:
    """Price the orders by the draft. It is compared with the book ``now``; None: with what was
    paid."""
    outcome = Outcome()
    for order in orders:
        before = order.paid if now is None else _priced(order, now)
        after = _priced(order, draft)
        outcome.before.add(sums_of(before, order.products))
        outcome.after.add(sums_of(after, order.products))
        outcome.incomplete += not after.complete
        gain = _cost(before) - _cost(after)
        outcome.cheaper += gain > 0
        outcome.dearer += gain < 0
        for rows, name in (
            (outcome.tiers, order.person.tier or NOBODY),
            (outcome.channels, order.place.channel),
        ):
            row = rows.setdefault(name, Gain())
            row.orders += 1
            row.amount += gain
        if gain:
            difference = Difference(order.order_id, _cost(before), _cost(after))
            outcome.differences.append(difference)
    outcome.differences.sort(key=lambda row: (-abs(row.after - row.before), row.order_id))
    return outcome


def _priced(order: PastOrder, book: Book) -> Quote:
    cart, place, at, products = order.cart, order.place, order.at, order.products
    currency = products[cart.lines[0].sku].currency
    lines = priced_lines(cart, order.person, place, at, products)
    asked = asks_sellable(book, cart, lines, place, at, currency)
    sellable = dict.fromkeys(asked, PLENTY)
    # Without taxes: sums are compared before them.
    untaxed = replace(book, taxes={})
    return price(cart, order.person, place, at, untaxed, products, sellable).quote


def _cost(quote: Quote) -> int:
    return quote.net + quote.shipping.net


def sums_of(quote: Quote, products: Mapping[str, Product]) -> Sums:
    """The sums of one order."""
    sums = Sums(orders=1, sales=quote.net, shipping=quote.shipping.net)
    effects = sums.promotions
    for named, amount in quote.shipping.discounts:
        effects.setdefault(named, Effect(orders=1)).amount += amount
    for line in quote.lines:
        margin_of_list = products[line.sku].margin
        funded = 0
        for named, amount in line.discounts:
            effect = effects.setdefault(named, Effect(orders=1))
            paid = quote.funded(named, amount)
            effect.amount += amount
            effect.units += line.quantity
            effect.funded += paid
            funded += paid
        margin = None
        if margin_of_list is not None:
            cost = (line.unit_price - margin_of_list) * line.quantity
            margin = line.net - cost + funded
            sums.margin += margin
            sums.units_with_margin += line.quantity
        for named, _ in line.discounts:
            _measure(effects[named], line.list_total, line.net, margin)
        sums.units += line.quantity
        sums.list_total += line.list_total
        sums.discounts += line.list_total - line.net
        sums.funded += funded
    return sums


def _measure(effect: Effect, list_total: int, net: int, margin: int | None) -> None:
    """Of a line the units are measured together: the cents of a shared discount differ."""
    off = (list_total - net) * WHOLE // list_total if list_total else 0
    effect.unit_discount = max(effect.unit_discount, off)
    if margin is not None and (net or margin):
        part = margin * WHOLE // net if net else -WHOLE
        least = effect.unit_margin
        effect.unit_margin = part if least is None else min(least, part)
