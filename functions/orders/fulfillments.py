"""The routes of fulfillments: the pick list of a location, and what the location does with it."""

import secrets
from datetime import datetime
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.orders.requests import (
    LOCATION_PAGE,
    Cursor,
    Decide,
    FulfillmentPath,
    change_order,
    next_cursor,
    page_end,
    states,
)
from shared.errors import Forbidden, WrongCode, invalid
from shared.orders import changing, model, offers, store, substituting
from shared.orders.contract.common import units
from shared.orders.contract.fulfillments import (
    AcceptInput,
    ArrivedInput,
    AssignInput,
    CancelFulfillmentInput,
    CollectInput,
    FulfillmentsAnswer,
    ReceiveParcelInput,
    RejectInput,
    ResolveInput,
    ShipInput,
    fulfillment_answer,
)
from shared.orders.contract.orders import OrderAnswer
from shared.orders.contract.substitutions import SubstituteInput
from shared.orders.model import (
    FulfillmentState,
    Order,
    OrderChange,
    serving,
)
from shared.orders.model.serving import CODE_DIGITS
from shared.orders.reading import terms_of
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import Caller, needs
from shared.web.contract import LocationId

READ = needs("fulfillments:read")
WRITE = needs("fulfillments:write")
FULFILLMENT = "/v1/fulfillments/<fulfillment_id>"

router = routes()


@router.get(
    "/v1/fulfillments",
    operation_id="listFulfillments",
    security=READ,
    summary="Read the pick list of a location",
    description="Lists the open fulfillments of a location (or those in `state`), most urgent "
    "first. A fulfillment with `pauses` is shown and cannot be worked on before they end. The "
    "caller must work at the location.",
)
def list_fulfillments(
    location_id: Annotated[LocationId, Query(description="The location that picks.")],
    state: Annotated[
        FulfillmentState | None,
        Query(description="Only fulfillments in this state; default: all open ones."),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=200, description="Number of fulfillments on a page.")
    ] = 50,
    cursor: Cursor = None,
) -> FulfillmentsAnswer:
    caller = caller_of(router)
    caller.must_work_at(location_id)
    page = store.pick_list(location_id, states(state), limit, page_end(cursor, LOCATION_PAGE))
    return FulfillmentsAnswer(
        fulfillments=[
            fulfillment_answer(
                pick.order_id, pick.channel, pick.fulfillment, pick.pauses, rests=pick.rests
            )
            for pick in page.picks
            if caller.sees(pick.channel)
        ],
        next_cursor=next_cursor(page.after),
    )


@router.post(
    f"{FULFILLMENT}/accept",
    operation_id="acceptFulfillment",
    security=WRITE,
    summary="Accept an offered fulfillment",
    description="The location agrees to serve the units. When several locations were asked "
    "(`rivals`), the first one to accept gets the fulfillment and reserves its own units; later "
    "ones are refused with `invalid_transition`.",
)
def accept(fulfillment_id: FulfillmentPath, body: AcceptInput | None = None) -> OrderAnswer:
    location_id = (body or AcceptInput()).location_id
    return _change(
        fulfillment_id,
        lambda order, now, actor: offers.accept_offer(
            order, fulfillment_id, location_id, now, actor
        ),
        location_id,
    )


@router.post(
    f"{FULFILLMENT}/reject",
    operation_id="rejectFulfillment",
    security=WRITE,
    summary="Reject units of a fulfillment",
    description="The location does not serve these units, and the reason corrects its stock: "
    "`not_found` and `mismatch` take the units off its stock, `damaged` moves them to damaged, "
    "`no_capacity` leaves the stock as it is. The units are routed elsewhere at once. When the "
    "stock shows more units than those not found, the event `stock.count_requested` asks for a "
    "count.",
)
def reject(fulfillment_id: FulfillmentPath, body: RejectInput) -> OrderAnswer:
    rejections = [line.rejection() for line in body.lines]

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        believed = changing.believed_available(order, fulfillment_id, rejections)
        return model.reject(order, fulfillment_id, rejections, believed, now=now, actor=actor)

    return _change(fulfillment_id, decide)


