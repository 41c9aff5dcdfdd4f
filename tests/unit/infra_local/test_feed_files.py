import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.cli.stock_files import batches, read
from infra.local.bad_row import BadRow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITTEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
COUNT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "erp",
    "type": "stock.counted",
    "time": "2026-03-01T09:00:00Z",
    "data": {
        "sku": "A",
        "location_id": "L1",
        "quantity": 3,
        "as_of": "2026-03-01T09:00:00Z",
        "basis": "physical",
    },
}


def test_a_flat_csv_row_is_a_count_as_of_the_files_time() -> None:
    feed = read((b"sku,location_id,quantity\nA,L1,3\n"), "file:x.csv", WRITTEN, NOW)
    assert feed.bad == []
    (event,) = feed.events
    assert event["type"] == "stock.counted"
    assert event["source"] == "file:x.csv"
    assert event["data"] == COUNT["data"] | {"as_of": "2026-03-01T09:00:00.000Z"}


def test_the_columns_tell_the_kind_of_event() -> None:
    moved = (
        "sku,location_id,delta,reason,occurred_at\nA,L1,-1,retail_selling,2026-03-01T08:00:00Z\n"
    )
    due = "sku,location_id,quantity,expected_at,reference\nA,L1,9,2026-03-09T08:00:00Z,PO-1\n"
    assert [e["type"] for e in read((moved).encode(), "s", WRITTEN, NOW).events] == ["stock.moved"]
    assert [e["type"] for e in read((due).encode(), "s", WRITTEN, NOW).events] == ["stock.expected"]


def test_every_wrong_row_is_named_by_its_line_and_the_others_are_taken() -> None:
    text = "sku,location_id,quantity\nA,L1,3\nB,L1,many\nC,,4\n\nD,L1,-2\nE,L1,5\n"
    feed = read((text).encode(), "s", WRITTEN, NOW)
    assert [event["data"]["sku"] for event in feed.events] == ["A", "E"]
    assert [bad.line for bad in feed.bad] == [3, 4, 6]
    assert feed.bad[0] == BadRow(3, "quantity: 'many' is not a whole number")
    assert "$.data.location_id" in feed.bad[1].reason
    assert "$.data.quantity" in feed.bad[2].reason


def test_json_lines_may_be_events_or_flat_rows() -> None:
    flat = {"sku": "A", "location_id": "L1", "quantity": 3}
    feed = read(
        (f"{json.dumps(COUNT)}\n\n{json.dumps(flat)}\n{{oops\n7\n").encode(), "s", WRITTEN, NOW
    )
    assert feed.events[0] == COUNT
    assert feed.events[1]["data"]["quantity"] == 3
    assert [bad.line for bad in feed.bad] == [4, 5]


def test_a_json_array_is_a_batch() -> None:
    feed = read((json.dumps([COUNT, 7])).encode(), "s", WRITTEN, NOW)
    assert feed.events == [COUNT]
    assert feed.bad == [BadRow(2, "not a JSON object")]


def test_an_event_of_the_far_future_is_not_sent() -> None:
    later = (NOW + timedelta(days=2)).isoformat()
    text = json.dumps(COUNT | {"data": COUNT["data"] | {"as_of": later}})
    assert read((text).encode(), "s", WRITTEN, NOW).events == []


def test_the_same_file_gives_the_same_ids_and_equal_rows_different_ones() -> None:
    row = "A,L1,-1,retail_selling,2026-03-01T08:00:00Z\n"
    text = f"sku,location_id,delta,reason,occurred_at\n{row}{row}"
    first = read((text).encode(), "s", WRITTEN, NOW)
    again = read((text).encode(), "s", WRITTEN, NOW + timedelta(hours=1))
    assert first.events == again.events
    assert len({event["id"] for event in first.events}) == 2


def test_an_empty_file_has_no_events() -> None:
    assert read((b" \n"), "s", WRITTEN, NOW).events == []


@settings(deadline=None, max_examples=60)
@given(
    names=st.lists(st.text(max_size=40), max_size=60), limit=st.integers(min_value=2, max_value=600)
)
def test_batches_keep_every_event_in_order_and_stay_below_the_limit(
    names: list[str], limit: int
) -> None:
    events = [{"id": name} for name in names]
    made = list(batches(events, limit))
    assert [event for _, body in made for event in json.loads(body)] == events
    assert [count for count, _ in made] == [len(json.loads(body)) for _, body in made]
    assert all(len(body.encode()) <= limit for count, body in made if count > 1)
