"""The routes of bins, which functions/stock answers: they lie beside the positions."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.errors import NotFound
from shared.locations.store import find as find_location
from shared.stock import store
from shared.stock.contract.bins import BinAnswer, BinsAnswer, BinsChanged, BinsInput
from shared.web.api import caller_of, routes
from shared.web.auth import needs
from shared.web.contract import ID, LocationId
from shared.web.cursor import cursor_of, key_of

LocationPath = Annotated[LocationId, Path(description="The id of the location.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the previous page; leave it out for the first page."),
]

router = routes()


@router.get(
    "/v1/locations/<location_id>/bins",
    operation_id="listBins",
    security=needs("stock:read", "fulfillments:read"),
    summary="List the bins of a location",
    description="Returns the SKUs that have a bin at the location, ordered by SKU. Callers have "
    "`stock:read` or work at the location.",
)
def list_bins(
    location_id: LocationPath,
    limit: Annotated[int, Query(ge=1, le=1000, description="Number of bins on a page.")] = 500,
    cursor: Cursor = None,
) -> BinsAnswer:
    _must_know(location_id, "stock:read")
    rows, after = store.bins_page(location_id, limit, key_of(cursor, ID) if cursor else None)
    return BinsAnswer(
        location_id=location_id,
        bins=[BinAnswer(sku=sku, bin=name) for sku, name in rows],
        next_cursor=cursor_of(after) if after else None,
    )


@router.put(
    "/v1/locations/<location_id>/bins",
    operation_id="putBins",
    security=needs("stock:write", "fulfillments:write"),
    summary="Set the bins of a location",
    description="Says for up to 500 SKUs where their units lie, so that waves are picked along "
    "the shelves. A SKU may have its bin before it has units. SKUs that are not named keep "
    "theirs, and the last writer wins. Callers have `stock:write` or work at the location.",
)
def put_bins(location_id: LocationPath, body: BinsInput) -> BinsChanged:
    _must_know(location_id, "stock:write")
    bins = body.by_sku()
    if find_location(location_id) is None:
        raise NotFound(f"there is no location {location_id}", location_id=location_id)
    store.put_bins(location_id, bins)
    removed = sum(name is None for name in bins.values())
    return BinsChanged(location_id=location_id, set=len(bins) - removed, removed=removed)


def _must_know(location_id: str, scope: str) -> None:
    """Raises Forbidden unless the caller has ``scope``, which reaches every location, or works at
    this one."""
    caller = caller_of(router)
    if scope not in caller.scopes:
        caller.must_work_at(location_id)
