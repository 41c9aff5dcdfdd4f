"""`norain rebuild`: the availability packs, or the search of orders, made again by the function
that does it."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.output import show
from infra.local.steps import Step, Steps
from infra.local.target import Target, load

SKUS_PER_CALL = 200
MOST_SHOWN = 20
PAUSE_SECONDS = 1
"""Between two runs: helpers may hold all segments that remain."""


class Projection(StrEnum):
    availability = "availability"
    search = "search"


def rebuild(
    projection: Annotated[Projection, typer.Argument(help="what to make again")],
    sku: Annotated[list[str] | None, typer.Option(help="only these SKUs (of availability)")] = None,
) -> None:
    """Make availability again from the stock positions, or the search from the orders, while both
    go on answering.

    A pack is replaced atomically, and only when it differs from its positions. A row of the search
    is written where it is missing, or is of an older version of its order: also for orders that
    were placed before orders could be searched. Changes during the rebuild are not lost.

    \b
    norain rebuild availability
    norain rebuild availability --sku 1082185
    norain rebuild search
    norain rebuild search --json | jq .rows
    """
    target = load()
    if projection is Projection.search:
        if sku:
            raise typer.BadParameter("the search is made again as a whole", param_hint="--sku")
        _search(target)
        return
    with Steps() as steps, steps.step(f"rebuild {projection.value}") as step:
        skus, replaced, names = _named(target, sku) if sku else _all(target, step)
    show(
        {"skus": skus, "replaced": replaced, "rebuilt": names},
        f"{skus} SKUs, {replaced} differed from their positions and were replaced"
        + (f": {', '.join(names[:MOST_SHOWN])}" if names else ""),
    )


def _search(target: Target) -> None:
    with Steps() as steps, steps.step("rebuild search") as step:
        counts, _ = _round(target, target.index_orders_function, step)
    orders, rows = counts.get("orders", 0), counts.get("rows", 0)
    show({"orders": orders, "rows": rows}, f"{orders} orders, {rows} rows were missing or older")


def _all(target: Target, step: Step) -> tuple[int, int, list[str]]:
    """The numbers of SKUs and of replaced packs, and the names of those that no helper has
    replaced."""
    counts, names = _round(target, target.rebuild_function, step)
    return counts.get("skus", 0), counts.get("rebuilt", 0), names


def _round(target: Target, function: str, step: Step) -> tuple[dict[str, int], list[str]]:
    """What a whole round of ``function`` has counted, and the names of what it has rebuilt."""
    request: dict[str, Any] = {"rebuild": "all"}
    names: list[str] = []
    while True:
        answer = target.invoke(function, request)
        names += answer["rebuilt"]
        progress = answer["progress"]
        step.note(f"{progress['done']} of {progress['segments']} segments")
        if progress["ended_at"] is not None:
            return progress["counts"], sorted(names)
        request["round"] = progress["round"]
        time.sleep(PAUSE_SECONDS)


def _named(target: Target, skus: list[str]) -> tuple[int, int, list[str]]:
    names: list[str] = []
    remaining = skus
    while remaining:
        batch, remaining = remaining[:SKUS_PER_CALL], remaining[SKUS_PER_CALL:]
        answer = target.invoke(target.rebuild_function, {"rebuild": batch})
        names += answer["rebuilt"]
        remaining = answer["left"] + remaining
    return len(skus), len(names), names
