"""The routes of stock, with whole API Gateway events."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.stock.api import handler
from functions.stock.apply_feed import handler as apply_feed
from functions.stock.record_movements import handler as record_movements
from shared.stock import store
from tests.conftest import event
from tests.functions.stock.conftest import Queue, call
from tests.tables.stock.laws import assert_laws

pytestmark = pytest.mark.usefixtures("queues")


def stocked(**quantities: int) -> None:
    documents = [
        {
            "specversion": "1.0",
            "id": f"c-{sku}",
            "source": "wms",
            "type": "stock.counted",
            "time": "2026-03-01T09:00:00Z",
            "data": {
                "sku": sku.replace("_", "-"),
                "location_id": "store-12",
                "quantity": quantity,
                "as_of": "2026-03-01T09:00:00Z",
                "basis": "physical",
            },
        }
        for sku, quantity in quantities.items()
    ]
    apply_feed({"Records": [{"messageId": "m", "body": json.dumps(documents)}]}, None)


def available(sku: str) -> int:
    return int(assert_laws()[sku, "store-12"]["available"])


# Updates


def test_good_updates_go_on_the_queue_and_bad_ones_are_named(queues: dict[str, Queue]) -> None:
    status, answer = call("send_updates")
    assert status == 202
    assert answer["accepted"] == 2
    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["code"]) == (1, "invalid_request")
    assert "$.data.quantity" in rejected["detail"]
    (message,) = queues["feed_queue"].messages()
    apply_feed({"Records": [{"messageId": "m", "body": message["Body"]}]}, None)
    assert available("TENT-2P") == 9


def test_updates_that_are_all_bad_send_nothing(queues: dict[str, Queue]) -> None:
    status, answer = call("send_updates", body={"events": [{}, 5, None]})
    assert status == 202
    assert answer["accepted"] == 0
    assert [row["index"] for row in answer["rejected"]] == [0, 1, 2]
    assert queues["feed_queue"].messages() == []


@pytest.mark.parametrize("body", [{"events": []}, {"events": [{}] * 101}, {}, {"events": {}}])
def test_updates_are_one_to_a_hundred(body: Any) -> None:
    status, answer = call("send_updates", body=body)
    assert (status, answer["code"]) == (422, "invalid_request")
    assert answer["errors"][0]["path"] == "$.events"


# Positions and movements


def test_a_position_is_read_by_its_place() -> None:
    apply_feed(event("stock/apply_feed"), None)
    status, answer = call("get_position")
    assert status == 200
    assert answer.pop("updated_at").endswith("Z")
    assert answer == {
        "sku": "TENT-2P",
        "location_id": "store-12",
        "on_hand": 9,
        "reserved": 0,
        "available": 9,
        "damaged": 0,
        "expected": [
            {"quantity": 24, "expected_at": "2026-03-09T08:00:00.000Z", "reference": "PO-2201"}
        ],
        "version": 1,
    }


def test_a_place_without_a_position_is_not_found() -> None:
    status, answer = call("get_position")
    assert (status, answer["code"], answer["sku"]) == (404, "not_found", "TENT-2P")


def test_positions_of_a_sku_are_paged() -> None:
    assert call("list_positions") == (200, {"sku": "TENT-2P", "positions": []})
    places = ["store-1", "store-12", "store-2"]
    for place in places:
        body = json.loads(event("stock/apply_feed")["Records"][0]["body"])
        body["data"]["location_id"] = place
        apply_feed({"Records": [{"messageId": "m", "body": json.dumps(body)}]}, None)
    _, first = call("list_positions", query={"limit": "2"})
    _, rest = call("list_positions", query={"limit": "2", "cursor": first["next_cursor"]})
    found = [row["location_id"] for row in [*first["positions"], *rest["positions"]]]
    assert found == places
    assert "next_cursor" not in rest


@pytest.mark.parametrize("cursor", ["%", "!!!", "4pyT", "LTE"])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    status, answer = call("list_movements", query={"cursor": cursor})
    assert (status, answer["errors"][0]["path"]) == (422, "query.cursor")


def test_movements_are_listed_newest_first_with_what_they_left() -> None:
    record_movements(event("stock/record_movements"), None)
    status, answer = call("list_movements")
    assert status == 200
    assert [
        (row["id"], row["type"], row["delta"], row["on_hand_after"]) for row in answer["movements"]
    ] == [
        ("ORDER-1", "order.shipped", -2, 7),
        ("sale-1", "stock.moved", -1, 9),
        ("count-1", "stock.counted", 10, 10),
    ]
    assert answer["movements"][1] == {
        "id": "sale-1",
        "source": "urn:retailer:pos",
        "type": "stock.moved",
        "delta": -1,
        "on_hand_after": 9,
        "reason": "retail_selling",
        "occurred_at": "2026-03-01T09:45:00.000Z",
        "reference": "receipt-77",
    }
    _, first = call("list_movements", query={"limit": "1"})
    _, rest = call("list_movements", query={"limit": "1", "cursor": first["next_cursor"]})
    assert [row["id"] for row in first["movements"] + rest["movements"]] == [
        "ORDER-1",
        "sale-1",
        "count-1",
    ]


# Holds


def test_a_hold_reserves_and_the_same_request_gets_the_same_answer() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    first = handler(event("stock/open_hold"), None)
    assert first["statusCode"] == 201
    assert available("TENT-2P") == 3
    again = handler(event("stock/open_hold"), None)
    assert again["statusCode"] == 201
    assert again["body"] == first["body"]
    assert available("TENT-2P") == 3
    answer = json.loads(first["body"])
    assert answer.keys() == {"hold_id", "lines", "expires_at"}
    assert answer["lines"] == json.loads(event("stock/open_hold")["body"])["lines"]


def test_the_first_answer_stands_when_the_hold_has_changed() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    status, first = call("open_hold")
    path = {"hold_id": first["hold_id"]}
    status, extended = call("extend_hold", path=path)
    assert status == 200
    assert extended["expires_at"] > first["expires_at"]
    assert call("open_hold") == (201, first)
    assert call("release_hold", path=path) == (204, None)
    assert call("open_hold") == (201, first)
    assert available("TENT-2P") == 5


def test_a_key_used_for_another_hold_is_refused() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    call("open_hold")
    body = {**json.loads(event("stock/open_hold")["body"]), "expires_in_seconds": 60}
    status, answer = call("open_hold", body=body)
    assert (status, answer["code"]) == (422, "idempotency_key_reused")
    assert available("TENT-2P") == 3


def test_a_hold_without_a_key_is_refused() -> None:
    request = event("stock/open_hold")
    del request["headers"]["idempotency-key"]
    answer = handler(request, None)
    assert json.loads(answer["body"])["code"] == "idempotency_key_missing"


def test_every_short_line_is_named() -> None:
    stocked(TENT_2P=1)
    status, answer = call("open_hold")
    assert (status, answer["code"]) == (409, "out_of_stock")
    assert answer["short"] == [
        {"sku": "STOVE-1", "location_id": "store-12", "wanted": 1, "sellable": 0},
        {"sku": "TENT-2P", "location_id": "store-12", "wanted": 2, "sellable": 1},
    ]
    assert available("TENT-2P") == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"expires_in_seconds": 14401}, "$.expires_in_seconds"),
        ({"expires_in_seconds": 0}, "$.expires_in_seconds"),
        ({"lines": []}, "$.lines"),
        ({"lines": [{"sku": "A", "quantity": 0, "location_id": "1"}]}, "$.lines[0].quantity"),
        ({"lines": [{"sku": "A", "quantity": 1.5, "location_id": "1"}]}, "$.lines[0].quantity"),
        ({"note": "please"}, "$.note"),
    ],
)
def test_a_hold_that_does_not_fit_is_refused_by_its_place(change: Any, path: str) -> None:
    body = {**json.loads(event("stock/open_hold")["body"]), **change}
    status, answer = call("open_hold", body=body)
    assert status == 422
    assert path in {error["path"] for error in answer["errors"]}


def test_a_client_holds_for_its_own_channel_only() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    pos = "norain/stock:write norain/channel:pos"
    status, answer = call("open_hold", scope=pos)
    assert (status, answer["code"]) == (403, "forbidden")
    _, opened = call("open_hold")
    path = {"hold_id": opened["hold_id"]}
    assert call("release_hold", path=path, scope=pos)[0] == 403
    assert call("extend_hold", path=path, scope=pos)[0] == 403
    assert available("TENT-2P") == 3


def test_releasing_may_be_repeated() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    _, opened = call("open_hold")
    path = {"hold_id": opened["hold_id"]}
    assert call("release_hold", path=path) == (204, None)
    assert call("release_hold", path=path) == (204, None)
    assert available("TENT-2P") == 5
    status, answer = call("extend_hold", path=path)
    assert (status, answer["code"], answer["state"]) == (409, "hold_closed", "released")


def test_a_hold_is_bound_to_a_payment() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    _, opened = call("open_hold")
    path = {"hold_id": opened["hold_id"]}
    status, bound = call("bind_hold", path=path)
    assert (status, bound["payment_reference"]) == (200, "pi_3PqW")
    assert bound["expires_at"] > opened["expires_at"]
    assert call("bind_hold", path=path)[0] == 200
    status, refused = call("bind_hold", path=path, body={"payment_reference": "pi_other"})
    assert (status, refused["code"]) == (409, "conflict")
    assert "pi_3PqW" not in str(refused)
    assert call("release_hold", path=path)[0] == 204
    status, refused = call("bind_hold", path=path)
    assert (status, refused["code"], refused["state"]) == (409, "hold_closed", "released")


def test_a_hold_is_bound_for_four_hours_unless_it_is_said() -> None:
    stocked(TENT_2P=5, STOVE_1=1)
    _, opened = call("open_hold")
    before = datetime.now(UTC)
    path = {"hold_id": opened["hold_id"]}
    _, bound = call("bind_hold", path=path, body={"payment_reference": "pi_1"})
    lasts = datetime.fromisoformat(bound["expires_at"]) - before
    assert timedelta(hours=4, seconds=-1) < lasts < timedelta(hours=4, minutes=1)


def test_an_unknown_hold_is_not_found() -> None:
    assert call("bind_hold")[0] == 404
    assert call("release_hold")[0] == 404
    assert call("extend_hold")[0] == 404
    assert store.find_hold("hold-1") is None
