"""The routes of stock: updates, positions, their movements, and holds."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from functions.locations import bins
from shared.availability.store.packs import lazy_confidence
from shared.aws.settings import setting
from shared.aws.sqs import MOST_BYTES, send
from shared.documents import batches_of
from shared.errors import NotFound, Refusal
from shared.stock import store
from shared.stock.contract.feed import RejectedEvent, Updates, UpdatesAnswer, event_of
from shared.stock.contract.holds import BindInput, ExtendInput, HoldAnswer, HoldInput, hold_of
from shared.stock.contract.positions import (
    MovementAnswer,
    MovementsAnswer,
    OnePosition,
    PositionAnswer,
    PositionsAnswer,
)
from shared.stock.contract.rules import RulesAnswer, RulesInput, rules_of
from shared.stock.model.position import Hold
from shared.stock.model.rules import ChannelTerms, PublishedRules
from shared.stock.store import rules
from shared.web.api import answered_with, api, caller_of, request_of, serve, stored_answer
from shared.web.auth import needs
from shared.web.contract import ID, Id, LocationId, Sku
from shared.web.cursor import cursor_of, key_of
from shared.web.preconditions import version_in
from shared.web.problem import summary

MOST_VERSION = 10**8 - 1
"""The key of a version has 8 digits."""
SkuPath = Annotated[Sku, Path(description="The SKU.")]
LocationPath = Annotated[LocationId, Path(description="The id of the location.")]
HoldPath = Annotated[Id, Path(description="The id of the hold.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the previous page; leave it out for the first page."),
]

app = api()
app.include_router(bins.router)


@app.post(
    "/v1/stock/updates",
    operation_id="sendStockUpdates",
    status_code=202,
    security=needs("stock:write"),
    summary="Send stock events",
    description="Takes 1 to 100 events of the stock feed. Valid events go to the feed's queue; "
    "each invalid one is listed in `rejected` and does not stop the others. `source` and `id` "
    "identify an event for ever: an event that is sent again is applied once.",
)
def send_updates(body: Updates) -> Response[UpdatesAnswer]:
    accepted, rejected = [], []
    for index, document in enumerate(body.events):
        try:
            event_of(document, _now())
        except Refusal as refusal:
            rejected.append(RejectedEvent(index=index, **summary(refusal)))
        else:
            accepted.append(document)
    for batch in batches_of(accepted, MOST_BYTES):
        send(setting("feed_queue"), batch)
    return Response(
        status_code=202,
        content_type="application/json",
        body=UpdatesAnswer(accepted=len(accepted), rejected=rejected),
    )


@app.get(
    "/v1/stock/rules",
    operation_id="getStockRules",
    security=needs("stock:read", "policy:read"),
    summary="Read the rules of channel stock",
    description="Returns safety stocks and ring fences in the order in which they apply: the rules "
    "in force, or those of an earlier `version`. A change is in force everywhere within 30 s.",
)
def get_rules(
    version: Annotated[
        int | None, Query(ge=0, le=MOST_VERSION, description="An earlier version of the rules.")
    ] = None,
) -> Response[RulesAnswer]:
    return _rules(rules.published(version))


@app.put(
    "/v1/stock/rules",
    operation_id="putStockRules",
    security=needs("policy:write"),
    summary="Replace the rules of channel stock",
    description="Send all rules. When several safety stocks match a channel the last one applies; "
    "the same holds for ring fences of the same channels. Send the ETag of the rules that you read "
    "as If-Match; without it the last writer wins.",
)
def put_rules(
    body: RulesInput,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of the rules that you read.")
    ] = None,
) -> Response[RulesAnswer]:
    published = rules.put_rules(
        rules_of(body), version_in(if_match, "rules"), _now(), caller_of(app).actor
    )
    return _rules(published)


@app.get(
    "/v1/stock/<sku>",
    operation_id="listPositions",
    security=needs("stock:read"),
    summary="List the stock positions of a SKU",
    description="Returns the position at each location that has or had the SKU, ordered by "
    "location. An unknown SKU has an empty list.",
)
def list_positions(
    sku: SkuPath,
    limit: Annotated[int, Query(ge=1, le=500, description="Number of positions on a page.")] = 100,
    cursor: Cursor = None,
) -> PositionsAnswer:
    positions, after = store.positions_page(sku, limit, key_of(cursor, ID) if cursor else None)
    return PositionsAnswer(
        sku=sku,
        positions=[PositionAnswer.of(position) for position in positions],
        next_cursor=cursor_of(after) if after else None,
    )


@app.get(
    "/v1/stock/<sku>/<location_id>",
    operation_id="getPosition",
    security=needs("stock:read"),
    summary="Read a stock position",
    description="Returns the stock of a SKU at a location. The read is strongly consistent: it "
    "shows every write that was answered before.",
)
def get_position(sku: SkuPath, location_id: LocationPath) -> OnePosition:
    position, bin_name = store.position_and_bin(sku, location_id)
    if position is None:
        raise NotFound(f"{location_id} has no position of {sku}", sku=sku, location_id=location_id)
    return OnePosition.of(position, bin_name)


@app.get(
    "/v1/stock/<sku>/<location_id>/movements",
    operation_id="listMovements",
    security=needs("stock:read"),
    summary="List the movements of a position",
    description="Returns the ledger, newest first: every change of on_hand and every count, with "
    "the on_hand that resulted. Movements are kept for 13 months and appear here some seconds "
    "after the change.",
)
def list_movements(
    sku: SkuPath,
    location_id: LocationPath,
    limit: Annotated[int, Query(ge=1, le=200, description="Number of movements on a page.")] = 50,
    cursor: Cursor = None,
) -> MovementsAnswer:
    rows, before = store.movements_page(
        sku, location_id, limit, int(key_of(cursor, "[0-9]{1,12}")) if cursor else None
    )
    return MovementsAnswer(
        sku=sku,
        location_id=location_id,
        movements=[movement for row in rows for movement in MovementAnswer.of_row(row)],
        next_cursor=cursor_of(str(before)) if before is not None else None,
    )


@app.post(
    "/v1/holds",
    operation_id="openHold",
    status_code=201,
    security=needs("stock:write", "orders:write"),
    summary="Hold stock",
    description="Reserves all lines or none, until the hold expires, is released or becomes an "
    "order. When units are missing, the problem `out_of_stock` lists every short line. Units that "
    "the rules of channel stock withhold from the channel cannot be held.",
    responses=answered_with(HTTPStatus.CREATED, "The hold.", HoldAnswer),
)
def open_hold(body: HoldInput) -> Response[Any]:
    caller_of(app).must_see(body.channel)
    request = request_of(app)
    hold = hold_of(body, request, _now())
    stored_hold = store.find_hold(hold.hold_id) or store.open_hold(hold, _selling(hold))
    request.check(stored_hold.digest)
    return stored_answer(HTTPStatus.CREATED, stored_hold.answer)


@app.post(
    "/v1/holds/<hold_id>/extend",
    operation_id="extendHold",
    security=needs("stock:write", "orders:write"),
    summary="Extend a hold",
    description="Moves the expiry to `expires_in_seconds` from now, at most 24 hours after the "
    "hold was opened. A hold is never shortened, and an expired hold cannot be extended.",
)
def extend_hold(hold_id: HoldPath, body: ExtendInput) -> HoldAnswer:
    now = _now()
    hold = store.get_hold(hold_id)
    caller_of(app).must_see(hold.channel)
    return HoldAnswer.of(
        store.extend_hold(hold, now + timedelta(seconds=body.expires_in_seconds), now)
    )


@app.post(
    "/v1/holds/<hold_id>/bind",
    operation_id="bindHold",
    security=needs("stock:write", "orders:write"),
    summary="Bind a hold to a payment",
    description="Call this before the shopper pays. The hold then lasts as long as the payment may "
    "take (4 hours unless `expires_in_seconds` is less; at most 24 hours after it was opened), and "
    "only an order with the same payment reference can use it. The request can be repeated; it "
    "never shortens the hold.",
)
def bind_hold(hold_id: HoldPath, body: BindInput) -> HoldAnswer:
    now = _now()
    hold = store.get_hold(hold_id)
    caller_of(app).must_see(hold.channel)
    until = now + timedelta(seconds=body.expires_in_seconds)
    return HoldAnswer.of(store.bind_hold(hold, body.payment_reference, until, now))


@app.delete(
    "/v1/holds/<hold_id>",
    operation_id="releaseHold",
    status_code=204,
    security=needs("stock:write", "orders:write"),
    summary="Release a hold",
    description="Makes the units available again. The request can be repeated, also for an expired "
    "hold. A hold that has become an order is refused with 409: cancel the order instead.",
)
def release_hold(hold_id: HoldPath) -> Response[None]:
    hold = store.get_hold(hold_id)
    caller_of(app).must_see(hold.channel)
    store.release_hold(hold, _now())
    return Response(status_code=204)


def _selling(hold: Hold) -> ChannelTerms:
    skus = [line.sku for line in hold.lines]
    return rules.selling(hold.channel, skus, hold.opened_at, lazy_confidence(skus))


def _rules(published: PublishedRules) -> Response[RulesAnswer]:
    return Response(
        status_code=200,
        content_type="application/json",
        body=RulesAnswer.of(published),
        headers={"ETag": f'"{published.rules.version}"'},
    )


def _now() -> datetime:
    return datetime.now(UTC)


handler = serve(app)
