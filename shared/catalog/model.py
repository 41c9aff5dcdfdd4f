"""Products, with the attributes that availability and routing need."""

from dataclasses import dataclass, field
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class Product:
    """Money is in minor units of ``currency``; ``margin``, ``salvage`` and ``kg`` are per unit."""

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
"""The attribute shared by the variants of a product, such as the sizes and colours of a shirt. The
name is that of Google's product data."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another product of the same group."""

    sku: str
    title: str
    attributes: dict[str, str]
