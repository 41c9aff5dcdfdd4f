"""`norain what-if`: past orders routed again under a draft of the routing policy."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer

from infra.cli.options import ClientName, text_of
from infra.cli.output import show, table
from infra.local import target
from infra.local.steps import Step, Steps

PAUSE_SECONDS = 1
"""Between two looks at the progress."""
MOST_SHOWN = 10
METRICS = (
    ("paid", "paid", "amount"),
    ("parcels", "parcels", None),
    ("splits", "splits", None),
    ("late parcels", "late_parcels", None),
    ("unfilled units", "unfilled_units", None),
    ("overstock cleared", "overstock_units", None),
    ("km", "km", None),
    ("kg CO2e", "kg_co2e", None),
)


def what_if(
    draft: Annotated[
        str | None,
        typer.Argument(metavar="DRAFT", help="a policy as a JSON file, or - for standard input"),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="how many days of orders to route again")
    ] = 28,
    client: ClientName = "planner",
) -> None:
    """Show what past orders would have cost and where they would have come from under a draft.

    DRAFT is stored as the draft of the routing policy; it is not put in force. Without DRAFT the
    stored draft is tried. Orders are routed again on the stock as it was then. The draft's
    guard-rails are measured by the result; ends with 1 when one of them is broken, or when another
    what-if has replaced this one. The work goes on without this command once it has begun.

    \b
    norain what-if events/samples/policy.json
    norain what-if --days 7 --json | jq .after.late_parcels
    """
    text = None if draft is None else text_of(draft)
    with (
        Steps() as steps,
        steps.step("what if") as step,
        target.channel(target.load(), client) as http,
    ):
        started = start(http, days, text)
        report = together(watched(http, started["status_url"], step))
    show(report, *drawn(report))
    if report["broken"] or not report["through"]:
        raise typer.Exit(1)


def start(http: httpx.Client, days: int, draft: str | None) -> dict[str, Any]:
    """Starts the what-if. ``draft`` is a policy as JSON text, or None for the stored draft.

    Raises Refused when the policy does not fit the schema, or there is no stored draft.
    """
    if draft is not None:
        headers = {"content-type": "application/json"}
        target.answer(http.put("/v1/routing/policies/draft", content=draft, headers=headers))
    started: dict[str, Any] = target.answer(http.post("/v1/routing/what-ifs", json={"days": days}))
    return started


def watched(
    http: httpx.Client, status_url: str, step: Step
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The what-if at its end, and all differences; the step shows the progress meanwhile."""
    while True:
        status = target.answer(http.get(status_url))
        if status["state"] != "running":
            break
        step.note(_progress(status))
        time.sleep(PAUSE_SECONDS)
    done = status["state"] == "done"
    return status, list(_differences(http, status_url)) if done else []


def _progress(status: dict[str, Any]) -> str:
    """The orders so far, those in all by estimate, and by how much the draft is dearer so far."""
    progress, before, after = status["progress"], status["before"], status["after"]
    expected = progress.get("orders_expected")
    text = f"{progress['orders_done']}" + (f" of ~{expected}" if expected else " orders")
    old, new = before["paid"]["amount"], after["paid"]["amount"]
    return text + (f", paid {100 * (new / old - 1):+.1f} %" if old else "")


def _differences(http: httpx.Client, status_url: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = target.answer(http.get(f"{status_url}/differences", params=query))
        yield from page["differences"]
        if (cursor := page.get("next_cursor")) is None:
            return


def together(parts: tuple[dict[str, Any], list[dict[str, Any]]]) -> dict[str, Any]:
    """The what-if and its differences as one report. It has no totals when another what-if has
    replaced this one."""
    status, differences = parts
    return {
        "draft_revision": status["draft_revision"],
        "days": status["days"],
        "through": status["state"] == "done",
        "before": status.get("before"),
        "after": status.get("after"),
        "broken": status.get("broken") or [],
        "differences": differences,
    }


def drawn(report: dict[str, Any]) -> list[Any]:
    """The report for a person: totals, load by location, and the largest increases."""
    before, after, differences = report["before"], report["after"], report["differences"]
    if before is None:
        return ["[yellow]another what-if has replaced this one: begin again"]
    currency = before["paid"]["currency"]
    old, new = before["load"], after["load"]
    loads = {location: (old.get(location, 0), new.get(location, 0)) for location in old | new}
    moved = sorted(loads.items(), key=lambda row: (-abs(row[1][1] - row[1][0]), row[0]))
    title = (
        f"draft {report['draft_revision']}, orders of {report['days']} days: {before['orders']}, "
        f"of which {len(differences)} would come from elsewhere"
    )
    return [
        title,
        table(
            "",
            ("", "now", "draft", "change"),
            [_metric(row, before, after) for row in METRICS],
        ),
        f"paid is in minor units of {currency}",
        table(
            "load, units",
            ("location", "now", "draft"),
            [(location, *units) for location, units in moved[:MOST_SHOWN] if units[0] != units[1]],
        ),
        table(
            f"orders with the largest increase, of {len(differences)}",
            ("order", "from", "would be from", "paid", "kg CO2e"),
            [
                (
                    row["order_id"],
                    ", ".join(row["before"]),
                    ", ".join(row["after"]),
                    row["paid"]["amount"],
                    row["kg_co2e"],
                )
                for row in differences[:MOST_SHOWN]
            ],
        ),
        *(f"[red]{row['guard_rail']}[/]: {row['sentence']}" for row in report["broken"]),
    ]


def _metric(
    row: tuple[str, str, str | None], before: dict[str, Any], after: dict[str, Any]
) -> tuple[str, float, float, str]:
    title, name, part = row
    old, new = before[name], after[name]
    if part is not None:
        old, new = old[part], new[part]
    change = f"{100 * (new / old - 1):+.1f} %" if old else "" if new == old else "new"
    return title, old, new, change
