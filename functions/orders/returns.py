"""The routes of returns: of goods that nobody has announced, and authorized before they arrive."""

from datetime import datetime
from functools import partial
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.orders import store_credit
from functions.orders.requests import Decide, OrderPath, change_order, readable_order
from shared.errors import invalid
from shared.locations.store import find as find_location
from shared.orders import buyers, store
from shared.orders.contract.orders import OrderAnswer, ReturnInput
from shared.orders.contract.returns import (
    InspectReturnInput,
    ReceiveReturnInput,
    RefurbishedInput,
    ReturnAnswer,
    ReturnAuthorizationInput,
    return_answer,
)
from shared.orders.model import Order, OrderChange, refurbishing, returns, take_back
from shared.orders.restocking import restocking_of
from shared.orders.store.policy import active_policy
from shared.web.api import caller_of, request_of, routes
from shared.web.auth import Caller, needs
from shared.web.contract import Id

READ = needs("orders:read")
WRITE = needs("orders:write")
AT_LOCATION = needs("fulfillments:write")
RETURN = "/v1/returns/<return_id>"
ReturnPath = Annotated[Id, Path(description="The id of the return.")]

router = routes()


@router.post(
    "/v1/orders/<order_id>/returns",
    operation_id="returnOrder",
    security=WRITE,
    summary="Return units of an order at any location",
    description="Sellable units go where `returns.restock` of the order policy says: on sale at "
    "that location at once (the default), into a transfer to another location, or held back as "
    "`unsold` units of a return. Damaged units are stored as damaged. An exchange is a new order: "
    "name it in `exchange_order_id`. With `refund_to` the shopper says how money goes back; the "
    "code of a new card of store credit is shown by this answer alone.",
)
def return_order(order_id: OrderPath, body: ReturnInput) -> OrderAnswer:
    if find_location(body.location_id) is None:
        raise invalid("$.location_id", "this location does not exist")
    returned = [line.returned() for line in body.lines]
    exchange = body.exchange_order_id
    terms = active_policy().returns

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if exchange is not None:
            buyers.check_exchange(order, store.find(exchange))
        restocking = restocking_of(order, terms)
        refund = store_credit.refund_at_once(router, body, order, now)
        return take_back(
            order, body.location_id, returned, now, actor, exchange, terms, restocking, refund
        )

    return store_credit.with_code(
        router, change_order(order_id, decide, caller_of(router), request_of(router))
    )


@router.post(
    "/v1/orders/<order_id>/returns/authorize",
    operation_id="openReturn",
    security=WRITE,
    summary="Authorize a return before the goods arrive",
    description="Checks the units, the window and the reason by the order policy, which also says "
    "when the refund is due, what fee is kept of it, and when the shopper keeps the goods. The "
    "return is the last one in `returns` of the answer.",
)
def open_return(order_id: OrderPath, body: ReturnAuthorizationInput) -> OrderAnswer:
    terms = active_policy().returns
    if body.location_id is not None and find_location(body.location_id) is None:
        raise invalid("$.location_id", "this location does not exist")

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if body.exchange_order_id is not None:
            buyers.check_exchange(order, store.find(body.exchange_order_id))
        asked = body.request(store_credit.refund_at_once(router, body, order, now))
        return returns.authorize(order, asked, now, actor, terms)

    return store_credit.with_code(
        router, change_order(order_id, decide, caller_of(router), request_of(router))
    )


@router.get(
    RETURN,
    operation_id="getReturn",
    security=READ,
    summary="Read a return",
    description="Returns the state of a return and the actions that it allows.",
)
def get_return(return_id: ReturnPath) -> ReturnAnswer:
    order = readable_order(_order_of(return_id), caller_of(router))
    return return_answer(order, returns.return_of(order, return_id))


@router.post(
    f"{RETURN}/scan",
    operation_id="recordReturnScan",
    security=WRITE,
    summary="Report that the carrier has the goods",
    description="The refund is due now when the order policy says so (`refund_on: scan`).",
)
def scan_return(return_id: ReturnPath) -> OrderAnswer:
    terms = active_policy().returns
    return _change(
        return_id, lambda order, now, actor: returns.scan(order, return_id, now, actor, terms)
    )


@router.post(
    f"{RETURN}/receive",
    operation_id="receiveReturn",
    security=AT_LOCATION,
    summary="Receive the goods of a return at any location",
    description="The goods are at the location and not on sale until they are inspected. The "
    "caller must work there.",
)
def receive_return(return_id: ReturnPath, body: ReceiveReturnInput) -> OrderAnswer:
    caller, location_id = caller_of(router), body.location_id
    caller.must_work_at(location_id)
    if find_location(location_id) is None:
        raise invalid("$.location_id", "this location does not exist")
    terms, new_credit = active_policy().returns, partial(store_credit.new_credit, router)

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        return returns.receive(order, return_id, location_id, now, actor, terms, new_credit)

    return store_credit.with_code(router, _change(return_id, decide))


@router.post(
    f"{RETURN}/inspect",
    operation_id="judgeReturn",
    security=AT_LOCATION,
    summary="Say what an inspection of the goods has found",
    description="Sellable units go where `returns.restock` of the order policy says: on sale at "
    "once (the default), into a transfer to another location, or held back. Units to refurbish and "
    "units that are held back are `unsold`. The caller must work at the location.",
)
def inspect_return(return_id: ReturnPath, body: InspectReturnInput) -> OrderAnswer:
    caller = caller_of(router)
    outcomes = [(row.line_id, row.quantity, row.outcome) for row in body.lines]
    terms, new_credit = active_policy().returns, partial(store_credit.new_credit, router)

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        _must_work_at_return(caller, order, return_id)
        restocking = restocking_of(order, terms)
        return returns.inspect(
            order, return_id, outcomes, now, actor, terms, restocking, new_credit
        )

    return store_credit.with_code(router, _change(return_id, decide))


@router.post(
    f"{RETURN}/refurbished",
    operation_id="recordRefurbished",
    security=AT_LOCATION,
    summary="Put unsold units of a return on sale",
    description="For units that were refurbished, or that the order policy held back: they are on "
    "sale at their location, or `damaged` for good. Without a body all `unsold` units are "
    "sellable. The caller must work at the location.",
)
def refurbished(return_id: ReturnPath, body: RefurbishedInput | None = None) -> OrderAnswer:
    caller, outcomes = caller_of(router), (body or RefurbishedInput()).outcomes()
    terms = active_policy().returns

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        _must_work_at_return(caller, order, return_id)
        return refurbishing.refurbished(order, return_id, outcomes, now, actor, terms)

    return _change(return_id, decide)


def _must_work_at_return(caller: Caller, order: Order, return_id: str) -> None:
    location_id = returns.return_of(order, return_id).location_id
    if location_id is not None:
        caller.must_work_at(location_id)


@router.post(
    f"{RETURN}/cancel",
    operation_id="cancelReturn",
    security=WRITE,
    summary="Cancel a return",
    description="Possible until the carrier has the goods.",
)
def cancel_return(return_id: ReturnPath) -> OrderAnswer:
    return _change(
        return_id, lambda order, now, actor: returns.cancel_return(order, return_id, now, actor)
    )


def _change(return_id: str, decide: Decide) -> OrderAnswer:
    return change_order(_order_of(return_id), decide, caller_of(router), request_of(router))


def _order_of(return_id: str) -> str:
    return return_id.rpartition(".R")[0]
