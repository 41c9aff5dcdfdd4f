"""64 connections at once on the local cloud: orders and questions, cold and warm."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import cloud, deploy, target
from infra.local.target import Target
from tests.bench.availability.running import reaching
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.crowd import CONNECTIONS, at_once

ROUNDS = 3


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    rows: list[Row] = []
    clouds = {"as it ships": cloud.workers({})}
    if not quick:
        clouds = {"any number of workers, none warmed": 0, **clouds}
    for name, workers in clouds.items():
        tell(f"a local cloud, {name}")
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as made:
            patch.setenv("NORAIN_WORKERS", str(workers))
            try:
                aim = deploy.up(Path(made), port=cloud.free_port())
                with reaching(aim):
                    shop.stocked({"A": dict.fromkeys(shop.PLACES, 10_000)})
                rows += _rounds(aim, name, tell)
            finally:
                cloud.stop(Path(made))
    yield Table(
        f"{CONNECTIONS} connections at once on the local cloud",
        rows,
        (
            "half of them place an order of 1 line, half ask for 1 SKU at 4 locations; the first",
            "round comes right after the deployment. Goal: every request is answered without an",
            f"error, within the {target.PATIENCE_SECONDS} s after which our own client gives up.",
        ),
    )


def _rounds(aim: Target, name: str, tell: Tell) -> Iterator[Row]:
    with target.channel(aim, "web") as http:
        for number in range(ROUNDS):
            tell(f"{name}, round {number + 1}")
            answers = at_once(http, "A")
            good = {"orders": answers.statuses["201"], "answers": answers.statuses["200"]}
            yield {
                "local cloud": name,
                "round": number + 1,
                "median, s": answers.seconds[len(answers.seconds) // 2],
                "slowest, s": answers.seconds[-1],
                **good,
                "errors": answers.statuses.total() - sum(good.values()),
                "goal, errors": 0,
            }
