"""The model adds up, the simulation conserves what it is given, and its queue waits as the formula
says."""

import ast
import inspect
import math
import random
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import simpy

from functions.stock import audit
from infra import concurrency
from infra.function import Function
from infra.stream import StreamSubscription
from shared.availability.model.confidence import MOST_GROUPS
from shared.availability.store import confidence, packs
from shared.stock.store import effects, rows
from tests.bench.scale import hour_tables, model
from tests.bench.scale.figures import FILE, Figures, load
from tests.bench.scale.hour import FILE as FROM_FILE
from tests.bench.scale.hour import TILL, Hour, Outcome
from tests.bench.scale.limits import LIMITS, breaking_growth, breaks
from tests.bench.scale.plots import draw
from tests.bench.scale.queues import Bucket, Lambda, Process, Queue, arrivals
from tests.bench.scale.retailer import (
    costs,
    dollars,
    mean_write_units,
    pack_read_units,
    pack_slices,
    pack_write_units,
    rates,
    works,
)

ROOT = Path(__file__).parents[3]
SHORT = 30.0


@pytest.fixture(scope="module")
def figures() -> Figures:
    """With the packs that the bench measured."""
    return load().changed({"setting.pack_bytes": 32_000})


@pytest.fixture(scope="module")
def outcome(figures: Figures) -> Outcome:
    return Hour(figures, seed=7, seconds=SHORT).run()


# The figures


def test_every_figure_has_a_unit_a_date_and_a_source_or_is_an_estimate(figures: Figures) -> None:
    assert all(one.unit and one.date for one in figures.figures.values())
    assert all(one.source or one.estimate for one in figures.figures.values())


@pytest.mark.parametrize(
    ("wrong", "right", "reason"),
    [
        ('unit = "SKUs", source = "issue 12"', 'unit = "SKUs", source = ""', "needs a unit"),
        ("changes = 0.35", "changes = 0.45", "sum up to"),
        ('"setting.pack_bytes" = 4_000', '"setting.pack_size" = 4_000', "sets unknown"),
        ("[yardstick]", "[yardsticks]\na = 1\n[yardstick]", "unknown sections"),
    ],
)
def test_a_file_of_figures_that_is_incomplete_is_refused(
    tmp_path: Path, wrong: str, right: str, reason: str
) -> None:
    text = FILE.read_text()
    assert wrong in text
    path = tmp_path / "figures.toml"
    path.write_text(text.replace(wrong, right, 1))
    with pytest.raises(ValueError, match=reason):
        load(path)


def test_another_value_of_a_figure_that_does_not_exist_is_an_error(figures: Figures) -> None:
    with pytest.raises(KeyError):
        figures.changed({"setting.pack_size": 1})


def test_every_figure_is_used(figures: Figures) -> None:
    """A figure that nothing reads would look as if it mattered."""
    code = "".join(path.read_text() for path in FILE.parent.glob("*.py"))
    unused = [name for name in figures.figures if f'"{name}"' not in code]
    assert not unused


def test_the_settings_are_those_of_the_code() -> None:
    figures = load()
    assert figures["setting.pack_bytes"] == packs.MOST_BYTES
    assert figures["setting.audit_workers"] == audit.WORKERS
    assert figures["setting.hold_shards"] == rows.SHARDS
    assert figures["setting.confidence_seconds"] == confidence.CACHE_SECONDS
    assert figures["assumption.product_groups"] == MOST_GROUPS
    assert figures["setting.ledger_days"] == rows.LEDGER_KEPT.days
    assert figures["setting.order_attempts"] == effects.SALE_ATTEMPTS
    helpers = concurrency.RULES_HELPERS + concurrency.EXPORT_HELPERS + concurrency.REBUILD_HELPERS
    assert figures["setting.helpers"] == helpers


