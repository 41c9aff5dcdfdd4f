"""From the bus to the receiver: each message signed, sent again, given up with its reason."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.webhooks import deliver, fan_out
from shared.aws import sqs as queue
from shared.aws.clients import client, sqs
from shared.customers import store as customers
from shared.customers.store import Act, erasing
from shared.web.idempotency import Request
from shared.webhooks import model, rights, sending, store
from shared.webhooks.model import Webhook
from tests.support.events import event
from tests.support.people import NOON, record
from tests.support.receiver import Receiver
from tests.support.webhooks import webhook

NONE_FAILED: dict[str, list[Any]] = {"batchItemFailures": []}
AGAIN = {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
AT = datetime(2026, 11, 21, tzinfo=UTC)
ALL = frozenset({"availability.changed", "order.placed"})


def subscribe(number: int = 1, **changes: Any) -> Webhook:
    made = webhook(webhook_id=f"wh_{number}", **changes)
    request = Request.of(made.client_id, str(number), "POST", "/", None)
    return store.subscribe(made, request, 20)


def messages(url: str) -> list[dict[str, Any]]:
    found: Any = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    rows: list[dict[str, Any]] = found.get("Messages", [])
    return rows


def test_each_webhook_that_wants_an_event_gets_a_message(queues: dict[str, str]) -> None:
    subscribe(1)
    subscribe(2, client_id="market-client")
    subscribe(3, types=frozenset({"order.cancelled"}))
    assert fan_out.handler(event("webhooks/fan_out"), None) == NONE_FAILED
    found = [json.loads(row["Body"]) for row in messages(queues["deliveries"])]
    assert sorted((row["webhook_id"], row["event"]["type"]) for row in found) == [
        ("wh_1", "availability.changed"),
        ("wh_1", "order.placed"),
        ("wh_2", "availability.changed"),
    ]


def less(pool: str, *scopes: str, client_id: str = "web-client") -> None:
    """Takes from a client all scopes but ``scopes``, and lets the workers forget what they know."""
    cognito: Any = boto3.client("cognito-idp")
    cognito.update_user_pool_client(
        UserPoolId=pool, ClientId=client_id, AllowedOAuthScopes=list(scopes)
    )
    rights._cached_scopes.clear()


def test_what_a_client_has_lost_is_told_to_none_of_its_webhooks(
    queues: dict[str, str], user_pool: str
) -> None:
    """Rights were those of the day of the subscription, for ever."""
    subscribe(1)
    less(user_pool, "norain/availability:read", "norain/channel:web")
    fan_out.handler(event("webhooks/fan_out"), None)
    found = [json.loads(row["Body"])["event"]["type"] for row in messages(queues["deliveries"])]
    assert found == ["availability.changed"]
    less(user_pool, "norain/orders:read", "norain/channel:pos")
    fan_out.handler(event("webhooks/fan_out"), None)
    assert messages(queues["deliveries"]) == []


def test_of_the_erased_a_client_hears_what_its_own_sources_called_them(
    queues: dict[str, str], user_pool: str
) -> None:
    """Who they were to others is not for a marketplace to know."""
    subscribe(1, types=frozenset({"customer.erased"}))
    subscribe(2, client_id="market-client", types=frozenset({"customer.erased"}))
    less(user_pool, "norain/customers:read", "norain/source:web:trusted")
    less(
        user_pool,
        "norain/customers:read",
        "norain/source:marketplace",
        "norain/channel:marketplace",
        client_id="market-client",
    )
    made = event("webhooks/fan_out")
    made["Records"] = made["Records"][:1]
    envelope = json.loads(made["Records"][0]["body"])
    records = [{"source": name, "source_id": f"{name}-1"} for name in ("crm", "marketplace", "web")]
    envelope["detail"] |= {
        "type": "customer.erased",
        "source": "norain/customers",
        "data": {"profile_ids": ["bob"], "records": records, "erased_at": "2026-11-21T00:00:00Z"},
    }
    made["Records"][0]["body"] = json.dumps(envelope)
    assert fan_out.handler(made, None) == NONE_FAILED
    found = {
        body["client_id"]: body["event"]["data"]
        for body in (json.loads(row["Body"]) for row in messages(queues["deliveries"]))
    }
    assert {name: data["records"] for name, data in found.items()} == {
        "web-client": [{"source": "web", "source_id": "web-1"}],
        "market-client": [{"source": "marketplace", "source_id": "marketplace-1"}],
    }


def test_what_waits_while_its_shopper_is_erased_is_delivered_without_them(
    receiver: Receiver,
) -> None:
    subscribe(url=receiver.url, types=frozenset({"order.cancelled"}))
    said = record("web", "bob", email="bob@shop.test")
    customers.resolve(said, "r", NOON, "bob")
    made = delivery()
    told = json.loads(made["Records"][0]["body"])
    told["event"]["type"] = "order.cancelled"
    told["event"]["data"] = {
        "order_id": "o-1",
        "channel": "web",
        "profile_id": "bob",
        "reason": "moved to 7 Quill Lane",
        "lines": [{"line_id": "1", "quantity": 1}],
    }
    made["Records"][0]["body"] = json.dumps(told)
    assert deliver.handler(made, None) == NONE_FAILED
    erasing.request_erasure("bob", Act("ops", NOON, "asked for"), "job")
    assert deliver.handler(made, None) == NONE_FAILED
    first, second = (json.loads(body)["data"] for _, body in receiver.got)
    assert (first["profile_id"], first["reason"]) == ("bob", "moved to 7 Quill Lane")
    assert "profile_id" not in second
    assert second == {**{n: v for n, v in first.items() if n != "profile_id"}, "reason": "erased"}


def test_what_waits_for_a_client_that_is_gone_is_not_delivered(
    receiver: Receiver, user_pool: str
) -> None:
    subscribe(url=receiver.url)
    boto3.client("cognito-idp").delete_user_pool_client(UserPoolId=user_pool, ClientId="web-client")
    rights._cached_scopes.clear()
    assert deliver.handler(delivery(), None) == NONE_FAILED
    assert receiver.got == []


def test_a_user_pool_that_does_not_answer_loses_no_event(
    queues: dict[str, str], environment: pytest.MonkeyPatch
) -> None:
    subscribe()
    environment.setattr("botocore.endpoint.time.sleep", lambda _: None)  # between its tries

    def silent(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://cognito-idp.example.com")

    rights._cached_scopes.clear()
    client("cognito-idp").meta.events.register_first("before-send", silent)
    assert len(fan_out.handler(event("webhooks/fan_out"), None)["batchItemFailures"]) == 2
    assert messages(queues["deliveries"]) == []
    assert deliver.handler(delivery(), None) == AGAIN


def test_what_is_no_event_comes_again_alone(queues: dict[str, str]) -> None:
    subscribe()
    assert fan_out.handler(event("webhooks/fan_out.poison"), None) == AGAIN
    assert len(messages(queues["deliveries"])) == 1


def test_an_event_whose_messages_are_not_taken_comes_again() -> None:
    for number in range(4):
        subscribe(number)

    def refuse(params: dict[str, Any], **_: Any) -> None:
        params["Entries"] = [one for one in params["Entries"] if one["Id"] != "5"]

    def tell(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = [{"Id": "5", "SenderFault": False, "Code": "InternalError"}]

    client: Any = sqs()
    client.meta.events.register("before-parameter-build.sqs.SendMessageBatch", refuse)
    client.meta.events.register("after-call.sqs.SendMessageBatch", tell)
    assert fan_out.handler(event("webhooks/fan_out"), None) == {
        "batchItemFailures": [{"itemIdentifier": "m-2"}]
    }


def test_many_messages_go_in_calls_that_the_queue_takes(queues: dict[str, str]) -> None:
    bodies = [str(number) * (60_000 if number < 9 else 1) for number in range(25)]
    assert queue.send_many(queues["deliveries"], bodies) == set()
    found: list[str] = []
    while rows := messages(queues["deliveries"]):
        found += [row["Body"] for row in rows]
    assert sorted(found) == sorted(bodies)


def delivery(attempt: int = 1, due: datetime | None = None, messages: int = 1) -> dict[str, Any]:
    """What the queue hands over: the message as fan_out.py has sent it, or as it was sent anew."""
    attributes = {"attempt": str(attempt), "due": str(int((due or AT).timestamp()))}
    made = event("webhooks/deliver")
    (record,) = made["Records"]
    if attempt > 1 or due:
        record["messageAttributes"] = {
            name: {"stringValue": text, "dataType": "String"} for name, text in attributes.items()
        }
    made["Records"] = [{**record, "messageId": f"m-{n}"} for n in range(1, messages + 1)]
    return made


def sent_anew() -> list[dict[str, Any]]:
    """Every later message that goes back to the queue: its body, delay, attempt and due."""
    entries: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        for entry in params["Entries"]:
            told = {name: at["StringValue"] for name, at in entry["MessageAttributes"].items()}
            entries.append({"body": entry["MessageBody"], "delay": entry["DelaySeconds"], **told})

    client: Any = sqs()
    client.meta.events.register("before-parameter-build.sqs.SendMessageBatch", note)
    return entries


def test_a_receiver_gets_the_event_signed_with_the_secret_it_was_told(receiver: Receiver) -> None:
    subscribe(url=receiver.url)
    assert deliver.handler(delivery(), None) == NONE_FAILED
    ((headers, body),) = receiver.got
    assert json.loads(body)["data"]["sku"] == "milk-1"
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["host"] == receiver.url.split("/")[2]
    told = model.encode_secret(sending.signing_secret("wh_1")).removeprefix("whsec_")
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(told), text, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


def test_what_fails_is_sent_anew_later_each_time_and_keeps_its_id(receiver: Receiver) -> None:
    subscribe(url=receiver.url)
    receiver.answers = [500, 302, 404, 204]
    anew = sent_anew()
    for attempt in (1, 2, 3):
        assert deliver.handler(delivery(attempt), None) == NONE_FAILED
    assert [(one["delay"], one["attempt"]) for one in anew] == [(5, "2"), (300, "3"), (900, "4")]
    assert {one["body"] for one in anew} == {delivery()["Records"][0]["body"]}
    assert int(anew[-1]["due"]) - datetime.now(UTC).timestamp() == pytest.approx(1800, abs=10)
    assert store.of_client("web-client")[0].failures == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize(("seconds", "delay"), [(100, 100), (900, 900), (43_000, 900)])
def test_what_comes_before_it_is_due_goes_back_for_what_is_left(
    receiver: Receiver, seconds: int, delay: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_now", lambda: AT)
    subscribe(url=receiver.url)
    anew, due = sent_anew(), AT + timedelta(seconds=seconds)
    assert deliver.handler(delivery(4, due), None) == NONE_FAILED
    (one,) = anew
    assert (one["delay"], one["attempt"], one["due"]) == (delay, "4", str(int(due.timestamp())))
    assert one["body"] == delivery()["Records"][0]["body"]
    assert receiver.got == []


def test_the_old_message_stays_until_the_new_one_is_taken(receiver: Receiver) -> None:
    subscribe(url=receiver.url)
    receiver.answers = [500]

    def refuse(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]

    client: Any = sqs()
    client.meta.events.register("after-call.sqs.SendMessageBatch", refuse)
    assert deliver.handler(delivery(), None) == AGAIN
    later = datetime.now(UTC) + timedelta(hours=1)
    assert deliver.handler(delivery(2, later), None) == AGAIN


def test_a_message_is_tried_for_29_hours_and_never_waits_in_flight(
    receiver: Receiver, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(url=receiver.url)
    receiver.answers = [500]
    anew, clock, tried = sent_anew(), AT, []
    monkeypatch.setattr(deliver, "_now", lambda: clock)
    made = delivery()
    while made:
        before = len(anew), len(receiver.got)
        assert deliver.handler(made, None) == NONE_FAILED
        if len(receiver.got) > before[1]:
            tried.append(int((clock - AT).total_seconds()))
        made = {}
        if len(anew) > before[0]:
            one = anew[-1]
            assert 0 < one["delay"] <= queue.LONGEST_DELAY
            clock += timedelta(seconds=one["delay"])
            made = delivery(int(one["attempt"]), datetime.fromtimestamp(int(one["due"]), UTC))
    assert tried == [sum(model.RETRY_SECONDS[:done]) for done in range(model.MAX_ATTEMPTS)]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    (letter,) = messages(queues["dead-letters"])
    assert letter["Body"] == delivery()["Records"][0]["body"]


def failing(made: Webhook, since: datetime, times: int = model.REST_AFTER_FAILURES) -> None:
    for _ in range(times):
        store.record_failure(made, since)


def test_a_receiver_that_fails_again_and_again_is_tried_by_one_message_at_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_now", lambda: AT)
    failing(subscribe(url=receiver.url), AT - timedelta(minutes=4))
    receiver.answers = [500]
    anew = sent_anew()
    assert deliver.handler(delivery(messages=10), None) == NONE_FAILED
    assert len(receiver.got) == 1
    assert sorted((one["delay"], one["attempt"]) for one in anew) == [(5, "2")] + 9 * [(240, "1")]
    store.webhooks_cache.clear()
    monkeypatch.setattr(deliver, "_now", lambda: AT + timedelta(seconds=239))
    assert deliver.handler(delivery(messages=3), None) == NONE_FAILED
    assert len(receiver.got) == 1
    assert [(one["delay"], one["attempt"]) for one in anew[10:]] == 3 * [(1, "1")]
    monkeypatch.setattr(deliver, "_now", lambda: AT + timedelta(seconds=240))
    assert deliver.handler(delivery(messages=3), None) == NONE_FAILED
    assert len(receiver.got) == 2
    assert {one["delay"] for one in anew[13:]} == {5, 480}


def test_a_worker_that_has_not_seen_that_another_tries_leaves_it_alone(receiver: Receiver) -> None:
    made, now = subscribe(url=receiver.url), datetime.now(UTC)
    failing(made, now - timedelta(hours=1))
    assert [one.resumes_at for one in store.all_webhooks()] == [None]
    assert store.claim_retry(made, now, now + timedelta(minutes=15)) is None
    anew = sent_anew()
    assert deliver.handler(delivery(messages=2), None) == NONE_FAILED
    assert receiver.got == []
    assert [one["delay"] for one in anew] == pytest.approx([900, 900], abs=5)


def test_what_arrives_ends_the_rest(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    made = subscribe(url=receiver.url)
    failing(made, datetime.now(UTC) - timedelta(hours=1))
    anew = sent_anew()
    assert deliver.handler(delivery(messages=4), None) == NONE_FAILED
    assert (len(receiver.got), len(anew)) == (1, 3)
    assert store.of_client("web-client") == [made]
    store.webhooks_cache.clear()
    assert deliver.handler(delivery(messages=4), None) == NONE_FAILED
    assert (len(receiver.got), len(anew)) == (5, 3)


def test_one_that_fails_now_and_then_is_not_left_alone(receiver: Receiver) -> None:
    made = subscribe(url=receiver.url)
    failing(made, datetime.now(UTC), times=model.REST_AFTER_FAILURES - 1)
    assert deliver.handler(delivery(messages=4), None) == NONE_FAILED
    assert len(receiver.got) == 4


def test_a_rest_is_claimed_once_and_not_of_one_that_fails_no_more() -> None:
    made = subscribe()
    assert store.claim_retry(made, AT, AT + timedelta(minutes=1)) is None
    assert store.of_client("web-client") == [made]
    failing(made, AT)
    assert store.claim_retry(made, AT, AT + timedelta(minutes=1)) is None
    assert store.claim_retry(made, AT, AT + timedelta(minutes=2)) == AT + timedelta(minutes=1)
    after = AT + timedelta(minutes=1)
    assert store.claim_retry(made, after, after + timedelta(minutes=2)) is None
    assert store.record_success(made)
    assert store.of_client("web-client") == [made]


def test_what_arrives_at_last_ends_the_failures(receiver: Receiver) -> None:
    made = subscribe(url=receiver.url)
    store.record_failure(made, datetime.now(UTC))
    assert deliver.handler(delivery(attempt=2), None) == NONE_FAILED
    assert store.of_client("web-client") == [made]


def test_an_attempt_that_arrives_ends_the_failures_of_the_one_just_before(
    receiver: Receiver,
) -> None:
    made = subscribe(url=receiver.url)
    assert [one.failing_since for one in store.all_webhooks()] == [None]
    store.record_failure(made, datetime.now(UTC))
    assert deliver.handler(delivery(attempt=2), None) == NONE_FAILED
    assert store.of_client("web-client") == [made]


def test_a_receiver_that_asks_for_time_gets_it(receiver: Receiver) -> None:
    subscribe(url=receiver.url)
    receiver.answers, receiver.headers = [503], {"retry-after": "77"}
    anew = sent_anew()
    assert deliver.handler(delivery(), None) == NONE_FAILED
    assert [one["delay"] for one in anew] == [77]


def test_no_redirection_is_followed(receiver: Receiver) -> None:
    subscribe(url=receiver.url)
    receiver.answers, receiver.headers = [307], {"location": receiver.url}
    assert deliver.handler(delivery(), None) == NONE_FAILED
    assert len(receiver.got) == 1


def test_the_last_attempt_ends_among_the_dead_letters_with_its_reason(
    receiver: Receiver, queues: dict[str, str]
) -> None:
    subscribe(url=receiver.url)
    receiver.answers = [500]
    assert deliver.handler(delivery(attempt=model.MAX_ATTEMPTS), None) == NONE_FAILED
    (letter,) = messages(queues["dead-letters"])
    assert letter["Body"] == delivery()["Records"][0]["body"]
    reason = {name: told["StringValue"] for name, told in letter["MessageAttributes"].items()}
    assert reason == {"code": "not_delivered", "detail": "the receiver answered 500"}


def test_a_receiver_that_wants_no_more_is_told_no_more(
    receiver: Receiver, queues: dict[str, str]
) -> None:
    subscribe(url=receiver.url)
    receiver.answers = [410]
    assert deliver.handler(delivery(), None) == NONE_FAILED
    assert store.of_client("web-client")[0].state == "disabled"
    assert len(messages(queues["dead-letters"])) == 1


def test_after_a_day_of_failures_it_is_disabled_and_what_waits_is_given_up(
    receiver: Receiver, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = subscribe(url=receiver.url)
    store.record_failure(made, datetime.now(UTC) - timedelta(hours=25))
    receiver.answers = [500]
    assert deliver.handler(delivery(attempt=3), None) == NONE_FAILED
    assert store.of_client("web-client")[0].state == "disabled"
    store.webhooks_cache.clear()
    assert deliver.handler(delivery(attempt=4), None) == NONE_FAILED
    assert len(receiver.got) == 1
    (letter,) = messages(queues["dead-letters"])
    assert letter["MessageAttributes"]["code"]["StringValue"] == "webhook_disabled"


def test_a_message_of_a_deleted_webhook_goes_nowhere(receiver: Receiver, queues: Any) -> None:
    subscribe(url=receiver.url)
    store.delete("web-client", "wh_1", datetime.now(UTC))
    assert deliver.handler(delivery(), None) == NONE_FAILED
    assert receiver.got == []
    assert messages(queues["dead-letters"]) == []


def test_a_name_that_leads_inside_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].partition("/")[0])
    subscribe(url="https://rebound.example.com/")
    for addresses in (["10.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["127.0.0.1"]):
        monkeypatch.setattr(
            "socket.getaddrinfo",
            lambda *_, found=tuple(addresses), **__: [(2, 1, 6, "", (one, port)) for one in found],
        )
        outcome = sending.send(store.of_client("web-client")[0], {"source": "s", "id": "1"}, AT)
        assert outcome.reason == "the host has an address that is not public"
    assert receiver.got == []


def test_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(
    receiver: Receiver,
) -> None:
    subscribe(url=receiver.url.replace("http:", "https:"))
    outcome = sending.send(store.of_client("web-client")[0], {"source": "s", "id": "1"}, AT)
    assert outcome == sending.DeliveryOutcome(None, "the TLS certificate is not valid")
    assert receiver.got == []
