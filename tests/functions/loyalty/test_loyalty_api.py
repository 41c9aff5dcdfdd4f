"""The routes of wallets and of the programme, from the gateway's event to its answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.customers import api as customers_api
from functions.customers import wallets as routes
from functions.loyalty import api, follow_orders, record_entries, sweep
from functions.loyalty.api import handler
from functions.loyalty.order_points import earning_order
from shared.aws.clients import client
from shared.aws.dynamodb import transact
from shared.customers import store as customers
from shared.loyalty import earning, spending, wallets
from shared.loyalty.store.programmes import programmes
from tests.support import wallets as support
from tests.support.requests import answered, paths, request
from tests.support.shop import NOW
from tests.support.wallets import PROGRAMME, WINDOW, account, bought, item, profile, written

pytestmark = pytest.mark.usefixtures("fake_tables", "failed_records")

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def clock(environment: pytest.MonkeyPatch) -> None:
    for module in (api, routes):
        environment.setattr(module, "now_in_milliseconds", lambda: NOW)
    environment.setattr(sweep, "THREADS", 1)  # moto is for one thread


def call(name: str, **changes: Any) -> tuple[int, Body]:
    return answered(handler(request(f"loyalty/{name}", **changes), None))


def ask(name: str, profile_id: str, **changes: Any) -> tuple[int, Body]:
    return answered(handler(support.call(name, profile_id, **changes), None))


def at(patch: pytest.MonkeyPatch, now: datetime) -> None:
    """The workers find it to be ``now``."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now

    for module in (follow_orders, sweep):
        patch.setattr(module, "datetime", Clock)
    patch.setattr(routes, "now_in_milliseconds", lambda: now)


def test_a_programme_goes_from_draft_to_force_and_back() -> None:
    assert call("get_programme")[0] == 404
    assert call("get_programme_draft")[0] == 404
    assert call("publish_programme")[0] == 404
    status, draft = call("put_programme_draft")
    assert (status, draft["revision"], draft["changed_by"]) == (200, 1, "planner-client")
    assert call("get_programme_draft") == (200, draft)
    assert (
        call("put_programme_draft", body=draft["programme"])[1]["programme"] == (draft["programme"])
    )
    status, made = call("publish_programme")
    assert (status, made["version"], made["active"]) == (200, 1, True)
    assert made["programme"] == draft["programme"]
    assert call("publish_programme")[1]["version"] == 1, "published once"
    assert programmes.in_force.get().tiers[1].name == "gold"
    assert call("get_programme") == (200, made)
    assert call("roll_back_programme") == (200, {"active": 0, "before": 1})
    assert call("get_programme")[0] == 404
    assert call("get_programme", query={"version": "1"})[1]["active"] is False
    assert call("roll_back_programme", path="/v1/loyalty/programme/7/rollback")[0] == 404


def test_a_draft_that_has_changed_since_is_refused() -> None:
    seen = handler(request("loyalty/put_programme_draft"), None)["headers"]["ETag"]
    assert call("put_programme_draft", headers={"if-match": seen})[0] == 200
    for name in ("put_programme_draft", "publish_programme"):
        status, body = call(name, headers={"if-match": seen})
        assert (status, body["code"], body["version"]) == (412, "version_mismatch", 2)


TIER = {"name": "gold", "threshold": 100, "multiplier": 20_000}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.colour", {"colour": "red"}),
        ("$.currency", {"currency": "usd"}),
        ("$.time_zone", {"time_zone": "Denver"}),
        ("$.earn_rate", {"earn_rate": 1.5}),
        ("$.burn_share", {"burn_share": 10_001}),
        ("$.expiry_months", {"expiry_months": 36}),
        ("$.tier_period", {"tier_period": "weekly"}),
        ("$.tiers", {"tiers": [TIER, TIER]}),
        ("$.tiers", {"tiers": [TIER, {**TIER, "name": "silver", "threshold": 99}]}),
        ("$.tiers", {"tiers": [{**TIER, "name": "none"}]}),
        ("$.tiers[0].threshold", {"tiers": [{**TIER, "threshold": -1}]}),
    ],
)
def test_a_wrong_programme_is_refused_by_its_path(path: str, fields: Body) -> None:
    status, body = call("put_programme_draft", body=fields)
    assert (status, paths(body)) == (422, {path})


