"""The routes of stock: updates, positions, their movements, and holds."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from shared.availability.store.packs import lazy_confidence
from shared.aws.settings import setting
from shared.aws.sqs import MOST_BYTES, send
from shared.documents import batches_of
from shared.errors import NotFound, Refusal, invalid
from shared.stock import store
from shared.stock.contract.feed import RejectedEvent, Updates, UpdatesAnswer, event_of
from shared.stock.contract.holds import BindInput, ExtendInput, HoldAnswer, HoldInput, hold_of
from shared.stock.contract.positions import (
    MovementAnswer,
    Movements,
    OnePosition,
    PositionAnswer,
    Positions,
)
from shared.stock.contract.rules import RulesAnswer, RulesInput, rules_of
from shared.stock.model.position import Hold
from shared.stock.model.rules import ChannelTerms
from shared.stock.store import rules
from shared.stock.store.rules import PublishedRules
from shared.web.api import api, idempotent, serve, who
from shared.web.auth import needs
from shared.web.contract import ID, Id, LocationId, Sku
from shared.web.cursor import cursor_of, key_of
from shared.web.problem import summary

MOST_VERSION = 10**8 - 1
"""Its key has 8 digits."""

app = api()


@app.post(
    "/v1/stock/updates",
    security=needs("stock:write"),
    summary="Send stock events",
    description="The events of the stock feed, 1 to 100. Each stands or falls alone: what fits its "
    "schema goes on the feed's queue, what does not is named with its place. An event may be sent "
    "again: `source` and `id` name it for ever, and it counts once.",
)
def send_updates(body: Updates) -> Response[UpdatesAnswer]:
    good, rejected = [], []
    for index, document in enumerate(body.events):
        try:
            event_of(document, _now())
        except Refusal as refusal:
            rejected.append(RejectedEvent(index=index, **summary(refusal)))
        else:
            good.append(document)
    for batch in batches_of(good, MOST_BYTES):
        send(setting("feed_queue"), batch)
    return Response(
        status_code=202,
        content_type="application/json",
        body=UpdatesAnswer(accepted=len(good), rejected=rejected),
    )


@app.get(
    "/v1/stock/rules",
    security=needs("stock:read", "policy:read"),
    summary="The rules of channel stock",
    description="Safety stock and ring fences, in the order in which they count; those in force, "
    "or an earlier `version`. A change is in force everywhere within 30 s.",
)
def get_rules(
    version: Annotated[int | None, Query(ge=0, le=MOST_VERSION)] = None,
) -> Response[RulesAnswer]:
    return _rules(rules.published(version))


@app.put(
    "/v1/stock/rules",
    security=needs("policy:write"),
    summary="Change the rules of channel stock",
    description="The whole document. Of the safety stocks that match a channel the last one holds; "
    "of the fences of the same channels too. The ETag is what PUT takes as If-Match; without it "
    "the last writer wins.",
)
def put_rules(
    body: RulesInput, if_match: Annotated[str | None, Header(alias="If-Match")] = None
) -> Response[RulesAnswer]:
    made = rules.put_rules(rules_of(body), _etag(if_match), _now(), who(app).actor)
    return _rules(made)


@app.get(
    "/v1/stock/<sku>",
    security=needs("stock:read"),
    summary="List the positions of a SKU",
    description="Every location that has or had it, by location. A SKU that nobody has, has none.",
)
def list_positions(
    sku: Annotated[Sku, Path()],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query()] = None,
) -> Positions:
    found, after = store.positions_page(sku, limit, key_of(cursor, ID) if cursor else None)
    return Positions(
        sku=sku,
        positions=[PositionAnswer.of(position) for position in found],
        next_cursor=cursor_of(after) if after else None,
    )


@app.get(
    "/v1/stock/<sku>/<location_id>",
    security=needs("stock:read"),
    summary="Read a position",
    description="Strongly consistent: it shows every write that was answered before.",
)
def get_position(
    sku: Annotated[Sku, Path()], location_id: Annotated[LocationId, Path()]
) -> OnePosition:
    found = store.position(sku, location_id)
    if found is None:
        raise NotFound(f"{location_id} has no position of {sku}", sku=sku, location_id=location_id)
    return OnePosition.of(found)


@app.get(
    "/v1/stock/<sku>/<location_id>/movements",
    security=needs("stock:read"),
    summary="List the movements of a position",
    description="The ledger, newest first: every change of on_hand and every count, with what it "
    "left. Kept for 13 months; a change is seen here some seconds after it was made.",
)
def list_movements(
    sku: Annotated[Sku, Path()],
    location_id: Annotated[LocationId, Path()],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> Movements:
    rows, before = store.movements_page(
        sku, location_id, limit, int(key_of(cursor, "[0-9]{1,12}")) if cursor else None
    )
    return Movements(
        sku=sku,
        location_id=location_id,
        movements=[movement for row in rows for movement in MovementAnswer.of_row(row)],
        next_cursor=cursor_of(str(before)) if before is not None else None,
    )


@app.post(
    "/v1/holds",
    security=needs("stock:write", "orders:write"),
    summary="Hold stock",
    description="Reserves every line, or none, until it expires, is released or becomes an order. "
    "What is short is named line by line. What the rules of channel stock keep from the channel, "
    "it cannot hold.",
)
def open_hold(body: HoldInput) -> Response[HoldAnswer]:
    who(app).must_see(body.channel)
    request = idempotent(app)
    hold = hold_of(body, request, _now())
    stands = store.find_hold(hold.hold_id) or store.open_hold(hold, _selling(hold))
    request.check(stands.digest)
    return Response(
        status_code=201,
        content_type="application/json",
        body=HoldAnswer.model_validate_json(stands.answer),
    )


@app.post(
    "/v1/holds/<hold_id>/extend",
    security=needs("stock:write", "orders:write"),
    summary="Extend a hold",
    description="It expires so many seconds from now, 24 hours after it was opened at the latest. "
    "Never makes it shorter; one that has expired stays so.",
)
def extend_hold(hold_id: Annotated[Id, Path()], body: ExtendInput) -> HoldAnswer:
    now = _now()
    hold = store.get_hold(hold_id)
    who(app).must_see(hold.channel)
    return HoldAnswer.of(
        store.extend_hold(hold, now + timedelta(seconds=body.expires_in_seconds), now)
    )


@app.post(
    "/v1/holds/<hold_id>/bind",
    security=needs("stock:write", "orders:write"),
    summary="Bind a hold to a payment",
    description="Call it before the shopper pays: the hold then lives as long as the payment may "
    "take (4 hours unless `expires_in_seconds` says less; 24 hours after it was opened at the "
    "latest), and only an order with the same payment reference takes it. It may be repeated; it "
    "never makes the hold shorter.",
)
def bind_hold(hold_id: Annotated[Id, Path()], body: BindInput) -> HoldAnswer:
    now = _now()
    hold = store.get_hold(hold_id)
    who(app).must_see(hold.channel)
    until = now + timedelta(seconds=body.expires_in_seconds)
    return HoldAnswer.of(store.bind_hold(hold, body.payment_reference, until, now))


@app.delete(
    "/v1/holds/<hold_id>",
    security=needs("stock:write", "orders:write"),
    summary="Release a hold",
    description="Gives the units back. It may be repeated, and an expired hold is released as well;"
    " one that has become an order is not (409): cancel the order.",
)
def release_hold(hold_id: Annotated[Id, Path()]) -> Response[None]:
    hold = store.get_hold(hold_id)
    who(app).must_see(hold.channel)
    store.release_hold(hold, _now())
    return Response(status_code=204)


def _selling(hold: Hold) -> ChannelTerms:
    skus = [line.sku for line in hold.lines]
    return rules.selling(hold.channel, skus, hold.opened_at, lazy_confidence(skus))


def _rules(found: PublishedRules) -> Response[RulesAnswer]:
    return Response(
        status_code=200,
        content_type="application/json",
        body=RulesAnswer.of(found),
        headers={"ETag": f'"{found.rules.version}"'},
    )


def _etag(if_match: str | None) -> int | None:
    """The version that If-Match names; None for none, and for ``*``."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= 8):
        raise invalid("header.If-Match", "not an ETag of the rules")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)


handler = serve(app)
