"""The routes of orders, fulfillments, transfers, quotes and promises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.errors import NotFound, invalid
from shared.locations.store import find as find_location
from shared.orders import buyers, changing, model, offers, placing, promising, store, suggesting
from shared.orders.contract.common import units
from shared.orders.contract.decisions import (
    DecisionAnswer,
    QuoteAnswer,
    WhatIfAnswer,
    WhatIfInput,
    decision_answer,
    what_if_answer,
)
from shared.orders.contract.fulfillments import (
    AcceptInput,
    CancelFulfillmentInput,
    FulfillmentsAnswer,
    HandOverInput,
    RejectInput,
    ShipInput,
    fulfillment_answer,
    part_answer,
)
from shared.orders.contract.orders import (
    CancelInput,
    HistoryAnswer,
    OrderAnswer,
    OrderInput,
    OrdersAnswer,
    PaymentReceived,
    ReturnInput,
    history_answer,
    order_answer,
)
from shared.orders.contract.promises import (
    PromiseHeld,
    PromiseHoldInput,
    PromiseInput,
    PromisesAnswer,
)
from shared.orders.contract.transfers import (
    CancelTransferInput,
    ReceiveInput,
    SuggestionsAnswer,
    TransferAnswer,
    TransferInput,
    suggestions_answer,
    transfer_answer,
)
from shared.orders.model import FulfillmentState, Order, OrderChange, transfers
from shared.orders.model.transfers import Transfer, TransferChange
from shared.orders.store import transfers as transfers_store
from shared.routing.model.decision import Decision
from shared.routing.model.erased import is_stub
from shared.routing.model.whatif import what_if
from shared.routing.store import policies
from shared.web.api import api, idempotent, serve, who
from shared.web.auth import needs
from shared.web.contract import ID, Id, LocationId, Sku
from shared.web.cursor import cursor_of, key_of

app = api()
READ = needs("orders:read")
WRITE = needs("orders:write")
PICK_LIST = needs("fulfillments:read")
FULFILL = needs("fulfillments:write")
TRANSFERS, TRANSFER = needs("transfers:read"), needs("transfers:write")
MOST_SUGGESTED = 20
WHAT_IF_ITEMS = 400
"""Items looked at for one answer: a few seconds of routing at 10 lines and 200 locations."""
OrderPath = Annotated[Id, Path()]
FulfillmentPath = Annotated[Id, Path()]
TransferPath = Annotated[Id, Path()]
INSTANT = r"[0-9TZ:.-]{24}"
OF_SHOPPER = rf"profile\n{INSTANT}\n{ID}"
OF_LOCATION = rf"[a-z_]{{1,20}}\n{INSTANT}#{ID}\n{ID}(#{ID})?"
"""What a cursor of a list of orders is made of: see table.At."""
DECIDED = r"[^\n]+\n[^\n]+"
Decide = Callable[[Order, datetime, str], OrderChange]


@app.post(
    "/v1/orders",
    status_code=201,
    security=WRITE,
    summary="Place an order",
    description="Routed, reserved and stored in one transaction. What is answered is what is "
    "reserved. What cannot be had is refused with every short line, its reason and the "
    "alternatives: `out_of_stock`, or `no_service`, `too_late`, `no_capacity`, `too_many_parcels`, "
    "`too_dear` where there is stock.",
)
def place_order(body: OrderInput) -> OrderAnswer:
    caller, request, now = who(app), idempotent(app), _now()
    caller.must_see(body.channel)
    draft = body.order(body.order_id or store.order_id_of_request(request), now)
    text = placing.place(
        draft,
        request,
        caller.actor,
        now,
        _answer,
        buyer=lambda: buyers.find_buyer(body.customer, request, now, caller),
    )
    return OrderAnswer.model_validate_json(text)


@app.get("/v1/orders/<order_id>", security=READ, summary="Read an order")
def get_order(order_id: OrderPath) -> OrderAnswer:
    return order_answer(store.with_past(_seen(order_id)))


@app.get(
    "/v1/orders",
    security=READ,
    summary="List orders of a shopper, or of a location",
    description="By `profile_id`, the newest first; or by `location_id` and the `state` of its "
    "fulfillments (open ones when left out), the most urgent first. Seconds behind at most. "
    "Every read by `profile_id` is noted.",
)
def list_orders(
    profile_id: Annotated[Id | None, Query()] = None,
    location_id: Annotated[LocationId | None, Query()] = None,
    state: Annotated[FulfillmentState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> OrdersAnswer:
    caller = who(app)
    if profile_id is not None and location_id is None and state is None:
        names = buyers.read_profile_ids(profile_id, caller.actor, _now())
        rows = store.orders_of_profiles(names, limit, _place(cursor, OF_SHOPPER))
        found, after = rows.orders, rows.after
    elif location_id is not None and profile_id is None:
        page = store.pick_list(location_id, _states(state), limit, _place(cursor, OF_LOCATION))
        found, after = store.orders_by_id(pick.order_id for pick in page.picks), page.after
    else:
        raise invalid("query", "either profile_id, or location_id with or without state")
    return OrdersAnswer(
        orders=[order_answer(order) for order in found if caller.sees(order.channel)],
        next_cursor=_cursor(after),
    )


@app.get(
    "/v1/orders/<order_id>/decision",
    security=READ,
    summary="Explain why the order comes from where it comes",
    description="The latest routing, or the one of `decision_id`: every candidate with its cost "
    "terms, and why it was or was not taken. Costs are shown to `policy:read` only.",
)
def get_decision(
    order_id: OrderPath, decision_id: Annotated[str | None, Query()] = None
) -> DecisionAnswer:
    order = _seen(order_id)
    return decision_answer(_decision(order, decision_id), order, costs=_told_costs())


@app.get("/v1/orders/<order_id>/history", security=READ, summary="All that happened to an order")
def get_history(order_id: OrderPath) -> HistoryAnswer:
    return history_answer(store.with_past(_seen(order_id)))


@app.post(
    "/v1/orders/<order_id>/cancel",
    security=WRITE,
    summary="Cancel an order, lines or units of it",
    description="Whatever has not been handed over; its units are on sale again at once.",
)
def cancel_order(order_id: OrderPath, body: CancelInput) -> OrderAnswer:
    return _change(
        order_id,
        lambda order, now, actor: model.cancel(order, units(body.lines), body.reason, now, actor),
    )


@app.post(
    "/v1/orders/<order_id>/payment",
    security=WRITE,
    summary="The payment that a pending order waited for",
    description="Without it the order is cancelled at `payment.deadline`. What was cancelled "
    "before is not charged; of an `amount` beyond what is left the rest is due back.",
)
def pay_order(order_id: OrderPath, body: PaymentReceived) -> OrderAnswer:
    return _change(
        order_id,
        lambda order, now, actor: model.pay(
            order, body.status, body.reference, now, actor, body.charged(order)
        ),
    )


@app.post(
    "/v1/orders/<order_id>/returns",
    security=WRITE,
    summary="Take goods back, at any location",
    description="Sellable ones are on sale there at once, damaged ones are kept apart. An exchange "
    "is a new order, which the return names.",
)
def return_order(order_id: OrderPath, body: ReturnInput) -> OrderAnswer:
    if find_location(body.location_id) is None:
        raise invalid("$.location_id", "there is no such location")
    returned = [line.returned() for line in body.lines]
    exchange = body.exchange_order_id

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        if exchange is not None:
            buyers.check_exchange(order, store.find(exchange))
        return model.take_back(order, body.location_id, returned, now, actor, exchange)

    return _change(order_id, decide)


@app.get(
    "/v1/fulfillments",
    security=PICK_LIST,
    summary="The pick list of a location",
    description="Open fulfillments (or those in `state`), the most urgent first; of a location "
    "where the caller works.",
)
def list_fulfillments(
    location_id: Annotated[LocationId, Query()],
    state: Annotated[FulfillmentState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> FulfillmentsAnswer:
    caller = who(app)
    caller.must_work_at(location_id)
    page = store.pick_list(location_id, _states(state), limit, _place(cursor, OF_LOCATION))
    return FulfillmentsAnswer(
        fulfillments=[
            fulfillment_answer(pick.order_id, pick.channel, pick.fulfillment)
            for pick in page.picks
            if caller.sees(pick.channel)
        ],
        next_cursor=_cursor(page.after),
    )


FULFILLMENT = "/v1/fulfillments/<fulfillment_id>"


@app.post(
    f"{FULFILLMENT}/accept",
    security=FULFILL,
    summary="Accept an offer",
    description="Where rivals were asked too, the first to accept has it, and reserves its own "
    "units instead; whoever comes later is refused (`invalid_transition`).",
)
def accept(fulfillment_id: FulfillmentPath, body: AcceptInput | None = None) -> OrderAnswer:
    by = (body or AcceptInput()).location_id
    return _fulfill(
        fulfillment_id,
        lambda order, now, actor: offers.accept_offer(order, fulfillment_id, by, now, actor),
        by,
    )


@app.post(
    f"{FULFILLMENT}/reject",
    security=FULFILL,
    summary="Reject units, with a reason that corrects the stock",
    description="`not_found` and `mismatch` take the units off, `damaged` moves them to damaged, "
    "`no_capacity` leaves the stock. Where more than the units not found is believed to lie, the "
    "event `stock.count_requested` asks for a count. The units are routed elsewhere at once.",
)
def reject(fulfillment_id: FulfillmentPath, body: RejectInput) -> OrderAnswer:
    rejections = [line.rejection() for line in body.lines]

    def decide(order: Order, now: datetime, actor: str) -> OrderChange:
        believed = changing.believed_available(order, fulfillment_id, rejections)
        return model.reject(order, fulfillment_id, rejections, believed, now=now, actor=actor)

    return _fulfill(fulfillment_id, decide)


@app.post(f"{FULFILLMENT}/pick", security=FULFILL, summary="The units are picked")
def pick(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _step(fulfillment_id, "pick")


@app.post(f"{FULFILLMENT}/pack", security=FULFILL, summary="The units are packed")
def pack(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _step(fulfillment_id, "pack")


@app.post(f"{FULFILLMENT}/ready", security=FULFILL, summary="The units wait for the shopper")
def ready(fulfillment_id: FulfillmentPath) -> OrderAnswer:
    return _step(fulfillment_id, "ready")


@app.post(f"{FULFILLMENT}/ship", security=FULFILL, summary="The carrier has the parcel")
def ship(fulfillment_id: FulfillmentPath, body: ShipInput) -> OrderAnswer:
    return _fulfill(
        fulfillment_id,
        lambda order, now, actor: model.advance(
            order,
            fulfillment_id,
            "ship",
            now,
            actor,
            units=units(body.lines),
            carrier=body.carrier,
            tracking=body.tracking,
        ),
    )


@app.post(f"{FULFILLMENT}/collect", security=FULFILL, summary="The shopper has the units")
def collect(fulfillment_id: FulfillmentPath, body: HandOverInput | None = None) -> OrderAnswer:
    return _step(fulfillment_id, "collect", body)


@app.post(f"{FULFILLMENT}/cancel", security=FULFILL, summary="Cancel a fulfillment")
def cancel_fulfillment(
    fulfillment_id: FulfillmentPath, body: CancelFulfillmentInput | None = None
) -> OrderAnswer:
    reason = (body or CancelFulfillmentInput()).reason
    return _fulfill(
        fulfillment_id,
        lambda order, now, actor: model.cancel_fulfillment(
            order, fulfillment_id, reason, now, actor
        ),
    )


@app.post(
    "/v1/transfers",
    status_code=201,
    security=TRANSFER,
    summary="Ask for stock to go from one location to another",
    description="Its units are reserved where they are, and announced where they go. The caller "
    "works at one of the two locations.",
)
def request_transfer(body: TransferInput) -> TransferAnswer:
    caller, request, now = who(app), idempotent(app), _now()
    caller.must_work_at(body.from_location_id, body.to_location_id)
    for field in ("from_location_id", "to_location_id"):
        if find_location(getattr(body, field)) is None:
            raise invalid(f"$.{field}", "there is no such location")
    asked = transfers.request(
        body.transfer(store.order_id_of_request(request), now), now, caller.actor
    )
    text = transfers_store.request_once(asked, now, request, _transfer_answer)
    return TransferAnswer.model_validate_json(text)


@app.get(
    "/v1/transfers/suggestions",
    security=TRANSFERS,
    summary="Units that would sell better elsewhere",
    description="From what each store's shelf is expected to sell within `days`: a location gives "
    "what it has above its 98 % level, and takes up to its 90 % level. Each suggestion gains more "
    "margin than the transfer costs by the policy in force.",
)
def suggest_transfers(
    sku: Annotated[list[Sku], Query(max_length=MOST_SUGGESTED)],
    days: Annotated[int, Query(ge=1, le=60)] = 7,
) -> SuggestionsAnswer:
    return suggestions_answer(suggesting.suggest_transfers(sku, days, _now()))


@app.get("/v1/transfers/<transfer_id>", security=TRANSFERS, summary="Read a transfer")
def get_transfer(transfer_id: TransferPath) -> TransferAnswer:
    return transfer_answer(transfers_store.find(transfer_id))


ONE_TRANSFER = "/v1/transfers/<transfer_id>"


@app.post(f"{ONE_TRANSFER}/ship", security=TRANSFER, summary="The units have left")
def ship_transfer(transfer_id: TransferPath) -> TransferAnswer:
    return _move(transfer_id, transfers.ship, lambda found: (found.from_location_id,))


@app.post(
    f"{ONE_TRANSFER}/receive",
    security=TRANSFER,
    summary="Units have arrived",
    description="They are on sale there at once. What is not among them is missing, unless this "
    "is not the `final` delivery. What is missing may still be received.",
)
def receive_transfer(transfer_id: TransferPath, body: ReceiveInput | None = None) -> TransferAnswer:
    came = body or ReceiveInput()
    return _move(
        transfer_id,
        lambda found, now, actor: transfers.receive(
            found, came.units(), now, actor, final=came.final
        ),
        lambda found: (found.to_location_id,),
    )


@app.post(
    f"{ONE_TRANSFER}/cancel",
    security=TRANSFER,
    summary="Cancel a transfer that has not been shipped",
)
def cancel_transfer(
    transfer_id: TransferPath, body: CancelTransferInput | None = None
) -> TransferAnswer:
    reason = (body or CancelTransferInput()).reason
    return _move(
        transfer_id,
        lambda found, now, actor: transfers.cancel(found, reason, now, actor),
        lambda found: (found.from_location_id, found.to_location_id),
    )


@app.post(
    "/v1/routing/quotes",
    security=needs("policy:read", "orders:write"),
    summary="The decision that an order would get now",
    description="Nothing is reserved.",
)
def quote_order(body: OrderInput) -> QuoteAnswer:
    who(app).must_see(body.channel)
    now = _now()
    draft = body.order(body.order_id or f"quote-{now.isoformat()}", now)
    decision, order, short = placing.quote(draft, draft.placed_at)
    return QuoteAnswer(
        **dict(decision_answer(decision.to_bytes(), costs=_told_costs())),
        fulfillments=[part_answer(found) for found in order.fulfillments],
        short=short,
    )


@app.post(
    "/v1/routing/policies/draft/what-if",
    security=needs("policy:read"),
    summary="What past orders would have become under the draft",
    description="Their stored decisions taken again, on the stock as it stood, page by page: the "
    "totals before and after, and every order that would have come from elsewhere. The pages of "
    "one what-if, asked for in turn, are what the draft's guard-rails are measured by. Takes "
    "`channel:all`.",
)
def try_draft(body: WhatIfInput) -> WhatIfAnswer:
    who(app).must_see_all()
    draft = policies.draft()
    if draft is None:
        raise NotFound("there is no draft")
    key = key_of(body.cursor, DECIDED, "$.cursor") if body.cursor else ""
    pk, _, sk = key.partition("\n")
    since = _now() - timedelta(days=body.days)
    page, last = store.first_decisions_since(since, WHAT_IF_ITEMS, (pk, sk) if pk else None)
    decided = ((name, Decision.from_bytes(data)) for name, data in page if not is_stub(data))
    found = what_if(decided, draft.policy)
    following = cursor_of("\n".join(last)) if last else None
    trial = policies.tried(
        draft.revision,
        body.days,
        body.cursor,
        following,
        before=found.before,
        after=found.after,
        at=_now(),
    )
    return what_if_answer(found, draft, following, trial)


@app.post(
    "/v1/availability/promises",
    security=needs("availability:read"),
    summary="How and by when a cart can be had",
    description="From the router that places orders. Nothing is reserved.",
)
def promise(body: PromiseInput) -> PromisesAnswer:
    who(app).must_see(body.channel)
    return promising.promises(body, _now())


@app.post(
    "/v1/availability/promises/hold",
    status_code=201,
    security=needs("orders:write", "stock:write"),
    summary="Hold one of the options",
    description="Reserves it until `expires_at`, and before anything of it should lie ready. An "
    "order with this `hold_id` is exactly this plan: locations, units, dates, cost, also when a "
    "cheaper one has appeared. An option that cannot be had as told is refused "
    "(`promise_changed`) with what can; never is it made worse.",
)
def hold_promise(body: PromiseHoldInput) -> PromiseHeld:
    caller, request = who(app), idempotent(app)
    caller.must_see(body.channel)
    return PromiseHeld.model_validate_json(promising.hold(body, request, _now()))


def _now() -> datetime:
    """As it is stored: in milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _told_costs() -> bool:
    return "policy:read" in who(app).scopes


