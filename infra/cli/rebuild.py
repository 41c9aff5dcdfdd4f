"""`norain rebuild`: the availability packs made again, by the function that does it."""

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


def rebuild(
    projection: Annotated[Projection, typer.Argument(help="what to make again")],
    sku: Annotated[list[str] | None, typer.Option(help="only these SKUs")] = None,
) -> None:
    """Make availability again from the stock positions, while it goes on answering.

    A pack is replaced atomically, and only when it differs from its positions. Changes of stock
    during the rebuild are not lost.

    \b
    norain rebuild availability
    norain rebuild availability --sku 1082185
    """
    target = load()
    with Steps() as steps, steps.step(f"rebuild {projection.value}") as step:
        skus, replaced, names = _named(target, sku) if sku else _all(target, step)
    show(
        {"skus": skus, "replaced": replaced, "rebuilt": names},
        f"{skus} SKUs, {replaced} differed from their positions and were replaced"
        + (f": {', '.join(names[:MOST_SHOWN])}" if names else ""),
    )


def _all(target: Target, step: Step) -> tuple[int, int, list[str]]:
    """The numbers of SKUs and of replaced packs, and the names of those that no helper has
    replaced."""
    request: dict[str, Any] = {"rebuild": "all"}
    names: list[str] = []
    while True:
        answer = target.invoke(target.rebuild_function, request)
        names += answer["rebuilt"]
        progress = answer["progress"]
        counts = progress["counts"]
        step.note(f"{progress['done']} of {progress['segments']} segments")
        if progress["ended_at"] is not None:
            return counts.get("skus", 0), counts.get("rebuilt", 0), sorted(names)
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
