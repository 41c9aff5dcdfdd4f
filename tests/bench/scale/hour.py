"""An hour of Black Friday, event by event: lag, refusals and cost, from the figures of the model.

What is simulated: questions and orders come at random, faster towards the middle of the hour and
with a surge when the sale opens; the gateway's bucket; environments of Lambda, warm or cold, and
how fast new ones come; tills and files, each with a queue and its workers; the stream of stock with
its lanes; partitions, each a bucket of request units. A SKU is always in one partition, and
bursts beyond a second, adaptive capacity and the splitting of hot partitions are left out.

A world of a 25th of the questions and a tenth of the changes is simulated, with as small a part of
each capacity. Small worlds vary more than large ones, so the lag is rather over-estimated.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import simpy

from tests.bench import prices
from tests.bench.scale import retailer
from tests.bench.scale.figures import Figures
from tests.bench.scale.queues import Bucket, Counts, Lambda, Process, Queue, arrivals

HOUR = 3600.0
QUESTIONS_THINNED = 25
CHANGES_THINNED = 10
BIN_SECONDS = 10.0
MOST_WAIT = 1.0
"""Seconds after which a request gives up on a throttled partition, and answers 503."""
HOT = -1
FILE, TILL, SOLD = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Change:
    """A row that changes its position. ``sku`` is HOT or a number within the class."""

    origin: int
    at: float
    sku_class: int
    sku: int


@dataclass(frozen=True, slots=True)
class Message:
    origin: int
    at: float
    rows: int


@dataclass(slots=True)
class Series:
    """By bins of BIN_SECONDS, for the plot."""

    lags: dict[int, list[float]] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    """Messages of tills."""
    files_waiting: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What became of the hour. Counts are of the thinned world; ``dollars`` of the whole."""

    seconds: float
    lags: dict[int, list[float]]
    questions: Counts
    refusals: dict[str, int]
    questions_waiting: int
    answers: list[float]
    orders: Counts
    orders_waiting: int
    order_answers: list[float]
    feed: Counts
    feed_waiting: int
    files: Counts
    files_waiting: int
    feed_rows: int
    projected: Counts
    projected_waiting: int
    projected_packs: int
    ledger: Counts
    ledger_waiting: int
    environments: int
    colds: int
    series: Series
    dollars: dict[str, float]


