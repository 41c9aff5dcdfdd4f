"""The route of the report on how well locations keep their times."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.errors import invalid
from shared.orders.contract.punctuality import PunctualityAnswer, punctuality_answer
from shared.orders.punctuality import report
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import EVERY_LOCATION, needs
from shared.web.contract import LocationId

MOST_DAYS = 31
MOST_DAYS_OF_ALL = 3
"""2,000 locations are 0.8 MB a day, and an answer has 6 MB at most."""

router = routes()


@router.get(
    "/v1/punctuality",
    operation_id="getPunctuality",
    security=needs("orders:read", "fulfillments:read"),
    summary="Read how well locations keep their times",
    description="For each location and local day: how many fulfillments were due, how many were "
    "accepted, packed, handed over and delivered, in time and at all, and how many were rejected "
    "or expired. A fulfillment counts on the day on which it was first promised to be ready. The "
    "counts are some seconds behind and kept for 13 months. One location for up to 31 days, where "
    "the caller must work; or all locations for up to 3 days, for callers who work at all.",
)
def get_punctuality(
    first: Annotated[date, Query(alias="from", description="The first day, such as 2026-11-20.")],
    last: Annotated[date, Query(alias="to", description="The last day.")],
    location_id: Annotated[
        LocationId | None, Query(description="One location; default: all.")
    ] = None,
) -> PunctualityAnswer:
    caller_of(router).must_work_at(location_id or EVERY_LOCATION)
    most = MOST_DAYS if location_id else MOST_DAYS_OF_ALL
    if not 0 <= (last - first).days < most:
        of = "of a location" if location_id else "of all locations"
        raise invalid("query.to", f"1 to {most} days {of} can be read at once")
    return punctuality_answer(report(first, last, location_id, now_in_milliseconds()))
