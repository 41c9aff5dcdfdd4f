"""A day in the life of an order, as its channel is told of it: collected becomes shipped, a SKU is
replaced, the parcel is lost, and the units are sent again."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.orders.contract.events import EVENTS
from shared.webhooks.store import KEPT_SECONDS
from tests.e2e import test_selling
from tests.e2e.conftest import Deployed, eventually
from tests.e2e.test_selling import ok, pickup, stocked
from tests.support.receiver import Receiver, receiving

stores = test_selling.stores
Body = dict[str, Any]
HOME = {
    "name": "Bob Miller",
    "lines": ["300 Locust Ave"],
    "city": "Columbus",
    "region": "OH",
    "postal_code": "43215",
    "country": "US",
    "latitude": 39.96,
    "longitude": -83.0,
}
HISTORY = (
    "order.placed",
    "fulfillment.offered",
    "fulfillment.withdrawn",
    "order.changed",
    "fulfillment.offered",
    "order.repromised",
    "fulfillment.accepted",
    "substitution.proposed",
    "stock.count_requested",
    "fulfillment.extended",
    "substitution.agreed",
    "fulfillment.picked",
    "fulfillment.shipped",
    "fulfillment.lost",
    "claim.open",
    "claim.resolved",
    "fulfillment.offered",
    "fulfillment.accepted",
    "fulfillment.shipped",
    "fulfillment.delivered",
)
"""What the channel is told in all, in this order."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def messages(receiver: Receiver, order_id: str) -> list[Body]:
    """The CloudEvents of the order, each once, in their order."""
    events = {
        event["id"]: event
        for event in (json.loads(body) for _, body in receiver.got)
        if event.get("data", {}).get("order_id") == order_id
    }
    return sorted(events.values(), key=lambda event: event["sequence"])


def report(cloud: Deployed, tracking: str, status: str) -> None:
    event = {
        "id": uuid.uuid4().hex,
        "tracking": tracking,
        "carrier": "UPS",
        "status": status,
        "at": datetime.now(UTC).isoformat(),
    }
    told = ok(cloud.as_("ops").post("/v1/parcels/events", json={"events": [event]}))
    assert told["applied"] == 1, told


def test_every_step_of_an_order_reaches_its_channel(cloud: Deployed, receiver: Receiver) -> None:
    kinds = sorted(EVENTS)
    made = cloud.as_("web").post("/v1/webhooks", json={"url": receiver.url, "types": kinds})
    webhook = ok(made, 201)["webhook_id"]
    time.sleep(KEPT_SECONDS + 1)
    web, store = cloud.as_("web"), cloud.as_("associate")
    tent = stocked(cloud, {"EA": 3, "EB": 2})
    other = stocked(cloud, {"EA": 4, "EB": 4})

    body = pickup(tent, "EA")
    body["lines"][0]["substitution"] = "ask"
    order = ok(web.post("/v1/orders", json=body), 201)
    path = f"/v1/orders/{order['order_id']}"

    change = {
        "reason": "cannot come",
        "ship_to": HOME,
        "lines": [{"line_id": "1", "method": "ship"}],
    }
    stale = web.post(f"{path}/changes", json=change, headers={"if-match": '"99"'})
    assert stale.status_code == 412
    headers = {"if-match": f'"{order["version"]}"'}
    quote = ok(web.post(f"{path}/changes/quote", json=change, headers=headers))
    assert quote["order"]["ship_to"]["name"] == "Bob Miller"
    order = ok(web.post(f"{path}/changes", json=change, headers=headers))
    part = at_work(order)
    work = f"/v1/fulfillments/{part['fulfillment_id']}"
    assert part["method"] == "ship"

    ok(store.post(f"{work}/accept"))
    swap = {"line_id": "1", "quantity": 1, "sku": other, "reason": "not_found"}
    ok(store.post(f"{work}/substitute", json=swap))
    assert store.post(f"{work}/pick").status_code == 409
    ok(web.post(f"{path}/substitutions", json={"line_id": "1.s1", "agreed": True}))
    ok(store.post(f"{work}/pick"))
    first = f"1Z{uuid.uuid4().hex[:10]}"
    ok(store.post(f"{work}/ship", json={"carrier": "UPS", "tracking": first}))

    report(cloud, first, "lost")
    claimed = ok(web.get(path))
    assert claimed["state"] == "exception"
    order = ok(web.post(f"{work}/claim", json={"resolution": "resend"}))
    again = at_work(order)
    work = f"/v1/fulfillments/{again['fulfillment_id']}"
    assert [row["sku"] for row in again["lines"]] == [other]
    ok(store.post(f"{work}/accept"))
    second = f"1Z{uuid.uuid4().hex[:10]}"
    ok(store.post(f"{work}/ship", json={"carrier": "UPS", "tracking": second}))
    report(cloud, second, "delivered")
    assert ok(web.get(path))["state"] == "fulfilled"

    name = order["order_id"]
    eventually(lambda: len(messages(receiver, name)) >= len(HISTORY), seconds=40)
    check(messages(receiver, name))
    history = ok(web.get(f"{path}/history"))["entries"]
    assert tuple(entry["event"] for entry in history) == HISTORY
    assert web.delete(f"/v1/webhooks/{webhook}").status_code == 204


def check(events: list[Body]) -> None:
    assert tuple(event["type"] for event in events) == HISTORY
    for event in events:
        assert (event["specversion"], event["source"]) == ("1.0", "norain/orders")
        shape, _ = EVENTS[event["type"]]
        shape.model_validate(event["data"])


def at_work(order: Body) -> Body:
    """The fulfillment that a location works on."""
    part: Body
    (part,) = (one for one in order["fulfillments"] if one["state"] == "offered")
    return part
