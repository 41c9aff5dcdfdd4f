"""What it costs to sell and to serve, in minor units. Pure.

Handling and carriers cost what the routing policy says. The rest is what planners state once for
the whole retailer (``Rates``).
"""

from dataclasses import dataclass

from shared.locations.model import Location, distance_km
from shared.orders.model import Fulfillment
from shared.routing.model.decision import Destination
from shared.routing.model.filter import distance_band
from shared.routing.model.policy import Policy


@dataclass(frozen=True, slots=True)
class Rates:
    """``payment_share`` is in hundredths of a percent of what the shopper pays,
    ``payment_fixed`` per order, ``return_unit`` per unit that comes back."""

    payment_share: int = 0
    payment_fixed: int = 0
    return_unit: int = 0


NO_RATES = Rates()


@dataclass(frozen=True, slots=True)
class ServingCost:
    handling: int
    carrier: int


def serving_cost(
    part: Fulfillment,
    location: Location,
    destination: Destination | None,
    service: str,
    kg: float,
    policy: Policy,
) -> ServingCost:
    """The cost of a fulfillment by the policy. Without a known destination the carrier is taken to
    go to the nearest band, and where it does not deliver, to the next one that it does."""
    units = sum(line.quantity for line in part.lines)
    handling = policy.handling[location.type]
    picked = handling.package + handling.unit * units
    if part.method != "ship" or service not in policy.services:
        return ServingCost(picked, 0)
    km = (
        distance_km(
            location.latitude, location.longitude, destination.latitude, destination.longitude
        )
        if destination
        else 0.0
    )
    bands = policy.services[service].bands[distance_band(policy, km) :]
    tariff = next((each for each in bands if each is not None), None)
    return ServingCost(picked, round(tariff.parcel + tariff.kg * kg) if tariff else 0)
