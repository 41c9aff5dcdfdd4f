"""Feed messages from outside: what is taken, and where a wrong one is wrong."""

import contextlib
import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.documents import batches_of
from shared.errors import FromTheFuture, Refusal
from shared.instants import rfc3339
from shared.stock.contract.feed import event_of
from shared.stock.model.events import Announced, Counted, Moved, MovementReason
from tests.support.profiles import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

COUNTED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "c1",
    "source": "urn:wms",
    "type": "stock.counted",
    "time": "2026-03-01T09:30:00Z",
    "data": {
        "sku": "TENT-2P",
        "location_id": "store-12",
        "quantity": 10,
        "as_of": "2026-03-01T09:30:00Z",
        "basis": "physical",
    },
}
MOVED: dict[str, Any] = {
    **COUNTED,
    "type": "stock.moved",
    "sequence": 7,
    "data": {
        "sku": "TENT-2P",
        "location_id": "store-12",
        "delta": -2,
        "reason": "retail_selling",
        "occurred_at": "2026-03-01T10:30:00.1239+01:00",
    },
}
EXPECTED: dict[str, Any] = {
    **COUNTED,
    "type": "stock.expected",
    "data": {
        "sku": "TENT-2P",
        "location_id": "store-12",
        "quantity": 0,
        "expected_at": "2027-03-01T09:30:00Z",
        "reference": "PO-1",
    },
}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """``document`` with another value at ``path`` (None takes it away)."""
    new = copy.deepcopy(document)
    place = new
    *steps, last = path.removeprefix("$.").split(".")
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


def paths(document: Any) -> set[str]:
    with pytest.raises(Refusal) as refused:
        event_of(document, NOW)
    return {error["path"] for error in refused.value.data["errors"]}


def test_a_physical_count() -> None:
    half_past = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert event_of(COUNTED, NOW) == Counted(
        "urn:wms", "c1", None, "TENT-2P", "store-12", 10, half_past
    )


def test_a_net_count_without_net_through_is_net_as_of_itself() -> None:
    event = event_of(changed(COUNTED, "$.data.basis", "net"), NOW)
    assert isinstance(event, Counted)
    assert event.net_through == event.as_of


def test_a_movement_in_utc_and_whole_milliseconds() -> None:
    event = event_of(MOVED, NOW)
    assert isinstance(event, Moved)
    assert (event.sequence, event.delta, event.reason) == (7, -2, MovementReason.RETAIL_SELLING)
    assert event.occurred_at == datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)


def test_supply_may_be_expected_a_year_ahead_and_cancelled() -> None:
    event = event_of(EXPECTED, NOW)
    assert isinstance(event, Announced)
    assert (event.quantity, event.reference) == (0, "PO-1")


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        (COUNTED, "$.specversion", "0.3"),
        (COUNTED, "$.specversion", None),
        (COUNTED, "$.id", ""),
        (COUNTED, "$.id", 5),
        (COUNTED, "$.source", "a b"),
        (COUNTED, "$.type", "stock.sold"),
        (COUNTED, "$.type", None),
        (COUNTED, "$.time", 1772359200),
        (COUNTED, "$.time", "2026-03-01T09:30:00"),
        (COUNTED, "$.time", "0001-01-01T00:00:00+14:00"),
        (COUNTED, "$.datacontenttype", "text/xml"),
        (COUNTED, "$.sequence", "7"),
        (COUNTED, "$.sequence", -1),
        (COUNTED, "$.subject", "surprise"),
        (COUNTED, "$.data", "text"),
        (COUNTED, "$.data.sku", ""),
        (COUNTED, "$.data.sku", "gtin:4006381333932"),
        (COUNTED, "$.data.sku", "4006381333932"),
        (COUNTED, "$.data.location_id", "gln:1234567890123"),
        (COUNTED, "$.data.location_id", None),
        (COUNTED, "$.data.quantity", -1),
        (COUNTED, "$.data.quantity", 1.5),
        (COUNTED, "$.data.quantity", True),
        (COUNTED, "$.data.quantity", "3"),
        (COUNTED, "$.data.quantity", 10**12),
        (COUNTED, "$.data.as_of", "yesterday"),
        (COUNTED, "$.data.as_of", "2062-03-01T09:30:00Z"),
        (COUNTED, "$.data.basis", "gross"),
        (COUNTED, "$.data.basis", None),
        (COUNTED, "$.data.note", "surprise"),
        (MOVED, "$.data.reason", "because"),
        (MOVED, "$.data.delta", None),
        (MOVED, "$.data.occurred_at", "2026-03-03T09:30:00Z"),
        (MOVED, "$.data.reference", "\u0000"),
        (EXPECTED, "$.data.reference", None),
        (EXPECTED, "$.data.expected_at", None),
    ],
)
def test_a_wrong_place_is_named_by_its_path(
    document: dict[str, Any], path: str, value: Any
) -> None:
    assert path in paths(changed(document, path, value))


