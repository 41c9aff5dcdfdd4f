"""The routes of prices, quotes and promotions."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from functions.pricing import codes, differences, holds, shoppers
from shared.availability.model.answer import etag, etag_matches
from shared.catalog import store as catalog
from shared.catalog.model import Buying
from shared.errors import NotFound, invalid
from shared.instants import rfc3339
from shared.locations import store as locations
from shared.pricing import quoting, tax_service
from shared.pricing.contract.book import (
    ActiveBookAnswer,
    BookAnswer,
    BookDocument,
    BookDraftAnswer,
    PublishedBookAnswer,
)
from shared.pricing.contract.quotes import (
    MOST_LINES,
    PriceQuoteAnswer,
    PriceQuoteInput,
    PricesAnswer,
    SkuPriceAnswer,
)
from shared.pricing.model.cart import Place
from shared.pricing.model.quote import Priced
from shared.pricing.quoting import RefusedCode
from shared.pricing.store import books
from shared.pricing.tokens import quote_token
from shared.web.api import answered_with, api, caller_of, now_in_milliseconds, serve, stored_answer
from shared.web.auth import needs
from shared.web.contract import Channel, Id, LocationId, Sku
from shared.web.preconditions import version_in

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the draft that you read.")
]

app = api()
app.include_router(codes.router)
app.include_router(holds.router)
app.include_router(differences.router)


@app.get(
    "/v1/prices",
    operation_id="listPrices",
    security=needs("prices:read"),
    summary="Read the prices of products",
    description="Returns the price of one unit by the price rows, before promotions: for the "
    "channel, a location, and customer groups.",
    responses={
        200: {
            "description": "The prices.",
            "content": {"application/json": {"model": PricesAnswer}},
        },
        304: {"description": "The answer that If-None-Match names is still current."},
    },
)
def list_prices(
    sku: Annotated[list[Sku], Query(description="The SKUs, 1 to 100.")],
    channel: Annotated[Channel, Query(description="The selling channel.")],
    location_id: Annotated[
        LocationId | None, Query(description="The location where the shopper buys.")
    ] = None,
    group: Annotated[
        list[Id] | None,
        Query(description="Customer groups of the shopper; takes the scope `customers:read`."),
    ] = None,
) -> Response[Any]:
    caller_of(app).must_see(channel)
    if group:
        shoppers.must_know_shoppers(caller_of(app), "query.group")
    if len(sku) > MOST_LINES:
        raise invalid("query.sku", f"at most {MOST_LINES} SKUs")
    buying = Buying(channel, now_in_milliseconds(), location_id, frozenset(group or ()))
    products = catalog.products(sku)
    answer = PricesAnswer(
        prices=[SkuPriceAnswer.of(products[one], buying) for one in sorted(products)]
    )
    text = answer.model_dump_json()
    tag = etag(text)
    # A cache of the client's own may keep the answer and has to ask whether it is still current.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if etag_matches(app.current_event.headers.get("if-none-match"), tag):
        return Response(HTTPStatus.NOT_MODIFIED, headers={**headers}, body="")
    return Response(HTTPStatus.OK, content_type="application/json", headers={**headers}, body=text)


@app.post(
    "/v1/prices/quote",
    operation_id="quotePrices",
    security=needs("prices:read"),
    summary="Price a cart",
    description="Returns the price of the cart to the cent: base prices by the price rows, the "
    "combination of promotions that saves most, taxes, and for each promotion that was not taken "
    "the reason and what is missing. With `customer.profile_id` the tier is that of the person, "
    "and `points` may pay a part. An order that brings the `quote_token` within 15 minutes pays "
    "this price.",
    responses=answered_with(HTTPStatus.OK, "The quote.", PriceQuoteAnswer),
)
def quote_prices(body: PriceQuoteInput) -> Response[Any]:
    caller = caller_of(app)
    caller.must_see(body.channel)
    place = _place(body)
    now = now_in_milliseconds()
    shopper = shoppers.shopper(body, caller, now)
    given, refused = quoting.read_codes(body.codes, now)
    cart = body.cart(given, shopper.points)
    homes = shopper.wallet.accounts if shopper.wallet else ()
    priced = quoting.quote(cart, shopper.person, place, now, shopper.profile_id, homes)
    points = shoppers.points_answer(shopper, priced.quote, caller)
    return stored_answer(HTTPStatus.OK, _quote_text(priced, refused, points))


def _place(body: PriceQuoteInput) -> Place:
    """The place of the sale and of its taxes. Raises InvalidRequest for a location that does not
    exist."""
    location = None
    if body.location_id is not None:
        location = locations.all_locations().get(body.location_id)
        if location is None:
            raise invalid("$.location_id", f"there is no location {body.location_id}")
    taxed = body.ship_to or location
    return Place(
        body.channel,
        body.location_id,
        taxed.country if taxed else None,
        body.ship_to.region if body.ship_to else None,
        taxed.postal_code if taxed else None,
    )


def _quote_text(
    priced: Priced, refused: Sequence[RefusedCode], points: Mapping[str, Any] | None
) -> str:
    answer = {
        **priced.quote.to_json(),
        "not_taken": [one.to_json() for one in priced.not_taken],
        "gifts": [gift.to_json() for gift in priced.gifts],
        "refused_codes": [{"code": one.code, "reason": one.reason} for one in refused],
        "quote_token": quote_token(priced.quote),
    }
    if points is not None:
        answer["points"] = points
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)


@app.get(
    "/v1/promotions",
    operation_id="getPromotions",
    security=needs("promotions:read"),
    summary="Read the promotions",
    description="Returns the book in force, or an earlier `version` of it. 404 when no book is in "
    "force.",
    responses=answered_with(HTTPStatus.OK, "The book.", PublishedBookAnswer),
)
def get_promotions(
    version: Annotated[
        int | None, Query(ge=1, le=books.MAX_VERSION, description="An earlier version.")
    ] = None,
) -> Response[Any]:
    active = books.active_version()
    wanted = active if version is None else version
    if wanted == 0:
        raise NotFound("no book is in force: there are no promotions")
    answer = {"version": wanted, "active": wanted == active, "book": books.document(wanted)}
    return stored_answer(HTTPStatus.OK, json.dumps(answer, ensure_ascii=False))


@app.get(
    "/v1/promotions/draft",
    operation_id="getPromotionsDraft",
    security=needs("promotions:read"),
    summary="Read the draft of the promotions",
    description="Returns the draft of the next book, with its revision in the ETag.",
    responses=answered_with(HTTPStatus.OK, "The draft.", BookDraftAnswer),
)
def get_draft() -> Response[Any]:
    draft = books.draft()
    if draft is None:
        raise NotFound("there is no draft")
    return _draft(draft)


@app.put(
    "/v1/promotions/draft",
    operation_id="putPromotionsDraft",
    security=needs("promotions:write"),
    summary="Replace the draft of the promotions",
    description="Send the whole book: promotions and tax rates. Send the ETag of the answer as "
    "If-Match when you replace or publish the draft; without it the last writer wins.",
    responses=answered_with(HTTPStatus.OK, "The new draft.", BookDraftAnswer),
)
def put_draft(body: BookDocument, if_match: IfMatch = None) -> Response[Any]:
    revision = version_in(if_match, "draft")
    for country, taxes in body.taxes.items():
        if taxes.by_service and not tax_service.is_set_up():
            raise invalid(f"$.taxes.{country}.by_service", "no tax service is set up")
    return _draft(
        books.put_draft(body.stored(), revision, now_in_milliseconds(), caller_of(app).actor)
    )


@app.post(
    "/v1/promotions/draft/publish",
    operation_id="publishPromotions",
    security=needs("promotions:write"),
    summary="Publish the draft of the promotions",
    description="The draft becomes the next version of the book and is in force everywhere within "
    "30 s; quotes that were made before keep their price for 15 minutes. Publishing the same draft "
    "again returns the version that it became.",
)
def publish(if_match: IfMatch = None) -> BookAnswer:
    made = books.publish(version_in(if_match, "draft"), now_in_milliseconds(), caller_of(app).actor)
    return BookAnswer(
        version=made.version,
        active=made.version == books.active_version(),
        published_at=made.at,
        published_by=made.by,
        promotions=made.promotions,
    )


@app.post(
    "/v1/promotions/<version>/rollback",
    operation_id="rollBackPromotions",
    security=needs("promotions:write"),
    summary="Put a published book in force again",
    description="The version is in force everywhere within 30 s.",
)
def roll_back(
    version: Annotated[
        int,
        Path(ge=0, le=books.MAX_VERSION, description="The version; 0 has no promotions."),
    ],
) -> ActiveBookAnswer:
    before = books.roll_back(version, datetime.now(UTC), caller_of(app).actor)
    return ActiveBookAnswer(active=version, before=before)


def _draft(draft: books.Draft) -> Response[Any]:
    answer = {
        "revision": draft.revision,
        "changed_at": rfc3339(draft.at),
        "changed_by": draft.by,
        "published_as": draft.published_as,
        "book": draft.document,
    }
    present = {name: value for name, value in answer.items() if value is not None}
    return Response(
        HTTPStatus.OK,
        content_type="application/json",
        headers={"ETag": f'"{draft.revision}"'},
        body=json.dumps(present, ensure_ascii=False),
    )


handler = serve(app)
