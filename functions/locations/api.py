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

DISTANCE_PAGE = rf"[0-9.e-]{{1,30}} {ID}"
"""The decoded cursor of a list by distance: kilometres and location_id of its last row."""
LocationPath = Annotated[LocationId, Path(description="The id of the location.")]
CountryPath = Annotated[Country, Path(description="The country, as an ISO 3166-1 alpha-2 code.")]


@app.put(
    "/v1/locations/<location_id>",
    operation_id="putLocation",
    security=needs("locations:write"),
    summary="Create or replace a location",
    description="Replaces all fields of the location. Answers 201 when the location is new, 200 "
    "when it was replaced.",
    responses={
        200: {
            "description": "The location was replaced.",
            "content": {"application/json": {"model": LocationAnswer}},
        },
        201: {
            "description": "The location was created.",
            "content": {"application/json": {"model": LocationAnswer}},
        },
    },
)
def put_location(location_id: LocationPath, body: PutLocation) -> Response[LocationAnswer]:
    location = body.named(location_id)
    created = store.put(location)
    return Response(
        status_code=201 if created else 200,
        content_type="application/json",
        body=LocationAnswer.of(location),
    )


@app.get(
    "/v1/locations/<location_id>",
    operation_id="getLocation",
    security=needs("locations:read"),
    summary="Read a location",
    description="Returns a store, warehouse or vendor with its hours and capabilities.",
)
def get_location(location_id: LocationPath) -> LocationAnswer:
    location = store.find(location_id)
    if location is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    return LocationAnswer.of(location)


@app.get(
    "/v1/locations",
    operation_id="listLocations",
    security=needs("locations:read"),
    summary="List locations",
    description="Returns locations ordered by id, or by distance when `near` is given. With "
    "`near`, a change of a location is visible after at most 30 s.",
)
def list_locations(
    type: Annotated[  # noqa: A002
        Kind | None, Query(description="Only locations of this type.")
    ] = None,
    near: Annotated[
        list[float] | None, Query(description="A point as latitude,longitude (WGS84).")
    ] = None,
    radius_km: Annotated[
        float | None,
        Query(ge=0, le=20_038, description="Largest distance from `near`, inclusive."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Number of locations on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the previous page; leave it out for the first page."),
    ] = None,
) -> LocationsAnswer:
    if near is not None:
        return _near(parse_point(near), type, radius_km, limit, cursor)
    if radius_km is not None:
        raise invalid("query.radius_km", "radius_km needs near")
    page = store.page(limit, kind=type, after=key_of(cursor, ID) if cursor else None)
    return LocationsAnswer(
        locations=[LocationAnswer.of(location) for location in page.locations],
        next_cursor=cursor_of(page.after) if page.after else None,
    )


@app.put(
    "/v1/postal-codes/<country>",
    operation_id="putPostalCodes",
    security=needs("locations:write"),
    summary="Load postal codes with their centroids",
    description="An address or request with a postal code and no coordinates is placed at the "
    "centroid of the code. Codes that are not in the request stay as they are. A change is visible "
    "after at most 30 s.",
)
def put_postal_codes(country: CountryPath, body: PostalCodesInput) -> PostalCodesAnswer:
    points = body.points()
    store.put_postal_codes(country, points)
    return PostalCodesAnswer(country=country, stored=len(points))


@app.get(
    "/v1/postal-codes/<country>/<postal_code>",
    operation_id="getPostalCode",
    security=needs("locations:read"),
    summary="Read the coordinates of a postal code",
    description="Returns the loaded centroid, or else the mean position of the locations with this "
    "postal code.",
)
def get_postal_code(
    country: CountryPath,
    postal_code: Annotated[PostalCode, Path(description="The postal code.")],
) -> PostalCodeAnswer:
    point = store.point_of_postal_code(country, postal_code)
    if point is None:
        raise NotFound(f"postal code {postal_code} of {country} is not loaded", country=country)
    latitude, longitude = point
    return PostalCodeAnswer(
        country=country, postal_code=postal_code, latitude=latitude, longitude=longitude
    )


def _near(
    point: Point, kind: Kind | None, radius_km: float | None, limit: int, cursor: str | None
) -> LocationsAnswer:
    candidates = [
        location
        for location in store.all_locations().values()
        if kind is None or location.type == kind
    ]
    by_distance = within_radius(candidates, point, radius_km)
    if cursor:
        km, location_id = _last_row(key_of(cursor, DISTANCE_PAGE))
        by_distance = [
            (distance, location)
            for distance, location in by_distance
            if (distance, location.location_id) > (km, location_id)
        ]
    page = by_distance[:limit]
    return LocationsAnswer(
        locations=[LocationAnswer.of(location, km) for km, location in page],
        next_cursor=cursor_of(f"{page[-1][0]!r} {page[-1][1].location_id}")
        if len(by_distance) > limit
        else None,
    )


def _last_row(key: str) -> tuple[float, str]:
    km, _, location_id = key.partition(" ")
    try:
        return float(km), location_id
    except ValueError:
        raise invalid("query.cursor", "this is not a cursor of this list") from None


handler = serve(app)
