"""What an order asks of the router, and what the answer of the router means for the order. Pure."""

from shared.orders.sourcing.held import held, promise_of
from shared.orders.sourcing.plan import decided, opened, parcel, parcels
from shared.orders.sourcing.problem import candidate, problem
from shared.orders.sourcing.shortage import alternatives, short
from shared.orders.sourcing.supply import MOST_DELIVERIES, Supply, check_pickup, nearby
from shared.orders.sourcing.waiting import arrived, awaited, expected, next_supply, reach, waits

__all__ = [
    "MOST_DELIVERIES",
    "Supply",
    "alternatives",
    "arrived",
    "awaited",
    "candidate",
    "check_pickup",
    "decided",
    "expected",
    "held",
    "nearby",
    "next_supply",
    "opened",
    "parcel",
    "parcels",
    "problem",
    "promise_of",
    "reach",
    "short",
    "waits",
]
