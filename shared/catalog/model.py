"""Products, with the attributes that availability and routing need, and their price rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Life:
    """The sales life of a product. It is sold since ``available_from``; None means always. Of a
    ``discontinued`` product the remaining stock is sold, but no future supply is promised."""

    available_from: datetime | None = None
    discontinued: bool = False

    def ahead(self, at: datetime) -> bool:
        """Whether ``at`` is before ``available_from``: the product can only be preordered."""
        return self.available_from is not None and at < self.available_from


ORDINARY = Life()
EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Buying:
    """The circumstances on which a price depends. ``groups`` are the customer groups of the
    shopper, ``quantity`` the units of the SKU in the cart."""

    channel: str
    at: datetime
    location_id: str | None = None
    groups: frozenset[str] = frozenset()
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The price of one unit, ``amount`` in minor units of the product's currency, for everybody who
    meets each condition that is given; an empty condition is not given. ``starts_at`` is inclusive,
    ``ends_at`` exclusive: both are local midnights in ``zone``."""

    amount: int
    channels: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    min_quantity: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str | None = None

    def matches(self, buying: Buying) -> bool:
        """Whether the row applies, whatever the quantity."""
        return (
            (not self.channels or buying.channel in self.channels)
            and (not self.locations or buying.location_id in self.locations)
            and (not self.groups or not buying.groups.isdisjoint(self.groups))
            and (self.starts_at is None or self.starts_at <= buying.at)
            and (self.ends_at is None or buying.at < self.ends_at)
        )

    @property
    def rank(self) -> tuple[bool, bool, bool, int, datetime, int]:
        """The row with the greatest rank wins: first the most specific (customer group, then
        location, then channel), then the greatest quantity, then the latest start. Of equals the
        lowest amount wins, so that the order of the rows does not matter."""
        return (
            bool(self.groups),
            bool(self.locations),
            bool(self.channels),
            self.min_quantity,
            self.starts_at or EARLIEST,
            -self.amount,
        )


@dataclass(frozen=True, slots=True)
class Product:
    """Money is in minor units of ``currency``; ``margin``, ``salvage`` and ``kg`` are per unit.
    ``price`` is the price where none of ``prices`` applies."""

    sku: str
    title: str
    price: int
    currency: str
    kg: float
    margin: int | None = None
    salvage: int | None = None
    gtin: str | None = None
    season_ends_at: datetime | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    life: Life = ORDINARY
    prices: tuple[PriceRow, ...] = ()
    gift_card: bool = False
    """Whether a unit is a gift card: money that is changed, not goods. It takes no discount."""

    @property
    def price_rows(self) -> tuple[PriceRow, ...]:
        """All price rows: ``price`` is the row without conditions."""
        return (PriceRow(self.price), *self.prices)

    def price_for(self, buying: Buying) -> PriceRow:
        """The row whose price the shopper pays."""
        return max(
            (
                row
                for row in self.price_rows
                if row.min_quantity <= buying.quantity and row.matches(buying)
            ),
            key=_rank,
        )

    def price_steps(self, buying: Buying) -> list[PriceRow]:
        """The rows that the shopper pays by quantity, in rising order of ``min_quantity``: the
        first applies to one unit, each other one from its ``min_quantity`` on."""
        matching = [row for row in self.price_rows if row.matches(buying)]
        steps: list[PriceRow] = []
        for quantity in sorted({row.min_quantity for row in matching}):
            row = max((row for row in matching if row.min_quantity <= quantity), key=_rank)
            if not steps or row != steps[-1]:
                steps.append(row)
        return steps

    def price_changes_at(self, at: datetime) -> datetime | None:
        """The next instant at which a price row starts or ends; None when none does."""
        return min(_changes(self.prices, at), default=None)


def _rank(row: PriceRow) -> tuple[bool, bool, bool, int, datetime, int]:
    return row.rank


def _changes(rows: Iterable[PriceRow], at: datetime) -> Iterable[datetime]:
    return (
        instant
        for row in rows
        for instant in (row.starts_at, row.ends_at)
        if instant is not None and instant > at
    )


GROUP = "item_group_id"
"""The attribute shared by the variants of a product, such as the sizes and colours of a shirt. The
name is that of Google's product data."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another product of the same group."""

    sku: str
    title: str
    attributes: dict[str, str]
