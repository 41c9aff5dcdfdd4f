"""What the yardstick retailer needs in a day: request units, invocations, dollars.

Everything is computed from figures.toml and tests/bench/prices.py. Rates are per second, means of a
day unless the name says ``peak``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench import prices
from tests.bench.scale.figures import Figures, SkuClass

DAY = 86_400
KILOBYTE = 1024
READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Cost:
    """``amount`` of ``unit`` a day. ``what`` is the work that causes it."""

    service: str
    what: str
    amount: float
    unit: str
    price: float

    @property
    def dollars(self) -> float:
        return self.amount * self.price


@dataclass(frozen=True, slots=True)
class Work:
    """What one function does in a day. CPU and waiting are of one invocation."""

    name: str
    invocations: float
    peak_a_second: float
    memory: float
    cpu_ms: float
    calls: float

    def cpu_seconds(self, figures: Figures) -> float:
        """How long an invocation computes: it has a part of a processor, by its memory."""
        share = min(1.0, self.memory / prices.CPU_MEGABYTES)
        return self.cpu_ms * figures["assumption.cloud_cpu"] / share / 1000

    def seconds(self, figures: Figures) -> float:
        """How long an invocation takes, waiting included."""
        return self.cpu_seconds(figures) + self.calls * figures["assumption.wait_ms"] / 1000

    def concurrency(self, figures: Figures) -> float:
        """Environments at work at the peak: Little's law."""
        return self.peak_a_second * self.seconds(figures)

    def gigabyte_seconds(self, figures: Figures) -> float:
        return self.invocations * self.seconds(figures) * self.memory / 1024


@dataclass(frozen=True, slots=True)
class Rates:
    """The retailer's day. Rates without a unit are per day."""

    positions: float
    rows: float
    changed: float
    feed_peak: float
    """Rows a second."""
    questions: float
    orders: float
    orders_peak: float
    """A second, on Black Friday."""
    changes: float
    """Of positions, by feed, holds and orders: each causes a row of the ledger and a projection."""
    changes_peak: float
    events: float
    shards: float
    """Of the stream of the table stock."""


def rates(figures: Figures) -> Rates:
    rows = figures["yardstick.feed_rows_a_day"]
    changed = rows * figures["assumption.changed_share"]
    orders = figures["yardstick.open_orders"] / figures["assumption.order_days_open"]
    by_orders = orders * figures["assumption.positions_changed_an_order"]
    changes = changed + by_orders
    orders_peak = orders / DAY * figures["assumption.order_peak"]
    peak = changed / DAY * figures["assumption.feed_peak"]
    peak += orders_peak * figures["assumption.positions_changed_an_order"]
    questions = figures["yardstick.questions_a_second"] * figures["assumption.question_mean"]
    stored = stock_gigabytes(figures, changes)
    return Rates(
        positions=positions(figures),
        rows=rows,
        changed=changed,
        feed_peak=rows / DAY * figures["assumption.feed_peak"],
        questions=questions * DAY,
        orders=orders,
        orders_peak=orders_peak,
        changes=changes,
        changes_peak=peak,
        events=changes * figures["assumption.status_events"]
        + orders * figures["assumption.order_events"],
        shards=max(1.0, stored / figures["assumption.gigabytes_a_shard"]),
    )


def locations(figures: Figures, one: SkuClass) -> float:
    return one.locations * figures["assumption.locations_factor"]


def positions(figures: Figures) -> float:
    shares = (one.skus * locations(figures, one) for one in figures.classes)
    return figures["yardstick.skus"] * sum(shares)


def stock_gigabytes(figures: Figures, changes: float) -> float:
    """Of positions and the ledger, when ``changes`` of positions come a day."""
    rows = changes * figures["setting.ledger_days"] * figures["measured.ledger_row_bytes"]
    return (rows + positions(figures) * figures["measured.position_bytes"]) / prices.GIGABYTE


def pack_slices(figures: Figures, at: float) -> int:
    """Items of a pack of ``at`` locations: a power of two (shared/availability/model/pack.py)."""
    columns = figures["measured.bytes_a_location"] * at
    needed = columns / figures["setting.pack_bytes"]
    return 2 ** max(0, math.ceil(math.log2(needed))) if needed > 1 else 1


def slice_bytes(figures: Figures, at: float) -> float:
    columns = figures["measured.bytes_a_location"] * at / pack_slices(figures, at)
    return columns + figures["measured.pack_item_bytes"]


