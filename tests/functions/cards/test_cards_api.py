"""The routes of cards, from the gateway's event to its answer."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.cards import api
from functions.cards.api import handler
from functions.cards.record_entries import handler as record_entries
from shared.aws import dynamodb as tables
from shared.aws import events
from shared.aws.items import to_item
from shared.cards import store
from shared.cards.model.tries import MOST_IN_QUARTER, MOST_OF_CLIENT, MOST_PINS
from shared.cards.store import entries, parts, tries
from tests.support.cards import CAUSE, NOW, assert_laws, issued, items, spend_of, written
from tests.support.requests import answered, paths, request
from tests.support.tables import Kept

pytestmark = pytest.mark.usefixtures("fake_tables")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture(autouse=True)
def clock(environment: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    environment.setattr(api, "now_in_milliseconds", made)
    return made


def call(
    name: str, card_id: str | None = None, key: str | None = None, **changes: Any
) -> tuple[int, dict[str, Any]]:
    made = request(f"cards/{name}", **changes)
    if key is not None:
        made["headers"]["idempotency-key"] = key
    if card_id is not None:
        sample = made["pathParameters"]["card_id"]
        made["pathParameters"]["card_id"] = card_id
        made["rawPath"] = made["rawPath"].replace(sample, card_id)
        made["requestContext"]["http"]["path"] = made["rawPath"]
    return answered(handler(made, None))


def look_up(code: str, **body: Any) -> tuple[int, dict[str, Any]]:
    scope = body.pop("scope", None)
    return call("look_up", body={"code": code, **body}, scope=scope)


def test_a_card_is_issued_looked_up_and_read() -> None:
    status, made = call("issue", body={"expires_on": "2027-12-31", "time_zone": "America/Denver"})
    assert status == 201
    status, found = look_up(made["code"].lower().replace("-", " "))
    assert (status, found["balance"], found["available"]) == (200, 5000, 5000)
    assert found["card_id"] == made["card_id"]
    assert found["suffix"] == made["code"][-4:]
    assert found["expires_at"] == "2028-01-01T07:00:00.000Z"
    status, card = call("get", made["card_id"])
    assert (status, card["state"], card["has_pin"], card["version"]) == (200, "active", False, 1)
    assert "code" not in card
    assert call("get")[0] == 404
    assert call("list_entries")[0] == 404


def test_a_repetition_shows_the_same_code_which_is_stored_nowhere(clock: Clock) -> None:
    body = {"expires_on": "2026-12-31"}
    first = handler(request("cards/issue", body=body), None)
    clock.now += timedelta(days=29)
    again = handler(request("cards/issue", body=body), None)
    assert again["body"] == first["body"]
    assert (again["statusCode"], len([one for one in items() if one["sk"] == "CARD"])) == (201, 1)
    status, refused = call("issue", body={**body, "pin": "1234"})
    assert (status, refused["code"]) == (422, "idempotency_key_reused")
    code = json.loads(first["body"])["code"]
    assert code.replace("-", "")[:8] not in str(items()).upper()
    clock.now += timedelta(days=10)
    again = handler(request("cards/issue", body=body), None)
    assert again["body"] == first["body"], "also after the new card has expired"


def test_a_key_that_was_forgotten_issues_no_second_card() -> None:
    made = call("issue")[1]
    record = next(one for one in items() if one["sk"] == "REQUEST")
    tables.delete_many(store.cards_table(), [(record["pk"], record["sk"])])
    status, refused = call("issue")
    assert (status, refused["code"]) == (422, "idempotency_key_reused")
    assert store.find(made["card_id"]).balance == 5000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$.amount", {"amount": None}),
        ("$.amount.amount", {"amount": {"amount": 0, "currency": "USD"}}),
        ("$.amount.amount", {"amount": {"amount": 1.5, "currency": "USD"}}),
        ("$.amount.amount", {"amount": {"amount": 1_000_001, "currency": "USD"}}),
        ("$.amount.currency", {"amount": {"amount": 1, "currency": "usd"}}),
        ("$.kind", {"kind": "voucher"}),
        ("$.state", {"state": "blocked"}),
        ("$.pin", {"pin": "12"}),
        ("$.pin", {"pin": "abcd"}),
        ("$.expires_on", {"expires_on": "2026-11-28"}),
        ("$.expires_on", {"expires_on": "2026-11-29T10:00:00Z"}),
        ("$.time_zone", {"time_zone": "Denver"}),
        ("$.code", {"code": "7K2Q"}),
    ],
)
def test_wrong_input_is_refused_by_its_path(path: str, body: dict[str, Any]) -> None:
    status, refused = call("issue", body=body)
    assert (status, refused["code"]) == (422, "invalid_request")
    assert path in paths(refused)
    assert items() == []


def test_staff_load_correct_and_move_money(clock: Clock) -> None:
    card, _ = issued(5000, state="inactive")
    other, _ = issued(100)
    assert call("activate", card.card_id)[1]["state"] == "active"
    status, refused = call("activate", card.card_id, key="again")
    assert (status, refused["code"], refused["state"]) == (409, "invalid_transition", "active")
    first = call("load", card.card_id)
    assert (first[0], first[1]["balance"], first[1]["version"]) == (200, 7000, 3)
    clock.now += timedelta(days=3)
    assert call("load", card.card_id) == first, "a repetition moves nothing"
    wrong = {"amount": {"amount": 2000, "currency": "EUR"}}
    assert call("load", card.card_id, body=wrong)[1]["code"] == "idempotency_key_reused"
    status, refused = call("load", card.card_id, key="other", body=wrong)
    assert (status, paths(refused)) == (422, {"$.amount.currency"})
    assert call("adjust", card.card_id)[1]["balance"] == 6500
    below = {"delta": {"amount": -6501, "currency": "USD"}}
    status, refused = call("adjust", card.card_id, key="below", body=below)
    assert (status, refused["code"], refused["available"]) == (409, "card_short", 6500)
    zero = {"delta": {"amount": 0, "currency": "USD"}}
    assert call("adjust", card.card_id, key="zero", body=zero)[0] == 422
    to = {"to_card_id": other.card_id}
    status, given = call("transfer", card.card_id, body=to)
    assert (status, given["balance"], store.find(other.card_id).balance) == (200, 5000, 1600)
    assert call("transfer", card.card_id, body=to) == (status, given)
    more = {**to, "amount": {"amount": 5001, "currency": "USD"}}
    assert call("transfer", card.card_id, key="more", body=more)[1]["code"] == "card_short"
    itself = {"to_card_id": card.card_id}
    assert paths(call("transfer", card.card_id, key="self", body=itself)[1]) == {"$.to_card_id"}
    assert paths(call("transfer", card.card_id, key="no")[1]) == {"$.to_card_id"}
    assert call("transfer", key="nobody", body=to)[0] == 404
    for name in ("load", "activate", "block", "unblock", "replace", "adjust"):
        assert call(name, key=f"nobody {name}")[0] == 404
    assert assert_laws(ledger=False) == {"USD": 5000 + 1600}


def test_a_blocked_card_pays_nothing_and_takes_no_load() -> None:
    card, code = issued(5000)
    assert call("block", card.card_id)[1]["block_reason"] == "lost"
    assert look_up(code)[1]["code"] == "card_not_usable"
    status, refused = call("load", card.card_id)
    assert (status, refused["code"]) == (409, "invalid_transition")
    assert call("block", card.card_id, key="again")[0] == 409
    assert call("unblock", card.card_id)[1]["state"] == "active"
    assert look_up(code)[0] == 200


def test_a_replacement_has_the_balance_and_the_old_code_nothing() -> None:
    """Setono/SyliusGiftCardPlugin#45: whoever lost a card had no way to its balance."""
    card, code = issued(5000)
    first = call("replace", card.card_id)
    assert first[0] == 201
    assert call("replace", card.card_id) == first
    new = first[1]
    assert (new["replaced"], new["code"] != code) == (card.card_id, True)
    assert look_up(new["code"])[1]["balance"] == 5000
    status, refused = look_up(code, scope="norain/cards:read norain/cards:write")
    assert (status, refused["reason"]) == (409, "replaced")
    assert call("get", card.card_id)[1]["replaced_by"] == new["card_id"]
    assert assert_laws(ledger=False) == {"USD": 5000}


