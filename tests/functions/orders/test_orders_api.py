"""Orders through the API: from the gateway's event to the answer, and to the tables."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments, sweep
from shared.aws.items import to_item
from shared.customers import store as customers
from shared.errors import Busy
from shared.orders import store
from shared.orders.contract.common import MOST_ORDERED
from shared.orders.model import OrderChange
from shared.routing.model.route import replay
from shared.web.cursor import cursor_of
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request
from tests.support.tables import Kept

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 2, "depot": 9}, "B": {"denver": 1, "omaha": 4}})


def call(
    name: str,
    body: Body | None = None,
    path: str | None = None,
    key: str | None = None,
    **more: Any,
) -> tuple[int, Body]:
    headers = {"idempotency-key": key} if key else {}
    made = request(f"orders/{name}", body=body, path=path, headers=headers, **more)
    return answered(api.handler(made, None))


def placed(body: Body | None = None, key: str = "cart-1") -> Body:
    status, answer = call("place_order", body, key=key)
    assert status == 201, answer
    shop.laws()
    return answer


def done(action: str, fulfillment_id: str, body: Body | None = None, key: str = "") -> Body:
    path = f"/v1/fulfillments/{fulfillment_id}/{action}"
    key = key or f"{action}-{fulfillment_id}"
    status, answer = call(f"{action}_fulfillment", body, path, key)
    assert status == 200, answer
    shop.laws()
    return answer


def of_line(order: Body, line_id: str) -> Body:
    found: Body = next(line for line in order["lines"] if line["line_id"] == line_id)
    return found


def part(order: Body, method: str) -> Body:
    found: Body = next(found for found in order["fulfillments"] if found["method"] == method)
    return found


def projected() -> None:
    """The stream of the orders, as far as the pick lists need it."""
    records = [
        {
            "eventID": row["pk"],
            "eventName": "MODIFY",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
                "NewImage": to_item(row),
                "SequenceNumber": "1",
            },
        }
        for row in shop.items("orders")
        if row["sk"] == "ORDER"
    ]
    assert project_fulfillments.handler({"Records": records}, None) == {"batchItemFailures": []}


def ship_only(quantity: int = 2, **more: Any) -> Body:
    first, _ = json.loads(event("orders/place_order")["body"])["lines"]
    return {"lines": [{**first, "quantity": quantity, **more}]}


def test_what_is_answered_is_what_is_reserved() -> None:
    order = placed()
    assert order["state"] == "placed"
    assert {line["line_id"]: line["open"] for line in order["lines"]} == {"1": 2, "2": 1}
    for found in order["fulfillments"]:
        for held in found["lines"]:
            assert shop.position(held["sku"], found["location_id"]).reserved == held["quantity"]
    assert part(order, "pickup")["location_id"] == "denver"
    assert part(order, "pickup")["promise"]["ready_by"]
    assert part(order, "ship")["promise"]["deliver_by"]
    assert all(found["deadline"] for found in order["fulfillments"])
    status, read = call("get_order", path=f"/v1/orders/{order['order_id']}")
    assert (status, read) == (200, order)


def test_a_repeated_request_gets_the_first_answer_byte_for_byte() -> None:
    first = api.handler(event("orders/place_order"), None)
    done("accept", json.loads(first["body"])["fulfillments"][0]["fulfillment_id"])
    again = api.handler(event("orders/place_order"), None)
    assert (again["statusCode"], again["body"]) == (201, first["body"])
    assert len(shop.all_orders()) == 1


def test_a_key_is_not_used_for_two_things() -> None:
    order = placed()
    status, problem = call("place_order", {"service_level": "express"})
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    status, problem = call("place_order", {"order_id": "mine"})
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    cancel = f"/v1/orders/{order['order_id']}/cancel"
    status, problem = call("cancel_order", path=cancel, key="cart-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    status, problem = answered(api.handler({**event("orders/place_order"), "headers": {}}, None))
    assert (status, problem["code"]) == (400, "idempotency_key_missing")


def test_a_channel_may_bring_its_own_order_id_once() -> None:
    order = placed({"order_id": "web-77", **ship_only()})
    assert order["order_id"] == "web-77"
    assert placed({"order_id": "web-77", **ship_only()}) == order
    status, problem = call("place_order", {"order_id": "web-77", **ship_only()}, key="other")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert len(shop.all_orders()) == 1


def test_what_cannot_be_had_is_refused_whole_with_the_alternatives() -> None:
    body = json.loads(event("orders/place_order")["body"])
    body["lines"][0]["quantity"] = 99
    body["lines"][1]["quantity"] = 2
    status, problem = call("place_order", body)
    assert (status, problem["code"]) == (409, "out_of_stock")
    assert problem["short"] == [
        {"line_id": "1", "sku": "A", "wanted": 99, "sellable": 16, "reason": "out_of_stock"},
        {
            "line_id": "2",
            "sku": "B",
            "wanted": 2,
            "sellable": 1,
            "reason": "out_of_stock",
            "location_id": "denver",
        },
    ]
    elsewhere = [row["location_id"] for row in problem["alternatives"] if row["sku"] == "B"]
    assert elsewhere == ["omaha"]
    assert problem["alternatives"][-1]["distance_km"] > 700
    assert shop.all_orders() == []
    shop.laws()


def test_what_may_come_later_is_backordered() -> None:
    order = placed(ship_only(20, backorder=True))
    line = of_line(order, "1")
    assert (line["open"], line["backordered"]) == (16, 4)
    assert line["deadline"]
    assert "expected_at" not in line


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"lines": []}, "$.lines"),
        ({"ship_to": None}, "$"),
        ({"colour": "red"}, "$.colour"),
        ({"customer": {"profile_id": "nobody"}}, "$.customer.profile_id"),
    ],
)
def test_bad_input_is_named_by_its_path(change: Body, path: str) -> None:
    status, problem = call("place_order", change)
    assert (status, problem["code"]) == (422, "invalid_request")
    assert path in {entry["path"] for entry in problem["errors"]}


def test_a_line_is_not_collected_where_nothing_is_handed_over() -> None:
    body = json.loads(event("orders/place_order")["body"])
    for place in ("depot", "nowhere"):
        body["lines"][1]["location_id"] = place
        status, problem = call("place_order", body)
        assert status == 422
        assert problem["errors"][0]["path"] == "$.lines[1].location_id"


def test_a_client_acts_for_its_own_channels_only() -> None:
    status, problem = call("place_order", {"channel": "pos"})
    assert (status, problem["code"]) == (403, "forbidden")
    order = placed()
    path = f"/v1/orders/{order['order_id']}"
    scope = "norain/orders:read norain/channel:marketplace"
    assert call("get_order", path=path, scope=scope)[0] == 403
    assert call("cancel_order", path=f"{path}/cancel", scope=scope)[0] == 403
    assert call("get_order", path="/v1/orders/none")[0] == 404


def test_orders_of_other_channels_are_neither_seen_nor_touched() -> None:
    order = placed()
    projected()
    path = f"/v1/orders/{order['order_id']}"
    scope = "norain/orders:read norain/orders:write norain/channel:marketplace"
    for name in ("get_decision", "get_history"):
        assert call(name, path=f"{path}/{name.removeprefix('get_')}", scope=scope)[0] == 403
    for name, action in {"pay_order": "payment", "return_order": "returns"}.items():
        assert call(name, path=f"{path}/{action}", key=name, scope=scope)[0] == 403
    for found in order["fulfillments"]:
        one = f"/v1/fulfillments/{found['fulfillment_id']}"
        for action in ("accept", "reject", "pick", "pack", "ready", "ship", "collect", "cancel"):
            key = f"{action}-{found['fulfillment_id']}"
            made = call(f"{action}_fulfillment", path=f"{one}/{action}", key=key, scope=scope)
            assert made[0] == 403, action
        query = {"location_id": found["location_id"]}
        assert call("list_fulfillments", query=query, scope=scope)[0] == 403
        assert call("list_orders", query=query, scope=scope)[1]["orders"] == []
        assert len(call("list_orders", query=query)[1]["orders"]) == 1
    assert call("get_order", path=path) == (200, order)


@pytest.mark.parametrize("amount", [True, "5", 1.0, -1, 10**12 + 1, 10**39 + 1])
def test_a_price_is_a_whole_number_of_minor_units(amount: Any) -> None:
    status, problem = call(
        "place_order", ship_only(unit_price={"amount": amount, "currency": "USD"})
    )
    assert (status, paths(problem)) == (422, {"$.lines[0].unit_price.amount"})


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("get_order", "/v1/orders/{}"),
        ("get_history", "/v1/orders/{}/history"),
        ("cancel_order", "/v1/orders/{}/cancel"),
        ("accept_fulfillment", "/v1/fulfillments/{}/accept"),
        ("get_transfer", "/v1/transfers/{}"),
    ],
)
def test_an_id_that_nothing_has_is_refused_with_its_place(name: str, path: str) -> None:
    status, problem = call(name, path=path.format("x" * 2100), key="long")
    kind = path.split("/")[2].removesuffix("s")
    assert (status, paths(problem)) == (422, {f"path.{kind}_id"})
    assert call(name, path=path.format("none.1"), key="none")[0] == 404


@pytest.mark.parametrize(
    "key",
    [
        "offered\n\nxx.1",
        "offered\n2026\nxx",
        "offered\na\n#b",
        f"offered\n{'k' * 3000}\nx.1",
        f"offered\n2026-11-20T18:00:00.000Z#{'x' * 3000}.1\n{'x' * 3000}.1",
        "profile\n\nx",
        f"profile\n{'k' * 3000}\nx",
        "",
        "é",
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused(key: str) -> None:
    for name, query in {
        "list_fulfillments": {"location_id": "denver"},
        "list_orders": {"profile_id": "bob"},
    }.items():
        status, problem = call(name, query={**query, "cursor": cursor_of(key)})
        assert (status, paths(problem)) == (422, {"query.cursor"}), name


def test_an_order_is_carried_to_its_end() -> None:
    order = placed()
    parcel, bag = part(order, "ship"), part(order, "pickup")
    for action in ("accept", "pick", "pack", "ship"):
        order = done(action, parcel["fulfillment_id"])
    assert part(order, "ship")["state"] == "shipped"
    assert part(order, "ship")["tracking"] == "1Z999"
    assert order["state"] == "partially_fulfilled"
    for action in ("accept", "ready", "collect"):
        order = done(action, bag["fulfillment_id"])
    assert order["state"] == "fulfilled"
    assert shop.counts("B", "denver") == (0, 0, 0, 0)
    where = parcel["location_id"]
    assert shop.position("A", where).reserved == 0
    _, history = call("get_history", path=f"/v1/orders/{order['order_id']}/history")
    events = [entry["event"] for entry in history["entries"]]
    assert events[0] == "order.placed"
    assert events[-1] == "fulfillment.collected"


def test_half_a_parcel_leaves_and_the_rest_can_still_be_cancelled() -> None:
    order = placed(ship_only())
    (found,) = order["fulfillments"]
    done("accept", found["fulfillment_id"])
    half = {"carrier": "UPS", "tracking": "1Z", "lines": [{"line_id": "1", "quantity": 1}]}
    order = done("ship", found["fulfillment_id"], half)
    shipped, rest = order["fulfillments"]
    assert (shipped["state"], rest["state"]) == ("shipped", "accepted")
    order = done("cancel", rest["fulfillment_id"])
    line = of_line(order, "1")
    assert (line["open"], line["fulfilled"], line["cancelled"]) == (0, 1, 1)
    assert order["state"] == "fulfilled"


def test_every_stored_decision_is_taken_again_to_the_same_bytes() -> None:
    order = placed()
    done("reject", part(order, "ship")["fulfillment_id"])
    (stored,) = shop.all_orders()
    assert len(stored.decisions) == 2
    for kept in stored.decisions:
        data = store.decision(stored.order_id, kept)
        assert replay(data).to_bytes() == data


def test_an_action_that_the_state_does_not_allow_says_what_it_does() -> None:
    found = part(placed(), "ship")
    path = f"/v1/fulfillments/{found['fulfillment_id']}/ship"
    status, problem = call("ship_fulfillment", path=path)
    assert (status, problem["code"]) == (409, "invalid_transition")
    assert problem["state"] == "offered"
    assert problem["allowed"] == ["accept", "cancel", "reject"]


def test_a_repeated_action_gets_its_first_answer() -> None:
    found = part(placed(), "ship")
    path = f"/v1/fulfillments/{found['fulfillment_id']}/accept"
    first = request("orders/accept_fulfillment", path=path)
    answer = api.handler(first, None)
    done("pick", found["fulfillment_id"])
    again = api.handler(request("orders/accept_fulfillment", path=path), None)
    assert (again["statusCode"], again["body"]) == (answer["statusCode"], answer["body"])
    status, problem = call("cancel_order", path="/v1/orders/x/cancel", key="accept-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


def test_what_a_store_does_not_find_is_taken_off_and_comes_from_elsewhere() -> None:
    order = placed(ship_only())
    (found,) = order["fulfillments"]
    where = found["location_id"]
    before = shop.position("A", where).on_hand
    order = done("reject", found["fulfillment_id"])
    units = sum(line["quantity"] for line in found["lines"])
    assert shop.counts("A", where) == (before - units, 0, before - units, 0)
    rejected, offered = order["fulfillments"]
    assert rejected["state"] == "rejected"
    assert (offered["state"], offered["lines"]) == ("offered", found["lines"])
    assert offered["location_id"] != where
    path = f"/v1/orders/{order['order_id']}/decision"
    status, decision = call("get_decision", path=path)
    assert status == 200
    assert decision["decision_id"] == order["decision_id"]
    assert len(decision["decisions"]) == 2
    chosen = [row["location_id"] for row in decision["candidates"] if row["chosen"]]
    assert chosen == [offered["location_id"]]
    assert all(row["sentence"] for row in decision["candidates"])


def test_a_record_that_cannot_be_read_is_put_away_and_named_in_the_log(
    caplog: pytest.LogCaptureFixture, failed_records: Kept
) -> None:
    images = {"Keys": to_item({"pk": "ORDER#o", "sk": "ORDER"}), "NewImage": to_item({"bob": 1})}
    record = {"eventID": "e-1", "dynamodb": {**images, "SequenceNumber": "7"}}
    answer = project_fulfillments.handler({"Records": [record]}, None)
    assert answer == {"batchItemFailures": []}
    (line,) = [line for line in caplog.records if line.message == "unreadable"]
    assert vars(line)["error"] == ["builtins.KeyError"]
    (kept,) = failed_records()
    assert json.loads(kept["payload"]) == {"Records": [record]}


def test_a_record_that_cannot_be_projected_comes_again_and_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Busy("a person's words")

    placed()
    monkeypatch.setattr(store, "project_pick_rows", fail)
    with pytest.raises(AssertionError):
        projected()
    lines = [line for line in caplog.records if line.message == "change could not be projected"]
    assert lines
    assert "a person's words" not in str([vars(line) for line in lines])


@pytest.mark.parametrize(
    ("reason", "after"),
    [("damaged", (3, 0, 3, 2)), ("mismatch", (3, 0, 3, 0)), ("no_capacity", (5, 0, 5, 0))],
)
def test_a_rejection_says_what_is_wrong_with_the_stock(reason: str, after: tuple[int, ...]) -> None:
    body = ship_only(method="pickup", location_id="denver")
    order = placed({**body, "ship_to": None})
    (found,) = order["fulfillments"]
    lines = [{"line_id": "1", "quantity": 2, "reason": reason}]
    order = done("reject", found["fulfillment_id"], {"lines": lines})
    assert shop.counts("A", "denver") == after
    assert order["state"] == "exception"
    assert of_line(order, "1")["unassigned"] == 2
    assert of_line(order, "1")["deadline"]


def test_cancelled_units_are_on_sale_again() -> None:
    order = placed()
    path = f"/v1/orders/{order['order_id']}/cancel"
    body = {"lines": [{"line_id": "1", "quantity": 1}]}
    status, order = call("cancel_order", body, path)
    assert (status, of_line(order, "1")["cancelled"]) == (200, 1)
    shop.laws()
    status, order = call("cancel_order", path=path, key="cancel-2")
    assert (status, order["state"]) == (200, "cancelled")
    shop.laws()
    assert sum(row["reserved"] for row in shop.items("stock") if "reserved" in row) == 0
    status, problem = call("cancel_order", path=path, key="cancel-3")
    assert (status, problem["code"]) == (409, "invalid_transition")


def test_goods_come_back_at_any_location() -> None:
    order = placed(ship_only())
    (found,) = order["fulfillments"]
    for action in ("accept", "ship"):
        done(action, found["fulfillment_id"])
    before = shop.counts("A", "omaha") if found["location_id"] == "omaha" else (0, 0, 0, 0)
    path = f"/v1/orders/{order['order_id']}/returns"
    lines = [
        {"line_id": "1", "quantity": 1, "condition": "sellable", "reason": "too small"},
        {"line_id": "1", "quantity": 1, "condition": "damaged", "reason": "broken"},
    ]
    status, order = call("return_order", {"location_id": "omaha", "lines": lines}, path)
    assert (status, of_line(order, "1")["returned"]) == (200, 2)
    assert before == (0, 0, 0, 0)
    assert shop.counts("A", "omaha") == (1, 0, 1, 1)
    status, problem = call("return_order", {"location_id": "moon"}, path, "return-2")
    assert (status, problem["errors"][0]["path"]) == (422, "$.location_id")


def test_the_pick_list_of_a_location_shows_what_is_to_be_done() -> None:
    order = placed()
    projected()
    bag = part(order, "pickup")
    status, listed = call("list_fulfillments")
    assert status == 200
    ids = {found["fulfillment_id"] for found in listed["fulfillments"]}
    assert bag["fulfillment_id"] in ids
    assert call("list_orders")[1]["orders"] == [order]
    done("accept", bag["fulfillment_id"])
    projected()
    _, offered = call("list_fulfillments", query={"location_id": "denver", "state": "offered"})
    assert bag["fulfillment_id"] not in {f["fulfillment_id"] for f in offered["fulfillments"]}
    _, accepted = call("list_fulfillments", query={"location_id": "denver", "state": "accepted"})
    assert [f["fulfillment_id"] for f in accepted["fulfillments"]] == [bag["fulfillment_id"]]


def test_a_pick_list_goes_on_where_its_page_ended() -> None:
    for number in range(5):
        body = ship_only(1, method="pickup", location_id="denver")
        order = placed({**body, "ship_to": None}, key=f"cart-{number}")
        if number % 2:
            done("accept", order["fulfillments"][0]["fulfillment_id"])
    projected()
    seen: list[str] = []
    query = {"location_id": "denver", "limit": "2"}
    while True:
        _, page = call("list_fulfillments", query=query)
        seen += [f"{found['state']} {found['order_id']}" for found in page["fulfillments"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5
    assert [entry.split()[0] for entry in seen] == ["offered"] * 3 + ["accepted"] * 2
    status, problem = call("list_fulfillments", query={"location_id": "denver", "cursor": "eA"})
    assert (status, problem["errors"][0]["path"]) == (422, "query.cursor")


def test_the_orders_of_nobody_are_not_listed() -> None:
    status, problem = call("list_orders", query={"limit": "3"})
    assert (status, problem["code"]) == (422, "invalid_request")
    assert call("list_orders", query={"profile_id": "p-1"}) == (200, {"orders": []})


def test_a_person_whom_the_channel_describes_is_known_afterwards(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("NORAIN_IDENTITY_KEY", "0123456789abcdef0123456789abcdef")
    customer = {
        "source": "web",
        "source_id": "u-1",
        "identifiers": {"email": "bob@shop.test"},
        "attributes": {"given_name": "Bob"},
    }
    first = placed({"customer": customer})
    second = placed({"customer": customer, **ship_only(1)}, key="cart-2")
    assert first["profile_id"] == second["profile_id"]
    status, listed = call("list_orders", query={"profile_id": first["profile_id"], "limit": "1"})
    assert status == 200
    (newest,) = listed["orders"]
    query = {"profile_id": first["profile_id"], "cursor": listed["next_cursor"]}
    _, rest = call("list_orders", query=query)
    assert newest["order_id"] == second["order_id"]
    both = {first["order_id"], second["order_id"]}
    assert {newest["order_id"], rest["orders"][0]["order_id"]} == both
    for _ in range(2):
        projected()
    _, timeline, _ = customers.timeline(first["profile_id"], 10, None)
    assert {entry.interaction_id for entry in timeline} == both


def test_what_came_back_stands_in_the_timeline_of_the_buyer(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("NORAIN_IDENTITY_KEY", "0123456789abcdef0123456789abcdef")
    customer = {"source": "web", "source_id": "u-1", "identifiers": {"email": "bob@shop.test"}}
    order = placed({"customer": customer, **ship_only()})
    (found,) = order["fulfillments"]
    for action in ("accept", "ship"):
        done(action, found["fulfillment_id"])
    lines = [{"line_id": "1", "quantity": 1, "condition": "sellable", "reason": "too small"}]
    path = f"/v1/orders/{order['order_id']}/returns"
    assert call("return_order", {"location_id": "omaha", "lines": lines}, path)[0] == 200
    for _ in range(2):
        projected()
    seen = customers.profile_overview(order["profile_id"])
    assert [entry.kind for entry in seen.orders] == ["return", "purchase"]
    assert seen.orders[0].data == {
        "order_id": order["order_id"],
        "location_id": "omaha",
        "lines": [{"sku": "A", "quantity": 1}],
    }


def test_an_offer_that_nobody_answers_goes_elsewhere(environment: pytest.MonkeyPatch) -> None:
    order = placed(ship_only())
    (found,) = order["fulfillments"]
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}
    item = next(row for row in shop.items("orders") if row["sk"] == "ORDER")
    assert item["deadline"] == found["deadline"]
    _expire(order["order_id"])
    assert sweep.handler({}, None) == {"acted": 1, "failed": 0}
    shop.laws()
    (swept,) = shop.all_orders()
    assert [f.state for f in swept.fulfillments] == ["expired", "offered"]
    assert swept.fulfillments[1].location_id != found["location_id"]
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}


def _expire(order_id: str) -> None:
    """As if the offers had been made a year ago."""
    order = store.find(order_id)
    assert order is not None
    past = tuple(replace(f, deadline=shop.NOW - timedelta(days=365)) for f in order.fulfillments)
    assert store.commit(OrderChange(replace(order, fulfillments=past)), shop.NOW) is None


def test_a_quote_reserves_nothing_and_decides_as_the_order_would() -> None:
    status, quote = call("quote_order")
    assert status == 200
    assert quote["short"] == []
    assert shop.all_orders() == []
    assert all(row.get("reserved", 0) == 0 for row in shop.items("stock"))
    order = placed()
    places = [(f["location_id"], f["lines"]) for f in order["fulfillments"]]
    assert [(f["location_id"], f["lines"]) for f in quote["fulfillments"]] == places


def test_a_cart_is_promised_by_service_level_and_pickup() -> None:
    status, promise = call("promise")
    assert status == 200
    methods = [(o["method"], o.get("service_level")) for o in promise["options"]]
    assert ("ship", "standard") in methods
    assert ("pickup", None) in methods
    for option in promise["options"]:
        assert option["cost"]["amount"] > 0
        assert "deliver_by" in option or "ready_by" in option
    status, promise = call("promise", {"lines": [{"sku": "B", "quantity": 9}]})
    assert (status, promise["options"]) == (200, [])
    assert promise["short"] == [{"sku": "B", "wanted": 9, "sellable": 5}]


def test_an_order_that_waits_for_its_payment_says_until_when_and_is_paid_once() -> None:
    order = placed({**ship_only(), "payment": {"status": "pending"}})
    assert order["payment"]["status"] == "pending"
    assert order["payment"]["deadline"] > order["placed_at"]
    path = f"/v1/orders/{order['order_id']}/payment"
    status, paid = call("pay_order", path=path)
    assert (status, paid["payment"]) == (200, {"status": "paid", "reference": "psp-1"})
    assert call("pay_order", path=path) == (200, paid)
    status, problem = call("pay_order", path=path, key="pay-2")
    assert (status, problem["code"]) == (409, "invalid_transition")


@pytest.mark.parametrize("name", ["place_order", "quote_order", "promise"])
def test_an_address_that_nobody_knows_is_refused_by_its_path(name: str) -> None:
    nowhere = {"postal_code": "00000", "country": "US"}
    status, problem = call(name, {"ship_to": nowhere})
    assert (status, problem["errors"][0]["path"]) == (422, "$.ship_to.postal_code")
    known = {**nowhere, "latitude": 39.7, "longitude": -105.0}
    status, _ = call(name, {"ship_to": known})
    assert status in {200, 201}


def test_a_service_that_no_carrier_offers_from_there_is_named() -> None:
    shop.stocked({"C": {"depot": 3}})
    body = {**ship_only(1, sku="C"), "service_level": "same_day"}
    status, problem = call("place_order", body)
    assert (status, problem["code"]) == (409, "no_service")
    assert "alternatives" not in problem
    (row,) = problem["short"]
    assert (row["reason"], row["service_levels"]) == (
        "no_service",
        ["standard", "express", "next_day"],
    )


def test_every_sample_event_reaches_a_route() -> None:
    names: Mapping[str, int] = {"get_order": 404, "get_decision": 404, "get_history": 404}
    for name, expected in names.items():
        status, problem = call(name)
        assert (status, problem["code"]) == (expected, "not_found")
        assert "route" not in problem["detail"]


@pytest.mark.parametrize("name", ["place_order", "quote_order", "promise", "hold_promise"])
def test_a_line_of_more_units_than_anybody_orders_is_refused_by_its_path(name: str) -> None:
    lines = json.loads(event(f"orders/{name}")["body"])["lines"]
    lines[-1]["quantity"] = MOST_ORDERED + 1
    status, problem = call(name, {"lines": lines}, key="too many")
    path = f"$.lines[{len(lines) - 1}].quantity"
    assert (status, [error["path"] for error in problem["errors"]]) == (422, [path])


def test_a_line_of_as_many_units_as_may_be_ordered_is_backordered_at_once() -> None:
    lines: list[Body] = [{"line_id": "1", "sku": "A", "quantity": MOST_ORDERED, "method": "ship"}]
    lines[0] |= {"unit_price": {"amount": 5, "currency": "USD"}, "backorder": True}
    order = placed({"lines": lines})
    assert of_line(order, "1")["open"] + of_line(order, "1")["backordered"] == MOST_ORDERED


def test_two_currencies_in_one_order_are_refused_by_their_path() -> None:
    body = json.loads(event("orders/place_order")["body"])
    body["lines"][1]["unit_price"]["currency"] = "EUR"
    for name in ("place_order", "quote_order"):
        status, problem = call(name, {"lines": body["lines"]})
        assert (status, paths(problem)) == (422, {"$.lines[1].unit_price.currency"})


def test_a_payment_in_another_currency_is_refused_by_its_path() -> None:
    order = placed({"payment": {"status": "pending"}})
    path = f"/v1/orders/{order['order_id']}/payment"
    body = {"status": "paid", "amount": {"amount": 5, "currency": "EUR"}}
    status, problem = call("pay_order", body, path, "pay")
    assert (status, paths(problem)) == (422, {"$.amount.currency"})


def test_an_exchange_names_an_order_that_exists_and_is_of_the_same_buyer() -> None:
    order = placed(ship_only(1), "bought")
    name = order["fulfillments"][0]["fulfillment_id"]
    done("accept", name)
    done("ship", name)
    path = f"/v1/orders/{order['order_id']}/returns"
    back = {"line_id": "1", "quantity": 1, "condition": "sellable", "reason": "too small"}
    body = {"location_id": "denver", "lines": [back]}
    bob = {"source": "web", "source_id": "u-1", "identifiers": {"email": "bob@shop.test"}}
    theirs = placed({**ship_only(1), "customer": bob}, "theirs")
    for wrong in ("nowhere", order["order_id"], theirs["order_id"]):
        exchange = {**body, "exchange_order_id": wrong}
        status, problem = call("return_order", exchange, path, f"back-{wrong}")
        assert (status, paths(problem)) == (422, {"$.exchange_order_id"}), wrong
    mine = placed(ship_only(1), "instead")
    exchange = {**body, "exchange_order_id": mine["order_id"]}
    assert call("return_order", exchange, path, "back")[0] == 200
    shop.laws()
