"""Units that another location sends to the store where the shopper collects them."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments
from shared.aws.items import to_item
from shared.orders import backorders, placing, store
from shared.orders.contract import transfer_events
from shared.orders.model import Claim, Order
from shared.orders.model.transfers import PATIENCE_OF_SHOPPER, Transfer, act_on_deadline
from shared.orders.store import transfers
from tests.support import shop
from tests.support.requests import answered, paths, request

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"boulder": 3, "depot": 9, "omaha": 2}, "B": {"denver": 4}})


def call(name: str, path: str, body: Body | None = None, key: str = "") -> tuple[int, Body]:
    headers = {"idempotency-key": key or path}
    made = request(f"orders/{name}", body=body, path=path, headers=headers)
    status, answer = answered(api.handler(made, None))
    followed()
    return status, answer


def followed() -> None:
    """What follows from the stream, the latest images of orders and transfers; twice, as it may
    come."""
    for _ in range(2):
        for kind in ("ORDER", "TRANSFER"):
            records = [record(row) for row in shop.items("orders") if row["sk"] == kind]
            done = project_fulfillments.handler({"Records": records}, None)
            assert done == {"batchItemFailures": []}
    for sku in ("A", "B"):
        shop.project(sku)
    shop.laws()


def record(row: Body, before: Body | None = None) -> Body:
    images = {"NewImage": to_item(row)} | ({"OldImage": to_item(before)} if before else {})
    keys = to_item({"pk": row["pk"], "sk": row["sk"]})
    return {
        "eventID": row["pk"],
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": "1", **images},
    }


def line(units: int, line_id: str = "1", sku: str = "A", **more: Any) -> Body:
    return {
        "line_id": line_id,
        "sku": sku,
        "quantity": units,
        "unit_price": {"amount": 1000, "currency": "USD"},
        "method": "pickup",
        "location_id": "denver",
        "ship_to_store": True,
        **more,
    }


def placed(*lines: Body, expected: int = 201, **more: Any) -> Body:
    status, order = call("place_order", "/v1/orders", {"lines": list(lines), **more}, "k-1")
    assert status == expected, order
    return order


def stored(order: Body) -> Order:
    found = store.find(order["order_id"])
    assert found is not None
    return found


def sent(order: Body) -> list[Transfer]:
    rows = [row for row in shop.items("orders") if row["sk"] == "TRANSFER"]
    found = sorted(map(transfers.transfer_of_item, rows), key=lambda transfer: transfer.transfer_id)
    assert all(transfer.order_id == order["order_id"] for transfer in found)
    return found


def moved(transfer: Transfer, verb: str, body: Body | None = None) -> Body:
    path = f"/v1/transfers/{transfer.transfer_id}/{verb}"
    status, answer = call(f"{verb}_transfer", path, body)
    assert status == 200, answer
    reviewed()
    return answer


def reviewed() -> None:
    """What follows from the stream of the stock."""
    backorders.review_supplies("A", "denver", datetime.now(UTC))
    followed()


def types(events: Iterable[Body]) -> list[str]:
    return [event["type"] for event in events]


def test_a_store_that_has_none_gets_the_units_for_the_shopper() -> None:
    order = placed(line(2))
    (awaited,) = order["lines"][0]["awaits"]
    assert [entry.event for entry in stored(order).history] == [
        "order.placed",
        "order.sent_to_store",
    ]
    (transfer,) = sent(order)
    assert awaited["transfer_id"] == transfer.transfer_id
    assert order["lines"][0]["expected_at"] == awaited["expected_at"]
    assert (transfer.from_location_id, transfer.to_location_id) == ("boulder", "denver")
    assert shop.counts("A", "boulder") == (3, 2, 1, 0)
    moved(transfer, "ship")
    assert shop.counts("A", "boulder") == (1, 0, 1, 0)
    received = moved(transfer, "receive", {"lines": None})
    assert received["order_id"] == order["order_id"]
    assert shop.counts("A", "denver") == (2, 2, 0, 0)
    (part,) = stored(order).fulfillments
    assert (part.location_id, part.method, part.state) == ("denver", "pickup", "offered")
    for verb in ("accept", "ready", "collect"):
        path = f"/v1/fulfillments/{part.fulfillment_id}/{verb}"
        status, answer = call(f"{verb}_fulfillment", path)
        assert status == 200, answer
    assert answer["state"] == "fulfilled"
    assert shop.counts("A", "denver") == (0, 0, 0, 0)
    events = transfer_events.of_transfer(None, transfers.find(transfer.transfer_id))
    assert types(events) == ["transfer.requested", "transfer.shipped", "transfer.received"]
    assert {event["data"]["order_id"] for event in events} == {order["order_id"]}


def test_an_audit_finds_the_units_by_the_order_when_the_index_is_behind() -> None:
    """The ledger of the stock names the order that requested the transfer, not the transfer."""
    order = placed(line(2))
    units = sum(
        (one for _, one in store.reserved_by_open([order["order_id"]], indexed=False)), Counter()
    )
    assert units == {("A", "boulder"): 2}


def test_a_repeated_placement_requests_one_transfer() -> None:
    assert placed(line(2)) == placed(line(2))
    assert shop.counts("A", "boulder") == (3, 2, 1, 0)


def test_what_the_store_has_is_not_sent() -> None:
    shop.stocked({"A": {"denver": 1}})
    order = placed(line(3))
    assert [part["location_id"] for part in order["fulfillments"]] == ["denver"]
    assert [transfer.lines[0].quantity for transfer in sent(order)] == [2]


def test_units_may_come_from_two_locations() -> None:
    order = placed(line(11))
    assert {transfer.from_location_id for transfer in sent(order)} == {"depot", "boulder"}
    assert order["lines"][0]["backordered"] == 11
    assert order["lines"][0]["expected_at"] == max(
        row["expected_at"] for row in order["lines"][0]["awaits"]
    )
    assert "order.repromised" not in [entry.event for entry in stored(order).history]


def test_without_leave_or_stock_nothing_is_sent() -> None:
    refused = placed(line(2, ship_to_store=False), expected=409)
    assert refused["code"] == "out_of_stock"
    refused = placed(line(15), expected=409)
    assert refused["code"] == "out_of_stock"
    assert not [row for row in shop.items("orders") if row["sk"] == "TRANSFER"]


def test_a_line_to_ship_is_not_sent_to_a_store() -> None:
    wrong = line(1, method="ship", location_id=None)
    del wrong["location_id"]
    assert paths(placed(wrong, expected=422)) == {"$.lines[0]"}


def test_nobody_else_gets_the_units_that_are_sent() -> None:
    """A transfer between stores yields to an order; one for a shopper does not."""
    placed(line(14))
    status, refused = call(
        "place_order",
        "/v1/orders",
        {"lines": [line(1, method="ship", location_id=None, ship_to_store=False)]},
        "k-2",
    )
    assert (status, refused["code"]) == (409, "out_of_stock")


def test_a_cancelled_order_leaves_the_units_where_they_are() -> None:
    order = placed(line(2))
    before = next(row for row in shop.items("orders") if row["sk"] == "ORDER")
    status, _ = call(
        "cancel_order",
        f"/v1/orders/{order['order_id']}/cancel",
        {"lines": None, "reason": "changed my mind"},
    )
    assert status == 200
    after = next(row for row in shop.items("orders") if row["sk"] == "ORDER")
    for _ in range(2):
        project_fulfillments.handler({"Records": [record(after, before)]}, None)
    shop.laws()
    (transfer,) = sent(order)
    assert transfer.state == "cancelled"
    assert shop.counts("A", "boulder") == (3, 0, 3, 0)
    assert shop.position("A", "denver").due == {}


def test_a_store_that_does_not_send_is_replaced() -> None:
    order = placed(line(2))
    (first,) = sent(order)
    moved(first, "cancel", {"reason": "not found"})
    _, second = sorted(sent(order), key=lambda transfer: transfer.requested_at)
    assert (first.from_location_id, second.from_location_id) == ("boulder", "depot")
    found = stored(order).line("1")
    assert [(claim.source, claim.quantity) for claim in found.claims] == [("depot", 2)]
    assert "order.repromised" in [entry.event for entry in stored(order).history]


def test_units_that_get_lost_on_the_way_are_sent_again() -> None:
    order = placed(line(2))
    (transfer,) = sent(order)
    moved(transfer, "ship")
    moved(transfer, "receive", {"lines": [{"sku": "A", "quantity": 1}], "final": True})
    assert len(sent(order)) == 2
    found = stored(order)
    assert [sum(row.quantity for row in part.lines) for part in found.fulfillments] == [1]
    assert found.line("1").backordered == 1


def test_a_late_transfer_is_waited_for() -> None:
    """Its own deadline owns it; the line asks nobody else for the units."""
    order = placed(line(2))
    (transfer,) = sent(order)
    moved(transfer, "ship")
    late = transfer.expected_at + timedelta(hours=1)
    backorders.act_on_deadlines(order["order_id"], late)
    shop.laws()
    assert len(sent(order)) == 1
    deadline = stored(order).line("1").deadline
    assert deadline is not None
    assert deadline > late


def claims(order_id: str) -> tuple[Claim, ...]:
    found = store.find(order_id)
    assert found is not None
    return found.line("1").claims


def test_a_review_before_the_announcement_keeps_the_promise() -> None:
    """The position of the store learns of the transfer from the stream, a moment later."""
    placed(line(2))
    position = shop.position("A", "denver")
    assert [row.quantity for row in position.expected] == [2]
    second = shop.order(
        "o2", shop.line("1", "A", 1, "pickup", location_id="denver", ship_to_store=True)
    )
    placing.place(second, shop.request("o2"), "web", datetime.now(UTC), lambda _: "{}")
    placed_claims = claims("o2")
    backorders.review_supplies("A", "denver", datetime.now(UTC))
    assert claims("o2") == placed_claims
    shop.laws()


def test_an_order_to_be_collected_complete_waits_for_what_is_sent() -> None:
    order = placed(line(2), line(1, "2", "B"), ship_complete=True)
    (part,) = order["fulfillments"]
    path = f"/v1/fulfillments/{part['fulfillment_id']}"
    assert call("accept_fulfillment", f"{path}/accept")[0] == 200
    status, refused = call("pick_fulfillment", f"{path}/pick")
    assert (status, refused["waits_for"]) == (409, ["1"])
    (transfer,) = sent(order)
    moved(transfer, "ship")
    moved(transfer, "receive", {"lines": None})
    found = stored(order)
    assert not found.is_incomplete
    assert call("pick_fulfillment", f"{path}/pick", key="again")[0] == 200


def test_units_that_arrive_before_the_store_is_told_of_them() -> None:
    """The position of a store that never had the SKU knows of no feed; it refused the receipt."""
    made = request("orders/place_order", body={"lines": [line(2)]}, path="/v1/orders")
    status, order = answered(api.handler(made, None))
    assert status == 201, order
    transfer = order["lines"][0]["awaits"][0]["transfer_id"]
    for verb, body in (("ship", None), ("receive", {"lines": None})):
        path = f"/v1/transfers/{transfer}/{verb}"
        headers = {"idempotency-key": verb}
        made = request(f"orders/{verb}_transfer", body=body, path=path, headers=headers)
        status, answer = answered(api.handler(made, None))
        assert status == 200, answer
    assert shop.counts("A", "denver") == (2, 2, 0, 0)
    reviewed()
    (part,) = stored(order).fulfillments
    assert (part.location_id, part.state) == ("denver", "offered")


def promised(units: int) -> list[Body]:
    body = {"lines": [{"sku": "A", "quantity": units}], "pickup_at": "denver", "ship_to": None}
    made = request("orders/promise", body=body)
    status, answer = answered(api.handler(made, None))
    assert status == 200, answer
    return list(answer["options"])


def test_what_can_be_sent_is_promised_before_it_is_ordered() -> None:
    """The shopper learns the date, and the order keeps it."""
    shop.stocked({"A": {"denver": 1}})
    (option,) = promised(3)
    (wait,) = option["waits"]
    assert (wait["from_location_id"], wait["quantity"], option["splits"]) == ("boulder", 2, 1)
    assert option["ready_by"] > wait["expected_at"]
    assert option["cost"]["amount"] > 0
    order = placed(line(3))
    (awaited,) = order["lines"][0]["awaits"]
    assert awaited["quantity"] == wait["quantity"]
    gap = datetime.fromisoformat(awaited["expected_at"]) - datetime.fromisoformat(
        wait["expected_at"]
    )
    assert abs(gap) < timedelta(minutes=1)


def test_more_than_all_have_is_not_promised() -> None:
    assert promised(99) == []


@pytest.mark.parametrize("shipped", [False, True])
def test_a_store_that_sends_nothing_is_replaced_after_two_reminders(shipped: bool) -> None:
    order = placed(line(2))
    (first,) = sent(order)
    if shipped:
        moved(first, "ship")
    for _ in range(PATIENCE_OF_SHOPPER + 1):
        deadline = transfers.find(first.transfer_id).deadline
        assert deadline is not None
        sweep_transfer(first.transfer_id, deadline)
    followed()
    reviewed()
    gone = transfers.find(first.transfer_id)
    assert gone.state == ("received" if shipped else "cancelled")
    assert {claim.source for claim in stored(order).line("1").claims} == {"depot"}
    late = [entry for entry in gone.history if entry.event == "transfer.late"]
    assert len(late) == PATIENCE_OF_SHOPPER


def sweep_transfer(transfer_id: str, now: datetime) -> None:
    transfers.change(transfer_id, lambda one: act_on_deadline(one, now), now)


def test_units_of_an_order_that_is_reviewed_or_not_paid_do_not_leave() -> None:
    """The review may end with a cancel, and the units would lie in another store."""
    order = placed(line(2), payment={"status": "pending"})
    (transfer,) = sent(order)
    ship = f"/v1/transfers/{transfer.transfer_id}/ship"
    status, refused = call("ship_transfer", ship, key="unpaid")
    assert (status, refused["payment"]) == (409, "pending")
    path = f"/v1/orders/{order['order_id']}"
    assert call("pay_order", f"{path}/payment", {"status": "paid"}, "pay")[0] == 200
    assert call("pause_order", f"{path}/pauses", key="pause")[0] == 200
    status, refused = call("ship_transfer", ship, key="paused")
    assert (status, refused["code"]) == (409, "order_paused")
    assert shop.counts("A", "boulder") == (3, 2, 1, 0)
    (pause,) = stored(order).pauses
    assert call("release_pause", f"{path}/pauses/{pause.pause_id}/release", key="end")[0] == 200
    assert call("ship_transfer", ship, key="goes on")[0] == 200


def test_a_long_order_id_makes_no_id_that_no_route_takes() -> None:
    order = placed(line(2), order_id="o" * 60)
    (transfer,) = sent(order)
    assert moved(transfer, "ship")["state"] == "shipped"
