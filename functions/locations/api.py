"""The routes of the locations."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.errors import NotFound, invalid
from shared.locations import store
from shared.locations.contract import (
    LocationAnswer,
    LocationsAnswer,
    PostalCode,
    PostalCodeAnswer,
    PostalCodesAnswer,
    PostalCodesInput,
    PutLocation,
)
from shared.locations.model import Kind, Point, parse_point, within_radius
from shared.web.api import api, serve
from shared.web.auth import needs
from shared.web.contract import ID, Country, LocationId
from shared.web.cursor import cursor_of, key_of

app = api()

PLACE = rf"[0-9.e-]{{1,30}} {ID}"
"""km and location_id"""


@app.put(
    "/v1/locations/<location_id>",
    security=needs("locations:write"),
    summary="Create or replace a location",
    description="Answers 201 when the location is new, 200 when it replaces what was there.",
)
def put_location(
    location_id: Annotated[LocationId, Path()], body: PutLocation
) -> Response[LocationAnswer]:
    location = body.named(location_id)
    created = store.put(location)
    return Response(
        status_code=201 if created else 200,
        content_type="application/json",
        body=LocationAnswer.of(location),
    )


@app.get("/v1/locations/<location_id>", security=needs("locations:read"), summary="Read a location")
def get_location(location_id: Annotated[LocationId, Path()]) -> LocationAnswer:
    location = store.find(location_id)
    if location is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    return LocationAnswer.of(location)


@app.get(
    "/v1/locations",
    security=needs("locations:read"),
    summary="List locations",
    description="In the order of their ids, or of their distance when `near` (latitude,longitude) "
    "is given; `radius_km` is inclusive. With `near`, a change is seen after 30 s at most.",
)
def list_locations(
    type: Annotated[Kind | None, Query()] = None,  # noqa: A002
    near: Annotated[list[float] | None, Query()] = None,
    radius_km: Annotated[float | None, Query(ge=0, le=20_038)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> LocationsAnswer:
    if near is not None:
        return _near(parse_point(near), type, radius_km, limit, cursor)
    if radius_km is not None:
        raise invalid("query.radius_km", "needs near")
    found = store.page(limit, kind=type, after=key_of(cursor, ID) if cursor else None)
    return LocationsAnswer(
        locations=[LocationAnswer.of(location) for location in found.locations],
        next_cursor=cursor_of(found.after) if found.after else None,
    )


@app.put(
    "/v1/postal-codes/<country>",
    security=needs("locations:write"),
    summary="Load postal codes with their centroids",
    description="Addresses and questions that name a postal code and no coordinates are placed by "
    "them. Codes that are not named stay as they are; a change is seen after 30 s at most.",
)
def put_postal_codes(
    country: Annotated[Country, Path()], body: PostalCodesInput
) -> PostalCodesAnswer:
    points = body.points()
    store.put_postal_codes(country, points)
    return PostalCodesAnswer(country=country, stored=len(points))


@app.get(
    "/v1/postal-codes/<country>/<postal_code>",
    security=needs("locations:read"),
    summary="Where a postal code lies",
    description="Its centroid, or the middle of the locations that have it.",
)
def get_postal_code(
    country: Annotated[Country, Path()], postal_code: Annotated[PostalCode, Path()]
) -> PostalCodeAnswer:
    point = store.point_of_postal_code(country, postal_code)
    if point is None:
        raise NotFound(f"no postal code {postal_code} is known in {country}", country=country)
    latitude, longitude = point
    return PostalCodeAnswer(
        country=country, postal_code=postal_code, latitude=latitude, longitude=longitude
    )


def _near(
    point: Point, kind: Kind | None, radius_km: float | None, limit: int, cursor: str | None
) -> LocationsAnswer:
    wanted = [
        location
        for location in store.all_locations().values()
        if kind is None or location.type == kind
    ]
    found = within_radius(wanted, point, radius_km)
    if cursor:
        km, location_id = _place(key_of(cursor, PLACE))
        found = [entry for entry in found if (entry[0], entry[1].location_id) > (km, location_id)]
    shown = found[:limit]
    return LocationsAnswer(
        locations=[LocationAnswer.of(location, km) for km, location in shown],
        next_cursor=cursor_of(f"{shown[-1][0]!r} {shown[-1][1].location_id}")
        if len(found) > limit
        else None,
    )


def _place(key: str) -> tuple[float, str]:
    km, _, location_id = key.partition(" ")
    try:
        return float(km), location_id
    except ValueError:
        raise invalid("query.cursor", "not a cursor of this list") from None


handler = serve(app)
