"""What an order asks of the router, and what the router's answer means for the order. Pure."""

from shared.orders.sourcing.held import held, promise_of
from shared.orders.sourcing.needs import Inputs, Needs
from shared.orders.sourcing.plan import decided, opened, parcel, parcels
from shared.orders.sourcing.planning import plan_change, plan_order, reserve
from shared.orders.sourcing.problem import candidate, problem
from shared.orders.sourcing.shortage import alternatives, refuse_short, short
from shared.orders.sourcing.staying import plan_improvement
from shared.orders.sourcing.supply import MOST_DELIVERIES, Supply, check_pickup, nearby
from shared.orders.sourcing.waiting import arrived, awaited, expected, next_supply, reach, waits

__all__ = [
    "MOST_DELIVERIES",
    "Inputs",
    "Needs",
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
    "plan_change",
    "plan_improvement",
    "plan_order",
    "problem",
    "promise_of",
    "reach",
    "refuse_short",
    "reserve",
    "short",
    "waits",
]