def pack_write_units(figures: Figures, at: float) -> int:
    """A change rewrites the item that has its location."""
    return math.ceil(slice_bytes(figures, at) / KILOBYTE)


def pack_read_units(figures: Figures, at: float) -> float:
    """Of a question, which reads all items of the pack, eventually consistent."""
    return pack_slices(figures, at) * math.ceil(slice_bytes(figures, at) / READ_BYTES) / 2


def mean_write_units(figures: Figures) -> float:
    """Write units of the projector per write of a pack."""
    return sum(
        one.changes * pack_write_units(figures, locations(figures, one)) for one in figures.classes
    )


def projector_read_units(figures: Figures) -> float:
    """Read units of the projector per write of a pack: one item, strongly consistent."""
    return sum(
        one.changes * math.ceil(slice_bytes(figures, locations(figures, one)) / READ_BYTES)
        for one in figures.classes
    )


def mean_read_units(figures: Figures) -> float:
    return sum(
        one.questions * pack_read_units(figures, locations(figures, one)) for one in figures.classes
    )


def batches(figures: Figures, records: float, shards: float) -> float:
    """Invocations a second of a worker of a stream, whose ``records`` a second come at random over
    its shards. A look at a shard that finds nothing invokes nothing."""
    looks = figures["assumption.polls_a_second"]
    found = shards * looks * (1 - math.exp(-records / shards / looks))
    return max(found, records / figures["setting.stream_batch"])


def works(figures: Figures) -> list[Work]:
    """The functions that cost something at this size."""
    day, calls = rates(figures), figures["measured.question_calls"]
    files = figures["assumption.file_share"]
    stream = batches(figures, day.changes / DAY, day.shards) * DAY
    stream_peak = batches(figures, day.changes_peak, day.shards)
    records, records_peak = day.changes / stream, day.changes_peak / stream_peak
    writes = day.changes / figures["assumption.merged_changes"]
    overhead = figures["assumption.batch_cpu_ms"]
    holds = day.orders * figures["assumption.holds_an_order"]
    later = day.orders * figures["measured.order_later_calls"]

    def applying(name: str, share: float, rows_a_message: float) -> Work:
        rows_a_run = rows_a_message * figures["setting.feed_batch"]
        runs = day.rows * share / rows_a_run
        changed = figures["assumption.changed_share"]
        cpu = changed / figures["measured.feed_rows_a_cpu_second"]
        cpu += (1 - changed) / figures["measured.unchanged_rows_a_cpu_second"]
        return Work(
            name,
            runs,
            runs / DAY * figures["assumption.feed_peak"],
            figures["setting.feed_memory"],
            1000 * rows_a_run * cpu + overhead,
            0.07 * rows_a_run,
        )

    def streaming(name: str, a_cpu_second: float, memory: float) -> Work:
        # At the peak batches are larger. The mean decides the bill, and the peak the concurrency,
        # so the peak is given as invocations of the mean size.
        return Work(
            name,
            stream,
            stream_peak * max(1.0, records_peak / records),
            memory,
            overhead + 1000 * records / a_cpu_second,
            2,
        )

    return [
        Work(
            "answers availability (query)",
            day.questions,
            figures["yardstick.questions_a_second"],
            figures["setting.query_memory"],
            figures["measured.question_cpu_ms"],
            calls * (1 - figures["measured.remembered_questions"]),
        ),
        applying("applies the feed (apply_feed)", 1 - files, figures["assumption.till_rows"]),
        applying("applies files (apply_feed)", files, figures["measured.rows_a_message"]),
        Work(
            "reads files onto the queue (ingest_file)",
            day.rows * files / 100_000,
            day.rows * files / 100_000 / DAY * figures["assumption.feed_peak"],
            figures["setting.feed_memory"],
            100_000 / figures["measured.file_rows_a_cpu_second"] * 1000,
            100_000 / figures["measured.rows_a_message"],
        ),
        streaming(
            "projects positions (project)",
            figures["measured.changes_a_cpu_second"],
            figures["setting.projector_memory"],
        ),
        streaming(
            "writes the ledger (record_movements)",
            figures["measured.ledger_rows_a_cpu_second"],
            figures["setting.worker_memory"],
        ),
        Work(
            "tells statuses (publish_events)",
            writes,
            day.changes_peak,
            figures["setting.worker_memory"],
            overhead + 1,
            figures["assumption.status_events"],
        ),
        Work(
            "holds (stock api)",
            holds,
            day.orders_peak * figures["assumption.holds_an_order"],
            figures["setting.worker_memory"],
            figures["measured.hold_cpu_ms"],
            2,
        ),
        Work(
            "orders (orders api)",
            day.orders + later,
            day.orders_peak * (1 + figures["measured.order_later_calls"]),
            figures["setting.orders_memory"],
            figures["measured.order_cpu_ms"],
            2,
        ),
        Work(
            "views of orders (project_fulfillments, publish_events)",
            2 * (day.orders + later),
            2 * day.orders_peak * (1 + figures["measured.order_later_calls"]),
            figures["setting.worker_memory"],
            overhead + figures["measured.order_cpu_ms"],
            4,
        ),
        Work(
            "customers (customers api)",
            day.orders,
            day.orders_peak,
            figures["setting.worker_memory"],
            figures["measured.customer_cpu_ms"],
            3,
        ),
        Work(
            "webhooks (fan_out, deliver)",
            0.2 * day.events * (1 + figures["assumption.webhooks_an_event"]),
            0.2 * day.events / DAY * figures["assumption.feed_peak"] * 2,
            figures["setting.worker_memory"],
            10,
            20,
        ),
        Work(
            "audit", 3 * 288, 0.01, 1769, day.positions * figures["measured.audit_cpu_ms"] / 864, 0
        ),
        Work(
            "exports",
            figures["setting.export_rounds"] * 25,
            0.0,
            1769,
            figures["yardstick.skus"] * figures["measured.export_cpu_ms"] / 25,
            figures["yardstick.skus"] / 100 / 25,
        ),
    ]


