"""A client's own webhooks, from the gateway's event to the answer."""

import json
from typing import Any

import pytest

from functions.webhooks.api import handler
from shared.aws import dynamodb, settings
from shared.webhooks import model, store
from tests.support.receiver import Receiver
from tests.support.requests import answered, paths, request


def ask(name: str, client_id: str = "web-client", **changes: Any) -> tuple[int, dict[str, Any]]:
    made = request(f"webhooks/{name}", **changes)
    made["requestContext"]["authorizer"]["jwt"]["claims"]["client_id"] = client_id
    if "webhook_id" in made.get("pathParameters", {}):
        made["pathParameters"]["webhook_id"] = made["rawPath"].split("/")[3]
    response = handler(made, None)
    return answered({**response, "body": response["body"] or "null"})


def deleting(webhook_id: str) -> dict[str, Any]:
    return request("webhooks/delete_webhook", path=f"/v1/webhooks/{webhook_id}")


def subscribed(**body: Any) -> dict[str, Any]:
    status, told = ask("subscribe", body=body)
    assert status == 201, told
    return told


def test_the_secret_is_told_once_and_stored_nowhere() -> None:
    told = subscribed()
    assert told["secret"].startswith("whsec_")
    assert told["types"] == ["availability.changed", "order.placed"]
    _, listed = ask("list_webhooks")
    (row,) = listed["webhooks"]
    assert row == {
        "webhook_id": told["webhook_id"],
        "url": "https://shop.example.com/norain",
        "types": ["availability.changed", "order.placed"],
        "state": "active",
        "created_at": told["created_at"],
    }
    item = dynamodb.get("fake-webhooks", "WEBHOOK", f"web-client#{told['webhook_id']}")
    assert told["secret"].removeprefix("whsec_") not in json.dumps(item)


def test_a_replay_gets_the_first_answer_even_when_it_was_deleted_since() -> None:
    first = handler(request("webhooks/subscribe"), None)
    assert handler(request("webhooks/subscribe"), None)["body"] == first["body"]
    name = json.loads(first["body"])["webhook_id"]
    gone = handler(deleting(name), None)
    assert (gone["statusCode"], gone["body"]) == (204, "")
    assert handler(request("webhooks/subscribe"), None)["body"] == first["body"]
    assert ask("list_webhooks")[1] == {"webhooks": []}


def test_a_key_of_another_request_is_refused() -> None:
    subscribed()
    status, told = ask("subscribe", body={"types": ["order.placed"]})
    assert (status, told["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("name", ["get_webhook", "delete_webhook", "ping"])
def test_another_clients_webhook_is_none(name: str) -> None:
    path = f"/v1/webhooks/{subscribed()['webhook_id']}" + ("/ping" if name == "ping" else "")
    status, told = ask(name, "pos-client", path=path)
    assert (status, told["code"]) == (404, "not_found")
    assert ask("list_webhooks", "pos-client")[1] == {"webhooks": []}


def test_who_may_not_ask_may_not_be_told() -> None:
    scope = "norain/webhooks:write norain/availability:read norain/channel:web"
    status, told = ask("subscribe", scope=scope)
    assert (status, told["code"], told["scopes"]) == (403, "forbidden", ["orders:read"])
    assert ask("subscribe", scope=scope, body={"types": ["availability.changed"]})[0] == 201
    points = {"types": ["points.earned", "tier.changed"]}
    assert ask("subscribe", scope=scope, body=points)[1]["scopes"] == ["loyalty:read"]
    key = {"idempotency-key": "points"}
    assert (
        ask("subscribe", scope=f"{scope} norain/loyalty:read", body=points, headers=key)[0] == 201
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$.types", {"types": []}),
        ("$.types[0]", {"types": ["order.exploded"]}),
        ("$.url", {"url": "https://10.0.0.1/"}),
        ("$.url", {"url": "http://shop.example.com/"}),
        ("$.url", {"url": None}),
        ("$.colour", {"colour": "red"}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, body: dict[str, Any]) -> None:
    status, told = ask("subscribe", body=body)
    assert (status, paths(told)) == (422, {path})


def test_in_the_cloud_this_machine_is_no_receiver(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_WEBHOOK_LOOPBACK", "no")
    settings.setting.cache_clear()
    assert ask("subscribe", body={"url": "http://127.0.0.1:9001/"})[0] == 422
    assert ask("subscribe", body={"url": "https://127.0.0.1:9001/"})[0] == 422


def test_a_ping_is_signed_and_wakes_a_disabled_webhook(receiver: Receiver) -> None:
    told = subscribed(url=receiver.url)
    path = f"/v1/webhooks/{told['webhook_id']}/ping"
    receiver.answers = [500, 200]
    status, answer = ask("ping", path=path)
    assert (status, answer) == (
        200,
        {"delivered": False, "status": 500, "reason": "the receiver answered 500"},
    )
    (webhook,) = store.of_client("web-client")
    failing = store.record_failure(webhook, webhook.created_at)
    assert failing
    assert store.disable(failing, webhook.created_at)
    assert ask("list_webhooks")[1]["webhooks"][0]["state"] == "disabled"
    assert ask("ping", path=path) == (200, {"delivered": True, "status": 200})
    assert ask("list_webhooks")[1]["webhooks"][0]["state"] == "active"
    headers, body = receiver.got[-1]
    assert json.loads(body)["type"] == "webhook.ping"
    assert headers["webhook-signature"].startswith("v1,")


def test_nobody_at_the_other_end_is_told_as_it_is() -> None:
    told = subscribed(url="http://127.0.0.1:1/")
    status, answer = ask("ping", path=f"/v1/webhooks/{told['webhook_id']}/ping")
    assert (status, answer) == (
        200,
        {"delivered": False, "reason": "the receiver does not accept the connection"},
    )


def test_a_client_that_has_twenty_is_told_to_delete_one() -> None:
    for number in range(20):
        changes: dict[str, Any] = {"headers": {"idempotency-key": str(number)}}
        assert ask("subscribe", **changes)[0] == 201
    status, told = ask("subscribe", headers={"idempotency-key": "one more"})
    assert (status, told["code"], told["most"]) == (409, "conflict", 20)
    assert model.PREFIX not in json.dumps(told)
