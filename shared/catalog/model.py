"""What the retailer sells, as far as promising and routing need to know it."""

from dataclasses import dataclass, field
from datetime import datetime


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
