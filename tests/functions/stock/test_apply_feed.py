"""The feed's worker, with whole SQS events: what it applies, puts away and asks for again."""

import json
from itertools import permutations
from typing import Any

import pytest

from functions.stock.apply_feed import handler
from functions.stock.record_movements import handler as record_movements
from shared.aws.items import to_item
from shared.stock import store
from shared.stock.model import feed, supplies
from shared.stock.store import feeds
from tests.functions.stock.conftest import Queue
from tests.support.events import event
from tests.support.stock_laws import assert_laws, items


def numbers() -> tuple[int, int, int]:
    found = store.position("TENT-2P", "store-12")
    assert found is not None
    return found.on_hand, found.available, found.version


@pytest.mark.parametrize("name", ["apply_feed", "apply_feed.batch"])
def test_single_messages_and_a_batch_do_the_same_in_one_write(
    queues: dict[str, Queue], name: str
) -> None:
    assert handler(event(f"stock/{name}"), None) == {"batchItemFailures": []}
    assert numbers() == (9, 9, 1)
    found = store.position("TENT-2P", "store-12")
    assert found is not None
    assert [(row.quantity, row.reference) for row in found.expected] == [(24, "PO-2201")]
    assert_laws()
    assert queues["dead_letters"].messages() == []


def test_the_same_messages_again_write_nothing(queues: dict[str, Queue]) -> None:
    handler(event("stock/apply_feed"), None)
    before = items()
    handler(event("stock/apply_feed.batch"), None)
    assert items() == before


