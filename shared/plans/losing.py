"""Note what shoppers wanted and nobody could sell."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.customers.model.keys import keyed_hash
from shared.customers.store import identity_key
from shared.locations.store import all_locations
from shared.orders.model import DeliveryPlace
from shared.orders.reading import destination
from shared.plans.model.wanted import Cell, LostDemand, day_of, place_of
from shared.plans.store import lost
from shared.web.crash import crash

OUT_OF_STOCK = "out_of_stock"

logger = logging.getLogger("norain")

Short = tuple[str, str | None, int]
"""SKU, location of the pickup (None for units to ship), units that nobody could sell."""


def note_lost(
    short: Iterable[Short],
    ship_to: DeliveryPlace | None,
    who: str,
    channel: str,
    now: datetime,
) -> None:
    """Counts the units once per ``who``, SKU and day; ``who`` names a person or a session, and is
    stored as a keyed hash. Takes one write call, and raises nothing: the answer of the request does
    not depend on it."""
    try:
        locations = all_locations()
        place = destination(ship_to)
        point = (place.latitude, place.longitude) if place else None
        hashed = keyed_hash(identity_key(), "lost", who)
        units: dict[Cell, int] = {}
        for sku, location_id, missing in short:
            where = place_of(location_id, point, locations)
            cell = Cell(day_of(now, where, locations), where, sku)
            units[cell] = units.get(cell, 0) + missing
        lost.note([LostDemand(cell, hashed, wanted, channel) for cell, wanted in units.items()])
    except Exception as error:
        logger.warning("lost demand was not counted", extra=crash(error))


def short_of_refusal(rows: Iterable[Mapping[str, Any]]) -> list[Short]:
    """What the short lines of an OutOfStock miss for lack of stock. Where a shopper cannot be
    served for another reason, more stock would not help."""
    return [
        (row["sku"], row.get("location_id"), row["wanted"] - row["sellable"])
        for row in rows
        if row.get("reason", OUT_OF_STOCK) == OUT_OF_STOCK and row["wanted"] > row["sellable"]
    ]