def _answer(order: Order) -> str:
    return order_answer(order).model_dump_json()


def _seen(order_id: str) -> Order:
    order = store.find(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}", order_id=order_id)
    who(app).must_see(order.channel)
    return order


def _change(order_id: str, decide: Decide) -> OrderAnswer:
    caller, request, now = who(app), idempotent(app), _now()

    def decided(order: Order) -> OrderChange:
        caller.must_see(order.channel)
        return decide(order, now, caller.actor)

    text = changing.change(order_id, decided, now, request=request, answer=_answer)
    return OrderAnswer.model_validate_json(text or "")


def _fulfill(fulfillment_id: str, decide: Decide, location_id: str | None = None) -> OrderAnswer:
    """What is done at the location of a fulfillment, or at ``location_id``: by whoever works
    there."""
    caller = who(app)

    def decided(order: Order, now: datetime, actor: str) -> OrderChange:
        place = location_id or order.fulfillment(fulfillment_id).location_id
        caller.must_work_at(place)
        return decide(order, now, actor)

    return _change(store.order_of_fulfillment(fulfillment_id), decided)


def _move(
    transfer_id: str,
    decide: Callable[[Transfer, datetime, str], TransferChange],
    where: Callable[[Transfer], tuple[str, ...]],
) -> TransferAnswer:
    """``where`` names the locations at one of which the caller has to work."""
    caller, request, now = who(app), idempotent(app), _now()

    def decided(found: Transfer) -> TransferChange:
        caller.must_work_at(*where(found))
        return decide(found, now, caller.actor)

    text = transfers_store.change(
        transfer_id,
        decided,
        now,
        request=request,
        answer=_transfer_answer,
    )
    return TransferAnswer.model_validate_json(text or "")


