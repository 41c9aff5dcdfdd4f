"""The worker that gives supplies to who waits: from the images of the packs to the orders."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.orders import keep_promises
from shared.aws.items import to_item
from shared.orders import backorders, shortfalls, store
from shared.stock.model.events import Counted
from tests.support import shop
from tests.support.shop import NOW
from tests.support.supplies import announced, bought, fed, received, shipped_from, stands
from tests.support.tables import Kept

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def places(fake_tables: None) -> None:
    shop.stocked({"A": {}})


def image() -> Json:
    (row,) = (row for row in shop.items("availability") if row["pk"] == "SKU#A")
    return to_item(row)


def record(old: Json | None, new: Json | None, number: int = 1) -> Json:
    images = {"OldImage": old, "NewImage": new}
    return {
        "eventID": str(number),
        "dynamodb": {
            "Keys": to_item({"pk": "SKU#A", "sk": "PACK#0"}),
            "SequenceNumber": str(number),
            **{name: content for name, content in images.items() if content},
        },
    }


def given(*records: Json) -> list[str]:
    answer = keep_promises.handler({"Records": list(records)}, None)
    shop.project("A")
    return [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]


def test_a_pack_that_nobody_waits_for_wakes_nobody() -> None:
    announced("PO-1", 2, 10)
    assert "awaited" not in image()
    bought("o1", 2)
    assert image()["awaited"] == {"BOOL": True}


def test_what_is_gone_is_found_elsewhere_when_the_pack_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shortfalls, "BEHIND_SECONDS", 0.0)
    shop.stocked({"A": {"denver": 2}})
    bought("o1", 2)
    store.project_pick_rows(stands("o1"), None)
    shop.stocked({"A": {"boulder": 9}})
    before = image()
    assert "short" not in before
    fed(Counted("wms", "c1", None, "A", "denver", 0, NOW + timedelta(hours=1)))
    assert image()["short"] == {"BOOL": True}
    assert given(record(before, image()), record(before, image())) == []
    parts = stands("o1").fulfillments
    assert [(part.location_id, part.state) for part in parts] == [
        ("denver", "rejected"),
        ("boulder", "offered"),
    ]
    assert "short" not in image()
    shop.laws()


def test_what_has_come_is_given_when_the_pack_says_so() -> None:
    announced("PO-1", 2, 10)
    bought("o1", 2)
    before = image()
    received("PO-1", 2)
    assert given(record(before, image())) == []
    assert shipped_from("o1") == [("depot", 2)]
    shop.laws()
    assert "awaited" not in image()


def test_a_record_that_comes_twice_or_says_nothing_new_does_nothing() -> None:
    announced("PO-1", 3, 10)
    bought("o1", 2)
    before = image()
    received("PO-1", 2)
    after = image()
    for _ in range(2):
        assert given(record(before, after)) == []
    version = stands("o1").version
    assert given(record(after, after), record(None, None), record(after, None)) == []
    assert stands("o1").version == version
    shop.laws()


def test_a_record_that_cannot_be_read_is_put_away_and_holds_up_none(failed_records: Kept) -> None:
    announced("PO-1", 2, 10)
    bought("o1", 2)
    before = image()
    received("PO-1", 2)
    broken = record(None, {"awaited": {"BOOL": True}}, 7)
    assert given(broken, record(before, image(), 8)) == []
    assert shipped_from("o1") != []
    (kept,) = failed_records()
    assert json.loads(kept["payload"]) == {"Records": [broken]}


def test_one_promise_more_wakes_nobody() -> None:
    announced("PO-1", 9, 10)
    bought("o1", 2)
    before = image()
    bought("o2", 2)
    assert list(keep_promises._tasks(record(before, image())["dynamodb"])) == []
    announced("PO-1", 9, 12, minute=5)
    (woken,) = keep_promises._tasks(record(before, image())["dynamodb"])
    assert woken == (backorders.review_supplies, "A", "depot")