def test_the_settings_are_those_of_the_templates() -> None:
    figures = load()
    feed = arguments("infra/stacks/stock.py", "feed.processed_by")
    assert figures["setting.feed_batch"] == feed["batch_size"]
    assert figures["setting.feed_window"] == feed["window_seconds"]
    assert figures["setting.feed_concurrency"] == feed["max_concurrency"]
    bulk = arguments("infra/stacks/stock.py", "bulk.processed_by")
    assert figures["setting.feed_batch"] == bulk["batch_size"]
    assert figures["setting.feed_window"] == bulk["window_seconds"]
    assert figures["setting.bulk_concurrency"] == bulk["max_concurrency"]
    deliver = arguments("infra/stacks/webhooks.py", "deliveries.processed_by")
    assert figures["setting.deliver_concurrency"] == deliver["max_concurrency"]
    source = arguments("infra/stream.py", "sources.DynamoEventSource")
    assert figures["setting.parallelization"] == source["parallelization_factor"]
    for name, file, handler in (
        ("feed", "stock", "functions.stock.apply_feed.handler"),
        ("query", "availability", "functions.availability.query.handler"),
        ("orders", "orders", "functions.orders.api.handler"),
        ("projector", "availability", "functions.availability.project.handler"),
    ):
        function = arguments(f"infra/stacks/{file}.py", "Function", handler=handler)
        assert figures[f"setting.{name}_memory"] == function["memory"]
    default = inspect.signature(Function.__init__).parameters["memory"].default
    assert figures["setting.worker_memory"] == default
    batch = inspect.signature(StreamSubscription.__init__).parameters["batch_size"].default
    assert figures["setting.stream_batch"] == batch


def arguments(file: str, called: str, **given: object) -> dict[str, object]:
    """The plain named arguments of the one call of ``called`` in a file that has the ``given``."""
    calls: list[dict[str, object]] = [
        {
            one.arg: one.value.value
            for one in node.keywords
            if one.arg and isinstance(one.value, ast.Constant)
        }
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == called
    ]
    (found,) = [call for call in calls if given.items() <= call.items()]
    return found


# The model


@pytest.mark.parametrize(
    ("locations", "write_units", "read_units"),
    [(10, 1, 0.5), (50, 1, 0.5), (500, 4, 0.5), (2_000, 15, 2.0)],
)
def test_packs_cost_what_the_bench_measured(
    figures: Figures, locations: int, write_units: int, read_units: float
) -> None:
    """The table "a change's cost" of availability.cost."""
    assert pack_write_units(figures, locations) == write_units
    assert pack_read_units(figures, locations) == read_units


def test_ten_thousand_locations_lie_in_four_items(figures: Figures) -> None:
    assert pack_slices(figures, 10_000) == 4
    assert pack_write_units(figures, 10_000) == pytest.approx(19.26, abs=1)


def test_smaller_items_make_a_change_cheaper_and_no_question_dearer(figures: Figures) -> None:
    small = figures.changed({"setting.pack_bytes": 8_000})
    assert pack_write_units(small, 2_000) == 8
    assert mean_write_units(small) < mean_write_units(figures)
    assert pack_read_units(small, 2_000) == pack_read_units(figures, 2_000)
    assert dollars(small) < dollars(figures)


def test_the_bill_is_the_sum_of_its_items(figures: Figures) -> None:
    items = costs(figures)
    assert sum(one.dollars for one in items) == pytest.approx(dollars(figures))
    assert all(one.amount >= 0 and one.price >= 0 for one in items)
    (packs,) = [
        one for one in items if one.what == "packs, by the projector" and "write" in one.unit
    ]
    assert packs.amount == pytest.approx(rates(figures).changes * mean_write_units(figures))


def test_the_model_grows_with_the_retailer(figures: Figures) -> None:
    assert rates(figures.grown(2)).changes == pytest.approx(2 * rates(figures).changes)
    assert dollars(figures.grown(2)) == pytest.approx(2 * dollars(figures), rel=0.02)


