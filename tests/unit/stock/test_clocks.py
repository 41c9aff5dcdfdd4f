"""What a sender's clock that runs ahead does to the stock: nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import FromTheFuture
from shared.instants import rfc3339
from shared.stock.contract.feed import event_of
from shared.stock.model.events import Counted, Moved

NOW = datetime(2026, 11, 20, 18, 0, 0, 123456, tzinfo=UTC)


def stated(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    place = {"sku": "A", "location_id": "denver"}
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "wms",
        "type": kind,
        "time": rfc3339(NOW),
        "data": {**place, **data},
    }


def counted(at: datetime) -> Any:
    data = {"quantity": 3, "as_of": rfc3339(at), "basis": "physical"}
    return event_of(stated("stock.counted", data), NOW)


@pytest.mark.parametrize("seconds", [1, 240, 300])
def test_a_count_a_little_ahead_swallows_no_sale_to_come(seconds: int) -> None:
    event = counted(NOW + timedelta(seconds=seconds))
    assert isinstance(event, Counted)
    assert event.as_of <= NOW


def test_a_sale_a_little_ahead_is_contained_in_the_next_count() -> None:
    data = {"delta": -1, "reason": "retail_selling", "occurred_at": rfc3339(NOW + timedelta(0, 99))}
    event = event_of(stated("stock.moved", data), NOW)
    assert isinstance(event, Moved)
    assert event.occurred_at <= NOW


def test_what_has_passed_stays_as_it_is_stated() -> None:
    at = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    event = counted(at)
    assert isinstance(event, Counted)
    assert event.as_of == at
    with pytest.raises(FromTheFuture):
        counted(NOW + timedelta(seconds=301))