class Hour:
    """``seconds`` shortens the hour: its shape stays, and fewer files come.

    Raises ValueError when a capacity is too small to be thinned.
    """

    def __init__(self, figures: Figures, seed: int = 1, seconds: float = HOUR) -> None:
        self.figures, self.seconds = figures, seconds
        self.env = simpy.Environment()
        self.dice = random.Random(seed)
        self.day = retailer.rates(figures)
        self.series = Series()
        self.lags: dict[int, list[float]] = {FILE: [], TILL: [], SOLD: []}
        self.questions, self.orders = Counts(), Counts()
        self.refusals = {"429 of the gateway": 0, "429 of Lambda": 0, "503": 0}
        self.answers: list[float] = []
        self.order_answers: list[float] = []
        self.rows = self.packs = 0
        self.units = {"written": 0.0, "read": 0.0}
        self._asking = self._placing = 0
        self._make_cloud()

    def _make_cloud(self) -> None:
        env, figures = self.env, self.figures
        thin, some = QUESTIONS_THINNED, CHANGES_THINNED
        workers = figures["setting.feed_concurrency"], figures["setting.bulk_concurrency"]
        if workers[0] < some:
            raise ValueError(f"the small world has a worker for {some} of the feed, and needs one")
        self.gateway = Bucket(
            env, figures["quota.gateway_requests"] / thin, figures["quota.gateway_burst"] / thin
        )
        self._works = {work.name: work for work in retailer.works(figures)}
        helpers = figures["setting.helpers"] + sum(workers)
        most = figures["quota.lambda_concurrency"] - helpers
        query = self._work("answers availability")
        self.query = Lambda(
            env,
            most / thin,
            figures["quota.lambda_scaling"] / thin,
            figures["assumption.cold_start_ms"] / 1000,
            warm=round(query.concurrency(figures) * figures["assumption.warm_environments"] / thin),
        )
        self.placing = Lambda(
            env,
            most,
            figures["quota.lambda_scaling"],
            figures["assumption.cold_start_ms"] / 1000,
        )
        # As many partitions as there really are, each with a part of its units.
        shards = max(1, round(self.day.shards))
        spread = round(figures["assumption.availability_partitions"])
        write, read = (
            figures["quota.partition_write_units"],
            figures["quota.partition_read_units"],
        )
        self.stock_writes = [Bucket(env, write / some) for _ in range(shards)]
        self.pack_writes = [Bucket(env, write / some) for _ in range(spread)]
        self.pack_reads = [Bucket(env, read / thin) for _ in range(spread)]
        self.feed, self.bulk = (
            Queue[Message](
                env,
                max(1, round(count / some)),
                round(figures["setting.feed_batch"]),
                partial(self._apply, count / some / max(1, round(count / some))),
                self._applied,
                figures["setting.feed_window"],
            )
            for count in workers
        )
        lanes = max(1, round(shards * figures["setting.parallelization"] / some))
        batch, looks = (
            round(figures["setting.stream_batch"]),
            1 / figures["assumption.polls_a_second"],
        )
        self.projector = [
            Queue[Change](env, 1, batch, self._project, self._projected, looks)
            for _ in range(lanes)
        ]
        self.ledger = [
            Queue[Change](env, 1, batch, self._record, looks_every=looks) for _ in range(lanes)
        ]

    def _work(self, name: str) -> retailer.Work:
        return next(work for full, work in self._works.items() if full.startswith(name))

    def run(self) -> Outcome:
        env, dice, day = self.env, self.dice, self.day
        asked = self.figures["yardstick.questions_a_second"] / QUESTIONS_THINNED
        surge = self.figures["assumption.opening_surge"]
        orders = day.orders_peak * (1 + self.figures["assumption.holds_an_order"])
        tills = day.feed_peak * (1 - self.figures["assumption.file_share"])
        tills /= self.figures["assumption.till_rows"] * CHANGES_THINNED

        for rate, arrive in ((asked, self._ask), (orders, self._order), (tills, self._till)):
            env.process(arrivals(env, dice, partial(self._rate, rate), rate * surge, arrive))
        env.process(self._files())
        env.process(self._watch())
        env.run(until=self.seconds)
        return self._outcome()

    def _rate(self, peak: float, now: float) -> float:
        return peak * self.shape(now)

    def shape(self, now: float) -> float:
        """The rate at this time, of the peak's: up and down again, and the surge of the opening."""
        share = now / self.seconds
        quiet = self.figures["assumption.quiet_share"]
        rate = quiet + (1 - quiet) * (1 - abs(2 * share - 1))
        opening = 1 / 3 <= share < 1 / 3 + 1 / 60
        return self.figures["assumption.opening_surge"] if opening else rate

    # Requests

    def _ask(self) -> None:
        self.questions.arrived += 1
        now = self._bin()
        self.series.asked[now] = self.series.asked.get(now, 0) + 1
        if not self.gateway.take(1):
            self._refuse(self.questions, "429 of the gateway")
            return
        delay = self.query.start()
        if delay is None:
            self._refuse(self.questions, "429 of Lambda")
            return
        self._asking += 1
        self.env.process(self._answer(delay))

    def _answer(self, delay: float) -> Process:
        begun, figures = self.env.now, self.figures
        seconds = self._work("answers availability").cpu_seconds(figures)
        waits = 0.0
        if self.dice.random() >= figures["measured.remembered_questions"]:
            sku_class, sku = self._sku("questions")
            there = self._locations(sku_class)
            units = retailer.pack_read_units(figures, there)
            self.units["read"] += units * QUESTIONS_THINNED
            bucket = self.pack_reads[_partition(sku_class, sku, len(self.pack_reads))]
            # A process reads a hot pack once a second (availability.hot): the class is asked, and
            # the hottest SKU is no more than that.
            waits = bucket.wait(units)
            seconds += self._call()
        yield self.env.timeout(delay + min(waits, MOST_WAIT) + seconds)
        self.query.end(seconds)
        self._asking -= 1
        if waits > MOST_WAIT:
            self._refuse(self.questions, "503")
        else:
            self.questions.done += 1
            self.answers.append(self.env.now - begun)

    def _order(self) -> None:
        """A hold or an order."""
        self.orders.arrived += 1
        delay = self.placing.start() if self.gateway.take(1 / QUESTIONS_THINNED) else None
        if delay is None:
            self.orders.refused += 1
            return
        self._placing += 1
        self.env.process(self._place(delay))

    def _place(self, delay: float) -> Process:
        begun, figures = self.env.now, self.figures
        sku_class, sku = self._sku("changes")
        bucket = self.stock_writes[_partition(sku_class, sku, len(self.stock_writes))]
        units = figures["measured.order_write_units"]
        seconds = self._work("orders").cpu_seconds(figures) + self._call() + self._call()
        yield self.env.timeout(delay)
        for attempt in range(round(figures["setting.order_attempts"])):
            if bucket.take(units / CHANGES_THINNED):
                break
            yield self.env.timeout(0.05 * 2 ** min(attempt, 4) * self.dice.random())
        else:
            self.placing.end(self.env.now - begun - delay)
            self._placing -= 1
            self.orders.refused += 1
            return
        self.units["written"] += units
        yield self.env.timeout(seconds)
        self.placing.end(self.env.now - begun - delay)
        self._placing -= 1
        self.orders.done += 1
        self.order_answers.append(self.env.now - begun)
        changed = figures["assumption.positions_changed_an_order"] / (
            1 + figures["assumption.holds_an_order"]
        )
        for _ in range(round(changed)):
            if self.dice.random() * CHANGES_THINNED < 1:
                self._stream(Change(SOLD, self.env.now, sku_class, sku))

    def _call(self) -> float:
        """Seconds that a call of DynamoDB takes."""
        return self.dice.expovariate(1000 / self.figures["assumption.wait_ms"])

    def _refuse(self, counts: Counts, reason: str) -> None:
        counts.refused += 1
        self.refusals[reason] += 1
        now = self._bin()
        self.series.refused[now] = self.series.refused.get(now, 0) + 1

    # The feed

    def _till(self) -> None:
        self._send(TILL, round(self.figures["assumption.till_rows"]))

    def _files(self) -> Process:
        """Files come at even distances and are read onto the queue, one after the other."""
        figures = self.figures
        rows = self.day.feed_peak * figures["assumption.file_share"] * self.seconds
        count = max(1, round(rows / figures["assumption.file_rows"]))
        share = figures["setting.feed_memory"] / prices.CPU_MEGABYTES
        pace = figures["measured.file_rows_a_cpu_second"] * share / CHANGES_THINNED
        rows_a_message = round(figures["measured.rows_a_message"])
        yield self.env.timeout(self.seconds * 0.05)
        for _ in range(count):
            begun = self.env.now
            for _ in range(round(rows / count / CHANGES_THINNED / rows_a_message)):
                yield self.env.timeout(rows_a_message / pace)
                self._send(FILE, rows_a_message)
            taken = self.env.now - begun
            yield self.env.timeout(max(0.0, self.seconds * 0.9 / count - taken))

    def _send(self, origin: int, rows: int) -> None:
        self.rows += rows
        queue = self.bulk if origin == FILE else self.feed
        queue.put(Message(origin, self.env.now, rows))

    def _apply(self, speed: float, messages: Sequence[Message]) -> float:
        """``speed`` is how much of a worker is left of one, where the small world has less than a
        whole one."""
        figures = self.figures
        rows = sum(message.rows for message in messages)
        changed = rows * figures["assumption.changed_share"]
        share = figures["setting.feed_memory"] / prices.CPU_MEGABYTES
        cpu = changed / figures["measured.feed_rows_a_cpu_second"]
        cpu += (rows - changed) / figures["measured.unchanged_rows_a_cpu_second"]
        self.units["read"] += CHANGES_THINNED * (
            changed * figures["measured.feed_read_units"]
            + (rows - changed) * figures["measured.unchanged_read_units"]
        )
        calls = 0.07 * rows * figures["assumption.wait_ms"] / 1000
        return (cpu * figures["assumption.cloud_cpu"] / share + calls) / speed

    def _applied(self, batch: Sequence[tuple[float, Message]]) -> None:
        """Its rows are written: changed ones come into the stream."""
        for _, message in batch:
            for _ in range(message.rows):
                if self.dice.random() < self.figures["assumption.changed_share"]:
                    self.units["written"] += CHANGES_THINNED
                    self._stream(Change(message.origin, message.at, *self._sku("changes")))

    def _stream(self, change: Change) -> None:
        lane = _partition(change.sku_class, change.sku, len(self.projector))
        self.projector[lane].put(change)
        self.ledger[lane].put(change)

    # Workers of the stream

    def _project(self, changes: Sequence[Change]) -> float:
        """Folds the changes: one write for each SKU of the batch."""
        figures = self.figures
        packs = {(change.sku_class, change.sku) for change in changes}
        waits = 0.0
        for sku_class, sku in packs:
            units = retailer.pack_write_units(figures, self._locations(sku_class))
            self.units["written"] += units * CHANGES_THINNED
            self.units["read"] += units / 4 * CHANGES_THINNED
            bucket = self.pack_writes[_partition(sku_class, sku, len(self.pack_writes))]
            waits = max(waits, bucket.wait(units))
        self.packs += len(packs)
        cpu = len(packs) / figures["measured.changes_a_cpu_second"]
        return waits + self._stream_seconds(cpu, figures["setting.projector_memory"])

    def _stream_seconds(self, cpu: float, memory: float) -> float:
        figures = self.figures
        share = min(1.0, memory / prices.CPU_MEGABYTES)
        cpu += figures["assumption.batch_cpu_ms"] / 1000
        waiting = 2 * figures["assumption.wait_ms"] / 1000
        return cpu * figures["assumption.cloud_cpu"] / share + waiting

    def _projected(self, batch: Sequence[tuple[float, Change]]) -> None:
        lags = self.series.lags.setdefault(self._bin(), [])
        for _, change in batch:
            lag = self.env.now - change.at
            self.lags[change.origin].append(lag)
            lags.append(lag)

    def _record(self, changes: Sequence[Change]) -> float:
        units = len(changes) * self.figures["measured.ledger_write_units"]
        self.units["written"] += units * CHANGES_THINNED
        waits = max(
            self.stock_writes[_partition(one.sku_class, one.sku, len(self.stock_writes))].wait(1)
            for one in changes
        )
        rate = self.figures["measured.ledger_rows_a_cpu_second"]
        return waits + self._stream_seconds(
            len(changes) / rate, self.figures["setting.worker_memory"]
        )

    # Shared

    def _sku(self, share: str) -> tuple[int, int]:
        """A SKU at random: its class by the share of changes or questions, and which of the class;
        now and then the hottest."""
        classes = self.figures.classes
        if share == "changes" and self.dice.random() < self.figures["assumption.hot_changes"]:
            return 0, HOT
        shares = [getattr(one, share) for one in classes]
        (number,) = self.dice.choices(range(len(classes)), shares)
        count = round(self.figures["yardstick.skus"] * classes[number].skus)
        return number, self.dice.randrange(count)

    def _locations(self, sku_class: int) -> float:
        return retailer.locations(self.figures, self.figures.classes[sku_class])

    def _bin(self) -> int:
        return int(self.env.now // BIN_SECONDS)

    def _watch(self) -> Process:
        while True:
            self.series.waiting[self._bin()] = self.feed.waiting
            self.series.files_waiting[self._bin()] = self.bulk.waiting
            yield self.env.timeout(BIN_SECONDS)

    def _outcome(self) -> Outcome:
        projected, ledger = (_sum(queues) for queues in (self.projector, self.ledger))
        return Outcome(
            seconds=self.seconds,
            lags=self.lags,
            questions=self.questions,
            refusals=self.refusals,
            questions_waiting=self._asking,
            answers=self.answers,
            orders=self.orders,
            orders_waiting=self._placing,
            order_answers=self.order_answers,
            feed=self.feed.counts,
            feed_waiting=self.feed.waiting,
            files=self.bulk.counts,
            files_waiting=self.bulk.waiting,
            feed_rows=self.rows,
            projected=projected,
            projected_waiting=sum(queue.waiting for queue in self.projector),
            projected_packs=self.packs,
            ledger=ledger,
            ledger_waiting=sum(queue.waiting for queue in self.ledger),
            environments=self.query.most_busy * QUESTIONS_THINNED + self.placing.most_busy,
            colds=self.query.colds * QUESTIONS_THINNED + self.placing.colds,
            series=self.series,
            dollars=self._dollars(),
        )

    def _dollars(self) -> dict[str, float]:
        figures = self.figures
        asked = self.questions.arrived * QUESTIONS_THINNED
        requests = asked + self.orders.arrived
        batches = sum(queue.batches for queue in (*self.projector, *self.ledger))
        batches += self.feed.batches + self.bulk.batches
        invocations = requests + (batches + self.packs) * CHANGES_THINNED
        applying = self.feed.busy_seconds + self.bulk.busy_seconds
        projecting = sum(queue.busy_seconds for queue in self.projector)
        recording = sum(queue.busy_seconds for queue in self.ledger)
        gigabytes = (
            self.query.seconds * QUESTIONS_THINNED * figures["setting.query_memory"]
            + self.placing.seconds * figures["setting.orders_memory"]
            + applying * CHANGES_THINNED * figures["setting.feed_memory"]
            + projecting * CHANGES_THINNED * figures["setting.projector_memory"]
            + recording * CHANGES_THINNED * figures["setting.worker_memory"]
        ) / 1024
        logs = invocations * figures["assumption.log_bytes"]
        logs += requests * figures["assumption.access_log_bytes"]
        return {
            "API Gateway": requests * prices.HTTP_REQUEST,
            "DynamoDB writes": self.units["written"] * prices.WRITE_UNIT,
            "DynamoDB reads": self.units["read"] * prices.READ_UNIT,
            "Lambda": gigabytes * prices.LAMBDA_GB_SECOND + invocations * prices.LAMBDA_REQUEST,
            "CloudWatch logs": logs / prices.GIGABYTE * prices.LOG_GB,
            "X-Ray": requests * figures["assumption.traced_share"] * prices.TRACE,
        }


def _partition(sku_class: int, sku: int, of: int) -> int:
    """Where the hash of the key puts a SKU; the same in every run."""
    return zlib.crc32(b"%d %d" % (sku_class, sku)) % of


def _sum(queues: Sequence[Queue[Change]]) -> Counts:
    return Counts(
        arrived=sum(queue.counts.arrived for queue in queues),
        done=sum(queue.counts.done for queue in queues),
    )