@router.post(
    f"{FULFILLMENT}/substitute",
    operation_id="substituteUnits",
    security=WRITE,
    summary="Hand over another SKU instead of units that are not there",
    description="Possible while the units are picked, for lines whose `substitution` allows it. "
    "The other units are reserved at once, as a line of their own (`instead_of`), and are never "
    "dearer. With `ask` the shopper can refuse them until `consent_by`, and the fulfillment waits "
    "for the answer. Without `unit_price`, which only callers with `orders:write` set, the lower "
    "price of the two SKUs holds. The reason corrects the stock as that of a rejection.",
)
def substitute(fulfillment_id: FulfillmentPath, body: SubstituteInput) -> OrderAnswer:
    if body.unit_price is not None and "orders:write" not in caller_of(router).scopes:
        raise Forbidden("a price is set by callers with the scope orders:write")
    return _change(
        fulfillment_id,
        lambda order, now, actor: substituting.substitute(
            order, fulfillment_id, body.substitute(order), now, actor
        ),
    )


@router.post(
    f"{FULFILLMENT}/pick",
    operation_id="pickFulfillment",
    security=WRITE,
    summary="Mark a fulfillment as picked",
    description="All units of the fulfillment have been taken from the shelf.",
)
def pick(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _change(fulfillment_id, stepping(fulfillment_id, "pick"))


@router.post(
    f"{FULFILLMENT}/pack",
    operation_id="packFulfillment",
    security=WRITE,
    summary="Mark a fulfillment as packed",
    description="All units of a fulfillment to ship are in the parcel.",
)
def pack(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _change(fulfillment_id, stepping(fulfillment_id, "pack"))


@router.post(
    f"{FULFILLMENT}/ready",
    operation_id="readyFulfillment",
    security=WRITE,
    summary="Mark a fulfillment as ready for pickup",
    description="The units of a pickup fulfillment wait for the shopper.",
)
def ready(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _change(fulfillment_id, stepping(fulfillment_id, "ready"))


@router.post(
    f"{FULFILLMENT}/ship",
    operation_id="shipFulfillment",
    security=WRITE,
    summary="Hand a parcel to the carrier",
    description="The units leave the stock of the location. With `lines` only some units are "
    "shipped; the others stay as a fulfillment of their own. Carrier and tracking number are "
    "needed when no label was bought.",
)
def ship(fulfillment_id: FulfillmentPath, body: ShipInput) -> OrderAnswer:
    return _change(fulfillment_id, shipping(fulfillment_id, body))


def shipping(fulfillment_id: str, body: ShipInput) -> Decide:
    """The decision to hand the parcel to the carrier."""

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        part = order.fulfillment(fulfillment_id)
        for name in ("carrier", "tracking"):
            if not (getattr(body, name) or getattr(part, name)):
                raise invalid(f"$.{name}", "no label was bought: name the carrier and its number")
        return model.advance(
            order,
            fulfillment_id,
            "ship",
            now,
            actor,
            units=units(body.lines),
            carrier=body.carrier,
            tracking=body.tracking,
        )

    return decide


@router.post(
    f"{FULFILLMENT}/collect",
    operation_id="collectFulfillment",
    security=WRITE,
    summary="Hand units to the shopper",
    description="The shopper has collected the units, and they leave the stock of the location. "
    "With `lines` only some units are handed over; the others stay as a fulfillment of their own.",
)
def collect(fulfillment_id: FulfillmentPath, body: CollectInput | None = None) -> OrderAnswer:
    decide = stepping(fulfillment_id, "collect", body or CollectInput())
    try:
        return _change(fulfillment_id, decide)
    except WrongCode:
        _count_wrong_code(fulfillment_id)
        raise


def _count_wrong_code(fulfillment_id: str) -> None:
    actor, now = caller_of(router).actor, now_in_milliseconds()
    changing.change(
        store.order_of_fulfillment(fulfillment_id),
        lambda order: serving.count_wrong_code(order, fulfillment_id, now, actor),
        now,
    )


@router.post(
    f"{FULFILLMENT}/code",
    operation_id="renewCode",
    security=needs("orders:write"),
    summary="Give the shopper another code",
    description="For goods that are ready. The former code is void, and the wrong ones that were "
    "said are forgotten. `fulfillment.code_renewed` tells it to whoever tells the shopper.",
)
def renew_code(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    code = _new_code()
    return change_order(
        store.order_of_fulfillment(fulfillment_id),
        lambda order, now, actor: serving.renew_code(order, fulfillment_id, code, now, actor),
        caller_of(router),
        request_of(router),
    )


@router.post(
    f"{FULFILLMENT}/assign",
    operation_id="assignFulfillment",
    security=WRITE,
    summary="Give the work of a fulfillment to a person",
    description="Pick lists show the person. Without `to` the work is taken back.",
)
def assign(fulfillment_id: FulfillmentPath, body: AssignInput | None = None) -> OrderAnswer:
    to = (body or AssignInput()).to
    return _change(
        fulfillment_id,
        lambda order, now, actor: serving.assign(order, fulfillment_id, to, now, actor),
    )


@router.post(
    f"{FULFILLMENT}/arrived",
    operation_id="recordArrival",
    security=needs("orders:write", "fulfillments:write"),
    summary="Report that the shopper has come to collect the goods",
    description="The pick list shows it, and the location is reminded after ten minutes. Callers "
    "are the shopper's channel (`orders:write`), or work at the location.",
)
def record_arrival(
    fulfillment_id: FulfillmentPath, body: ArrivedInput | None = None
) -> OrderAnswer:
    place = (body or ArrivedInput()).place
    caller = caller_of(router)

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if "orders:write" not in caller.scopes:
            caller.must_work_at(order.fulfillment(fulfillment_id).location_id)
        return serving.arrive(order, fulfillment_id, place, now, actor)

    return change_order(
        store.order_of_fulfillment(fulfillment_id), decide, caller, request_of(router)
    )


@router.post(
    f"{FULFILLMENT}/receive",
    operation_id="receiveParcel",
    security=WRITE,
    summary="Receive a parcel that came back",
    description="The sender confirms that it has the parcel that the carrier returned, with the "
    "condition of its units. Sellable units are on sale there at once. Customer service then "
    "resolves the claim.",
)
def receive(fulfillment_id: FulfillmentPath, body: ReceiveParcelInput | None = None) -> OrderAnswer:
    lines = (body or ReceiveParcelInput()).lines
    rows = None if lines is None else [line.received() for line in lines]
    return _change(
        fulfillment_id,
        lambda order, now, actor: model.receive_parcel(order, fulfillment_id, rows, now, actor),
    )


@router.post(
    f"{FULFILLMENT}/claim",
    operation_id="resolveClaim",
    security=needs("orders:write"),
    summary="Resolve the claim of a parcel that is lost or came back",
    description="With `resend` the units are open again in the same order and are routed at once; "
    "with `refund` they count as cancelled, and what was charged for them is due back; `found` "
    "withdraws the claim of a lost parcel, because the shopper has it. A returned parcel must have "
    "been received first.",
)
def resolve_claim(fulfillment_id: FulfillmentPath, body: ResolveInput) -> OrderAnswer:
    return change_order(
        store.order_of_fulfillment(fulfillment_id),
        lambda order, now, actor: model.resolve_claim(
            order, fulfillment_id, body.resolution, now, actor
        ),
        caller_of(router),
        request_of(router),
    )


@router.post(
    f"{FULFILLMENT}/cancel",
    operation_id="cancelFulfillment",
    security=WRITE,
    summary="Cancel a fulfillment",
    description="Cancels the units of the fulfillment in the order; they are on sale again at "
    "once.",
)
def cancel_fulfillment(
    fulfillment_id: FulfillmentPath, body: CancelFulfillmentInput | None = None
) -> OrderAnswer:
    reason = (body or CancelFulfillmentInput()).reason
    return _change(
        fulfillment_id,
        lambda order, now, actor: model.cancel_fulfillment(
            order, fulfillment_id, reason, now, actor
        ),
    )


def stepping(
    fulfillment_id: str,
    action: Literal["pick", "pack", "ready", "collect"],
    collected: CollectInput | None = None,
) -> Decide:
    """The decision to take a step at the location. Goods that become ready get a code."""
    code = _new_code() if action == "ready" else None

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        part, terms = order.fulfillment(fulfillment_id), terms_of(order)
        if collected is not None:
            required = terms.policy.code_required
            serving.check_code(part, collected.code, required=required)
        return model.advance(
            order,
            fulfillment_id,
            action,
            now,
            actor,
            units=units(collected.lines) if collected else None,
            code=code,
            terms=terms.at(part.location_id),
        )

    return decide


def _new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def _change(fulfillment_id: str, decide: Decide, location_id: str | None = None) -> OrderAnswer:
    caller = caller_of(router)
    return change_order(
        store.order_of_fulfillment(fulfillment_id),
        at_location(decide, fulfillment_id, caller, location_id),
        caller,
        request_of(router),
    )


def at_location(
    decide: Decide, fulfillment_id: str, caller: Caller, location_id: str | None = None
) -> Decide:
    """``decide`` for a caller who must work at ``location_id``, or else at the location of the
    fulfillment."""

    def checked(order: Order, now: datetime, actor: str) -> changing.Decided:
        caller.must_work_at(location_id or order.fulfillment(fulfillment_id).location_id)
        return decide(order, now, actor)

    return checked
