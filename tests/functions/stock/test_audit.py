"""Drift of each kind is found, told and mended; what is only being written is none."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from functions.stock import audit as function
from functions.stock.audit import handler
from shared.aws import dynamodb as tables
from shared.aws import walks
from shared.aws.clients import client, dynamodb
from shared.aws.items import to_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock import store
from shared.stock.model import audit as model
from shared.stock.model.audit import LEDGER_LAG, Checkpoint, in_full
from shared.stock.model.events import Counted, Moved
from shared.stock.model.position import Cause, Effect, Hold, HoldLine, HoldState
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import audit as audit_store
from shared.stock.store import rules as rules_store
from shared.stock.store import slots
from tests.support import shop
from tests.support.buyers import buy
from tests.support.events import event
from tests.support.requests import Context
from tests.support.shop import line
from tests.support.stock_laws import Follower, assert_laws

NOW = datetime.now(UTC).replace(microsecond=0)
EARLIER = NOW - timedelta(hours=2)


@pytest.fixture(autouse=True)
def bus(local_tables: None, environment: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Any]]]:
    """The bus; what was put on it since it was asked before."""
    told: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        told.extend(json.loads(entry["Detail"]) for entry in params["Entries"])

    def since() -> list[Any]:
        found = [*told]
        told.clear()
        return found

    with mock_aws():
        client("events").create_event_bus(Name="bus")
        client("events").meta.events.register("provide-client-params.events.PutEvents", note)
        environment.setenv("NORAIN_EVENT_BUS", "bus")
        yield since


@pytest.fixture(autouse=True)
def ledger(bus: Any) -> Follower:
    """A at 1 with a sale, a hold of 3 and a movement; B at 2 that nobody touches."""
    follower = Follower()
    for sku, place in (("A", "1"), ("B", "2")):
        store.apply_events([Counted("wms", "c", None, sku, place, 10, EARLIER)], None, (), EARLIER)
    hold("h", 3)
    sold = Moved("pos", "m", 1, "A", "1", -2, "retail_selling", EARLIER + timedelta(minutes=1))
    store.apply_events([sold], store.position("A", "1"), (), EARLIER)
    hold("h2", 1)
    follower.follow()
    assert_laws(follower=follower)
    return follower


def hold(name: str, quantity: int) -> None:
    lines = (HoldLine("A", "1", quantity),)
    end = NOW + timedelta(hours=1)
    store.open_hold(Hold(name, lines, "web", HoldState.OPEN, EARLIER, end, "digest", "{}"))


def audit(**asked: Any) -> dict[str, Any]:
    return handler({"audit": {"settle_seconds": 0, **asked}}, Context())


class LongContext:
    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def scheduled() -> dict[str, Any]:
    return handler(event("stock/audit"), LongContext())


def by_hand(**values: int) -> None:
    """Somebody sets attributes of A at 1 without telling anybody."""
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key("SKU#A", "LOC#1"),
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
        ExpressionAttributeValues=to_item({f":{name}": value for name, value in values.items()}),
    )


def lose(*versions: int) -> None:
    for version in versions:
        key = tables.key("SKU#A", f"MOVE#1#{version:012d}")
        dynamodb().delete_item(TableName=store.stock_table(), Key=key)


def kinds(told: dict[str, Any]) -> dict[str, tuple[int, int]]:
    for row in told["drifts"]:
        assert (row["sku"], row["location_id"]) == ("A", "1")
    return {row["kind"]: (row["stands"], row["should"]) for row in told["drifts"]}


DRIFTS = {
    "on_hand without ledger": ({"on_hand": 13, "available": 9}, (), {"on_hand": (13, 8)}),
    "reserved too high": ({"reserved": 6, "available": 2}, (), {"reserved": (6, 4)}),
    "reserved too low": ({"reserved": 0, "available": 8}, (), {"reserved": (0, 4)}),
    "available wrong": ({"available": 7}, (), {"available": (7, 4)}),
    "all at once": (
        {"on_hand": 20, "reserved": 5, "available": 1},
        (2,),
        {"on_hand": (20, 8), "reserved": (5, 4), "available": (1, 15), "ledger": (3, 4)},
    ),
    "the first row lost": ({}, (1,), {"ledger": (3, 4)}),
    "a row lost": ({}, (3,), {"ledger": (3, 4)}),
    "rows lost": ({}, (2, 3), {"ledger": (2, 4)}),
    "the last row lost": ({}, (4,), {"ledger": (3, 4)}),
    "every row lost": ({}, (1, 2, 3, 4), {"ledger": (0, 4)}),
}


@pytest.mark.parametrize("case", DRIFTS)
def test_drift_of_each_kind_is_found_told_and_mended(case: str, ledger: Follower, bus: Any) -> None:
    values, lost, expected = DRIFTS[case]
    if values:
        by_hand(**values)
        ledger.follow()
    lose(*lost)
    told = audit()
    assert kinds(told) == expected
    assert told["mended"] == []
    (detail,) = bus()
    assert detail["type"] == "stock.drift"
    assert detail["data"] == {"positions": told["drifts"], "mended": []}

    told = audit(repair=True)
    assert told["mended"] == [{"sku": "A", "location_id": "1"}]
    assert bus()[0]["data"]["mended"] == told["mended"]
    found = assert_laws(follower=ledger)["A", "1"]
    assert (found["on_hand"], found["reserved"], found["available"]) == (8, 4, 4)
    assert audit() == {
        "positions": 2,
        "drifts": [],
        "mended": [],
        "unsettled": [],
        "after": None,
    }
    assert bus() == []
    marks = [
        entry
        for row in store.ledger_rows("A", "1")
        for entry in row.entries
        if entry.type == "stock.audited"
    ]
    assert marks
    assert {entry.reason for entry in marks} == {"stock_taking"}


def test_a_mended_position_goes_on_as_if_nothing_had_been(ledger: Follower) -> None:
    by_hand(on_hand=13, reserved=0, available=13)
    audit(repair=True)
    hold("h3", 4)
    ledger.follow()
    count = Counted("wms", "c2", None, "A", "1", 50, EARLIER + timedelta(seconds=1))
    store.apply_events([count], store.position("A", "1"), (), NOW)
    found = assert_laws(follower=ledger)["A", "1"]
    assert (found["on_hand"], found["available"]) == (48, 40)


def test_what_an_order_holds_is_counted_once() -> None:
    shop.stocked({"C": {"denver": 5}})
    Follower().follow()
    buy("o-1", line("1", "C", 2))
    held = Hold(
        "h-9",
        (HoldLine("C", "denver", 1),),
        "web",
        HoldState.OPEN,
        shop.NOW,
        shop.NOW + timedelta(hours=1),
        "",
        "{}",
    )
    store.open_hold(held)
    buy("o-2", line("1", "C", 1), hold_id="h-9")
    Follower().follow()
    assert audit(sku="C")["drifts"] == []
    assert shop.counts("C", "denver") == (5, 3, 2, 0)


def test_a_position_that_is_being_written_is_not_judged(ledger: Follower) -> None:
    """The ledger is behind: what it will say is not known yet."""
    now = datetime.now(UTC)
    _, parts = store.effect_parts(
        [Effect("A", "1", -1, 0)], Cause("norain/orders", "o", "x", "shipping"), now
    )
    tables.transact(parts)
    told = audit(repair=True)
    assert (told["drifts"], told["mended"]) == ([], [])
    ledger.follow()
    assert audit()["drifts"] == []


def test_a_repair_never_overwrites_a_later_write() -> None:
    by_hand(reserved=3, available=5)
    place = ("A", "1")
    look = function._look([place], function._promised)[place]
    hold("h3", 2)
    assert not function._mended(look)
    found = store.position("A", "1")
    assert found is not None
    assert (found.reserved, found.available) == (5, 3)


@pytest.mark.parametrize("repaired", [False, True])
@pytest.mark.parametrize("lost", [(1,), (2,), (1, 2), (3,), (2, 3), (4,), (1, 2, 3, 4)])
def test_a_lost_row_of_the_ledger_neither_blocks_a_late_count_nor_bends_it(
    ledger: Follower, lost: tuple[int, ...], repaired: bool
) -> None:
    """Counted 26, 6 sold, 2 held, 5 come in; then 20 of a count from before these came."""
    long_ago = NOW - timedelta(days=2)

    def at(minute: int) -> datetime:
        return long_ago + timedelta(minutes=minute)

    def moved(name: str, delta: int, minute: int) -> None:
        move = Moved("pos", name, None, "L", "1", delta, "other", at(minute))
        store.apply_events([move], store.position("L", "1"), (), at(minute))

    store.apply_events([Counted("wms", "c", None, "L", "1", 26, long_ago)], None, (), long_ago)
    moved("sold", -6, 1)
    lines = (HoldLine("L", "1", 2),)
    end = NOW + timedelta(hours=1)
    store.open_hold(Hold("h-l", lines, "web", HoldState.OPEN, at(2), end, "digest", "{}"))
    moved("came", 5, 10)
    ledger.follow()
    for version in lost:
        key = tables.key("SKU#L", f"MOVE#1#{version:012d}")
        dynamodb().delete_item(TableName=store.stock_table(), Key=key)
    if repaired:
        assert audit(repair=True)["mended"] == [{"sku": "L", "location_id": "1"}]
    late = Counted("wms", "late", None, "L", "1", 20, at(5))
    assert store.apply_events([late], store.position("L", "1"), (), NOW) in (0, 1)
    found = store.position("L", "1")
    assert found is not None
    # Without any row nobody knows what has come since.
    expected = 20 if len(lost) == 4 else 25
    assert (found.on_hand, found.available) == (expected, expected - 2)


def test_a_movement_that_may_stand_in_a_lost_row_is_not_applied_again(ledger: Follower) -> None:
    """Its sequence is older than those that the position remembers."""
    start = NOW - timedelta(days=2)
    store.apply_events([Counted("wms", "c", None, "L", "1", 50, start)], None, (), start)
    moves = [
        Moved("pos", f"m{n}", n, "L", "1", -1, "other", start + timedelta(minutes=n))
        for n in range(1, 25)
    ]
    for move in moves:
        store.apply_events([move], store.position("L", "1"), (), move.occurred_at)
    ledger.follow()
    key = tables.key("SKU#L", f"MOVE#1#{4:012d}")
    dynamodb().delete_item(TableName=store.stock_table(), Key=key)
    with pytest.raises(Busy):
        store.apply_events(moves[2:3], store.position("L", "1"), (), NOW)
    found = store.position("L", "1")
    assert found is not None
    assert found.on_hand == 26


def put_by_hand(sku: str, place: str, **values: int) -> None:
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key(f"SKU#{sku}", f"LOC#{place}"),
        UpdateExpression="SET "
        + ", ".join(f"#n{index} = :n{index}" for index, _ in enumerate(values)),
        ExpressionAttributeNames={f"#n{index}": name for index, name in enumerate(values)},
        ExpressionAttributeValues=to_item(
            {f":n{index}": units for index, units in enumerate(values.values())}
        ),
    )


def names(sku: str, place: str) -> set[str]:
    item = tables.get(store.stock_table(), f"SKU#{sku}", f"LOC#{place}", consistent=True)
    assert item is not None
    return {name for name in item if ":" in name and not name.startswith("seq:")}


def test_the_schedule_takes_away_counters_that_nobody_needs_any_more(
    ledger: Follower, environment: pytest.MonkeyPatch
) -> None:
    """Of fences that have been in no document for long, and those at 0; what is promised stays."""
    for rules, days in (("old", 60), ("now", 50), ("later", 10)):
        fence = Rule(rules, RuleMatch(), RuleAmount(1), frozenset({"web"}))
        rules_store.put_rules((fence,), None, NOW - timedelta(days=days), "test")
    counters = {"taken:old": 3, "taken:now": 2, "shared:later": 1, "due:PO1": 2, "landed:PO1": 0}
    put_by_hand("A", "1", **counters, **{"due:PO2": 0, "taken:zero": 0})
    version = store.position("A", "1").version  # type: ignore[union-attr]
    scheduled()
    assert names("A", "1") == {"taken:now", "shared:later", "due:PO1"}
    ledger.follow()
    assert assert_laws(follower=ledger)["A", "1"]["version"] == version + 1
    environment.setattr(function, "REST", 0)
    scheduled()
    assert assert_laws(follower=ledger)["A", "1"]["version"] == version + 1
    assert audit()["drifts"] == []


def test_the_schedule_takes_away_supply_that_never_came(ledger: Follower) -> None:
    days = {"old": -60, "promised": -60, "late": -30, "coming": 30}
    supply = [
        {"quantity": 5, "expected_at": rfc3339(NOW + timedelta(days=day)), "reference": name}
        for name, day in days.items()
    ]
    put_by_hand("A", "1", **{"due:promised": 1})
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key("SKU#A", "LOC#1"),
        UpdateExpression="SET expected = :expected",
        ExpressionAttributeValues=to_item({":expected": supply}),
    )
    scheduled()
    found = store.position("A", "1")
    assert found is not None
    assert [row.reference for row in found.expected] == ["promised", "late", "coming"]


@pytest.fixture
def lagging(environment: pytest.MonkeyPatch) -> None:
    """Every index has not heard of anything yet; the tables themselves answer as ever."""
    query = tables.query

    def behind(*args: Any, **more: Any) -> Iterator[dict[str, Any]]:
        return iter(()) if "IndexName" in more else query(*args, **more)

    environment.setattr(tables, "query", behind)


def reserved(sku: str, place: str) -> int:
    found = store.position(sku, place)
    assert found is not None
    return found.reserved


def test_a_lagging_index_never_lowers_reserved(lagging: None) -> None:
    """Holds, an order, a hold that became one, and what was sold from slots."""
    shop.stocked({"C": {"denver": 500}})
    Follower().follow()
    buy("o-1", line("1", "C", 2))
    lines = (HoldLine("C", "denver", 1),)
    end = shop.NOW + timedelta(hours=1)
    for name in ("h-8", "h-9"):
        store.open_hold(Hold(name, lines, "web", HoldState.OPEN, shop.NOW, end, "", "{}"))
    buy("o-2", line("1", "C", 1), hold_id="h-9")
    item, _ = slots.read_whole("C", "denver")
    assert item is not None
    assert slots.split(item, 0, shop.NOW)
    item, whole = slots.read_whole("C", "denver")
    slots.cache_slots("C", "denver", whole)
    buy("o-3", line("1", "C", 5))
    assert slots.read_whole("C", "denver")[1].sellable == 500 - 2 - 1 - 1 - 5
    assert slots.fold("C", "denver", shop.NOW)
    Follower().follow()
    told = audit(repair=True)
    assert (told["drifts"], told["mended"]) == ([], [])
    assert (reserved("A", "1"), reserved("C", "denver")) == (4, 9)


def test_reserved_of_a_position_written_a_moment_ago_is_not_lowered(ledger: Follower) -> None:
    """Nothing names who has promised the units: not the index, nor the ledger's lost row."""
    lines = (HoldLine("B", "2", 3),)
    now = datetime.now(UTC)
    end = now + timedelta(hours=1)
    store.open_hold(Hold("h-7", lines, "web", HoldState.OPEN, now, end, "digest", "{}"))
    store.apply_events([Moved("pos", "m2", 1, "B", "2", -2, "retail_selling", now)], None, (), now)
    ledger.follow()
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key("HOLD#h-7", "HOLD"),
        UpdateExpression="REMOVE deadline_key",
    )
    row = tables.key("SKU#B", "MOVE#2#000000000002")
    dynamodb().delete_item(TableName=store.stock_table(), Key=row)
    told = audit(repair=True)
    assert [drift["kind"] for drift in told["drifts"]] == ["reserved", "ledger"]
    assert (told["mended"], told["unsettled"]) == ([], [{"sku": "B", "location_id": "2"}])
    assert reserved("B", "2") == 3


