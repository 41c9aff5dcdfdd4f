"""`norain plan`: what to order for a location, and the forecast of a SKU there."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import httpx
import typer

from infra.cli.options import ClientName
from infra.cli.output import show, table
from infra.local import target
from infra.local.steps import Steps

BARS = "▁▂▃▄▅▆▇█"
PAGE = 50


def plan(
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="the id of a location")],
    sku: Annotated[
        str | None, typer.Argument(metavar="SKU", help="show the forecast of this SKU instead")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=91, help="days of the forecast of a SKU")] = 28,
    lead: Annotated[
        int, typer.Option(min=0, max=60, help="days until an order of today arrives")
    ] = 2,
    review: Annotated[int, typer.Option(min=1, max=60, help="days until the next order")] = 7,
    pack: Annotated[int, typer.Option(min=1, max=10_000, help="units of a pack")] = 1,
    client: ClientName = "planner",
) -> None:
    """Show what to order for LOCATION, or how much of SKU will be wanted there.

    An order fills the shelf up to where a unit more would cost more than it earns. JSON has every
    term of it.

    \b
    norain plan S1027 --pack 6
    norain plan S1027 1082185 --days 14
    norain plan S1027 --json | jq '.rows[] | select(.quantity > 0)'
    """
    with Steps() as steps, steps.step("plan"), target.channel(target.load(), client) as http:
        if sku is None:
            asked = {"location_id": location, "lead_days": lead, "review_days": review}
            document = replenishment(http, {**asked, "pack": pack, "limit": PAGE})
            parts = drawn_orders(document)
        else:
            document = target.answer(
                http.get(
                    "/v1/plans/forecast",
                    params={"sku": sku, "location_id": location, "days": days},
                )
            )
            parts = drawn_forecast(document)
    show(document, *parts)


def replenishment(http: httpx.Client, asked: dict[str, Any]) -> dict[str, Any]:
    """All pages as one document."""
    pages = list(_pages(http, asked))
    return {
        "location_id": asked["location_id"],
        "rows": [row for page in pages for row in page["rows"]],
        "unplanned": [row for page in pages for row in page["unplanned"]],
    }


def _pages(http: httpx.Client, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cursor: dict[str, Any] = {}
    while True:
        page = target.answer(http.get("/v1/plans/replenishment", params={**asked, **cursor}))
        yield page
        if "next_cursor" not in page:
            return
        cursor = {"cursor": page["next_cursor"]}


def drawn_orders(document: dict[str, Any]) -> tuple[Any, ...]:
    rows = [row for row in document["rows"] if row["quantity"]]
    total = (
        f"{len(rows)} of {len(document['rows'])} SKUs to order, "
        f"{sum(row['quantity'] for row in rows)} units"
    )
    if document["unplanned"]:
        total += f", {len(document['unplanned'])} SKUs cannot be planned"
    columns = ("sku", "order", "mean", "ratio", "level", "available", "expected", "")
    cells = [
        (
            row["sku"],
            row["quantity"],
            round(row["mean"], 1),
            round(row["ratio"], 3),
            row["level"],
            row["available"],
            row["expected"],
            row.get("reason", ""),
        )
        for row in sorted(rows, key=lambda row: -row["gain"])
    ]
    return (table("orders", columns, cells), total) if cells else (total,)


def drawn_forecast(document: dict[str, Any]) -> tuple[Any, ...]:
    means = [day["mean"] for day in document["by_day"]]
    return (
        f"{sparkline(means)}  {document['mean']:.1f} units in {len(means)} days",
        table(
            "units that suffice",
            ("with", "units"),
            [(f"{row['share']:.0%}", row["units"]) for row in document["quantiles"]],
        ),
    )


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value, the highest for the largest."""
    most = max(values, default=0.0)
    last = len(BARS) - 1
    return "".join(BARS[round(value / most * last) if most > 0 else 0] for value in values)
