"""Stock by queue, shoppers by HTTP: the whole system as its users meet it."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local import laws
from tests.e2e.conftest import Deployed, eventually
from tests.support.crowd import CONNECTIONS, at_once

STORES = {
    "EA": (39.96, -83.00),
    "EB": (39.99, -82.70),
    "EC": (40.06, -82.40),
    "ED": (39.10, -84.51),
}
INJURED = "AUDIT-"
HERE = "39.96,-83.00"
SHIP_TO = {"postal_code": "43215", "country": "US", "latitude": 39.96, "longitude": -83.0}


@pytest.fixture(scope="module", autouse=True)
def stores(cloud: Deployed) -> None:
    for name, (latitude, longitude) in STORES.items():
        answer = cloud.as_("ops").put(
            f"/v1/locations/{name}",
            json={
                "name": name,
                "type": "store",
                "latitude": latitude,
                "longitude": longitude,
                "postal_code": "43215",
                "country": "US",
                "time_zone": "America/New_York",
                "hours": {},
                "closed_on": [],
                "pickup": True,
                "ship": True,
                "lead_time_minutes": 30,
                "capacity_per_hour": 100,
            },
        )
        assert answer.is_success, answer.text


def product(cloud: Deployed) -> str:
    sku = f"E{uuid.uuid4().hex[:10]}"
    body = {"title": f"Thing {sku}", "price": {"amount": 1999, "currency": "USD"}, "kg": 0.4}
    assert cloud.as_("ops").put(f"/v1/products/{sku}", json=body).is_success
    return sku


def counted(sku: str, location_id: str, quantity: int, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "test:wms",
        "type": "stock.counted",
        "time": now,
        "data": {
            "sku": sku,
            "location_id": location_id,
            "quantity": quantity,
            "as_of": now,
            "basis": "physical",
        },
        **more,
    }


def send(cloud: Deployed, *events: Any) -> None:
    cloud.sqs.send_message(
        QueueUrl=cloud.target.stock_feed_queue_url, MessageBody=json.dumps(events)
    )


def stocked(cloud: Deployed, units: dict[str, int]) -> str:
    """A new product with ``units`` by location, sent through the queue and shown everywhere."""
    sku = product(cloud)
    send(cloud, *(counted(sku, place, quantity) for place, quantity in units.items()))
    eventually(lambda: available(cloud, sku)["sellable"] == sum(units.values()))
    return sku


def available(cloud: Deployed, sku: str, **params: Any) -> dict[str, Any]:
    answer = cloud.as_("web").get(
        "/v1/availability", params={"sku": sku, "channel": "web", **params}
    )
    assert answer.status_code == 200, answer.text
    item: dict[str, Any] = answer.json()["items"][0]
    return item


def pickup(sku: str, location_id: str, quantity: int = 1) -> dict[str, Any]:
    line = ship(sku, quantity)["lines"][0] | {"method": "pickup", "location_id": location_id}
    return {"channel": "web", "payment": {"status": "paid"}, "lines": [line]}


def ship(sku: str, quantity: int = 1) -> dict[str, Any]:
    return {
        "channel": "web",
        "payment": {"status": "paid"},
        "ship_to": SHIP_TO,
        "lines": [
            {
                "line_id": "1",
                "sku": sku,
                "quantity": quantity,
                "unit_price": {"amount": 1999, "currency": "USD"},
                "method": "ship",
            }
        ],
    }


def position(cloud: Deployed, sku: str, location_id: str) -> dict[str, Any]:
    answer = cloud.as_("ops").get(f"/v1/stock/{sku}/{location_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ok(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_count_from_the_queue_is_what_shoppers_near_it_are_told(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 0, "EB": 4, "EC": 1, "ED": 7})
    item = available(cloud, sku, near=HERE, radius_km=100)
    assert [row["location_id"] for row in item["locations"]] == ["EB", "EC"]
    assert [row["sellable"] for row in item["locations"]] == [4, 1]
    assert 20 < item["locations"][0]["distance_km"] < 30
    assert datetime.fromisoformat(item["locations"][0]["pickup"]["ready_by"]) > datetime.now(UTC)


def test_a_poison_message_goes_to_the_dead_letters_alone_with_its_reason(cloud: Deployed) -> None:
    sku = product(cloud)
    bad = counted(sku, "EB", 3)
    bad["data"]["quantity"] = "three"
    send(cloud, counted(sku, "EA", 5), bad, counted(sku, "EC", 6))
    eventually(lambda: available(cloud, sku)["sellable"] == 11)

    def dead() -> dict[str, Any]:
        got = cloud.sqs.receive_message(
            QueueUrl=cloud.target.stock_feed_dlq_url,
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            VisibilityTimeout=1,
        )
        found: list[Any] = [m for m in got.get("Messages", []) if bad["id"] in m["Body"]]
        return found[0] if found else {}

    letter = eventually(dead)
    assert json.loads(letter["Body"]) == bad
    assert "$.data.quantity" in letter["MessageAttributes"]["detail"]["StringValue"]
    cloud.sqs.delete_message(
        QueueUrl=cloud.target.stock_feed_dlq_url, ReceiptHandle=letter["ReceiptHandle"]
    )


def test_a_message_that_comes_twice_is_applied_once(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 5})
    moved = counted(sku, "EA", 0) | {"type": "stock.moved"}
    moved["data"] = {
        "sku": sku,
        "location_id": "EA",
        "delta": -2,
        "reason": "retail_selling",
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "reference": "till 3",
    }
    send(cloud, moved)
    eventually(lambda: position(cloud, sku, "EA")["on_hand"] == 3)
    send(cloud, moved)
    send(cloud, counted(sku, "EB", 1))
    eventually(lambda: available(cloud, sku)["sellable"] == 4)
    assert position(cloud, sku, "EA")["on_hand"] == 3
    rows = eventually(
        lambda: ok(cloud.as_("ops").get(f"/v1/stock/{sku}/EA/movements"))["movements"]
    )
    assert (rows[0]["delta"], rows[0]["reason"], rows[0]["reference"]) == (
        -2,
        "retail_selling",
        "till 3",
    )


def test_a_hold_becomes_the_order_that_it_was_made_for(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EB": 2})
    web = cloud.as_("web")
    lines = [{"sku": sku, "quantity": 2, "location_id": "EB"}]
    held = ok(
        web.post("/v1/holds", json={"lines": lines, "channel": "web", "expires_in_seconds": 600}),
        201,
    )
    refused = ok(web.post("/v1/orders", json=pickup(sku, "EB")), 409)
    assert refused["code"] == "out_of_stock"
    order = ok(
        web.post("/v1/orders", json=pickup(sku, "EB", 2) | {"hold_id": held["hold_id"]}), 201
    )
    part = order["fulfillments"][0]
    assert (part["location_id"], part["method"]) == ("EB", "pickup")
    stands = position(cloud, sku, "EB")
    assert (stands["on_hand"], stands["reserved"], stands["available"]) == (2, 2, 0)
    again = ok(
        web.post("/v1/orders", json=pickup(sku, "EB", 2) | {"hold_id": held["hold_id"]}), 409
    )
    assert again["code"] == "hold_closed"


def test_a_repeated_order_gets_the_first_answer_byte_for_byte(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 3})
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = cloud.as_("web").post("/v1/orders", json=ship(sku), headers=key)
    second = cloud.as_("web").post("/v1/orders", json=ship(sku), headers=key)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert position(cloud, sku, "EA")["reserved"] == 1
    other = ok(cloud.as_("web").post("/v1/orders", json=ship(sku, 2), headers=key), 422)
    assert other["code"] == "idempotency_key_reused"


def test_the_last_unit_is_sold_once_and_the_others_hear_where_there_is_more(
    cloud: Deployed,
) -> None:
    sku = stocked(cloud, {"EC": 1, "EA": 5})
    web = cloud.as_("web")
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: web.post("/v1/orders", json=pickup(sku, "EC")), range(12))
        )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 11]
    problem = next(answer.json() for answer in answers if answer.status_code == 409)
    assert problem["short"][0] | {"sku": sku, "wanted": 1} == problem["short"][0]
    assert "EA" in [choice["location_id"] for choice in problem["alternatives"]]


def test_an_order_split_over_two_stores_survives_the_rejection_of_one(cloud: Deployed) -> None:
    first, second = stocked(cloud, {"EA": 1}), stocked(cloud, {"EB": 1, "EC": 1})
    body = ship(first)
    body["lines"].append({**ship(second)["lines"][0], "line_id": "2"})
    order = ok(cloud.as_("web").post("/v1/orders", json=body), 201)
    parts = {part["location_id"]: part["fulfillment_id"] for part in order["fulfillments"]}
    assert parts.keys() == {"EA", "EB"}
    associate = cloud.as_("associate")
    rejection = {"lines": [{"line_id": "2", "quantity": 1, "reason": "not_found"}]}
    order = ok(associate.post(f"/v1/fulfillments/{parts['EB']}/reject", json=rejection))
    states = {part["location_id"]: part["state"] for part in order["fulfillments"]}
    assert states == {"EA": "offered", "EB": "rejected", "EC": "offered"}
    assert position(cloud, second, "EB")["available"] <= 0
    decision = ok(associate.get(f"/v1/orders/{order['order_id']}/decision"))
    reasons = {row["location_id"]: row["sentence"] for row in decision["candidates"]}
    assert "EC" in reasons
    for part in order["fulfillments"]:
        if part["state"] == "offered":
            name = part["fulfillment_id"]
            ok(associate.post(f"/v1/fulfillments/{name}/accept"))
            told = {"carrier": "UPS", "tracking": "1Z"}
            order = ok(associate.post(f"/v1/fulfillments/{name}/ship", json=told))
    assert order["state"] == "fulfilled"
    assert [line["fulfilled"] for line in order["lines"]] == [1, 1]
    late = ok(associate.post(f"/v1/fulfillments/{parts['EA']}/reject", json=rejection), 409)
    assert late["code"] == "invalid_transition"


def test_what_a_count_takes_from_a_paid_order_comes_from_elsewhere(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 1, "ED": 3})
    web = cloud.as_("web")
    order = ok(web.post("/v1/orders", json=ship(sku)), 201)
    assert [part["location_id"] for part in order["fulfillments"]] == ["EA"]
    picks = {"location_id": "EA", "state": "offered", "limit": "100"}

    def listed() -> list[str]:
        answer = cloud.as_("associate").get("/v1/fulfillments", params=picks)
        return [row["order_id"] for row in ok(answer)["fulfillments"]]

    eventually(lambda: order["order_id"] in listed())
    send(cloud, counted(sku, "EA", 0))
    path = f"/v1/orders/{order['order_id']}"
    eventually(lambda: ok(web.get(path))["fulfillments"][-1]["location_id"] == "ED")
    history = ok(web.get(f"{path}/history"))
    assert "fulfillment.short" in [entry["event"] for entry in history["entries"]]
    assert position(cloud, sku, "EA")["available"] == 0


def test_who_can_wait_is_promised_what_is_announced(cloud: Deployed) -> None:
    sku = stocked(cloud, {"EA": 1})
    due = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="milliseconds")
    supply = counted(sku, "EB", 4) | {"type": "stock.expected"}
    del supply["data"]["as_of"], supply["data"]["basis"]
    supply["data"] |= {"expected_at": due, "reference": f"PO-{sku}"}
    send(cloud, supply)
    eventually(lambda: "next_expected" in available(cloud, sku))
    cart = {"channel": "web", "lines": [{"sku": sku, "quantity": 3}], "ship_to": SHIP_TO}
    told = ok(cloud.as_("web").post("/v1/availability/promises", json=cart))
    (first, *_) = told["options"]
    assert [(wait["location_id"], wait["quantity"]) for wait in first["waits"]] == [("EB", 2)]
    body = ship(sku, 3)
    body["lines"][0]["backorder"] = True
    (line,) = ok(cloud.as_("web").post("/v1/orders", json=body), 201)["lines"]
    assert (line["open"], line["backordered"]) == (1, 2)
    assert datetime.fromisoformat(line["expected_at"]) == datetime.fromisoformat(due)


def test_a_pickup_is_on_the_stores_list_and_is_handed_over(cloud: Deployed) -> None:
    sku = stocked(cloud, {"ED": 2})
    order = ok(cloud.as_("web").post("/v1/orders", json=pickup(sku, "ED")), 201)
    name = order["fulfillments"][0]["fulfillment_id"]
    associate = cloud.as_("associate")

    def listed() -> bool:
        rows = ok(associate.get("/v1/fulfillments", params={"location_id": "ED"}))["fulfillments"]
        return name in [row["fulfillment_id"] for row in rows]

    eventually(listed)
    for action in ("accept", "ready", "collect"):
        order = ok(associate.post(f"/v1/fulfillments/{name}/{action}"))
    assert order["state"] == "fulfilled"
    stands = position(cloud, sku, "ED")
    assert (stands["on_hand"], stands["reserved"]) == (1, 0)


def test_one_customer_is_known_in_every_channel_and_a_merge_can_be_undone(cloud: Deployed) -> None:
    mail = f"{uuid.uuid4().hex[:8]}@example.com"
    seen = {
        "source": "shop",
        "source_id": uuid.uuid4().hex,
        "occurred_at": "2026-02-01T10:00:00Z",
        "identifiers": {"email": mail, "loyalty_id": uuid.uuid4().hex[:10]},
        "attributes": {"given_name": "Ada", "family_name": "Byron"},
    }
    web, associate = cloud.as_("web"), cloud.as_("associate")
    ada = ok(web.post("/v1/customers/resolve", json=seen), 201)["profile_id"]
    till = {**seen, "source": "pos", "source_id": uuid.uuid4().hex}
    answer = cloud.as_("pos").post("/v1/customers/resolve", json=till)
    assert answer.json()["profile_id"] == ada
    view = {"channel": "web", "kind": "view", "occurred_at": "2026-02-02T10:00:00Z", "data": {}}
    assert web.post(f"/v1/customers/{ada}/interactions", json=view).is_success
    found = ok(associate.get("/v1/customers", params={"email": mail.upper()}))["profiles"]
    assert [profile["profile_id"] for profile in found] == [ada]
    before = ok(associate.get(f"/v1/customers/{ada}"))
    stranger = {**seen, "source": "kiosk", "source_id": uuid.uuid4().hex}
    stranger |= {"identifiers": {"phone": "+1 614 555 0199"}, "attributes": {"given_name": "A"}}
    other = ok(web.post("/v1/customers/resolve", json=stranger), 201)["profile_id"]
    merge = {"other_profile_id": other, "reason": "same person at the counter"}
    ok(associate.post(f"/v1/customers/{ada}/merge", json=merge))
    assert ok(associate.get(f"/v1/customers/{other}"))["profile_id"] == ada
    undo = {"record": {"source": "kiosk", "source_id": stranger["source_id"]}, "reason": "not so"}
    ok(associate.post(f"/v1/customers/{ada}/unmerge", json=undo))
    assert ok(associate.get(f"/v1/customers/{ada}")) == before


def test_a_wrong_order_is_refused_with_the_path_of_each_mistake(cloud: Deployed) -> None:
    body = ship("x")
    body["lines"][0]["quantity"] = 0
    body["surprise"] = 1
    problem = ok(cloud.as_("web").post("/v1/orders", json=body), 422)
    assert {error["path"] for error in problem["errors"]} == {"$.lines[0].quantity", "$.surprise"}


def test_a_channel_places_no_order_for_another(cloud: Deployed) -> None:
    body = ship("x") | {"channel": "web"}
    assert ok(cloud.as_("marketplace").post("/v1/orders", json=body), 403)["code"] == "forbidden"


def test_a_crowd_is_answered_and_nobody_sees_an_error(cloud: Deployed) -> None:
    """Behind the tests of pick lists, which the orders of the crowd fill."""
    sku = stocked(cloud, dict.fromkeys(STORES, 50))
    for _ in range(2):
        answers = at_once(cloud.as_("web"), sku)
        assert answers.statuses == {"201": CONNECTIONS // 2, "200": CONNECTIONS // 2}


def test_the_laws_hold_over_all_that_these_tests_did(cloud: Deployed) -> None:
    """But for the positions that tests/e2e/test_audit.py breaks on purpose."""
    broken = [
        breach
        for breach in laws.settle(cloud.target, seconds=15).broken
        if f" {INJURED}" not in breach
    ]
    assert broken == []