def test_tills_and_the_rows_of_files_may_come_in_any_order(
    queues: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    """They are in two queues, so that nothing orders them. Each order is tried on its own SKU."""
    environment.setattr(feeds, "LEDGER_WAITS", ())
    for number, order in enumerate(permutations(range(4))):
        sku = f"S{number}"
        rows = [
            counted(sku, 10, "09:00"),
            moved(sku, -1, "10:00", sequence=1),
            counted(sku, 7, "11:00"),
            moved(sku, -2, "12:00", sequence=2),
        ]
        for row in order:
            sent = {"Records": [message("m", rows[row])]}
            assert handler(sent, None) == {"batchItemFailures": []}
            record_the_ledger()
        found = store.position(sku, "store-12")
        assert found is not None
        assert found.on_hand == 5, order
    assert_laws()
    assert queues["dead_letters"].messages() == []


def test_supply_for_which_there_is_no_room_goes_away_and_comes_back(
    queues: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(supplies, "MOST_SUPPLIES", 2)
    announced = [
        {
            **moved("TENT-2P", 1, "08:00"),
            "id": f"po-{number}",
            "type": "stock.expected",
            "data": {
                "sku": "TENT-2P",
                "location_id": "store-12",
                "quantity": 5,
                "expected_at": f"2026-03-0{number}T08:00:00Z",
                "reference": f"PO-{number}",
            },
        }
        for number in (4, 3, 2)
    ]
    sent = message("m1", *announced, moved("TENT-2P", 3, "09:00", sequence=1))
    assert handler({"Records": [sent]}, None) == {"batchItemFailures": []}
    found = store.position("TENT-2P", "store-12")
    assert found is not None
    assert [row.reference for row in found.expected] == ["PO-2", "PO-3"]
    assert found.on_hand == 3
    (letter,) = queues["dead_letters"].messages()
    assert json.loads(letter["Body"]) == announced[0]
    assert "$.data.reference" in letter["MessageAttributes"]["detail"]["StringValue"]
    environment.setattr(supplies, "MOST_SUPPLIES", 3)
    back = {"messageId": "m2", "body": letter["Body"]}
    assert handler({"Records": [back]}, None) == {"batchItemFailures": []}
    found = store.position("TENT-2P", "store-12")
    assert found is not None
    assert len(found.expected) == 3
    assert queues["dead_letters"].messages() == []
    assert_laws()


def test_supply_for_which_there_is_room_by_now_comes_again(
    queues: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    """Others have made room between the write and the look at what it has left out."""
    announcement = event("stock/apply_feed")["Records"][-1]
    with environment.context() as full:
        full.setattr(feed, "with_room", lambda _, events: [])
        failed = handler({"Records": [announcement]}, None)["batchItemFailures"]
    assert failed == [{"itemIdentifier": announcement["messageId"]}]
    assert handler({"Records": [announcement]}, None) == {"batchItemFailures": []}
    assert queues["dead_letters"].messages() == []


def test_each_poison_event_goes_away_alone_with_its_reason(queues: dict[str, Queue]) -> None:
    assert handler(event("stock/apply_feed.poison"), None) == {"batchItemFailures": []}
    assert numbers() == (9, 9, 1)
    letters = queues["dead_letters"].messages()
    reasons = {
        letter["MessageAttributes"]["code"]["StringValue"]
        + " "
        + letter["MessageAttributes"]["detail"]["StringValue"]
        for letter in letters
    }
    assert len(letters) == 4
    assert any("invalid_request" in reason and "$.data.quantity" in reason for reason in reasons)
    assert any("$.type" in reason for reason in reasons)
    assert any("not JSON" in reason for reason in reasons)
    assert any("not an object" in reason for reason in reasons)
    bodies = [letter["Body"] for letter in letters]
    assert "{ not json" in bodies
    assert {json.loads(body)["id"] for body in bodies if body.startswith('{"')} == {
        "count-2",
        "sale-1",
    }


def test_a_message_whose_event_must_wait_comes_again_and_its_neighbours_do_not(
    queues: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(feeds, "LEDGER_WAITS", ())
    sale = message("m1", moved("TENT-2P", -1, "10:00", sequence=1))
    handler({"Records": [sale]}, None)
    late_count = message(
        "m2", counted("TENT-2P", 50, "09:00"), {"specversion": "1.0", "type": "no such"}
    )
    other = message("m3", counted("STOVE-1", 3, "09:00"))
    assert handler({"Records": [late_count, other]}, None) == {
        "batchItemFailures": [{"itemIdentifier": "m2"}]
    }
    assert queues["dead_letters"].messages() == []
    stove = store.position("STOVE-1", "store-12")
    assert stove is not None
    assert stove.on_hand == 3
    record_the_ledger()
    assert handler({"Records": [late_count]}, None) == {"batchItemFailures": []}
    assert numbers() == (49, 49, 2)
    assert len(queues["dead_letters"].messages()) == 1
    assert_laws()


def test_a_dead_letter_that_cannot_be_sent_brings_its_message_again(
    queues: dict[str, Queue], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NORAIN_DEAD_LETTERS", queues["dead_letters"].url + "-gone")
    bad = message("m1", {"type": "no such"})
    assert handler({"Records": [bad]}, None) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


@pytest.mark.parametrize(
    "body",
    ["", "null", "3", '"text"', "[" * 50_000, '{"a": NaN}', '{"type": ["stock.counted"]}'],
)
def test_no_text_stops_the_worker(queues: dict[str, Queue], body: str) -> None:
    record = {"messageId": "m1", "body": body}
    assert handler({"Records": [record]}, None) == {"batchItemFailures": []}
    if body:
        assert len(queues["dead_letters"].messages()) == 1


def message(message_id: str, *documents: Any) -> dict[str, Any]:
    return {"messageId": message_id, "body": json.dumps(documents)}


def counted(sku: str, quantity: int, clock: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"c-{sku}-{clock}",
        "source": "wms",
        "type": "stock.counted",
        "time": f"2026-03-01T{clock}:00Z",
        "data": {
            "sku": sku,
            "location_id": "store-12",
            "quantity": quantity,
            "as_of": f"2026-03-01T{clock}:00Z",
            "basis": "physical",
        },
    }


def moved(sku: str, delta: int, clock: str, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"m-{sku}-{clock}",
        "source": "pos",
        "type": "stock.moved",
        "time": f"2026-03-01T{clock}:00Z",
        "data": {
            "sku": sku,
            "location_id": "store-12",
            "delta": delta,
            "reason": "retail_selling",
            "occurred_at": f"2026-03-01T{clock}:00Z",
        },
        **more,
    }


def record_the_ledger() -> None:
    """What the stream does with the latest write of each position."""
    records = [
        {"dynamodb": {"NewImage": to_item(item)}}
        for item in items()
        if item["sk"].startswith("LOC#")
    ]
    record_movements({"Records": records}, None)
