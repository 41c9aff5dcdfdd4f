"""The routes of KPIs."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from shared.errors import invalid
from shared.kpis import reading
from shared.kpis.contract import (
    KpiDefinitions,
    KpiRates,
    KpiRatesAnswer,
    KpisAnswer,
    definitions,
    kpi_values,
    rates_answer,
)
from shared.kpis.model.kpis import KPIS, By
from shared.kpis.store import rates
from shared.web.api import api, caller_of, serve
from shared.web.auth import EVERY_LOCATION, needs
from shared.web.contract import Channel, LocationId

MOST_DAYS = 400
MOST_DAYS_OF_PLACES = 31
"""2,000 locations are 8 MB a day."""

app = api()


@app.get(
    "/v1/kpis",
    operation_id="listKpis",
    security=needs("kpis:read"),
    summary="Read KPIs",
    description="KPIs by channel, location or day, some seconds behind. Numerators and "
    "denominators add up over rows. A day is local to the location; before any location has the "
    "units it is a day in UTC. Sales count on the day of the hand-over. Up to 400 days can be read "
    "at once, by location or of one location up to 31. A person whose token names locations sees "
    "those alone.",
)
def list_kpis(
    first: Annotated[date, Query(alias="from", description="The first day, such as 2026-11-20.")],
    last: Annotated[date, Query(alias="to", description="The last day.")],
    names: Annotated[
        str | None,
        Query(
            max_length=400,
            description="KPIs with commas between them, such as net_sales,margin; default: all. "
            "GET /v1/kpis/definitions lists them.",
        ),
    ] = None,
    by: Annotated[By, Query(description="What the rows are.")] = "day",
    location_id: Annotated[
        LocationId | None, Query(description="One location; default: all.")
    ] = None,
    channel: Annotated[Channel | None, Query(description="One channel; default: all.")] = None,
) -> KpisAnswer:
    caller_of(app).must_look_after(location_id or EVERY_LOCATION)
    wanted = list(KPIS) if names is None else list(dict.fromkeys(names.split(",")))
    if unknown := [name for name in wanted if name not in KPIS]:
        raise invalid("query.names", f"{unknown[0]!r} is none of {', '.join(KPIS)}")
    most = MOST_DAYS_OF_PLACES if by == "location" or location_id else MOST_DAYS
    if not 0 <= (last - first).days < most:
        raise invalid("query.to", f"1 to {most} days can be read at once")
    groups = reading.groups(first, last, by, location_id=location_id, channel=channel)
    totals = reading.by_currency(groups)
    return KpisAnswer(
        first=first,
        last=last,
        by=by,
        kpis=[kpi_values(name, groups, totals) for name in wanted],
    )


@app.get(
    "/v1/kpis/definitions",
    operation_id="listKpiDefinitions",
    security=needs("kpis:read"),
    summary="List the KPIs",
    description="Each KPI as a quotient of sums of figures, by which anybody can compute it again.",
)
def list_definitions() -> KpiDefinitions:
    return definitions()


@app.get(
    "/v1/kpis/rates",
    operation_id="getKpiRates",
    security=needs("kpis:read"),
    summary="Read what selling costs",
    description="The costs of payments and returns that contributions are computed with.",
)
def get_rates() -> KpiRatesAnswer:
    return rates_answer(rates.stated_rates())


@app.put(
    "/v1/kpis/rates",
    operation_id="putKpiRates",
    security=needs("kpis:write"),
    summary="State what selling costs",
    description="Replaces the rates. Orders are counted with the rates of the moment; an order "
    "that changes later is counted anew with those of then.",
)
def put_rates(body: KpiRates) -> KpiRatesAnswer:
    stated = body.rates()
    rates.put_rates(stated)
    return rates_answer(stated)


handler = serve(app)
