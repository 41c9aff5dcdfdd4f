"""The tables of a simulated hour (hour.py)."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import quantiles

from tests.bench.report import Row, Table
from tests.bench.scale.hour import (
    CHANGES_THINNED,
    FILE,
    HOUR,
    QUESTIONS_THINNED,
    SOLD,
    TILL,
    Outcome,
)
from tests.bench.scale.queues import Counts

ORIGINS = {TILL: "from tills", FILE: "from files", SOLD: "by holds and orders"}
GOAL_SECONDS = 2.0


def tables(outcomes: Mapping[str, Outcome]) -> Iterator[Table]:
    """``outcomes`` by the name of the scenario."""
    yield _lags(outcomes)
    yield _requests(outcomes)
    yield _conserved(outcomes)
    yield _dollars(outcomes)


def spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Median, 99th percentile, maximum; None when there are too few values."""
    if len(values) < 2:
        return None
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98], max(values)


def _lags(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[Row] = []
    for name, outcome in outcomes.items():
        for origin, described in ORIGINS.items():
            p50, p99, most = spread(outcome.lags[origin]) or (None, None, None)
            rows.append(
                {
                    "hour": name,
                    "changes": described,
                    "thousands": len(outcome.lags[origin]) * CHANGES_THINNED / 1000,
                    "p50 s": p50,
                    "p99 s": p99,
                    "max s": most,
                    "goal p99 s": GOAL_SECONDS,
                }
            )
    notes = [
        "Lag: from the queue of tills or of files, or from the sale, until the pack is written.",
    ]
    return Table("Black Friday: from stock to availability", rows, notes)


def _requests(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[Row] = []
    for name, outcome in outcomes.items():
        for what, counts, answers, thinned in (
            ("questions", outcome.questions, outcome.answers, QUESTIONS_THINNED),
            ("holds and orders", outcome.orders, outcome.order_answers, 1),
        ):
            p50, p99, most = spread(answers) or (0.0, 0.0, 0.0)
            rows.append(
                {
                    "hour": name,
                    "requests": what,
                    "thousands": counts.arrived * thinned / 1000,
                    "refused %": 100 * counts.refused / max(1, counts.arrived),
                    "p50 ms": p50 * 1000,
                    "p99 ms": p99 * 1000,
                    "max ms": most * 1000,
                }
            )
    notes = [
        f"{name}: refused "
        + ", ".join(
            f"{reason} {count * QUESTIONS_THINNED:,}" for reason, count in outcome.refusals.items()
        )
        + f"; {outcome.environments:,} environments at most, {outcome.colds:,} cold starts"
        for name, outcome in outcomes.items()
    ]
    return Table("Black Friday: requests", rows, notes)


def _conserved(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[Row] = []
    for name, outcome in outcomes.items():
        for what, counts, waiting in conserved(outcome):
            rows.append(
                {
                    "hour": name,
                    "what": what,
                    "arrived": counts.arrived,
                    "done": counts.done,
                    "refused": counts.refused,
                    "waiting at the end": waiting,
                }
            )
    note = (
        f"Of a world with a {QUESTIONS_THINNED}th of the questions and a {CHANGES_THINNED}th of the"
        " messages and changes; holds and orders are all."
    )
    return Table("Black Friday: what came in, and what became of it", rows, [note])


def conserved(outcome: Outcome) -> list[tuple[str, Counts, int]]:
    """What arrived, and how much of it still waits: arrived is done, refused and waiting."""
    return [
        ("questions", outcome.questions, outcome.questions_waiting),
        ("holds and orders", outcome.orders, outcome.orders_waiting),
        ("messages of tills", outcome.feed, outcome.feed_waiting),
        ("messages of files", outcome.files, outcome.files_waiting),
        ("changes to project", outcome.projected, outcome.projected_waiting),
        ("rows of the ledger", outcome.ledger, outcome.ledger_waiting),
    ]


def _dollars(outcomes: Mapping[str, Outcome]) -> Table:
    rows: list[Row] = []
    for name, outcome in outcomes.items():
        total = sum(outcome.dollars.values())
        rows.append({"hour": name, **outcome.dollars, "all": total})
    lengths = {outcome.seconds for outcome in outcomes.values()}
    length = max(lengths)
    note = "" if length == HOUR else f"Of {length:,.0f} seconds, not of an hour."
    return Table("Black Friday: dollars of the hour", rows, [note] if note else [])
