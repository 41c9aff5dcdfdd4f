"""`norain kpis`: what was earned, by day, channel or location."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.options import ClientName
from infra.cli.output import show, table
from infra.local import target
from shared.kpis.model.digest import worded

DAYS = 14
BARS = "▁▂▃▄▅▆▇█"


class By(StrEnum):
    DAY = "day"
    CHANNEL = "channel"
    LOCATION = "location"


def kpis(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KPI]...", help="net_sales, margin, split, ...; default: all"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="how many days, up to --to")] = DAYS,
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the last day; default: today")
    ] = None,
    by: Annotated[By, typer.Option(help="what the rows are")] = By.DAY,
    location: Annotated[str | None, typer.Option(help="one location")] = None,
    channel: Annotated[str | None, typer.Option(help="one channel")] = None,
    client: ClientName = "planner",
) -> None:
    """Show what was sold and earned, and how well promises were kept.

    By day each KPI is a line with a curve; by channel or location it is a table.

    \b
    norain kpis
    norain kpis net_sales contribution margin --by channel --days 28
    norain kpis promise_kept --location denver --json | jq .kpis
    """
    last = (to or datetime.now(UTC)).date()
    query = {
        "names": ",".join(names) if names else None,
        "from": (last - timedelta(days=days - 1)).isoformat(),
        "to": last.isoformat(),
        "by": by.value,
        "location_id": location,
        "channel": channel,
    }
    asked = {name: value for name, value in query.items() if value is not None}
    with target.channel(target.load(), client) as http:
        report: dict[str, Any] = target.answer(http.get("/v1/kpis", params=asked))
    show(report, drawn(report))


def drawn(report: dict[str, Any]) -> Any:
    """A table with a line for each KPI and currency, or a column for each KPI."""
    title = f"{report['first']} to {report['last']}"
    if report["by"] == "day":
        days = _days(report)
        lines = [
            (
                kpi["title"],
                _worded(kpi, total),
                spark([_of_day(kpi, total, day) for day in days]),
            )
            for kpi in report["kpis"]
            for total in kpi["total"]
        ]
        return table(title, ("KPI", "value", "by day"), lines)
    keys = sorted({(row["key"], row["currency"]) for kpi in report["kpis"] for row in kpi["rows"]})
    found = [
        {(row["key"], row["currency"]): _worded(kpi, row) for row in kpi["rows"]}
        for kpi in report["kpis"]
    ]
    columns = (report["by"], *(kpi["name"].replace("_", " ") for kpi in report["kpis"]))
    rows = [(key[0], *(values.get(key, "") for values in found)) for key in keys]
    return table(title, columns, rows)


def _days(report: dict[str, Any]) -> list[str]:
    first, last = date.fromisoformat(report["first"]), date.fromisoformat(report["last"])
    count = (last - first).days + 1
    return [(first + timedelta(days=number)).isoformat() for number in range(count)]


def _of_day(kpi: dict[str, Any], total: dict[str, Any], day: str) -> float | None:
    for row in kpi["rows"]:
        if (row["key"], row["currency"]) == (day, total["currency"]):
            value: float | None = row.get("value")
            return value
    return None


def _worded(kpi: dict[str, Any], row: dict[str, Any]) -> str:
    return worded(kpi["kind"], row.get("value"), row["currency"])


def spark(values: list[float | None]) -> str:
    """A bar for each value, from the lowest to the highest; a dot where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(0.0, *known), max(0.0, *known)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join("·" if value is None else BARS[round((value - low) / step)] for value in values)
