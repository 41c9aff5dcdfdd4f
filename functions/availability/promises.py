"""The routes of promises. They run the order router, so the orders Lambda answers them."""

from shared.errors import OutOfStock
from shared.orders import promising
from shared.orders.contract.promises import (
    PromiseHeld,
    PromiseHoldInput,
    PromiseInput,
    PromisesAnswer,
)
from shared.plans.losing import note_lost, short_of_refusal
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs

router = routes()


@router.post(
    "/v1/availability/promises",
    operation_id="promiseCart",
    security=needs("availability:read"),
    summary="List the options to deliver or collect a cart",
    description="Asks the router that also places orders, and returns each option with its date, "
    "cost and number of parcels. Nothing is reserved.",
)
def promise(body: PromiseInput) -> PromisesAnswer:
    caller_of(router).must_see(body.channel)
    now = now_in_milliseconds()
    answer = promising.promises(body, now)
    if answer.short:
        missing = [(row.sku, body.pickup_at, row.wanted - row.sellable) for row in answer.short]
        note_lost(missing, body.delivery_place(), body.shopper(), body.channel, now)
    return answer


@router.post(
    "/v1/availability/promises/hold",
    operation_id="holdPromise",
    status_code=201,
    security=needs("orders:write", "stock:write"),
    summary="Hold one of the promised options",
    description="Reserves the option until `expires_at`, which is never later than the time when "
    "its first units have to be ready. An order with this `hold_id` gets exactly this plan: "
    "locations, units, dates and cost, even when a cheaper plan has appeared. When the option is "
    "no longer available as promised, the request is refused with `promise_changed` and the option "
    "that is available now.",
)
def hold_promise(body: PromiseHoldInput) -> PromiseHeld:
    caller, request = caller_of(router), request_of(router)
    caller.must_see(body.channel)
    now = now_in_milliseconds()
    try:
        return PromiseHeld.model_validate_json(promising.hold(body, request, now))
    except OutOfStock as refused:
        missing = short_of_refusal(refused.data["short"])
        note_lost(missing, body.delivery_place(), body.shopper(), body.channel, now)
        raise
