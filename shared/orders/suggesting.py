"""Suggest transfers that would pay: the demand of each shelf, and costs as the policy has them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.availability.model import sales
from shared.availability.model.pack import Pack
from shared.catalog.model import Product
from shared.locations.model import Location, distance_km
from shared.locations.store import all_locations
from shared.orders.model.rebalancing import (
    Cost,
    StoreShelf,
    Suggestion,
    TransferSuggestions,
    demand,
    suggestions,
)
from shared.orders.store import read_placement
from shared.routing.model.filter import distance_band
from shared.routing.model.policy import Policy
from shared.routing.model.price import unit_co2e
from shared.routing.store import policies

SERVICE = "standard"


def suggest_transfers(skus: Sequence[str], days: int, now: datetime) -> TransferSuggestions:
    """Suggestions for transfers of the SKUs, with one read call. ``days`` is how long the stock of
    a shelf should last."""
    gathered, policy, locations = read_placement(skus), policies.active_policy(), all_locations()
    suggested: list[Suggestion] = []
    unjudged: dict[str, str] = {}
    for sku in dict.fromkeys(skus):
        product, pack = gathered.products.get(sku), gathered.packs.get(sku)
        if product is None or not product.margin:
            unjudged[sku] = "its margin is not known"
        elif (
            pack is None or pack.prior is None or not pack.prior.is_old_enough(int(now.timestamp()))
        ):
            unjudged[sku] = "its sales over the counter have not been recorded for long enough"
        else:
            shelves = _shelves(pack, locations, days, now)
            cost = _cost(policy, locations, product)
            suggested += suggestions(sku, shelves, product.margin, cost)
    suggested.sort(key=lambda transfer: transfer.cost - transfer.gain)
    return TransferSuggestions(suggested, unjudged, policy.currency)


def _shelves(
    pack: Pack, locations: Mapping[str, Location], days: int, now: datetime
) -> list[StoreShelf]:
    """The shelves of stores. Warehouses are left out: sales over the counter do not show what they
    need."""
    assert pack.prior is not None
    second, until = int(now.timestamp()), int((now + timedelta(days=days)).timestamp())
    shelves = []
    for location_id, row in pack.rows.items():
        location = locations.get(location_id)
        if location is None or location.type != "store":
            continue
        shape, watched = sales.posterior(pack.prior, row.sales, second, stocked=row.available > 0)
        shelves.append(
            StoreShelf(
                location_id,
                row.available,
                sum(units for at, units in row.expected if at <= until),
                demand(shape, watched, days),
            )
        )
    return shelves


def _cost(policy: Policy, locations: Mapping[str, Location], product: Product) -> Cost:
    """The cost of a parcel with the standard service of the policy, its handling and carbon."""

    def cost(donor: str, receiver: str, units: int) -> int | None:
        start, end = locations[donor], locations[receiver]
        km = distance_km(start.latitude, start.longitude, end.latitude, end.longitude)
        tariff = policy.services[SERVICE].bands[distance_band(policy, km)]
        if tariff is None:
            return None
        handling, kg = policy.handling[start.type], units * product.kg
        co2e = policy.carbon.stop + unit_co2e(policy, km, kg)
        return round(
            handling.package
            + handling.unit * units
            + tariff.parcel
            + tariff.kg * kg
            + policy.carbon.price * co2e
        )

    return cost