def test_reserved_of_a_position_written_a_moment_ago_is_raised(ledger: Follower) -> None:
    hold("h-7", 2)
    ledger.follow()
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key("SKU#A", "LOC#1"),
        UpdateExpression="SET reserved = :none, available = :all, updated_at = :now",
        ExpressionAttributeValues=to_item(
            {":none": 0, ":all": 8, ":now": rfc3339(datetime.now(UTC))}
        ),
    )
    assert audit(repair=True)["mended"] == [{"sku": "A", "location_id": "1"}]
    assert reserved("A", "1") == 6


def test_rows_that_have_expired_are_no_drift() -> None:
    old = NOW - store.LEDGER_KEPT - timedelta(days=1)
    dynamodb().update_item(
        TableName=store.stock_table(),
        Key=tables.key("SKU#A", "MOVE#1#000000000003"),
        UpdateExpression="SET previous_at = :old",
        ExpressionAttributeValues=to_item({":old": old.isoformat()}),
    )
    lose(2)
    assert audit()["drifts"] == []
    lose(1)
    assert audit()["drifts"] == []
    by_hand(on_hand=9)
    assert kinds(audit())["on_hand"] == (9, 8)


@pytest.fixture
def rounds(environment: pytest.MonkeyPatch) -> None:
    """Rounds without a rest; checkpoints after every row; no ledger is read in full."""
    environment.setattr(function, "REST", 0)
    environment.setattr(function, "SEGMENTS", 3)
    environment.setattr(function, "SETTLE_SECONDS", 0)
    environment.setattr(model, "MOST_ROWS_BEHIND", 1)
    environment.setattr(function, "in_full", lambda *_: False)


