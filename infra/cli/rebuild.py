"""`norain rebuild`: the availability packs made again, by the function that does it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.output import show
from infra.local.steps import Steps
from infra.local.target import Target, load

SKUS_PER_CALL = 200
MOST_SHOWN = 20


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
    with Steps() as steps:
        with steps.step("find the SKUs"):
            wanted = sku or _skus(target)
        changed: list[str] = []
        with steps.step(f"rebuild {projection.value}", total=len(wanted)) as step:
            for done, rebuilt in _rebuild(target, wanted):
                changed += rebuilt
                step.advance(done)
    show(
        {"skus": len(wanted), "rebuilt": changed},
        f"{len(wanted)} SKUs, {len(changed)} differed from their positions and were replaced"
        + (f": {', '.join(changed[:MOST_SHOWN])}" if changed else ""),
    )


def _skus(target: Target) -> list[str]:
    """Every SKU that has positions or a pack."""
    skus: set[str] = set()
    for of in ("positions", "packs"):
        request: dict[str, Any] = {"of": of}
        while True:
            page = target.invoke(target.rebuild_function, {"skus": request})
            skus.update(page["skus"])
            if page["after"] is None:
                break
            request["after"] = page["after"]
    return sorted(skus)


def _rebuild(target: Target, skus: list[str]) -> Iterator[tuple[int, list[str]]]:
    """For each call: how many SKUs are done, and which packs were replaced."""
    while skus:
        batch, skus = skus[:SKUS_PER_CALL], skus[SKUS_PER_CALL:]
        answer = target.invoke(target.rebuild_function, {"rebuild": batch})
        yield len(batch) - len(answer["left"]), answer["rebuilt"]
        skus = answer["left"] + skus