def test_a_card_in_the_middle_of_a_payment_is_replaced_later() -> None:
    card, _ = issued(5000)
    written(parts.hold_part(spend_of(card, 100), CAUSE, NOW))
    status, refused = call("replace", card.card_id)
    assert (status, refused["code"], refused["held"]) == (409, "conflict", 100)
    written(parts.release_part(card.card_id, 100, CAUSE, NOW))
    assert call("replace", card.card_id)[0] == 201


def test_the_refusal_is_one_and_only_staff_see_the_reason() -> None:
    """Setono/SyliusGiftCardPlugin#297: the answer told which codes exist."""
    expired, code = issued(5000, expires_at=NOW + timedelta(milliseconds=1))
    _, unknown = issued(5000)
    tables.delete_many(
        store.cards_table(),
        [
            (one["pk"], one["sk"])
            for one in items()
            if one["sk"] == "CARD" and one["pk"] != f"CARD#{expired.card_id}"
        ],
    )
    refusals = [look_up(one, subject=one) for one in (code, unknown)]
    assert refusals[0] == refusals[1]
    assert (refusals[0][0], refusals[0][1]["code"]) == (409, "card_not_usable")
    assert "reason" not in refusals[0][1]
    staff = [look_up(one, scope="norain/cards:read norain/cards:write") for one in (code, unknown)]
    assert [refused["reason"] for _, refused in staff] == ["expired", "unknown"]


