"""A flash sale: one SKU at one location, many more buyers than units, on DynamoDB Local.

Conflicts between transactions are added in front of it, as DynamoDB has them:
tests/support/contention.py.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.aws import clients, dynamodb, settings
from shared.errors import Busy, OutOfStock
from shared.stock import store
from shared.stock.model.events import HELD, Counted
from shared.stock.model.position import Cause, Hold, HoldLine, HoldState, hold_effects
from shared.stock.model.slots import HOT_CONFLICTS
from shared.stock.store import slots
from tests.bench.report import Row, Table, Tell
from tests.support.contention import contended
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.tables import make_tables

BUYERS, UNITS = 10_000, 1_000
QUICK_BUYERS, QUICK_UNITS = 1_000, 100
THREADS = 64
START = datetime(2026, 11, 27, 9, tzinfo=UTC)
NEVER = 1 << 60

Buy = Callable[[Hold], object]


@dataclass
class Meter:
    """Request units, and the transactions that this thread has sent."""

    write_units: float = 0
    read_units: float = 0
    sent: threading.local = field(default_factory=threading.local)
    guard: threading.Lock = field(default_factory=threading.Lock)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    buyers, units = (QUICK_BUYERS, QUICK_UNITS) if quick else (BUYERS, UNITS)
    rows = []
    with DynamoDbLocal() as running, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        # Here 64 requests wait for one another: longer than an API could.
        patch.setattr(clients, "CONFIG", clients.CONFIG.merge(Config(read_timeout=60)))
        clients.client.cache_clear()
        for name, hot, buy in (
            ("slots", HOT_CONFLICTS, store.open_hold),
            ("no slots", NEVER, store.open_hold),
            ("no slots, blind", NEVER, blindly),
        ):
            make_tables(patch, prefix=name.replace(" ", "").replace(",", ""))
            settings.setting.cache_clear()
            patch.setattr(slots, "HOT_CONFLICTS", hot)
            rows.append(sale(name, buy, buyers, units, tell))
    clients.client.cache_clear()
    settings.setting.cache_clear()
    yield Table(
        f"Flash sale: {buyers:,} buyers, {units:,} units, {THREADS} threads",
        rows,
        notes=[
            "busy: told to come again after the last attempt. tries: transactions sent for one who",
            "was sold to, and for one who was not. WU/sale: write units of the whole sale (splits,",
            "folds, marks of heat, and what was refused; not what was in conflict) over the units",
            "sold, by the price list; 4 is one hold. Without indexes and without the ledger, which",
            "adds one. RU/buyer: read units. blind: one transaction again and again, unread.",
        ],
    )


def sale(name: str, buy: Buy, buyers: int, units: int, tell: Tell) -> Row:
    store.apply_events([Counted("wms", "c", None, "A", "1", units, START)], None, (), START)
    outcomes: Counter[str] = Counter()
    tries: Counter[str] = Counter()
    client = clients.dynamodb()
    started = time.monotonic()
    with metered(client) as meter, contended(client) as seen:

        def one(number: int) -> None:
            meter.sent.count = 0
            # The clock goes on: it decides which conflicts are counted together.
            now = START + timedelta(seconds=time.monotonic() - started)
            try:
                buy(hold(number, now))
                outcome = "sold"
            except OutOfStock:
                outcome = "refused"
            except Busy:
                outcome = "busy"
            outcomes[outcome] += 1
            tries[outcome] += meter.sent.count
            if number % 100 == 0:
                tell(f"{name}: {outcomes.total():,} of {buyers:,} buyers")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, range(buyers)))
    left = store.position("A", "1")
    assert left is not None
    assert left.available == units - outcomes["sold"] >= 0
    others = tries["refused"] + tries["busy"]
    return {
        "": name,
        "sold": outcomes["sold"],
        "refused": outcomes["refused"],
        "busy": outcomes["busy"],
        "tries": tries["sold"] / max(1, outcomes["sold"]),
        "tries of others": others / max(1, buyers - outcomes["sold"]),
        "conflicts": seen["conflict"],
        "WU/sale": meter.write_units / max(1, outcomes["sold"]),
        "RU/buyer": meter.read_units / buyers,
    }


def blindly(hold: Hold) -> None:
    """As a hold is opened without looking why an attempt failed."""
    put: Any = {
        "TableName": store.stock_table(),
        "Item": dynamodb.key(f"HOLD#{hold.hold_id}", "HOLD"),
    }
    cause = Cause("norain/holds", hold.hold_id, HELD, "reserved", hold.hold_id)
    effects, parts = store.effect_parts(hold_effects(hold.lines), cause, hold.opened_at)
    try:
        refused = dynamodb.transact([{"Put": put}, *parts])
    except ClientError as error:
        raise Busy("DynamoDB Local gave up on the lock of the item") from error
    if refused:
        raise OutOfStock([store.shortage(effects[0], None)])


def hold(number: int, now: datetime) -> Hold:
    return Hold(
        hold_id=f"h{number}",
        lines=(HoldLine("A", "1", 1),),
        channel="web",
        state=HoldState.OPEN,
        opened_at=now,
        expires_at=now + timedelta(minutes=15),
        digest="digest",
        answer="{}",
    )


@contextmanager
def metered(client: Any) -> Iterator[Meter]:
    """Counts the units of every call: those of reads as they are reported, those of writes by the
    price list. All items are below 1 KB: in a transaction 2 for each, else 1, refused or not."""
    meter = Meter()

    def ask(params: dict[str, Any], model: Any, **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"
        meter.sent.parts = len(params.get("TransactItems", ()))
        if meter.sent.parts:
            meter.sent.count = getattr(meter.sent, "count", 0) + 1

    def read(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        every = consumed if isinstance(consumed, list) else [consumed]
        with meter.guard:
            if "Get" in model.name or model.name == "Query":
                meter.read_units += sum(one["CapacityUnits"] for one in every)
            elif "TransactionConflict" not in str(parsed.get("CancellationReasons", parsed)):
                meter.write_units += 2 * meter.sent.parts or 1

    client.meta.events.register("provide-client-params.dynamodb", ask)
    client.meta.events.register("after-call.dynamodb", read)
    try:
        yield meter
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb", ask)
        client.meta.events.unregister("after-call.dynamodb", read)
