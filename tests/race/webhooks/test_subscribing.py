"""Many requests of one client at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import Conflict
from shared.web.idempotency import Request
from shared.webhooks import store
from shared.webhooks.model import Webhook
from tests.support.webhooks import webhook

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

AT = datetime(2026, 11, 21, tzinfo=UTC)
THREADS = 32
MOST = 10


def subscribe(key: str) -> Webhook | None:
    request = Request.of("web-client", key, "POST", "/v1/webhooks", None)
    try:
        return store.subscribe(webhook(webhook_id=f"wh_{request.name}"), request, MOST)
    except Conflict:
        return None


def test_a_client_never_gets_more_than_it_may_have() -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        made = [one for one in pool.map(subscribe, map(str, range(THREADS))) if one]
    assert len(made) == MOST
    assert len(store.of_client("web-client")) == MOST


def test_one_request_sent_many_times_is_one_webhook_and_leaves_room_for_the_others() -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(subscribe, ["same"] * THREADS))
    assert len({one.webhook_id for one in made if one}) == 1
    assert None not in made
    assert sum(subscribe(str(number)) is not None for number in range(MOST)) == MOST - 1


def test_failures_and_a_delivery_at_once_never_disable_what_has_arrived_since() -> None:
    made = subscribe("one")
    assert made is not None
    failing = store.record_failure(made, AT)
    assert failing is not None

    def act(number: int) -> bool:
        if number == THREADS // 2:
            return store.record_success(failing)
        store.record_failure(failing, AT + timedelta(days=1, seconds=number))
        return False

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(act, range(THREADS))) == 1
    assert not store.disable(failing, AT + timedelta(days=2))
    found = store.find("web-client", made.webhook_id)
    assert found is not None
    assert found.state == "active"
