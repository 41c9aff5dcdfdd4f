"""The routes of availability."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.availability import query, table
from shared.availability.contract import AvailabilityAnswer
from shared.errors import invalid
from shared.locations import table as locations
from shared.locations.model import Point, point
from shared.web.api import api, serve, who
from shared.web.auth import Caller, needs
from shared.web.contract import Channel, Country, LocationId, Sku

CACHE = "public, max-age=5"

app = api()


@app.get(
    "/v1/availability",
    security=needs("availability:read"),
    summary="What is available, where, and by when",
    description="Up to 100 SKUs in one answer; a SKU that nobody has is out of stock. A client of "
    "one channel may leave out `channel`. `near` is latitude,longitude. Locations come in the "
    "order of their distance, or else of their ids.",
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
    near: Annotated[list[float] | None, Query()] = None,
    postal_code: Annotated[str | None, Query(max_length=16)] = None,
    country: Annotated[Country | None, Query()] = None,
    radius_km: Annotated[float | None, Query(ge=0, le=20_038)] = None,
    limit: Annotated[int, Query(ge=0, le=1000)] = 50,
) -> Response[Any]:
    asked = query.question(
        sku,
        _channel(who(app), channel),
        location_ids=location_id or (),
        near=_point(near, postal_code, country),
        radius_km=radius_km,
        limit=limit,
    )
    at = datetime.now(UTC)
    text = query.answer(asked, table.columns(asked.skus), _places(at), at)
    tag = query.etag(text)
    headers: dict[str, str | list[str]] = {"ETag": tag, "Cache-Control": CACHE}
    if query.matches(app.current_event.headers.get("if-none-match"), tag):
        return Response(status_code=304, body="", headers=headers)
    return Response(status_code=200, content_type="application/json", body=text, headers=headers)


def _channel(caller: Caller, channel: str | None) -> str:
    if channel is None:
        own = caller.channels
        if len(own) != 1 or caller.sees("all"):
            raise invalid("query.channel", "Field required")
        return next(iter(own))
    caller.must_see(channel)
    return channel


def _point(near: list[float] | None, postal_code: str | None, country: str | None) -> Point | None:
    if near is not None:
        if postal_code is not None:
            raise invalid("query.postal_code", "either near or postal_code")
        return point(near)
    if postal_code is None:
        return None
    if country is None:
        raise invalid("query.country", "needed with postal_code")
    found = locations.point_of_postal_code(country, postal_code)
    if found is None:
        raise invalid("query.postal_code", f"no such postal code is known in {country}")
    return found


_last = query.Places({}, datetime.min.replace(tzinfo=UTC))


def _places(at: datetime) -> query.Places:
    global _last  # noqa: PLW0603
    known = locations.all_locations()
    if _last.locations is not known or _last.minute != query.next_minute(at):
        _last = query.Places(known, at)
    return _last


handler = serve(app)
