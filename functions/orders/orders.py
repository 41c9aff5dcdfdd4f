"""The routes of orders."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, cast, get_args

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from functions.cards.paying import found_card, may_pay_with_cards
from functions.orders import store_credit
from functions.orders.requests import (
    LOCATION_PAGE,
    SHOPPER_PAGE,
    Cursor,
    Decide,
    OrderPath,
    answer_for,
    change_order,
    may_sell_cards,
    next_cursor,
    page_end,
    readable_order,
    states,
    with_payments,
)
from shared.errors import NotFound, OutOfStock, VersionMismatch, invalid
from shared.orders import buyers, changing, model, pausing, placing, searching, store
from shared.orders.contract.common import Words, units
from shared.orders.contract.decisions import DecisionAnswer, decision_answer
from shared.orders.contract.history import HistoryAnswer, history_answer
from shared.orders.contract.orders import (
    CancelInput,
    NoteInput,
    OrderAnswer,
    OrdersAnswer,
    order_answer,
)
from shared.orders.contract.pauses import PauseInput, ReleaseInput
from shared.orders.contract.payments import PaymentReceived, PaymentReport
from shared.orders.contract.placement import OrderInput, Reference
from shared.orders.contract.revisions import RevisionInput, RevisionQuote, revision_quote
from shared.orders.contract.search import (
    POSSIBLE,
    By,
    Criteria,
    SearchedState,
    criteria,
    summary_answer,
)
from shared.orders.contract.substitutions import ConsentInput
from shared.orders.model import (
    FulfillmentState,
    Order,
    OrderChange,
    paying,
    serving,
    substituting,
)
from shared.orders.model.revising import Revised, revise
from shared.orders.reading import check_destination
from shared.orders.store.search import RowEnd
from shared.plans.losing import note_lost, short_of_refusal
from shared.pricing.tokens import read_token
from shared.web.api import (
    answered_with,
    caller_of,
    now_in_milliseconds,
    request_of,
    routes,
    stored_answer,
)
from shared.web.auth import needs
from shared.web.contract import Channel, Id, InstantInput, LocationId, Sku
from shared.web.preconditions import version_in

READ = needs("orders:read")
WRITE = needs("orders:write")

PausePath = Annotated[Id, Path(description="The id of the pause.")]
IfMatch = Annotated[
    str,
    Header(alias="If-Match", description="The `version` of the order that you read, or `*`."),
]
OptionalIfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The `version` of the order that you read, or `*`."),
]

router = routes()


@router.post(
    "/v1/orders",
    operation_id="placeOrder",
    status_code=201,
    security=WRITE,
    summary="Place an order",
    description="Routes the order, reserves its units and stores it in one transaction: every unit "
    "in the answer is reserved, except units that wait as a backorder. When units are missing the "
    "order is refused as a whole; the problem lists every short line with its reason and the "
    "alternatives. The code is `out_of_stock` when there is no stock, and `no_service`, "
    "`too_late`, `no_capacity`, `too_many_parcels` or `too_dear` when there is stock that this "
    "order cannot use. With a `quote_token` the shopper pays what was quoted, to the cent; after "
    "15 minutes it is refused with `quote_expired`. Send the same Idempotency-Key again after a "
    "timeout: an order is placed once per key.",
    responses=answered_with(HTTPStatus.CREATED, "The order.", OrderAnswer),
)
def place_order(body: OrderInput) -> Response[Any]:
    caller, request, now = caller_of(router), request_of(router), now_in_milliseconds()
    caller.must_see(body.channel)
    may_sell_cards(caller, body)
    quote = read_token(body.quote_token) if body.quote_token is not None else None
    draft = body.order(body.order_id or store.order_id_of_request(request), now, quote)
    try:
        text = placing.place(
            draft,
            request,
            caller.actor,
            now,
            answer_for(caller),
            buyer=lambda: buyers.find_buyer(
                body.customer, request, now, caller, quote.profile_id if quote else None
            ),
            pay=lambda draft: with_payments(draft, body, caller, now),
        )
    except OutOfStock as refused:
        missing = short_of_refusal(refused.data["short"])
        note_lost(missing, draft.ship_to, body.shopper(request.name), body.channel, now)
        raise
    return stored_answer(HTTPStatus.CREATED, text)


@router.get(
    "/v1/orders/<order_id>",
    operation_id="getOrder",
    security=READ,
    summary="Read an order",
    description="Returns the current state of an order with its lines and fulfillments. The read "
    "is strongly consistent.",
)
def get_order(order_id: OrderPath) -> OrderAnswer:
    return order_answer(store.with_past(readable_order(order_id, caller_of(router))))


@router.get(
    "/v1/orders",
    operation_id="listOrders",
    security=READ,
    summary="Find orders, or list those of a shopper or of a location",
    description="A search answers `summaries`, newest first: by `reference`, `tracking`, `phone` "
    "or `email` over all channels of the caller; by `sku`, by `state` or by `channel` alone in one "
    "channel, which is the caller's own unless it is named. `exception`, `backordered` and "
    "`paused` are found over all channels by callers that see all. `placed_from` and `placed_to` "
    "bound a search. `state=late` lists orders whose `due_at` has passed, the longest overdue "
    "first. "
    "`profile_id` answers the `orders` of a shopper, newest first; `location_id`, with or without "
    "the state of a fulfillment, those that a location fulfils, most urgent first. All lists are a "
    "few seconds behind. Reads by `profile_id`, `phone` and `email` are recorded in the audit of "
    "the profiles that are found. A page may have fewer entries than `limit`: the list ends where "
    "there is no `next_cursor`.",
)
def list_orders(
    profile_id: Annotated[Id | None, Query(description="The shopper's profile.")] = None,
    location_id: Annotated[
        LocationId | None, Query(description="The location that fulfils the orders.")
    ] = None,
    state: Annotated[
        FulfillmentState | SearchedState | None,
        Query(
            description="The state of the order, `late` or `paused`; with `location_id` the state "
            "of the fulfillments at the location (default: open ones)."
        ),
    ] = None,
    reference: Annotated[
        Reference | None, Query(description="What the channel calls the order.")
    ] = None,
    channel: Annotated[Channel | None, Query(description="The selling channel.")] = None,
    sku: Annotated[Sku | None, Query(description="A SKU among the lines of the order.")] = None,
    tracking: Annotated[
        Words | None, Query(description="The tracking number of a parcel of the order.")
    ] = None,
    phone: Annotated[
        Words | None, Query(description="A phone number of the buyer, with country code.")
    ] = None,
    email: Annotated[Words | None, Query(description="An email address of the buyer.")] = None,
    placed_from: Annotated[
        InstantInput | None, Query(description="Only orders placed at this instant or later.")
    ] = None,
    placed_to: Annotated[
        InstantInput | None, Query(description="Only orders placed before this instant.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Number of orders on a page.")] = 50,
    cursor: Cursor = None,
) -> OrdersAnswer:
    caller = caller_of(router)
    searched: dict[By, str | None] = {
        "reference": reference,
        "tracking": tracking,
        "phone": phone,
        "email": email,
        "sku": sku,
        "channel": channel,
    }
    is_search = any(value is not None for value in (*searched.values(), placed_from, placed_to))
    if profile_id is None and location_id is None and (is_search or state is not None):
        by_state: dict[By, str | None] = {**searched, "state": state}
        sought = criteria(by_state, placed_from, placed_to, caller.channels)
        return _found(sought, limit, cursor)
    if profile_id is not None and location_id is None and state is None and not is_search:
        names = buyers.read_profile_ids(profile_id, caller.actor, now_in_milliseconds())
        rows = store.orders_of_profiles(names, limit, page_end(cursor, SHOPPER_PAGE))
        orders, end = rows.orders, rows.after
    elif location_id is not None and profile_id is None and not is_search:
        if state is not None and state not in get_args(FulfillmentState):
            raise invalid("query.state", "this is no state of a fulfillment")
        stated = states(cast("FulfillmentState | None", state))
        page = store.pick_list(location_id, stated, limit, page_end(cursor, LOCATION_PAGE))
        orders, end = store.orders_by_id(pick.order_id for pick in page.picks), page.after
    else:
        raise invalid("query", POSSIBLE)
    return OrdersAnswer(
        orders=[order_answer(order) for order in orders if caller.sees(order.channel)],
        next_cursor=next_cursor(end),
    )


def _found(sought: Criteria, limit: int, cursor: str | None) -> OrdersAnswer:
    """A page of a search, without the orders of channels that the caller does not see."""
    caller, now = caller_of(router), now_in_milliseconds()
    if sought.channel is not None:
        caller.must_see(sought.channel)
    elif sought.by == "state":
        caller.must_see_all()
    after = RowEnd(*sought.row_after(cursor)) if cursor is not None else None
    page = searching.find_orders(sought, limit, now, after)
    seen = [row for row in page.summaries if caller.sees(row.channel)]
    if sought.by in {"phone", "email"}:
        searching.record_person_reads(seen, caller.actor, now)
    end = page.after
    return OrdersAnswer(
        orders=[],
        summaries=[summary_answer(row) for row in seen],
        next_cursor=sought.cursor(end.sort_key, end.name) if end else None,
    )


@router.get(
    "/v1/orders/<order_id>/decision",
    operation_id="getOrderDecision",
    security=READ,
    summary="Explain a routing decision of an order",
    description="Returns the latest routing decision of the order, or the one named by "
    "`decision_id`: every candidate location with its cost terms, and the reason why it was or was "
    "not chosen. Costs are included only for clients with the scope `policy:read`.",
)
def get_decision(
    order_id: OrderPath,
    decision_id: Annotated[
        str | None, Query(description="An earlier decision, from `decisions` of this answer.")
    ] = None,
) -> DecisionAnswer:
    order = readable_order(order_id, caller_of(router))
    stored_decision = _stored_decision(order, decision_id)
    return decision_answer(stored_decision, order, costs="policy:read" in caller_of(router).scopes)


@router.get(
    "/v1/orders/<order_id>/history",
    operation_id="getOrderHistory",
    security=READ,
    summary="Read the history of an order",
    description="Returns every event of the order, oldest first, with its time and actor.",
)
def get_history(order_id: OrderPath) -> HistoryAnswer:
    return history_answer(store.with_past(readable_order(order_id, caller_of(router))))


@router.post(
    "/v1/orders/<order_id>/cancel",
    operation_id="cancelOrder",
    security=WRITE,
    summary="Cancel an order, some of its lines, or some units",
    description="Cancels units that have not been handed over. The units are on sale again at "
    "once. Without `lines` it cancels everything that has not been handed over.",
)
def cancel_order(order_id: OrderPath, body: CancelInput) -> OrderAnswer:
    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        refund = store_credit.refund_at_once(router, body, order, now)
        return model.cancel(order, units(body.lines), body.reason, now, actor, refund)

    return store_credit.with_code(router, _change(order_id, decide))


@router.post(
    "/v1/orders/<order_id>/pauses",
    operation_id="pauseOrder",
    security=WRITE,
    summary="Pause an order",
    description="Nobody works on a paused order: its units stay reserved, its locations are not "
    "asked and cannot accept, pick or hand over, and no deadline of theirs runs out. An order may "
    "have several pauses; it goes on when the last one ends. A pause whose `deadline` has passed "
    "ends (`until`), or is reported daily as `order.pause_overdue`; a `fraud` review that is not "
    "decided within 7 days cancels what is not picked.",
)
def pause_order(order_id: OrderPath, body: PauseInput) -> OrderAnswer:
    added = body.pause(store.order_id_of_request(request_of(router)), now_in_milliseconds())
    return _change(order_id, lambda order, now, actor: model.pause(order, added, now, actor))


@router.post(
    "/v1/orders/<order_id>/pauses/<pause_id>/release",
    operation_id="releasePause",
    security=WRITE,
    summary="End a pause of an order",
    description="The order goes on when no other pause remains: deadlines move by the time of the "
    "pause, and a promise that can no longer be kept is made anew (`order.repromised`). With the "
    "outcome `cancel` its units are on sale again, and what was charged is due back.",
)
def release_pause(
    order_id: OrderPath, pause_id: PausePath, body: ReleaseInput | None = None
) -> OrderAnswer:
    ending = body or ReleaseInput()
    if ending.outcome == "cancel":
        reason = ending.reason or "cancelled while it was paused"
        return _change(
            order_id,
            lambda order, now, actor: model.end_with_cancel(order, pause_id, reason, now, actor),
        )
    return _change(order_id, lambda order, now, actor: pausing.release(order, pause_id, now, actor))


@router.post(
    "/v1/orders/<order_id>/changes",
    operation_id="changeOrder",
    security=WRITE,
    summary="Change an order",
    description="Changes the address, persons, service level, quantities, prices, methods, lines "
    "or locations of an order, all or nothing, until the parcels concerned are packed. Units that "
    "have to come from elsewhere are routed and reserved in the same transaction; the change is "
    "refused when there is no stock for it. A refusal names the parcels that are too far "
    "(`too_far`). Send the order's `version` as If-Match, so that nobody's change is overwritten. "
    "A higher value makes `payment.due`, a lower one `refund.due` of what was captured.",
)
def change_order_terms(order_id: OrderPath, body: RevisionInput, if_match: IfMatch) -> OrderAnswer:
    return _change(order_id, _revision(body, if_match))


@router.post(
    "/v1/orders/<order_id>/changes/quote",
    operation_id="quoteOrderChange",
    security=WRITE,
    summary="Show what a change of an order would cost and promise",
    description="Takes the same body as the change. Nothing is reserved or stored.",
)
def quote_order_change(
    order_id: OrderPath, body: RevisionInput, if_match: OptionalIfMatch = None
) -> RevisionQuote:
    caller, now = caller_of(router), now_in_milliseconds()
    decide = _revision(body, if_match)

    def checked(order: Order) -> Revised:
        caller.must_see(order.channel)
        return decide(order, now, caller.actor)

    return revision_quote(*changing.preview(order_id, checked, now))


@router.post(
    "/v1/orders/<order_id>/substitutions",
    operation_id="answerSubstitution",
    security=WRITE,
    summary="Say whether the shopper takes a substitute",
    description="For a line with `consent_by`. When it is refused, its units are on sale again, "
    "and those that it was for are looked for elsewhere, or cancelled (`cancel`). A substitute "
    "that nobody answers in time is refused.",
)
def answer_substitution(order_id: OrderPath, body: ConsentInput) -> OrderAnswer:
    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if body.agreed:
            return substituting.agree(order, body.line_id, now, actor)
        reroute = not body.cancel
        return substituting.refuse(order, body.line_id, now, actor, reroute=reroute)

    return _change(order_id, decide)


@router.post(
    "/v1/orders/<order_id>/notes",
    operation_id="recordNote",
    security=WRITE,
    summary="Write a note into the history of an order",
    description="For the people of the service; an erasure of the buyer removes the text.",
)
def record_note(order_id: OrderPath, body: NoteInput) -> OrderAnswer:
    return _change(order_id, lambda order, now, actor: serving.note(order, body.text, now, actor))


@router.post(
    "/v1/orders/<order_id>/payment",
    operation_id="payOrder",
    security=WRITE,
    summary="Report the payment of a pending order",
    description="An order whose payments cover less than the shopper owes waits for this call and "
    "is cancelled at `payment.deadline` without it. Units cancelled before the payment are not "
    "charged; when `amount` exceeds the value of the remaining units, a refund of the difference "
    "is due. POST /v1/orders/{order_id}/payments reports everything else.",
)
def pay_order(order_id: OrderPath, body: PaymentReceived) -> OrderAnswer:
    return _change(
        order_id,
        lambda order, now, actor: paying.receive(
            order, body.status, body.report(order), now, actor
        ),
    )


@router.post(
    "/v1/orders/<order_id>/payments",
    operation_id="recordPayment",
    security=WRITE,
    summary="Report what was done with a payment of an order",
    description="NoRain says by events what is due: `payment.due` when the payments cover less "
    "than the shopper owes, `capture.due` when goods are handed over, `release.due` and "
    "`refund.due` when more is authorized or captured than is owed. Report here what the payment "
    "provider or the till has done. What is captured beyond the value of the order is due back at "
    "once; a refund of more than was captured is refused. With `card`, a gift card or store credit "
    "pays what the order waits for.",
)
def record_payment(order_id: OrderPath, body: PaymentReport) -> OrderAnswer:
    caller = caller_of(router)
    if body.card is not None:
        may_pay_with_cards(caller, ["$.card"])

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if body.card is None:
            return model.report(order, body.report(order), now, actor)
        currency = order.lines[0].currency
        card = found_card(body.card, currency, caller, now, "$.card.code")
        return paying.pay_with_card(order, card, body.minor_units(order), now, actor)

    return _change(order_id, decide)


def _revision(
    body: RevisionInput, if_match: str | None
) -> Callable[[Order, datetime, str], Revised]:
    """Decides the revision. Raises VersionMismatch when the order has another version."""
    version = version_in(if_match, "order")

    def decide(order: Order, now: datetime, actor: str) -> Revised:
        if version is not None and order.version != version:
            raise VersionMismatch(
                f"order {order.order_id} has version {order.version} now", version=order.version
            )
        revision = body.revision(order)
        check_destination(revision.ship_to)
        return revise(order, revision, now, actor)

    return decide


def _change(order_id: str, decide: Decide) -> OrderAnswer:
    return change_order(order_id, decide, caller_of(router), request_of(router))


def _stored_decision(order: Order, decision_id: str | None) -> bytes:
    """The latest decision of ``order``, or the named one, as it is stored."""
    for reference in reversed(order.decisions):
        if decision_id is None or model.decision_id(reference) == decision_id:
            return store.decision(order.order_id, reference)
    raise NotFound(
        f"order {order.order_id} has no decision {decision_id}"
        if decision_id
        else f"order {order.order_id} has no routing decision: it was placed from a hold"
    )