def checkpoint(sku: str, place: str) -> Checkpoint | None:
    return audit_store.checkpoints([(sku, place)]).get((sku, place))


@pytest.mark.usefixtures("rounds")
def test_the_schedule_walks_in_rounds_and_mends_nothing(bus: Any) -> None:
    by_hand(available=7)
    told = scheduled()
    assert (told["positions"], len(told["drifts"]), told["mended"]) == (2, 1, [])
    assert len(bus()) == 1
    last = walks.last_round(audit_store.WALK)
    assert last is not None
    assert last.ended_at is not None
    assert last.covered_since == last.began_at
    found = store.position("A", "1")
    assert found is not None
    assert found.available == 7
    assert walks.progress(last, NOW).counts["drifted"] == 1


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("case", DRIFTS)
def test_a_cheap_round_finds_each_kind_of_drift_and_a_full_one_what_is_audited_already(
    case: str, ledger: Follower, environment: pytest.MonkeyPatch
) -> None:
    assert scheduled()["drifts"] == []
    assert checkpoint("A", "1") == Checkpoint(4, 8, 4)
    values, lost, expected = DRIFTS[case]
    if values:
        by_hand(**values)
    lose(*lost)
    assert kinds(scheduled()) == (expected if values else {})
    environment.setattr(function, "in_full", in_full)
    environment.setattr(model, "FULL_ROUNDS", 2)
    # One of two successive rounds reads the whole ledger of each position.
    found = [kinds(scheduled()) for _ in range(2)]
    assert expected in found
    assert found == ([expected] * 2 if values else sorted(found, key=bool, reverse=bool(found[0])))


