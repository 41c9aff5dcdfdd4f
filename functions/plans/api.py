"""The routes of plans."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.errors import invalid
from shared.plans.contract import LostDemandAnswer, lost_answer
from shared.plans.store import lost
from shared.web.api import api, caller_of, serve
from shared.web.auth import EVERY_LOCATION, needs
from shared.web.contract import LocationId, Sku

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


handler = serve(app)