def test_the_positions_of_the_classes_are_those_that_the_audit_has_to_reach(
    figures: Figures,
) -> None:
    assert rates(figures).positions == pytest.approx(10e6, rel=0.01)


def test_a_limit_breaks_where_what_is_reached_meets_the_quota(figures: Figures) -> None:
    for limit in LIMITS:
        growth = breaking_growth(limit, figures)
        if 0.01 < growth < 1000:
            below, above = figures.grown(growth * 0.98), figures.grown(growth * 1.02)
            assert limit.reached(below, rates(below)) < limit.quota(below)
            assert limit.reached(above, rates(above)) > limit.quota(above)
    growths = [one.growth for one in breaks(figures)]
    assert growths == sorted(growths)


def test_twice_the_questions_reach_the_limit_of_the_gateway_at_half_the_growth(
    figures: Figures,
) -> None:
    (gateway,) = [limit for limit in LIMITS if limit.stated == "quota.gateway_requests"]
    double = figures.changed({"yardstick.questions_a_second": 20_000})
    half = breaking_growth(gateway, figures) / 2
    assert breaking_growth(gateway, double) == pytest.approx(half, rel=0.01)


def test_a_swing_is_the_bill_with_another_figure(figures: Figures) -> None:
    (swing,) = [one for one in model.swings(figures) if one.name == "assumption.log_bytes"]
    half = figures.changed({"assumption.log_bytes": figures["assumption.log_bytes"] / 2})
    assert swing.low == pytest.approx(dollars(half))
    assert swing.low < dollars(figures) < swing.high


def test_no_function_works_for_nothing(figures: Figures) -> None:
    assert all(work.invocations > 0 and work.seconds(figures) > 0 for work in works(figures))


# The simulated cloud


def test_a_queue_waits_as_erlangs_formula_says() -> None:
    """M/M/c: Poisson arrivals, exponential service, c workers. The mean wait is
    C(c, a) / (c * mu - lambda), where C is Erlang's probability of waiting."""
    workers, rate, served = 4, 3.0, 1.0
    load_, busy = rate / served, rate / served / workers
    last = load_**workers / math.factorial(workers) / (1 - busy)
    waits = last / (sum(load_**k / math.factorial(k) for k in range(workers)) + last)
    expected = waits / (workers * served - rate)
    env, dice = simpy.Environment(), random.Random(3)
    queue = Queue[None](env, workers, 1, lambda _: dice.expovariate(served))
    env.process(arrivals(env, dice, lambda _: rate, rate, lambda: queue.put(None)))
    env.run(until=100_000)
    assert queue.counts.done > 250_000
    assert queue.waited / queue.counts.done == pytest.approx(expected, rel=0.05)


def test_arrivals_follow_a_rate_that_changes() -> None:
    env, dice = simpy.Environment(), random.Random(5)
    came: list[float] = []
    rate = {True: 2.0, False: 8.0}
    env.process(
        arrivals(env, dice, lambda now: rate[now < 500], 10.0, lambda: came.append(env.now))
    )
    env.run(until=1_000)
    early = sum(at < 500 for at in came)
    assert early == pytest.approx(1_000, rel=0.1)
    assert len(came) - early == pytest.approx(4_000, rel=0.1)


def test_a_bucket_gives_no_more_than_its_rate_and_its_burst() -> None:
    env = simpy.Environment()
    bucket = Bucket(env, rate=10, burst=5)
    taken: list[float] = []

    def ask() -> Process:
        while True:
            if bucket.take(1):
                taken.append(env.now)
            yield env.timeout(0.01)

    env.process(ask())
    env.run(until=100)
    assert len(taken) == pytest.approx(1_005, abs=15)


def test_who_waits_for_a_bucket_waits_as_long_as_the_debt_lasts() -> None:
    bucket = Bucket(simpy.Environment(), rate=10)
    assert bucket.wait(10) == 0
    assert bucket.wait(15) == 0
    assert bucket.wait(1) == pytest.approx(1.5)