def test_failures_of_a_subject_are_limited_and_successes_are_not(clock: Clock) -> None:
    _, code = issued(5000)
    _, blocked = issued(5000, state="inactive")
    for _ in range(2 * MOST_IN_QUARTER):
        assert look_up(code)[0] == 200
    typo = code[:-1] + ("2" if code[-1] != "2" else "3")
    for _ in range(2 * MOST_IN_QUARTER):
        assert paths(look_up(typo)[1]) == {"$.code"}, "counts for nobody"
    for _ in range(MOST_IN_QUARTER):
        assert look_up(blocked)[0] == 409
    made = request("cards/look_up", body={"code": code})
    refused = handler(made, None)
    status, body = answered(refused)
    assert (status, body["code"]) == (429, "too_many_tries")
    assert int(refused["headers"]["Retry-After"]) == body["retry_after_seconds"] <= 900
    assert look_up(code, subject="somebody else")[0] == 200
    clock.now += timedelta(seconds=body["retry_after_seconds"])
    assert look_up(code)[0] == 200
    text = str([one for one in items() if one["pk"].startswith("TRIES")])
    assert "session-81" not in text


def test_failures_of_a_client_are_limited_too() -> None:
    _, code = issued(5000)
    key = tries.client_key("web-client", NOW)
    tables.write(
        "put_item",
        TableName=key.table,
        Item=to_item({"pk": key.pk, "sk": key.sk, "units": MOST_OF_CLIENT}),
    )
    assert look_up(code, subject="anybody")[0] == 429


def test_ten_wrong_pins_block_the_card_and_staff_unblock_it() -> None:
    card, code = issued(5000, pin="123456")
    for number in range(MOST_PINS - 1):
        assert look_up(code, pin="000000", subject=f"s{number}")[0] == 409
    assert look_up(code, pin="123456", subject="right")[0] == 200
    assert look_up(code, subject="without")[0] == 409
    assert store.find(card.card_id).state == "active", "a right one begins anew"
    for number in range(MOST_PINS):
        assert look_up(code, pin="000000", subject=f"t{number}")[0] == 409
    found = store.find(card.card_id)
    assert (found.state, found.block_reason) == ("blocked", "wrong_pins")
    assert look_up(code, pin="123456", subject="late")[0] == 409
    assert call("unblock", card.card_id)[0] == 200
    assert look_up(code, pin="123456", subject="late")[0] == 200


def test_the_ledger_is_read_page_by_page() -> None:
    card, _ = issued(5000)
    for number in range(4):
        call("load", card.card_id, key=f"load {number}")
    found = store.find(card.card_id)
    last = store.last_of("loaded", CAUSE, NOW)
    rows = []
    for version in range(1, found.version + 1):
        image = {**_image(card.card_id), "version": version, "last": last}
        rows.append(entries.entry_of_images(None, image))
    entries.put(rows)
    status, page = call("list_entries", card.card_id, query={"limit": "2"})
    assert (status, [one["version"] for one in page["entries"]]) == (200, [5, 4])
    more = call("list_entries", card.card_id, query={"cursor": page["next_cursor"]})[1]
    assert [one["version"] for one in more["entries"]] == [3, 2, 1]
    assert "next_cursor" not in more
    assert call("list_entries", card.card_id, query={"cursor": "x"})[0] == 422


def _image(card_id: str) -> dict[str, Any]:
    return next(one for one in items() if one["pk"] == f"CARD#{card_id}" and one["sk"] == "CARD")


def test_logs_have_no_code_no_pin_and_no_subject(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = call("issue", body={"pin": "736251"})[1]
    look_up(made["code"], pin="736251")
    look_up(made["code"], pin="111111")
    lines = [str(vars(record)) for record in caplog.records]
    logged = "".join([*lines, capsys.readouterr().out]).upper()
    assert "CARDTRIESFAILED" in logged
    assert "ANSWERED" in logged
    for secret in (made["code"], made["code"].replace("-", ""), "736251", "SESSION-81"):
        assert secret not in logged


def test_an_unreadable_change_is_put_away(
    failed_records: Kept, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(events, "client", lambda _: None)
    environment.setenv("NORAIN_EVENT_BUS", "bus")
    bad = {
        "eventID": "1",
        "dynamodb": {
            "SequenceNumber": "1",
            "Keys": {"pk": {"S": "CARD#x"}, "sk": {"S": "CARD"}},
            "NewImage": {"pk": {"S": "CARD#x"}, "version": {"N": "1"}},
        },
    }
    assert record_entries({"Records": [bad]}, None) == {"batchItemFailures": []}
    assert len(failed_records()) == 1