@pytest.mark.usefixtures("rounds")
@pytest.mark.parametrize("lost", [(5,), (6,), (5, 6)])
def test_a_cheap_round_finds_rows_lost_behind_the_checkpoint(
    ledger: Follower, lost: tuple[int, ...], environment: pytest.MonkeyPatch
) -> None:
    scheduled()
    for name in ("h5", "h6"):
        hold(name, 1)
    ledger.follow()
    lose(*lost)
    environment.setattr(function, "_now", lambda: NOW + LEDGER_LAG + timedelta(minutes=1))
    assert kinds(scheduled()) == {"ledger": (6 - len(lost), 6)}
    assert checkpoint("A", "1") == Checkpoint(4, 8, 4)
    asked = audit(repair=True, sku="A")
    assert asked["mended"] == [{"sku": "A", "location_id": "1"}]
    assert scheduled()["drifts"] == []
    assert checkpoint("A", "1") == Checkpoint(6, 8, 6)


@pytest.mark.usefixtures("rounds")
def test_the_ledger_of_a_position_that_was_not_written_is_not_read(
    ledger: Follower, environment: pytest.MonkeyPatch
) -> None:
    """And of another only the rows behind its checkpoint."""
    first: list[str] = []

    def note(params: Any, **_: Any) -> None:
        value = params["ExpressionAttributeValues"].get(":first", {"S": ""})["S"]
        if value.startswith("MOVE#"):
            first.append(value)

    dynamodb().meta.events.register("provide-client-params.dynamodb.Query", note)
    scheduled()
    assert sorted(first) == ["MOVE#1#000000000001", "MOVE#2#000000000001"]
    first.clear()
    scheduled()
    assert first == []
    hold("h5", 1)
    ledger.follow()
    scheduled()
    assert first == ["MOVE#1#000000000005"]
    first.clear()
    environment.setattr(function, "in_full", lambda *_: True)
    scheduled()
    assert sorted(first) == ["MOVE#1#000000000001", "MOVE#2#000000000001"]


