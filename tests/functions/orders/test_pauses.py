"""Pauses through the API: what stores, agents and the sweep see of a paused order."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments, publish_events, sweep
from shared.aws import events as bus
from shared.aws.items import to_item
from shared.orders import store
from shared.orders.contract import events
from tests.support import shop
from tests.support.deadlines import set_clock
from tests.support.requests import answered, request

Body = dict[str, Any]
FRAUD = {"kind": "fraud", "reason": "two cards", "owner": "risk team"}
SEES_ALL = "norain/orders:read norain/channel:all"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 9, "boulder": 9}, "B": {"denver": 9}})


def call(name: str, **more: Any) -> tuple[int, Body]:
    return answered(api.handler(request(f"orders/{name}", **more), None))


def placed(key: str = "k-1", **more: Any) -> Body:
    body = {"order_id": f"o-{key}", **more}
    status, order = call("place_order", body=body, headers={"idempotency-key": key})
    assert status == 201, order
    shop.laws()
    return order


def paused(order_id: str, key: str = "p-1", **more: Any) -> tuple[int, Body]:
    path = f"/v1/orders/{order_id}/pauses"
    return call("pause_order", path=path, body={**FRAUD, **more}, headers={"idempotency-key": key})


def released(order_id: str, pause_id: str, key: str = "r-1", **body: Any) -> tuple[int, Body]:
    path = f"/v1/orders/{order_id}/pauses/{pause_id}/release"
    return call("release_pause", path=path, body=body, headers={"idempotency-key": key})


def act(action: str, fulfillment_id: str) -> tuple[int, Body]:
    path = f"/v1/fulfillments/{fulfillment_id}/{action}"
    headers = {"idempotency-key": f"{action}-{fulfillment_id}-{datetime.now(UTC)}"}
    return call(f"{action}_fulfillment", path=path, headers=headers)


def project(before: dict[str, Any] | None = None) -> dict[str, Any]:
    """The stream of the one order since ``before``; the image of the order."""
    (row,) = [row for row in shop.items("orders") if row["sk"] == "ORDER"]
    images = {"Keys": to_item({"pk": row["pk"], "sk": "ORDER"}), "NewImage": to_item(row)}
    if before is not None:
        images["OldImage"] = to_item(before)
    record = {"eventID": "e", "dynamodb": {**images, "SequenceNumber": "1"}}
    assert project_fulfillments.handler({"Records": [record]}, None) == {"batchItemFailures": []}
    return row


def test_a_paused_order_is_refused_to_its_locations_with_its_owner() -> None:
    order = placed()
    part = order["fulfillments"][0]["fulfillment_id"]
    status, paused_order = paused(order["order_id"])
    assert status == 200
    (pause,) = paused_order["pauses"]
    assert (pause["owner"], pause["reason"]) == ("risk team", "two cards")
    assert {action for found in paused_order["fulfillments"] for action in found["allowed"]} == {
        "cancel"
    }
    assert not [found for found in paused_order["fulfillments"] if "deadline" in found]
    for action in ("accept", "reject"):
        status, problem = act(action, part)
        assert (status, problem["code"]) == (409, "order_paused"), problem
        assert problem["pauses"][0]["owner"] == "risk team"
    status, after = released(order["order_id"], pause["pause_id"])
    assert status == 200
    assert "pauses" not in after
    assert act("accept", part)[0] == 200
    for key in ("r-1", "r-2"):
        status, _ = released(order["order_id"], pause["pause_id"], key)
        assert status == (200 if key == "r-1" else 404)
    shop.laws()


def test_an_order_is_placed_with_its_pauses_and_cancelled_by_the_review() -> None:
    order = placed(pauses=[FRAUD, {"kind": "manual", "reason": "a gift", "owner": "ann"}])
    assert [pause["kind"] for pause in order["pauses"]] == ["fraud", "manual"]
    stored = store.find(order["order_id"])
    assert stored is not None
    assert "fulfillment.offered" not in {entry.event for entry in stored.history}
    assert sum(row["reserved"] for row in shop.items("stock") if "reserved" in row) == 3
    status, after = released(order["order_id"], "placed-0", outcome="cancel", reason="stolen card")
    assert (status, after["state"]) == (200, "cancelled")
    assert "pauses" not in after
    assert sum(row["reserved"] for row in shop.items("stock") if "reserved" in row) == 0
    shop.laws()


@pytest.mark.parametrize(
    ("pause", "path"),
    [
        ({"kind": "until"}, "$"),
        ({"kind": "until", "until": "2020-01-01T00:00:00Z"}, "$.until"),
        ({"kind": "until", "until": "2090-01-01T00:00:00Z"}, "$.until"),
        ({"owner": " "}, "$.owner"),
        ({"kind": "because"}, "$.kind"),
    ],
)
def test_a_pause_without_an_owner_or_a_date_is_refused(pause: Body, path: str) -> None:
    order = placed()
    status, problem = paused(order["order_id"], **pause)
    assert (status, problem["code"]) == (422, "invalid_request")
    assert path in {error["path"] for error in problem["errors"]}
    status, problem = call(
        "place_order", body={"pauses": [{**FRAUD, **pause}]}, headers={"idempotency-key": "k-2"}
    )
    assert status == 422
    assert problem["errors"][0]["path"].startswith("$.pauses[0]")


def test_a_pick_list_shows_a_paused_fulfillment_that_nobody_can_work_on() -> None:
    order = placed()
    before = project()
    paused(order["order_id"])
    before = project(before)
    (found,) = call("list_fulfillments", query={"location_id": "denver"})[1]["fulfillments"][:1]
    (pause,) = found["pauses"]
    assert (pause["owner"], found["allowed"]) == ("risk team", ["cancel"])
    assert "reason" not in pause
    released(order["order_id"], pause["pause_id"])
    project(before)
    (found,) = call("list_fulfillments", query={"location_id": "denver"})[1]["fulfillments"][:1]
    assert "pauses" not in found
    assert "accept" in found["allowed"]


def test_service_finds_paused_orders() -> None:
    order = placed(reference="W-1")
    before = project()
    status, paused_order = paused(order["order_id"])
    assert status == 200
    before = project(before)
    for query in ({"state": "paused"}, {"state": "paused", "channel": "web"}):
        _, page = call("list_orders", query=query, scope=SEES_ALL)
        (row,) = page["summaries"]
        assert (row["reference"], row["paused_by"]) == ("W-1", "risk team")
        assert row["paused_until"] == paused_order["pauses"][0]["deadline"]
    released(order["order_id"], paused_order["pauses"][0]["pause_id"])
    project(before)
    _, page = call("list_orders", query={"state": "paused"}, scope=SEES_ALL)
    assert page["summaries"] == []


def test_the_sweep_ends_a_pause_at_its_date_and_reports_a_review(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    date = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    placed("k-1", pauses=[{"kind": "until", "until": date, "reason": "a launch", "owner": "ann"}])
    placed("k-2", pauses=[FRAUD])
    set_clock(monkeypatch, datetime.now(UTC) + timedelta(hours=30))
    assert sweep.handler({}, None)["acted"] == 1
    overdue, waiting = store.find("o-k-2"), store.find("o-k-1")
    assert overdue is not None
    assert waiting is not None
    assert overdue.history[-1].event == "order.pause_overdue"
    assert waiting.is_paused
    set_clock(monkeypatch, datetime.now(UTC) + timedelta(days=2, hours=1))
    sweep.handler({}, None)
    waiting = store.find("o-k-1")
    assert waiting is not None
    assert not waiting.is_paused
    assert "fulfillment.offered" in {entry.event for entry in waiting.history}
    shop.laws()


def test_every_step_of_a_pause_is_an_event_of_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    order = placed(pauses=[FRAUD])
    (before,) = shop.all_orders()
    released(order["order_id"], "placed-0")
    (after,) = shop.all_orders()
    told = [*events.of_change(None, before), *events.of_change(before, after)]
    assert [one["type"] for one in told] == [
        "order.placed",
        "order.paused",
        "order.pause_released",
        "fulfillment.offered",
        "fulfillment.offered",
    ]
    assert told[1]["data"]["owner"] == "risk team"
    assert told[2]["data"]["goes_on"] is True
    sent: list[Any] = []
    monkeypatch.setattr(bus, "client", lambda _: Bus(sent))
    monkeypatch.setenv("NORAIN_EVENT_BUS", "norain-test")
    (row,) = [row for row in shop.items("orders") if row["sk"] == "ORDER"]
    images = {"Keys": to_item({"pk": row["pk"], "sk": "ORDER"}), "NewImage": to_item(row)}
    record = {"eventID": "e", "dynamodb": {**images, "SequenceNumber": "1"}}
    assert publish_events.handler({"Records": [record]}, None) == {"batchItemFailures": []}
    assert [one["type"] for one in sent] == [one["type"] for one in told]


class Bus:
    """An event bus that takes everything."""

    def __init__(self, sent: list[Any]) -> None:
        self._sent = sent

    def put_events(self, **asked: Any) -> Body:
        self._sent += [json.loads(entry["Detail"]) for entry in asked["Entries"]]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in asked["Entries"]]}