def test_every_wrong_place_is_named_and_no_value_is_repeated() -> None:
    wrong = changed(changed(COUNTED, "$.data.quantity", -77), "$.id", "")
    assert paths(wrong) == {"$.data.quantity", "$.id"}
    with pytest.raises(Refusal) as refused:
        event_of(wrong, NOW)
    assert "-77" not in json.dumps(refused.value.data)


def test_a_reason_belongs_to_a_count_that_people_made() -> None:
    made = changed(COUNTED, "$.data.reason", "cycle_counting")
    event = event_of(made, NOW)
    assert isinstance(event, Counted)
    assert event.reason == "cycle_counting"
    assert paths(changed(made, "$.data.basis", "net")) == {"$.data"}
    assert paths(changed(made, "$.data.reason", "picking")) == {"$.data.reason"}


def test_net_through_belongs_to_a_net_count() -> None:
    wrong = changed(COUNTED, "$.data.net_through", "2026-03-01T09:00:00Z")
    assert paths(wrong) == {"$.data"}
    assert event_of(changed(wrong, "$.data.basis", "net"), NOW)


def test_a_true_gtin_and_gln_are_taken() -> None:
    document = changed(COUNTED, "$.data.sku", "gtin:4006381333931")
    document = changed(document, "$.data.location_id", "gln:1234567890128")
    assert event_of(document, NOW).sku == "gtin:4006381333931"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (COUNTED, "$.data.as_of"),
        ({**COUNTED, "data": {**COUNTED["data"], "basis": "net"}}, "$.data.net_through"),
        (MOVED, "$.data.occurred_at"),
        (EXPECTED, "$.time"),
    ],
)
def test_no_stock_event_is_dated_more_than_five_minutes_ahead(
    document: dict[str, Any], path: str
) -> None:
    """A count of tomorrow would swallow the sales and counts of today."""
    near, far = (rfc3339(NOW + timedelta(seconds=ahead)) for ahead in (300, 301))
    assert event_of(changed(document, path, near), NOW)
    with pytest.raises(FromTheFuture) as refused:
        event_of(changed(document, path, far), NOW)
    assert [error["path"] for error in refused.value.data["errors"]] == [path]
    assert refused.value.data["now"] == rfc3339(NOW)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@examples(200)
@given(
    st.sampled_from([COUNTED, MOVED, EXPECTED]),
    st.sampled_from(["id", "source", "type", "time", "sequence", "data"]),
    documents,
)
def test_whatever_comes_is_taken_or_refused(
    document: dict[str, Any], name: str, value: Any
) -> None:
    with contextlib.suppress(Refusal):
        event_of({**document, name: value}, NOW)


@examples(100)
@given(st.lists(st.text(max_size=30), max_size=30), st.integers(40, 400))
def test_batches_keep_every_event_in_order_and_stay_small(texts: list[str], most: int) -> None:
    batches = list(batches_of(texts, most))
    assert [text for batch in batches for text in json.loads(batch)] == texts
    for batch in batches:
        assert len(batch) <= most or len(json.loads(batch)) == 1
