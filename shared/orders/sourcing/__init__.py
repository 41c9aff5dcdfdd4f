"""What an order asks of the router, and what the router's answer means for the order. Pure."""

from shared.orders.sourcing.held import parcels_of_hold, promise_of
from shared.orders.sourcing.needs import Inputs, Needs, Sourced
from shared.orders.sourcing.plan import end_of_open_time, latest_decision, parcel, parcels
from shared.orders.sourcing.planning import plan_change, plan_order, reserve
from shared.orders.sourcing.problem import candidate, problem
from shared.orders.sourcing.revising import plan_revision
from shared.orders.sourcing.shortage import alternatives, refuse_short, short_lines
from shared.orders.sourcing.staying import plan_improvement
from shared.orders.sourcing.supply import MOST_DELIVERIES, Supply, check_pickup, nearby_pickups
from shared.orders.sourcing.to_store import plan_transfers
from shared.orders.sourcing.waiting import (
    expected_dates,
    locations_with_supply,
    next_supply,
    parcel_on_arrival,
    planned_waits,
    serving_locations,
)

__all__ = [
    "MOST_DELIVERIES",
    "Inputs",
    "Needs",
    "Sourced",
    "Supply",
    "alternatives",
    "candidate",
    "check_pickup",
    "end_of_open_time",
    "expected_dates",
    "latest_decision",
    "locations_with_supply",
    "nearby_pickups",
    "next_supply",
    "parcel",
    "parcel_on_arrival",
    "parcels",
    "parcels_of_hold",
    "plan_change",
    "plan_improvement",
    "plan_order",
    "plan_revision",
    "plan_transfers",
    "planned_waits",
    "problem",
    "promise_of",
    "refuse_short",
    "reserve",
    "serving_locations",
    "short_lines",
]
