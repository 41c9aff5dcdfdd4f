"""Transfers that would pay: what is known of each shelf, priced as the policy prices a parcel."""

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
    """One read call. ``days`` is what a shelf is to last for."""
    gathered, policy, locations = read_placement(skus), policies.active_policy(), all_locations()
    found: list[Suggestion] = []
    unjudged: dict[str, str] = {}
    for sku in dict.fromkeys(skus):
        product, pack = gathered.products.get(sku), gathered.packs.get(sku)
        if product is None or not product.margin:
            unjudged[sku] = "no margin is known of it"
        elif (
            pack is None or pack.prior is None or not pack.prior.is_old_enough(int(now.timestamp()))
        ):
            unjudged[sku] = "its sales over the counter have not been watched for long enough"
        else:
            shelves = _shelves(pack, locations, days, now)
            cost = _cost(policy, locations, product)
            found += suggestions(sku, shelves, product.margin, cost)
    found.sort(key=lambda one: one.cost - one.gain)
    return TransferSuggestions(found, unjudged, policy.currency)


def _shelves(
    pack: Pack, locations: Mapping[str, Location], days: int, now: datetime
) -> list[StoreShelf]:
    """Those of stores: what a warehouse needs, its sales over the counter do not tell."""
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
    """A parcel of the policy's standard service, with its handling and its carbon."""

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
