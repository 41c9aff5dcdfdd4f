"""The routes of plans."""

from datetime import UTC, date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.errors import invalid
from shared.plans import planning
from shared.plans.contract import (
    ForecastAnswer,
    LostDemandAnswer,
    ReplenishmentAnswer,
    forecast_answer,
    lost_answer,
    replenishment_answer,
)
from shared.plans.model.replenishment import Terms
from shared.plans.store import lost
from shared.stock.store.position_reads import skus_at
from shared.web.api import api, caller_of, serve
from shared.web.auth import EVERY_LOCATION, needs
from shared.web.contract import ID, LocationId, Sku
from shared.web.cursor import cursor_of, key_of

MOST_DAYS = 31

app = api()


@app.get(
    "/v1/plans/lost-demand",
    operation_id="listLostDemand",
    security=needs("plans:read"),
    summary="List what shoppers wanted and nobody could sell",
    description="Units that orders, holds and promises were refused for lack of stock, once for "
    "each person, SKU and day, at the location of the pickup or nearest to the address. Units that "
    "are in stock and cannot be sent do not count. Up to 31 days can be read at once, of the last "
    "120. A person whose token names locations sees those alone.",
)
def list_lost_demand(
    first: Annotated[date, Query(alias="from", description="The first day, such as 2026-11-20.")],
    last: Annotated[date, Query(alias="to", description="The last day.")],
    location_id: Annotated[
        LocationId | None, Query(description="One location; default: all.")
    ] = None,
    sku: Annotated[Sku | None, Query(description="One SKU; default: all.")] = None,
) -> LostDemandAnswer:
    caller_of(app).must_look_after(location_id or EVERY_LOCATION)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise invalid("query.to", f"1 to {MOST_DAYS} days can be read at once")
    return lost_answer(lost.lost_units(first, last, location_id, sku))


@app.get(
    "/v1/plans/forecast",
    operation_id="getForecast",
    security=needs("plans:read"),
    summary="Forecast the demand of a SKU at a location",
    description="Units that will be wanted from today on: by orders, where they want the units and "
    "not where these are sent from, and over the counter. The quantiles are those of all days "
    "together. The answer says what it was made from.",
)
def get_forecast(
    sku: Annotated[Sku, Query(description="The SKU.")],
    location_id: Annotated[LocationId, Query(description="The location.")],
    days: Annotated[int, Query(ge=1, le=91, description="Number of days.")] = 28,
) -> ForecastAnswer:
    caller_of(app).must_look_after(location_id)
    return forecast_answer(planning.forecast_of(sku, location_id, days, datetime.now(UTC)))


@app.get(
    "/v1/plans/replenishment",
    operation_id="getReplenishment",
    security=needs("plans:read"),
    summary="Plan the orders of a location",
    description="For each SKU the stock up to which a unit more pays until the next order arrives, "
    "less what is available and expected, in packs, with every term. A unit that is sold earns its "
    "margin; one that is too many costs capital and space until the next order, or at the end of "
    "its season what it cost less its salvage.",
)
def get_replenishment(
    location_id: Annotated[LocationId, Query(description="The location.")],
    sku: Annotated[
        Sku | None, Query(description="One SKU; default: those with a stock position there.")
    ] = None,
    lead_days: Annotated[
        int, Query(ge=0, le=60, description="Days until an order of today arrives.")
    ] = 2,
    review_days: Annotated[int, Query(ge=1, le=60, description="Days until the next order.")] = 7,
    pack: Annotated[int, Query(ge=1, le=10_000, description="Units of a pack.")] = 1,
    minimum: Annotated[
        int, Query(ge=0, le=100_000, description="The fewest units of a SKU to order at once.")
    ] = 0,
    holding_percent: Annotated[
        int, Query(ge=0, le=200, description="Cost of capital and space, of its cost a year.")
    ] = 25,
    limit: Annotated[int, Query(ge=1, le=50, description="Number of SKUs on a page.")] = 25,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page.")] = None,
) -> ReplenishmentAnswer:
    caller_of(app).must_look_after(location_id)
    after = key_of(cursor, ID) if cursor else None
    skus, end = skus_at(location_id, limit, after) if sku is None else ([sku], None)
    terms = Terms(lead_days, review_days, pack, minimum)
    planned = planning.replenishments(
        skus, location_id, terms, holding_percent / 100, datetime.now(UTC)
    )
    return replenishment_answer(location_id, planned, cursor_of(end) if end else None)


handler = serve(app)
