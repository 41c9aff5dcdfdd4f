"""What the retailer sells, as far as promising and routing need to know it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Life:
    """Since when a product is sold, and whether it is discontinued: what is left is sold off, and
    nothing more of it is promised. ``available_from`` is None when it was always sold."""

    available_from: datetime | None = None
    discontinued: bool = False

    def ahead(self, at: datetime) -> bool:
        """Whether the product is sold ahead only."""
        return self.available_from is not None and at < self.available_from


ORDINARY = Life()


@dataclass(frozen=True, slots=True)
class Product:
    """Money in minor units of ``currency``; ``margin`` and ``salvage`` are per unit, ``kg`` too."""

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


GROUP = "item_group_id"
"""The attribute that the variants of one product have in common (the name is that of Google's
product data): a shirt in all its sizes and colours."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another product of the same group."""

    sku: str
    title: str
    attributes: dict[str, str]
