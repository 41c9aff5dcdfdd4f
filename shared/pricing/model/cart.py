"""What a price depends on beside the book and the price rows: the cart, the person, the place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.pricing.model.points import PointsOffer
from shared.pricing.model.uses import GivenCode


@dataclass(frozen=True, slots=True)
class CartLine:
    line_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Cart:
    """``shipping`` is what sending the cart costs before promotions, in minor units; ``method`` is
    ship or pickup when it is known."""

    lines: tuple[CartLine, ...]
    shipping: int = 0
    method: str | None = None
    codes: tuple[GivenCode, ...] = ()
    """The valid codes that the shopper typed."""
    points: PointsOffer | None = None
    """The points that the shopper wants to spend."""

    def units(self) -> dict[str, int]:
        """Units in the cart by SKU, over all lines."""
        units: dict[str, int] = {}
        for line in self.lines:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
        return units


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the shopper. None is unknown: a promotion that asks for it is skipped."""

    tier: str | None = None
    groups: frozenset[str] = frozenset()
    first_order: bool | None = None


UNKNOWN = Person()
"""A shopper of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sale happens: ``country`` (ISO 3166-1 alpha-2) is the country of its taxes; a tax
    service asks for the region and the postal code as well."""

    channel: str
    location_id: str | None = None
    country: str | None = None
    region: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its base price in minor units, and the attributes of its product. A
    ``gift_card`` is money: no promotion and no points touch it, and it is not taxed."""

    line_id: str
    sku: str
    quantity: int
    unit_price: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    gift_card: bool = False

    @property
    def list_total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Situation:
    """What the conditions of promotions ask about. ``sellable`` has the units that the channel may
    sell of each SKU that a promotion asks about; a SKU without an entry has none."""

    lines: tuple[PricedLine, ...]
    person: Person
    place: Place
    at: datetime
    method: str | None = None
    sellable: Mapping[str, int] = field(default_factory=dict)

    def subtotal(self, lines: Iterable[int]) -> int:
        """At list prices, in minor units."""
        return sum(self.lines[index].list_total for index in lines)

    def quantity(self, lines: Iterable[int]) -> int:
        return sum(self.lines[index].quantity for index in lines)
