"""Files for search engines and marketplaces: availability in their words. Pure.

google       Google's local inventory, tab-separated: a row for each store that stocks a product
             https://support.google.com/merchants/answer/14819809
schema.org   a line for each product: JSON-LD, https://schema.org/Product with its offers
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.availability.model.answer import NO_UNITS, LocationTexts, first_expected, status
from shared.availability.model.pack import Columns
from shared.catalog.model import GROUP, Product
from shared.instants import rfc3339
from shared.locations.model import Location

LONGEST_GOOGLE_ID = 50
GOOGLE_COLUMNS = (
    "store_code",
    "id",
    "quantity",
    "availability",
    "price",
    "pickup_method",
    "pickup_sla",
)
GOOGLE_WORDS = {
    "in_stock": "in_stock",
    "limited_stock": "limited_availability",
    "backorder": "out_of_stock",
    "preorder": "out_of_stock",
    "out_of_stock": "out_of_stock",
    "discontinued": "out_of_stock",
}
"""Google's words for the stock in the store now: this file has no word for preorder."""
SCHEMA_ORG_WORDS = {
    "in_stock": "https://schema.org/InStock",
    "limited_stock": "https://schema.org/LimitedAvailability",
    "backorder": "https://schema.org/BackOrder",
    "preorder": "https://schema.org/PreOrder",
    "out_of_stock": "https://schema.org/OutOfStock",
    "discontinued": "https://schema.org/Discontinued",
}
PLACE = "urn:norain:location:"
DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
"""ISO 4217: all other currencies have two."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The locations, and how soon each hands over an order placed at ``at``."""

    locations: Mapping[str, Location]
    slas: Mapping[str, str]
    at: datetime

    @staticmethod
    def of(
        locations: Mapping[str, Location], at: datetime, unpicked: Mapping[str, int] = NO_UNITS
    ) -> "Stores":
        places = LocationTexts(locations, at, unpicked=unpicked)
        return Stores(
            locations,
            {name: _sla(one, places.ready_by(name), at) for name, one in locations.items()},
            at,
        )


def _sla(location: Location, ready: datetime | None, at: datetime) -> str:
    """Google's word for the pickup time, in the location's time zone; empty without pickup."""
    if ready is None:
        return ""
    zone = ZoneInfo(location.time_zone)
    days = (ready.astimezone(zone).date() - at.astimezone(zone).date()).days
    if days > 7:
        return "multi-week"
    return ("same_day", "next_day")[days] if days < 2 else f"{days}-day"


def google_header() -> str:
    return "\t".join(GOOGLE_COLUMNS) + "\n"


def google(product: Product, pack: Columns, stores: Stores) -> Iterator[str]:
    """A line for each store with a position; none for an id that is too long for Google."""
    if len(product.sku) > LONGEST_GOOGLE_ID:
        return
    price = f"{decimal(product.price, product.currency)} {product.currency}"
    for name, available in zip(pack.locations, pack.available, strict=True):
        location = stores.locations.get(name)
        if location is None or location.type != "store":
            continue
        word = GOOGLE_WORDS[status(available, pack.life, stores.at)]
        units = 0 if word == "out_of_stock" else available
        sla = stores.slas[name]
        pickup = f"buy\t{sla}" if sla else "not_supported\t"
        yield f"{name}\t{product.sku}\t{units}\t{word}\t{price}\t{pickup}\n"


def schema_org(product: Product, pack: Columns, stores: Stores) -> str:
    """One line: one offer for shipping, and one for each store that offers pickup."""
    stocked = [
        (stores.locations[name], max(0, units))
        for name, units in zip(pack.locations, pack.available, strict=True)
        if name in stores.locations
    ]
    shipped = sum(units for location, units in stocked if location.ship)
    coming = first_expected(pack, stores.at)
    life, at = pack.life, stores.at
    word = status(shipped, life, at, expected=coming is not None)
    # An offer starts on the first day of sale and, without units, not before the next supply.
    starts = [life.available_from] if word == "preorder" and life.available_from else []
    if coming and not shipped:
        starts.append(datetime.fromtimestamp(coming[0], UTC))
    offers = [_offer(product, shipped, word, "ParcelService", max(starts, default=None))]
    offers += [
        {
            **_offer(
                product,
                units,
                status(units, life, at),
                "OnSitePickup",
                life.available_from if life.ahead(at) else None,
            ),
            "availableAtOrFrom": {"@type": "Place", "@id": f"{PLACE}{location.location_id}"},
        }
        for location, units in stocked
        if units and stores.slas[location.location_id]
    ]
    document: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": product.sku,
        "name": product.title,
    }
    if product.gtin:
        document["gtin"] = product.gtin
    if GROUP in product.attributes:
        document["inProductGroupWithID"] = product.attributes[GROUP]
    line = json.dumps({**document, "offers": offers}, ensure_ascii=False, separators=(",", ":"))
    return f"{line}\n"


def _offer(
    product: Product, units: int, word: str, method: str, starts: datetime | None
) -> dict[str, Any]:
    offer: dict[str, Any] = {
        "@type": "Offer",
        "price": decimal(product.price, product.currency),
        "priceCurrency": product.currency,
        "availability": SCHEMA_ORG_WORDS[word],
        "inventoryLevel": {"@type": "QuantitativeValue", "value": units},
        "availableDeliveryMethod": f"https://schema.org/{method}",
    }
    if starts is not None:
        offer["availabilityStarts"] = rfc3339(starts)
    return offer


def decimal(amount: int, currency: str) -> str:
    """Minor units as a decimal number: 199 USD is 1.99, 199 JPY is 199."""
    places = next((places for places, some in DECIMALS.items() if currency in some), 2)
    whole, minor = divmod(amount, 10**places)
    return f"{whole}.{minor:0{places}d}" if places else str(whole)