def _transfer_answer(transfer: Transfer) -> str:
    return transfer_answer(transfer).model_dump_json()


def _step(
    fulfillment_id: str,
    action: Literal["pick", "pack", "ready", "collect"],
    body: HandOverInput | None = None,
) -> OrderAnswer:
    handed = units(body.lines) if body else None
    return _fulfill(
        fulfillment_id,
        lambda order, now, actor: model.advance(
            order, fulfillment_id, action, now, actor, units=handed
        ),
    )


def _decision(order: Order, wanted: str | None) -> bytes:
    for kept in reversed(order.decisions):
        if wanted is None or model.decision_id(kept) == wanted:
            return store.decision(order.order_id, kept)
    raise NotFound(
        f"order {order.order_id} has no such decision"
        if wanted
        else f"order {order.order_id} was not routed: a hold was its plan"
    )


def _states(state: FulfillmentState | None) -> tuple[FulfillmentState, ...]:
    return model.OPEN if state is None else (state,)


def _place(cursor: str | None, form: str) -> store.PageEnd | None:
    return None if cursor is None else store.PageEnd(*key_of(cursor, form).split("\n"))


def _cursor(after: store.PageEnd | None) -> str | None:
    return cursor_of(f"{after.group}\n{after.key}\n{after.id}") if after else None


handler = serve(app)