@pytest.mark.usefixtures("rounds")
def test_a_checkpoint_of_a_position_that_was_stored_anew_is_not_used(ledger: Follower) -> None:
    scheduled()
    audit_store.save_checkpoints({("A", "1"): Checkpoint(99, 7, 7)})
    assert scheduled()["drifts"] == []
    assert checkpoint("A", "1") == Checkpoint(4, 8, 4)


@pytest.mark.usefixtures("rounds")
def test_a_sale_during_a_run_is_explained_without_reading_all_orders_again(
    ledger: Follower, environment: pytest.MonkeyPatch
) -> None:
    """The promised units are read at the beginning of the run, the positions later."""
    reads: list[bool] = []
    promised_units, sold = audit_store.promised_units, iter(["h8"])

    def note(*args: Any, indexed: bool = True) -> Any:
        reads.append(indexed)
        units = promised_units(*args, indexed=indexed)
        for name in sold:
            end = NOW + timedelta(hours=1)
            lines = (HoldLine("A", "1", 1),)
            store.open_hold(
                Hold(name, lines, "web", HoldState.OPEN, datetime.now(UTC), end, "digest", "{}")
            )
            ledger.follow()
        return units

    environment.setattr(audit_store, "promised_units", note)
    assert scheduled()["drifts"] == []
    assert reads == [True, False]


