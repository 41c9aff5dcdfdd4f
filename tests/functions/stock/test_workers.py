"""The ledger's worker and the sweep, with whole events."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.stock import expire_holds as expiry
from functions.stock.expire_holds import handler as expire_holds
from functions.stock.fold_slots import handler as fold_slots
from functions.stock.record_movements import handler as record_movements
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.settings import table_name
from shared.stock import store
from shared.stock.model.events import Counted
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.stock.store import holds, slots
from shared.web.portions import WORKERS, Portion
from tests.support import shop
from tests.support.deadlines import DUE, hold, received, sent, set_clock
from tests.support.events import event
from tests.support.requests import Context
from tests.support.stock_laws import assert_laws, items


def test_every_write_of_a_position_has_a_row(fake_tables: None) -> None:
    assert record_movements(event("stock/record_movements"), None) == {"batchItemFailures": []}
    handed_over, held, counted = store.ledger_rows("TENT-2P", "store-12")
    assert (counted.version, counted.delta, counted.on_hand) == (1, 9, 9)
    assert [(entry.id, entry.delta) for entry in counted.entries] == [
        ("count-1", 10),
        ("sale-1", -1),
    ]
    assert (held.version, held.delta, held.reserved_delta) == (2, 0, 2)
    assert (handed_over.version, handed_over.delta, handed_over.reserved_delta) == (3, -2, -2)


def test_the_same_changes_again_leave_the_same_ledger(fake_tables: None) -> None:
    record_movements(event("stock/record_movements"), None)
    before = items()
    changes = event("stock/record_movements")
    record_movements({"Records": [*changes["Records"], *changes["Records"]]}, None)
    assert items() == before


def test_a_row_goes_after_thirteen_months(fake_tables: None) -> None:
    record_movements(event("stock/record_movements"), None)
    for row in items():
        kept = datetime.fromtimestamp(row["ttl"], UTC) - datetime.fromisoformat(row["recorded_at"])
        assert kept >= timedelta(days=395)


def test_the_sweep_gives_the_units_of_expired_holds_back(fake_tables: None) -> None:
    now = datetime.now(UTC)
    count = Counted("wms", "c", None, "A", "1", 10, now - timedelta(hours=9))
    store.apply_events([count], None, (), now)
    for name, hours in [("old", 5), ("young", 0)]:
        opened = now - timedelta(hours=hours)
        lines = (HoldLine("A", "1", 2),)
        expires = opened + timedelta(hours=1)
        store.open_hold(Hold(name, lines, "web", HoldState.OPEN, opened, expires, "digest", "{}"))
    assert expire_holds(event("stock/expire_holds"), Context()) == {"expired": 1, "failed": 0}
    assert assert_laws()["A", "1"]["available"] == 8
    assert expire_holds(event("stock/expire_holds"), Context()) == {"expired": 0, "failed": 0}


def test_many_expired_holds_are_handed_out_in_portions(
    fake_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORAIN_EXPIRE_QUEUE", "https://queue.test/expire")
    monkeypatch.setattr(expiry, "MOST", 5)
    messages = sent(monkeypatch, "https://queue.test/expire")
    shop.stocked({"A": {"denver": 20}})
    for number in range(9):
        hold(f"h-{number}")
    set_clock(monkeypatch, DUE)
    assert expire_holds({}, Context()) == {"portions": WORKERS}
    half = len(messages) // 2
    expire_holds(received(*messages[:half]), Context())
    states = {f"h-{number}": store.get_hold(f"h-{number}").state for number in range(9)}
    mine = [Portion(number, WORKERS) for number in range(half)]
    assert {name for name, state in states.items() if state is HoldState.EXPIRED} == {
        name for name in states if any(portion.has(name) for portion in mine)
    }
    # The second half, and the first half once more: units are given back once.
    assert expire_holds(received(*messages), Context()) == {"batchItemFailures": []}
    assert shop.counts("A", "denver") == (20, 0, 20, 0)
    set_clock(monkeypatch, DUE + timedelta(minutes=1))
    assert expire_holds(received(*messages), Context()) == {"batchItemFailures": []}
    assert expire_holds({}, Context()) == {"expired": 0, "failed": 0}


def test_a_position_that_has_cooled_down_is_folded_by_the_clock(fake_tables: None) -> None:
    """Nobody may sell from slots that are closed: who folds them has to end what it began."""
    began = datetime.now(UTC) - timedelta(hours=1)
    store.apply_events([Counted("wms", "c", None, "A", "1", 300, began)], None, (), began)
    item, _ = slots.read_whole("A", "1")
    assert item is not None
    assert slots.split(item, 0, began)
    assert fold_slots({}, Context()) == {"looked": 1, "folded": 1}
    (heart,) = [row for row in items() if row["sk"] == "HEARTBEAT"]
    assert datetime.now(UTC) - datetime.fromisoformat(heart["updated_at"]) < timedelta(minutes=1)
    left = [row for row in items() if row["sk"] in {"LOC#1", "SLOT"}]
    assert [(row["available"], "slots" in row) for row in left] == [(300, False)]


def test_one_hold_that_fails_does_not_end_the_sweep_for_the_others(
    fake_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    count = Counted("wms", "c", None, "A", "1", 20, now - timedelta(hours=9))
    store.apply_events([count], None, (), now)
    opened = now - timedelta(hours=5)
    for number in range(9):
        lines = (HoldLine("A", "1", 2),)
        hold = Hold(f"h-{number}", lines, "web", HoldState.OPEN, opened, opened, "digest", "{}")
        store.open_hold(replace(hold, expires_at=opened + timedelta(hours=1)))
    close = store.expire_hold

    def failing(hold: Hold, at: datetime) -> bool:
        if hold.hold_id == "h-4":
            raise RuntimeError("unexpected")
        return close(hold, at)

    monkeypatch.setattr(store, "expire_hold", failing)
    dynamodb().update_item(
        TableName=table_name("stock"),
        Key=tables.key("HOLD#h-6", "HOLD"),
        UpdateExpression="SET #s = :odd",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":odd": {"S": "odd"}},
    )
    assert expire_holds(event("stock/expire_holds"), Context()) == {"expired": 7, "failed": 2}
    assert store.get_hold("h-4").state is HoldState.OPEN


def test_a_shard_that_cannot_be_listed_does_not_end_the_sweep_for_the_others(
    fake_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []

    def failing(shard: str, *_: Any) -> Iterator[Any]:
        listed.append(shard)
        if shard == "HOLD#1":
            raise RuntimeError("unexpected")
        yield from ()

    monkeypatch.setattr(holds, "_due_items", failing)
    assert expire_holds(event("stock/expire_holds"), Context()) == {"expired": 0, "failed": 1}
    assert listed == [f"HOLD#{shard}" for shard in range(store.SHARDS)]
