"""The route that asks a carrier about a parcel, which functions/carriers answers."""

from functions.orders.requests import FulfillmentPath, readable_order
from shared.carriers import port
from shared.errors import Conflict
from shared.orders import parcels, store
from shared.orders.contract.labels import ParcelEventsAnswer
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs

router = routes()


@router.post(
    "/v1/fulfillments/<fulfillment_id>/track",
    operation_id="requestTracking",
    security=needs("orders:write", "fulfillments:write"),
    summary="Ask the carrier where a parcel is",
    description="For when a report is missing: asks the provider of carriers now, and does what a "
    "report of each event would have done. Repeating it changes nothing more.",
)
def track(fulfillment_id: FulfillmentPath) -> ParcelEventsAnswer:
    caller = caller_of(router)
    order = readable_order(store.order_of_fulfillment(fulfillment_id), caller)
    part = order.fulfillment(fulfillment_id)
    if "orders:write" not in caller.scopes:
        caller.must_work_at(part.location_id)
    if not part.carrier or not part.tracking:
        raise Conflict(f"{fulfillment_id} has no tracking number")
    events = port.track(part.carrier, part.tracking)
    return parcels.hear_all(events, now_in_milliseconds())