@pytest.mark.usefixtures("rounds")
def test_units_of_an_order_that_reserved_nothing_are_found(ledger: Follower) -> None:
    """The position was not written, so that its own ledger cannot explain the difference."""
    item = tables.get(store.stock_table(), "HOLD#h", "HOLD", consistent=True)
    assert item is not None
    dynamodb().put_item(TableName=store.stock_table(), Item=to_item({**item, "pk": "HOLD#ghost"}))
    assert kinds(scheduled()) == {"reserved": (4, 7)}


def test_a_round_rests_and_no_more_runs_than_workers_share_it(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(function, "SEGMENTS", 3)
    assert scheduled()["positions"] == 2
    first = walks.last_round(audit_store.WALK)
    assert first is not None
    assert function._is_due(first, walks.now() + function.LONGEST_REST)
    environment.setattr(function, "REST", 10**6)
    assert scheduled()["positions"] == 0
    last = walks.last_round(audit_store.WALK)
    assert last == first
    second = walks.begin(audit_store.WALK, first, 4, walks.now())
    assert second is not None
    held = [walks.claim(second, walks.now()) for _ in range(function.WORKERS)]
    assert scheduled()["positions"] == 0
    assert held[0] is not None
    walks.release(held[0])
    scheduled()
    progress = walks.progress(second, walks.now())
    assert (progress.done, progress.held) == (2, 2)
