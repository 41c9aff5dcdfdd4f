"""Many positions in one call: each is written or refused by itself."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import clients, dynamodb
from shared.stock import store
from shared.stock.model.events import Counted, Event, Moved
from shared.stock.model.position import Cause, Effect, PositionKey
from shared.stock.store.rows import stock_table
from tests.support.stock_laws import Follower, assert_laws

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACES: list[PositionKey] = [(f"S{number}", "1") for number in range(60)]
pytestmark = pytest.mark.usefixtures("local_tables")


@pytest.fixture
def calls(local_tables: None) -> Iterator[Counter[str]]:
    """The calls of each operation."""
    counted: Counter[str] = Counter()

    def count(model: object, **_: object) -> None:
        counted[model.name] += 1  # type: ignore[attr-defined]

    client = clients.dynamodb()
    client.meta.events.register("before-call.dynamodb", count)
    yield counted
    client.meta.events.unregister("before-call.dynamodb", count)


def at(minute: int) -> datetime:
    return NOW - timedelta(hours=4) + timedelta(minutes=minute)


def count(place: PositionKey, quantity: int, minute: int, source: str = "urn:wms") -> Event:
    return Counted(source, f"c{minute}", minute, *place, quantity, at(minute))


def sale(place: PositionKey, minute: int, source: str = "urn:pos") -> Event:
    return Moved(source, f"m{minute}", minute, *place, -1, "retail_selling", at(minute))


def feed(batch: dict[PositionKey, list[Event]]) -> dict[PositionKey, int | Exception]:
    return store.apply_batch(batch, store.positions_of(batch), (), NOW)


def reserve(place: PositionKey, units: int, minute: int) -> None:
    cause = Cause("norain/orders", "o1", "order.placed", "reserved", "o1")
    _, parts = store.effect_parts([Effect(*place, 0, units)], cause, at(minute))
    assert dynamodb.transact(parts) == []


def test_sixty_positions_are_written_in_three_calls(calls: Counter[str]) -> None:
    assert set(feed({place: [count(place, 10, 0)] for place in PLACES}).values()) == {1}
    assert calls["BatchExecuteStatement"] == 3
    calls.clear()
    assert set(feed({place: [sale(place, 1), sale(place, 2)] for place in PLACES}).values()) == {1}
    assert (calls["BatchExecuteStatement"], calls["UpdateItem"]) == (3, 0)
    assert {row["on_hand"] for row in assert_laws(follower=Follower()).values()} == {8}


def test_a_statement_writes_what_update_item_writes() -> None:
    """The same events, of one position and of two in a batch, leave the same positions."""
    alone, together = PLACES[:1], PLACES[1:3]
    for minute in range(4):
        for batch in (alone, together):
            feed({place: [count(place, 20 + minute, 2 * minute)] for place in batch})
            feed({place: [sale(place, 2 * minute + 1)] for place in batch})
            for place in batch:
                reserve(place, 1, 2 * minute + 1)
    rows = [store.position(*place) for place in PLACES[:3]]
    like_the_first = [row and replace(row, sku="S0") for row in rows]
    assert like_the_first == [rows[0]] * 3
    first = rows[0]
    assert first is not None
    assert (first.on_hand, first.reserved, first.available, first.version) == (22, 4, 18, 12)


def test_a_refused_position_is_decided_anew_and_its_neighbours_stand(calls: Counter[str]) -> None:
    feed({place: [count(place, 10, 0)] for place in PLACES})
    stale = store.positions_of(PLACES)
    feed({place: [sale(place, 1)] for place in PLACES[:3]})
    calls.clear()

    batch = {place: [sale(place, 1), sale(place, 2)] for place in PLACES}
    assert set(store.apply_batch(batch, stale, (), NOW).values()) == {1}
    assert (calls["BatchExecuteStatement"], calls["UpdateItem"]) == (3, 3)
    assert {row["on_hand"] for row in assert_laws(follower=Follower()).values()} == {8}


def test_a_position_that_an_order_has_created_gets_its_first_count() -> None:
    """It has no feed_version, on which the statement counts: it is written by update_item."""
    for place in PLACES[:3]:
        reserve(place, 2, 0)
    assert set(feed({place: [count(place, 10, 1)] for place in PLACES[:5]}).values()) == {1}
    reserved = dict.fromkeys(PLACES[:3], 2)
    rows = assert_laws(reserved, Follower())
    assert [rows[place]["available"] for place in PLACES[:5]] == [8, 8, 8, 10, 10]


def test_a_source_that_no_statement_can_name_is_written_too(calls: Counter[str]) -> None:
    source = "urn:a'b\"c"
    batch = {place: [count(place, 10, 0), sale(place, 1, source)] for place in PLACES[:4]}
    assert set(feed(batch).values()) == {1}
    assert calls["UpdateItem"] == 4
    position = store.positions_of(PLACES)[PLACES[0]]
    assert position.seen[source].sequences == (1,)


def test_the_same_batch_again_writes_nothing(calls: Counter[str]) -> None:
    batch = {place: [count(place, 10, 0), sale(place, 1)] for place in PLACES[:10]}
    feed(batch)
    calls.clear()
    assert set(feed(batch).values()) == {0}
    assert calls["BatchExecuteStatement"] == calls["UpdateItem"] == 0


def test_a_statement_that_fails_for_its_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The position is written all the same, at the price of a call."""
    feed({place: [count(place, 10, 0)] for place in PLACES[:3]})
    assert caplog.records == []
    dynamodb.attempt(
        [
            {
                "Update": {
                    "TableName": stock_table(),
                    "Key": {"pk": {"S": "SKU#S0"}, "sk": {"S": "LOC#1"}},
                    "UpdateExpression": "REMOVE damaged",
                }
            }
        ]
    )
    assert set(feed({place: [sale(place, 1)] for place in PLACES[:3]}).values()) == {1}
    assert [record.message for record in caplog.records] == ["a statement has failed"]
    assert {store.positions_of(PLACES)[place].on_hand for place in PLACES[:3]} == {9}