def costs(figures: Figures) -> list[Cost]:
    """All items of a day."""
    day, functions = rates(figures), works(figures)
    return [
        *_table_costs(figures, day),
        *_compute_costs(figures, functions),
        *_other_costs(figures, day, functions),
    ]


def dollars(figures: Figures) -> float:
    return sum(cost.dollars for cost in costs(figures))


def _table_costs(figures: Figures, day: Rates) -> Iterable[Cost]:
    unchanged = day.rows - day.changed
    pack_writes = day.changes / figures["assumption.merged_changes"]
    holds = day.orders * figures["assumption.holds_an_order"]
    asked = day.questions * (1 - figures["measured.remembered_questions"])
    hold = figures["measured.hold_write_units"] + figures["measured.hold_end_write_units"]
    # A row of the feed that changes nothing: the bench's mean is of 5 % changed rows.
    note = figures["measured.unchanged_write_units"] - 0.05 * figures["measured.feed_write_units"]
    for what, units in (
        ("positions, by the feed", day.changed * figures["measured.feed_write_units"]),
        ("notes of unchanged rows", unchanged * note),
        ("the ledger", day.changes * figures["measured.ledger_write_units"]),
        ("packs, by the projector", pack_writes * mean_write_units(figures)),
        ("holds", holds * hold),
        (
            "orders",
            day.orders
            * (
                figures["measured.order_write_units"]
                + figures["measured.order_later_write_units"]
                + figures["measured.order_views_write_units"]
                + figures["measured.order_search_write_units"]
                + figures["measured.order_punctuality_write_units"]
            ),
        ),
        ("customers", day.orders * figures["measured.customer_write_units"]),
        ("audit", day.positions * figures["measured.audit_write_units"]),
        ("catalog, with indexes and packs", figures["assumption.catalog_changes_a_day"] * 8),
    ):
        yield Cost("DynamoDB writes", what, units, "write units", prices.WRITE_UNIT)
    for what, units in (
        ("questions of availability", asked * mean_read_units(figures)),
        ("positions, by the feed", day.changed * figures["measured.feed_read_units"]),
        ("unchanged rows", unchanged * figures["measured.unchanged_read_units"]),
        ("packs, by the projector", pack_writes * projector_read_units(figures)),
        ("orders", day.orders * (figures["measured.order_read_units"] * 4 + 6)),
        ("customers", day.orders * figures["measured.customer_read_units"]),
        ("audit", day.positions * figures["measured.audit_read_units"]),
        (
            "exports",
            figures["yardstick.skus"]
            * figures["measured.export_read_units"]
            * figures["setting.export_rounds"],
        ),
    ):
        yield Cost("DynamoDB reads", what, units, "read units", prices.READ_UNIT)
    month = (prices.TABLE_GB_MONTH + prices.TABLE_BACKUP_GB_MONTH) / prices.MONTH_DAYS
    packs = sum(
        one.skus
        * (
            locations(figures, one) * figures["measured.bytes_a_location"]
            + figures["measured.pack_item_bytes"]
        )
        for one in figures.classes
    )
    for what, stored in (
        ("positions and ledger", stock_gigabytes(figures, day.changes)),
        ("packs", figures["yardstick.skus"] * packs / prices.GIGABYTE),
        (
            "orders",
            day.orders
            * figures["assumption.orders_kept_days"]
            * figures["measured.order_bytes"]
            / prices.GIGABYTE,
        ),
        (
            "catalog",
            figures["yardstick.skus"] * figures["measured.product_bytes"] / prices.GIGABYTE,
        ),
    ):
        yield Cost("DynamoDB storage", what, stored, "GB, with backup", month)
    yield Cost(
        "DynamoDB streams",
        "records read by Lambda",
        2 * day.changes,
        "records",
        prices.STREAM_READ_BY_LAMBDA,
    )