def test_the_currency_of_a_programme_in_force_cannot_change() -> None:
    support.publish()
    status, body = call("put_programme_draft", body={**PROGRAMME, "currency": "EUR"})
    assert (status, paths(body)) == (422, {"$.currency"})


def test_a_gift_is_given_once_and_read_with_its_reason() -> None:
    support.publish()
    profile("bob")
    status, first = ask("adjust_points", "bob")
    assert (status, first["points"]["available"]) == (200, 250)
    assert first["points"]["expiring"] == [{"points": 250, "expires_on": "2027-11-30"}]
    assert first["points"]["worth"] == {"amount": 250, "currency": "USD"}
    assert ask("adjust_points", "bob") == (200, first), "repeated"
    assert ask("adjust_points", "bob", body={"delta": 1})[1]["code"] == "idempotency_key_reused"
    assert ask("get_wallet", "bob") == (200, first)
    record_entries.handler({"Records": [written(None, item("bob"))]}, None)
    record_entries.handler({"Records": [written(None, item("bob"))]}, None)
    status, ledger = ask("list_entries", "bob")
    assert [(row["kind"], row["available"], row["reason"]) for row in ledger["entries"]] == [
        ("adjusted", 250, "late delivery")
    ]
    reads, _ = customers.read_log("bob", 10, None)
    assert {row["what"] for row in reads} == {"wallet", "points"}
    assert {row["actor"] for row in reads} == {"ops-client", "web-client"}


def test_more_points_than_there_are_cannot_be_taken() -> None:
    support.publish()
    profile("bob")
    ask("adjust_points", "bob")
    key = {"idempotency-key": "k-2"}
    status, body = ask("adjust_points", "bob", body={"delta": -251}, headers=key)
    assert (status, body["code"], body["available"]) == (409, "points_short", 250)
    status, body = ask("adjust_points", "bob", body={"delta": -100}, headers=key)
    assert (status, body["points"]["available"]) == (200, 150)
    for delta in (0, 10**9, 1.5):
        status, body = ask("adjust_points", "bob", body={"delta": delta}, headers=key)
        assert (status, paths(body)) == (422, {"$.delta"})


def test_nobody_has_a_wallet_without_a_profile() -> None:
    for name in ("get_wallet", "list_entries", "adjust_points"):
        assert ask(name, "nobody")[0] == 404


def test_the_profile_has_its_tier(environment: pytest.MonkeyPatch) -> None:
    support.publish()
    profile("bob")
    earning.follow_order("bob", _order("o-1", 1, 6), NOW)
    made = request("customers/get_profile")
    http = made["requestContext"]["http"]
    made["rawPath"] = http["path"] = "/v1/customers/bob"
    assert answered(customers_api.handler(made, None))[1]["tier"] == "none"
    assert earning.act_on_deadline("bob", "EARN#o-1", NOW + WINDOW)
    environment.setattr("functions.customers.profiles.now_in_milliseconds", lambda: NOW + WINDOW)
    assert answered(customers_api.handler(made, None))[1]["tier"] == "silver"
    assert wallets.wallet("bob", NOW + WINDOW).tier(NOW + WINDOW) == "silver"
    at(environment, NOW + WINDOW)
    tier = ask("get_wallet", "bob")[1]["tier"]
    assert (tier["name"], tier["since"]) == ("silver", "2026-12-21")
    assert tier["to_next"] == {"amount": 14_000, "currency": "USD"}


def _order(name: str, version: int, handed_over: int, credited: int = 0) -> Any:
    order = bought(
        name, "bob", version, units=handed_over, handed_over=handed_over, credited=credited
    )
    return earning_order(order)


