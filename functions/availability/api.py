"""The route of availability as it is told to callers; query.py answers it, without these types."""

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
from shared.web.api import api, serve, who
from shared.web.auth import needs
from shared.web.contract import Channel, Country, Id, LocationId, Sku

app = api()


@app.get(
    "/v1/availability",
    security=needs("availability:read"),
    summary="What is available, where, and by when",
    description="Up to 100 SKUs in one answer; a SKU that nobody has is out of stock. A client of "
    "one channel may leave out `channel`. What the rules of channel stock keep from the channel is "
    "not counted. `near` is latitude,longitude. Locations come in the "
    "order of their distance, or else of their ids. `pickup_within_minutes` asks for locations "
    "that hand over by then, counted in whole minutes. When nothing is sellable where it was asked "
    "for, `instead` names the nearest units, the first supply, and the variants of the product "
    "that are sellable there. Of `location_id`, `location_group` and `near` a location has to fit "
    "all that are given.",
    openapi_extensions={"x-function": "availability.query"},
    responses={
        200: {
            "description": "what is available",
            "content": {"application/json": {"model": AvailabilityAnswer}},
        },
        304: {"description": "what If-None-Match names is still the answer"},
    },
)
def get_availability(
    *,
    sku: Annotated[list[Sku], Query()],
    channel: Annotated[Channel | None, Query()] = None,
    location_id: Annotated[list[LocationId] | None, Query()] = None,
    location_group: Annotated[list[Id] | None, Query()] = None,
    near: Annotated[list[float] | None, Query()] = None,
    postal_code: Annotated[str | None, Query(max_length=16)] = None,
    country: Annotated[Country | None, Query()] = None,
    radius_km: Annotated[float | None, Query(ge=0, le=MOST_KM)] = None,
    pickup_within_minutes: Annotated[int | None, Query(ge=0, le=MOST_MINUTES)] = None,
    limit: Annotated[int, Query(ge=0, le=MOST_LIMIT)] = LIMIT,
) -> Response[Any]:
    asked = Parameters(
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
    made = reply(asked, who(app), if_none_match, datetime.now(UTC))
    return Response(status_code=made.status, headers=dict(made.headers), body=made.body)


handler = serve(app)