def _compute_costs(figures: Figures, functions: Iterable[Work]) -> Iterable[Cost]:
    for work in functions:
        yield Cost(
            "Lambda",
            work.name,
            work.gigabyte_seconds(figures),
            "GB seconds",
            prices.LAMBDA_GB_SECOND,
        )
    invocations = sum(work.invocations for work in functions)
    yield Cost("Lambda", "requests", invocations, "invocations", prices.LAMBDA_REQUEST)
    snapshots = figures["assumption.functions"] * 0.8 * DAY
    yield Cost("Lambda", "snapshots", snapshots, "GB seconds", prices.SNAPSHOT_GB_SECOND)


def _other_costs(figures: Figures, day: Rates, functions: Iterable[Work]) -> Iterable[Cost]:
    holds = day.orders * figures["assumption.holds_an_order"]
    later = day.orders * figures["measured.order_later_calls"]
    requests = day.questions + holds + 2 * day.orders + later
    invocations = sum(work.invocations for work in functions)
    in_files = day.rows * figures["assumption.file_share"]
    from_tills = (day.rows - in_files) / figures["assumption.till_rows"]
    chunks = math.ceil(figures["measured.message_bytes"] / prices.SQS_BYTES)
    deliveries = day.events * figures["assumption.webhooks_an_event"]
    month = prices.MONTH_DAYS
    yield Cost("API Gateway", "requests", requests, "requests", prices.HTTP_REQUEST)
    out = requests * figures["assumption.answer_bytes"] / prices.GIGABYTE
    yield Cost("Data transfer", "answers", out, "GB", prices.TRANSFER_OUT_GB)
    sqs = in_files / figures["measured.rows_a_message"] * (2 * chunks + 1) + 3 * from_tills
    yield Cost("SQS", "the feed", sqs, "requests of 64 KB", prices.SQS_REQUEST)
    yield Cost("SQS", "webhooks", 3 * (day.events + deliveries), "requests", prices.SQS_REQUEST)
    yield Cost("EventBridge", "events", day.events, "events", prices.EVENT)
    for what, sent in (
        ("of functions", invocations * figures["assumption.log_bytes"]),
        ("of requests", requests * figures["assumption.access_log_bytes"]),
    ):
        yield Cost("CloudWatch logs", what, sent / prices.GIGABYTE, "GB", prices.LOG_GB)
    metrics = figures["assumption.custom_metrics"]
    yield Cost("CloudWatch metrics", "metrics", metrics, "metrics", prices.METRIC_MONTH / month)
    alarms = figures["assumption.alarms"]
    yield Cost("CloudWatch metrics", "alarms", alarms, "alarms", prices.ALARM_MONTH / month)
    traces = requests * figures["assumption.traced_share"]
    yield Cost("X-Ray", "traces", traces, "traces", prices.TRACE)
    rounds, skus = figures["setting.export_rounds"], figures["yardstick.skus"]
    exported = skus * figures["measured.export_bytes"] / prices.GIGABYTE
    yield Cost("S3", "files of exports", exported * 2, "GB", prices.OBJECT_GB_MONTH / month)
    yield Cost("S3", "parts of exports", rounds * skus / 5_000, "puts", prices.OBJECT_PUT)
    feed = in_files * 50 * 90 / prices.GIGABYTE
    yield Cost("S3", "files of the feed, 90 days", feed, "GB", prices.OBJECT_GB_MONTH / month)