def test_an_unmerge_separates_the_points() -> None:
    """One balance while both are one person; then each has the own again, and owes what the other
    paid."""
    support.publish()
    for name in ("ann", "bob"):
        profile(name)
    ask("adjust_points", "ann", body={"delta": 100})
    kept = support.merge("ann", "bob")
    assert kept == "ann"
    draws = spending.spend_parts(["bob", "ann"], 60, "o-1", NOW)
    assert [row["home"] for row in draws.draws] == ["bob", "ann"]
    assert transact(draws.parts) == []
    for name in ("ann", "bob"):
        assert ask("get_wallet", name)[1]["points"]["available"] == 40
    body = {"record": {"source": "web", "source_id": "bob"}}
    made = request("customers/unmerge", body=body)
    http = made["requestContext"]["http"]
    made["rawPath"] = http["path"] = "/v1/customers/ann/unmerge"
    assert customers_api.handler(made, None)["statusCode"] == 200
    assert account("ann").available == 100
    assert (account("bob").available, account("bob").debt) == (0, 60)
    assert ask("get_wallet", "bob")[1]["points"]["debt"] == 60
    assert ask("get_wallet", "ann")[1]["points"]["available"] == 100
    later = spending.refund_parts(draws.draws, 0, 60, "o-1", NOW)
    assert transact(later) == []
    assert (account("ann").available, account("bob").debt) == (100, 0)


def test_the_ledger_has_pages() -> None:
    support.publish()
    profile("bob")
    for number in range(5):
        ask("adjust_points", "bob", headers={"idempotency-key": f"k-{number}"})
        record_entries.handler({"Records": [written(None, item("bob"))]}, None)
    versions: list[int] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = ask("list_entries", "bob", query=query)[1]
        versions += [row["version"] for row in page["entries"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert versions == [5, 4, 3, 2, 1]
    status, body = ask("list_entries", "bob", query={"cursor": "what"})
    assert (status, paths(body)) == (422, {"query.cursor"})


def test_pending_points_mature_expire_and_are_swept(environment: pytest.MonkeyPatch) -> None:
    support.publish(expiry_months=1)
    profile("bob")
    earning.follow_order("bob", _order("o-1", 1, 6), NOW)
    seen = ask("get_wallet", "bob")[1]["points"]
    assert (seen["available"], seen["pending"]) == (0, 60)
    at(environment, NOW + timedelta(days=29))
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}
    at(environment, NOW + WINDOW)
    assert sweep.handler({}, None) == {"acted": 1, "failed": 0}
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}
    seen = ask("get_wallet", "bob")[1]["points"]
    assert (seen["available"], seen["pending"]) == (60, 0)
    assert seen["expiring"] == [{"points": 60, "expires_on": "2027-01-31"}]
    for day, kind in (("2027-01-02", "expiring"), ("2027-01-25", "expiring"), ("2027-02-01", "")):
        at(environment, datetime.fromisoformat(f"{day}T12:00:00Z"))
        assert sweep.handler({}, None)["acted"] == 1
        stored = item("bob") or {}
        assert stored["last"][0]["kind"] == (kind or "expired")
    assert account("bob").available == 0


def test_many_due_items_are_handed_out(environment: pytest.MonkeyPatch) -> None:
    support.publish()
    profile("bob")
    for number in range(3):
        earning.follow_order("bob", _order(f"o-{number}", 1, 1), NOW)
    environment.setattr(sweep, "MOST", 2)
    queue = client("sqs").create_queue(QueueName="sweep")["QueueUrl"]
    environment.setenv("NORAIN_SWEEP_QUEUE", queue)
    at(environment, NOW + WINDOW)
    assert sweep.handler({}, None) == {"portions": 32}
    messages: list[Body] = []
    while (
        found := client("sqs")
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        .get("Messages", [])
    ):
        messages += [{"messageId": one["MessageId"], "body": one["Body"]} for one in found]
        for one in found:
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    assert sweep.handler({"Records": messages}, None) == {"batchItemFailures": []}
    assert account("bob").available == 30
