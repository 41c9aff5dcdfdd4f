"""Webhooks in their table: one per request, counted, failing, disabled, deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.aws import dynamodb
from shared.errors import Conflict, KeyReused
from shared.web.idempotency import Request
from shared.webhooks import store
from shared.webhooks.model import Webhook
from tests.support.webhooks import webhook

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
LATER = AT + timedelta(hours=25)


def request(key: str = "k", body: Any = None) -> Request:
    return Request.of("web-client", key, "POST", "/v1/webhooks", body)


def subscribe(number: int = 1, most: int = 20, **changes: Any) -> Webhook:
    made = webhook(webhook_id=f"wh_{number}", **changes)
    return store.subscribe(made, request(str(number)), most)


def count() -> int:
    found = dynamodb.get("fake-webhooks", "CLIENT#web-client", "COUNT")
    return found["units"] if found else 0


def test_a_webhook_is_read_as_it_was_subscribed() -> None:
    made = subscribe()
    assert store.find("web-client", "wh_1") == made == webhook()
    assert store.of_client("web-client") == store.all_webhooks() == [made]


def test_a_repeated_request_gets_the_first_webhook_and_makes_no_other() -> None:
    first = subscribe()
    again = store.subscribe(webhook(created_at=LATER), request("1"), 20)
    assert again == first
    assert count() == 1


def test_a_key_that_comes_with_another_request_is_refused() -> None:
    subscribe()
    with pytest.raises(KeyReused):
        store.subscribe(webhook(), request("1", {"url": "another"}), 20)


def test_a_client_has_so_many_and_a_deleted_one_makes_room() -> None:
    subscribe(1, most=2)
    subscribe(2, most=2)
    with pytest.raises(Conflict):
        subscribe(3, most=2)
    assert subscribe(2, most=2).webhook_id == "wh_2"
    assert store.delete("web-client", "wh_1", AT)
    assert subscribe(3, most=2)
    assert count() == 2


def test_what_is_deleted_is_gone_for_its_client_and_is_deleted_once() -> None:
    subscribe()
    assert store.delete("web-client", "wh_1", AT)
    assert store.delete("web-client", "wh_1", AT)
    assert count() == 0
    assert store.find("web-client", "wh_1") is None
    assert store.of_client("web-client") == []
    assert not store.delete("web-client", "wh_2", AT)
    assert count() == 0


def test_the_request_of_a_deleted_webhook_makes_it_not_alive_again() -> None:
    first = subscribe()
    store.delete("web-client", "wh_1", AT)
    assert subscribe().webhook_id == first.webhook_id
    assert store.find("web-client", "wh_1") is None


def test_a_client_knows_nothing_of_another_ones() -> None:
    subscribe()
    subscribe(2, client_id="web-client-2")
    assert [one.webhook_id for one in store.of_client("web-client")] == ["wh_1"]
    assert store.find("web-client-2", "wh_1") is None
    assert not store.delete("web-client-2", "wh_1", AT)


def test_failures_begin_with_the_first_and_end_with_what_arrives() -> None:
    made = subscribe()
    assert store.record_failure(made, AT)
    failing = store.record_failure(made, LATER)
    assert failing is not None
    assert (failing.failing_since, failing.failures) == (AT, 2)
    assert store.record_success(failing)
    assert store.find("web-client", "wh_1") == made
    assert not store.record_success(made)


def test_a_disabled_webhook_is_active_again_once_something_arrives() -> None:
    failing = store.record_failure(subscribe(), AT)
    assert failing is not None
    assert store.disable(failing, LATER)
    found = store.find("web-client", "wh_1")
    assert found is not None
    assert (found.state, found.disabled_at) == ("disabled", LATER)
    assert store.record_failure(found, LATER) is None
    assert store.record_success(found)
    assert store.find("web-client", "wh_1") == webhook()


def test_what_has_arrived_in_between_keeps_it_from_being_disabled() -> None:
    failing = store.record_failure(subscribe(), AT)
    assert failing is not None
    store.record_success(failing)
    store.record_failure(failing, LATER)
    assert not store.disable(failing, LATER)


def test_nothing_is_noted_of_one_that_was_deleted() -> None:
    made = subscribe()
    store.delete("web-client", "wh_1", AT)
    assert store.record_failure(made, AT) is None
    assert not store.record_success(made)
    assert store.find("web-client", "wh_1") is None
