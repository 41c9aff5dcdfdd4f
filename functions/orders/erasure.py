"""The route that erases the person of an order who has no profile."""

from functions.orders.requests import OrderPath
from shared.orders import erasing
from shared.orders.contract.erased import ErasedOrderAnswer
from shared.orders.model import Order
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs

router = routes()


@router.post(
    "/v1/orders/<order_id>/erase",
    operation_id="eraseOrder",
    security=needs("customers:erase"),
    summary="Erase the guest of an order",
    description="For an order without a profile; DELETE /v1/customers/{profile_id} erases a "
    "customer with all orders. Addresses, persons, phone numbers, e-mail addresses, tracking "
    "numbers, payment references, texts, labels and stored answers are erased; lines, amounts and "
    "dates stay, as law and accounting require. An open order goes on without its address. The "
    "history names who did it, and `order.erased` tells other systems. Send it again after a "
    "fault: it continues, and changes nothing once it is done. GET /v1/orders/{order_id} is the "
    "person's copy of the data: read it before.",
)
def erase_order(order_id: OrderPath) -> ErasedOrderAnswer:
    caller = caller_of(router)

    def check(order: Order) -> None:
        caller.must_see(order.channel)

    order = erasing.erase_guest(order_id, check, now_in_milliseconds(), caller.actor)
    return ErasedOrderAnswer(
        order_id=order.order_id,
        profile_id=order.buyer.profile_id or "",
        version=order.version,
    )
