"""`norain audit`: law 1 recomputed by the function that also runs by schedule."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from infra.cli.output import show, table
from infra.local.steps import Step, Steps
from infra.local.target import Target, load


def audit(
    repair: Annotated[
        bool, typer.Option("--repair", help="correct drifted positions by audited movements")
    ] = False,
    sku: Annotated[str | None, typer.Option(help="only the positions of this SKU")] = None,
) -> None:
    """Recompute law 1: does stock agree with its ledger, holds and orders?

    A position has drifted when two checks in a row say so and nobody has written to it in between.
    Ends with 1 when a drifted position was not repaired.

    \b
    norain audit
    norain audit --sku 1082185 --repair
    """
    with Steps() as steps, steps.step("audit") as step:
        report = _combined(_watched(_pages(load(), repair=repair, sku=sku), step))
    repaired = {(row["sku"], row["location_id"]) for row in report["mended"]}
    drifts = report["drifts"]
    open_drifts = [row for row in drifts if (row["sku"], row["location_id"]) not in repaired]
    show(
        report,
        table(
            "drift",
            ("sku", "location", "figure", "stored", "should be", ""),
            [
                (
                    row["sku"],
                    row["location_id"],
                    row["kind"],
                    row["stands"],
                    row["should"],
                    "" if row in open_drifts else "repaired",
                )
                for row in drifts
            ],
        )
        if drifts
        else "[green]no drift[/]",
        f"{report['positions']} positions, {len(drifts)} drifts, {len(repaired)} positions repaired"
        + (
            f", {len(report['unsettled'])} written too often to be checked"
            if report["unsettled"]
            else ""
        ),
    )
    if open_drifts:
        raise typer.Exit(1)


def _pages(target: Target, *, repair: bool, sku: str | None) -> Iterator[dict[str, Any]]:
    """The report of each call of the function, until every position has been checked."""
    request: dict[str, Any] = {"repair": repair} | ({"sku": sku} if sku else {})
    while True:
        page = target.invoke(target.audit_function, {"audit": request})
        yield page
        if page["after"] is None:
            return
        request["after"] = page["after"]


def _watched(pages: Iterator[dict[str, Any]], step: Step) -> Iterator[dict[str, Any]]:
    positions = 0
    for page in pages:
        positions += page["positions"]
        step.note(f"{positions} positions")
        yield page


def _combined(pages: Iterator[dict[str, Any]]) -> dict[str, Any]:
    report: dict[str, Any] = {"positions": 0, "drifts": [], "mended": [], "unsettled": []}
    for page in pages:
        for name in report:
            report[name] += page[name]
    return report
