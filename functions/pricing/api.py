"""The routes of prices and quotes; those of promotions and codes are beside this file."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.pricing import codes, differences, holds, promotions, shoppers
from shared.availability.model.answer import etag, etag_matches
from shared.catalog import store as catalog
from shared.catalog.model import Buying
from shared.errors import invalid
from shared.locations import store as locations
from shared.pricing import quoting
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
from shared.pricing.tokens import quote_token
from shared.web.api import answered_with, api, caller_of, now_in_milliseconds, serve, stored_answer
from shared.web.auth import needs
from shared.web.contract import Channel, Id, LocationId, Sku

app = api()
app.include_router(codes.router)
app.include_router(promotions.router)
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
    location = locations.all_locations().get(location_id) if location_id else None
    buying = Buying(
        channel,
        now_in_milliseconds(),
        location_id,
        frozenset(group or ()),
        location_groups=location.groups if location else frozenset(),
    )
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
    priced = quoting.quote(
        cart,
        shopper.person,
        place,
        now,
        shopper.profile_id,
        homes,
        shopper=shopper.profile_id or body.customer.session,
    )
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
        location_groups=location.groups if location else frozenset(),
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


handler = serve(app)
