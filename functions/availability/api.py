"""The route of availability for the API document. query.py answers it without loading pydantic."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.availability.contract.answers import AvailabilityAnswer
from shared.availability.contract.parameters import (
    LIMIT,
    MOST_KM,
    MOST_LIMIT,
    MOST_MINUTES,
    Parameters,
)
from shared.availability.reply import reply
from shared.web.api import api, caller_of, serve
from shared.web.auth import needs
from shared.web.contract import Channel, Country, Id, LocationId, Sku

app = api()


@app.get(
    "/v1/availability",
    operation_id="getAvailability",
    security=needs("availability:read"),
    summary="Ask what is available, where, and by when",
    description="Answers for up to 100 SKUs; an unknown SKU is out of stock. Units that the rules "
    "of channel stock withhold from the channel are not counted. Locations are ordered by distance "
    "when the request names a place, otherwise by id. A location must match every one of "
    "`location_id`, `location_group` and `near` that is given. When nothing is sellable there, "
    "`instead` has the nearest units, the next supply, and the variants of the product that are "
    "sellable there. Units are at most 1 s older than the stored ones, or 5 s while the database "
    "refuses reads; `Age` is how old they are, in whole seconds rounded up, and is left out when "
    "they were read for this request.",
    openapi_extensions={"x-function": "availability.query"},
    responses={
        200: {
            "description": "The availability of each SKU.",
            "content": {"application/json": {"model": AvailabilityAnswer}},
        },
        304: {"description": "The answer that If-None-Match names is still current."},
    },
)
def get_availability(
    *,
    sku: Annotated[list[Sku], Query(description="The SKUs, 1 to 100.")],
    channel: Annotated[
        Channel | None,
        Query(description="The selling channel; a client of one channel can leave it out."),
    ] = None,
    location_id: Annotated[
        list[LocationId] | None, Query(description="Only these locations.")
    ] = None,
    location_group: Annotated[
        list[Id] | None, Query(description="Only locations of these groups.")
    ] = None,
    near: Annotated[
        list[float] | None, Query(description="A point as latitude,longitude (WGS84).")
    ] = None,
    postal_code: Annotated[
        str | None,
        Query(max_length=16, description="A postal code instead of `near`; needs `country`."),
    ] = None,
    country: Annotated[Country | None, Query(description="The country of `postal_code`.")] = None,
    radius_km: Annotated[
        float | None,
        Query(ge=0, le=MOST_KM, description="Largest distance from the place, inclusive."),
    ] = None,
    pickup_within_minutes: Annotated[
        int | None,
        Query(
            ge=0,
            le=MOST_MINUTES,
            description="Only locations where an order is ready for pickup within this time.",
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=0, le=MOST_LIMIT, description="Most locations to list for each SKU.")
    ] = LIMIT,
) -> Response[Any]:
    parameters = Parameters(
        skus=tuple(sku),
        channel=channel,
        location_ids=tuple(location_id or ()),
        location_groups=tuple(location_group or ()),
        near=None if near is None else tuple(near),
        postal_code=postal_code,
        country=country,
        radius_km=radius_km,
        pickup_within_minutes=pickup_within_minutes,
        limit=limit,
    )
    if_none_match = app.current_event.headers.get("if-none-match")
    answer = reply(parameters, caller_of(app), if_none_match, datetime.now(UTC))
    return Response(status_code=answer.status, headers=dict(answer.headers), body=answer.body)


handler = serve(app)