def test_environments_come_no_faster_than_the_rate_and_no_more_than_the_most() -> None:
    env = simpy.Environment()
    function = Lambda(env, most=50, rate=1, cold_seconds=0.4, warm=2)
    delays = [function.start() for _ in range(20)]
    assert delays[:2] == [0.0, 0.0]
    assert delays[2:12] == [0.4] * 10  # ten seconds' worth of new ones
    assert delays[12:] == [None] * 8
    function.end(0.1)
    assert function.start() == 0.0
    assert (function.busy, function.colds) == (12, 10)


# The hour


def test_what_arrives_is_done_refused_or_waits(outcome: Outcome) -> None:
    for what, counts, waiting in hour_tables.conserved(outcome):
        assert counts.arrived > 0, what
        assert counts.arrived == counts.done + counts.refused + waiting, what
    lags = sum(len(lags) for lags in outcome.lags.values())
    assert lags == outcome.projected.done
    assert sum(outcome.refusals.values()) == outcome.questions.refused


def test_the_same_seed_gives_the_same_hour(figures: Figures, outcome: Outcome) -> None:
    assert asdict(Hour(figures, seed=7, seconds=SHORT).run()) == asdict(outcome)
    assert asdict(Hour(figures, seed=8, seconds=SHORT).run()) != asdict(outcome)


def test_a_gateway_with_a_tenth_of_the_quota_refuses_most_questions(figures: Figures) -> None:
    few = figures.changed({"quota.gateway_requests": 1_000, "quota.gateway_burst": 500})
    refused = Hour(few, seed=7, seconds=SHORT).run()
    assert refused.refusals["429 of the gateway"] > 0.8 * refused.questions.arrived


def test_lambda_with_few_environments_refuses(figures: Figures) -> None:
    few = figures.changed({"quota.lambda_concurrency": 120})
    refused = Hour(few, seed=7, seconds=SHORT).run()
    assert refused.refusals["429 of Lambda"] > 0


def test_a_smaller_item_of_packs_shortens_the_lag(figures: Figures, outcome: Outcome) -> None:
    small = figures.changed({"setting.pack_bytes": 4_000})
    assert _mean_lag(Hour(small, seed=7, seconds=SHORT).run()) <= _mean_lag(outcome)


def test_a_world_too_small_to_be_thinned_is_refused(figures: Figures) -> None:
    with pytest.raises(ValueError, match="small world"):
        Hour(figures.changed({"setting.feed_concurrency": 3}))


def test_tills_do_not_wait_for_files(figures: Figures) -> None:
    """Nine of ten rows in files: their queue grows, and that of the tills stays short."""
    flood = figures.changed({"assumption.file_share": 0.9, "yardstick.feed_rows_a_day": 500e6})
    flooded = Hour(flood, seed=7, seconds=60).run()
    assert flooded.files_waiting > 10 * max(1, flooded.feed_waiting)
    (tills, files) = (hour_tables.spread(flooded.lags[origin]) for origin in (TILL, FROM_FILE))
    assert tills
    assert files
    assert tills[1] < files[0]


def _mean_lag(outcome: Outcome) -> float:
    lags = [lag for some in outcome.lags.values() for lag in some]
    return sum(lags) / len(lags)


# What is shown


def test_tables_and_plot_are_made(figures: Figures, outcome: Outcome, tmp_path: Path) -> None:
    tables = [*model.tables(figures), *hour_tables.tables({"short": outcome})]
    assert all(table.rows for table in tables)
    for table in tables:
        assert len({tuple(row) for row in table.rows}) == 1, table.title
    path = draw(figures, {"short": outcome}, tmp_path)
    assert path.read_text().startswith("<?xml")
    again = draw(figures, {"short": replace(outcome)}, tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()
    assert draw(figures, {}, tmp_path / "model").exists()
