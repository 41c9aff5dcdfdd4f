"""The customers' routes, from the gateway's event to its answer and the table."""

import io
import json
import logging
from typing import Any

import pytest

from functions.customers.api import handler
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import query
from shared.aws.items import to_item
from shared.aws.settings import table_name
from tests.functions.customers.conftest import Jobs
from tests.support.events import event

pytestmark = pytest.mark.usefixtures("jobs")


def send(
    name: str,
    *,
    profile_id: str | None = None,
    key: str | None = None,
    body: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The answer to ``events/customers/<name>.json``, changed in what a test is about."""
    made = event(f"customers/{name}")
    http = made["requestContext"]["http"]
    if profile_id is not None:
        made["rawPath"] = http["path"] = http["path"].replace("/bob", f"/{profile_id}")
    if key is not None:
        made["headers"]["idempotency-key"] = key
    if body is not None:
        fields = {**json.loads(made["body"]), **body}
        made["body"] = json.dumps({name: value for name, value in fields.items() if value != {}})
    made["headers"] |= more.pop("headers", {})
    return handler({**made, **more}, None)


def call(name: str, **changes: Any) -> tuple[int, Any]:
    answer = send(name, **changes)
    return int(answer["statusCode"]), json.loads(answer["body"] or "null")


def bob() -> str:
    status, found = call("resolve")
    assert status == 201
    profile_id: str = found["profile_id"]
    return profile_id


def other(**identifiers: str) -> tuple[int, Any]:
    """Somebody at a till, of whom only identifiers are known."""
    stated = {"source": "pos", "source_id": "till-3", "identifiers": identifiers}
    return call(
        "resolve", key="till-3", body={**stated, "attributes": {}, "verified": [], "consents": []}
    )


def test_somebody_new_is_created_once() -> None:
    status, found = call("resolve")
    assert (status, found["outcome"], found["reasons"]) == (201, "created", [])
    assert send("resolve") == send("resolve")
    assert call("resolve") == (201, found)


def test_a_record_with_the_phone_is_linked() -> None:
    profile_id = bob()
    status, found = other(phone="+1 415 555 2671")
    assert status == 200
    assert found == {
        "profile_id": profile_id,
        "outcome": "linked",
        "bits": 9.0,
        "reasons": ["same phone"],
    }


def test_the_profile_names_the_source_of_each_field() -> None:
    profile_id = bob()
    status, profile = call("get_profile", profile_id=profile_id)
    assert status == 200
    assert profile["identifiers"] == [
        {"type": "email", "value": "bob@shop.test", "verified": True, "sources": ["web"]},
        {"type": "phone", "value": "+14155552671", "verified": False, "sources": ["web"]},
    ]
    assert profile["attributes"]["given_name"] == {
        "value": "Bob",
        "source": "web",
        "source_id": "account-17",
        "at": "2026-11-20T17:00:00.000Z",
        "verified": False,
    }
    assert profile["attributes"]["address"]["value"]["postal_code"] == "94105"
    assert profile["consents"][0]["status"] == "granted"
    assert profile["merged_from"] == profile["households"] == []


def test_an_associate_looks_somebody_up_and_it_is_noted() -> None:
    profile_id = bob()
    for changes in (
        {},
        {"queryStringParameters": {"phone": "415 555 2671", "country": "US"}},
        {"queryStringParameters": {"phone": " 14155552671"}},
        {"queryStringParameters": {"email": "BOB@shop.test"}},
    ):
        status, found = call("look_up", **changes)
        assert status == 200
        assert [profile["profile_id"] for profile in found["profiles"]] == [profile_id]
    audits = list(
        query(table_name("customers"), "pk = :pk", to_item({":pk": f"AUDIT#{profile_id}"}))
    )
    assert {entry["actor"] for entry in audits} == {"associate-client"}
    assert {entry["what"] for entry in audits} == {"look-up by phone", "look-up by email"}


STOLEN = "+1 415 555 0123"


def looked_up(phone: str) -> list[dict[str, Any]]:
    status, found = call("look_up", queryStringParameters={"phone": phone, "country": "US"})
    assert status == 200
    profiles: list[dict[str, Any]] = found["profiles"]
    return profiles


def guest(number: int, **identifiers: str) -> tuple[int, Any]:
    """Somebody at a till who gives the name of Bob."""
    body = {
        "source": "pos",
        "source_id": f"till-{number}",
        "identifiers": identifiers,
        "attributes": {"given_name": "Bob", "family_name": "Miller"},
        "verified": [],
        "consents": [],
    }
    return call("resolve", key=f"till-{number}", body=body)


def test_an_unverified_identifier_never_opens_an_account() -> None:
    """A guest who states the victim's address and a telephone of their own is linked."""
    victim = bob()
    status, linked = guest(1, email="bob@shop.test", phone=STOLEN)
    assert (status, linked["outcome"], linked["profile_id"]) == (200, "linked", victim)
    assert linked["reasons"] == ["same email", "phone differs", "names agree"]
    assert looked_up(STOLEN) == []
    assert audits(victim) == []
    assert [found["profile_id"] for found in looked_up("415 555 2671")] == [victim]


def test_who_had_a_profile_before_is_not_let_into_the_one_that_the_rules_merge_it_with() -> None:
    victim = bob()
    assert guest(1, phone=STOLEN)[1]["outcome"] == "created"
    status, bridge = guest(2, email="bob@shop.test", phone=STOLEN)
    assert (status, bridge["profile_id"], len(bridge["merged"])) == (200, victim, 1)
    assert looked_up(STOLEN) == []


def test_a_guest_who_gives_no_name_is_not_taken_for_the_owner_of_a_verified_address() -> None:
    victim = bob()
    status, apart = other(email="bob@shop.test", phone=STOLEN)
    assert (status, apart["outcome"]) == (201, "created")
    (found,) = looked_up(STOLEN)
    assert found["profile_id"] == apart["profile_id"] != victim
    assert found["attributes"] == {}


def test_what_somebody_has_verified_is_a_key_whoever_founded_the_profile() -> None:
    victim = bob()
    body = {
        "source": "crm",
        "source_id": "7",
        "identifiers": {"email": "bob@shop.test", "phone": STOLEN},
        "verified": ["email", "phone"],
        "attributes": {},
        "consents": [],
    }
    assert call("resolve", key="crm-7", body=body)[1]["profile_id"] == victim
    assert [found["profile_id"] for found in looked_up(STOLEN)] == [victim]


def test_what_people_have_put_together_opens_by_the_keys_of_both() -> None:
    victim = bob()
    _, robert = other(phone="+442079460958")
    wanted = {"other_profile_id": robert["profile_id"], "reason": "passport"}
    call("merge", profile_id=victim, body=wanted)
    assert [found["profile_id"] for found in looked_up("+442079460958")] == [victim]


def test_who_has_read_a_profile_is_told_page_by_page_even_when_it_was_erased() -> None:
    profile_id = bob()
    for name in ("get_profile", "get_timeline", "export"):
        assert call(name, profile_id=profile_id)[0] in {200, 202}
    call("look_up")
    send("erase", profile_id=profile_id)
    found, query_string = [], {"limit": "3"}
    while True:
        status, page = call("list_reads", profile_id=profile_id, queryStringParameters=query_string)
        assert status == 200
        found += [(read["actor"], read["what"]) for read in page["reads"]]
        if "next_cursor" not in page:
            break
        query_string = {"limit": "3", "cursor": page["next_cursor"]}
    assert sorted(found) == [
        ("associate-client", what) for what in ("export", "look-up by phone", "profile", "timeline")
    ]


def test_a_look_up_of_nobody_is_empty_and_of_nothing_refused() -> None:
    assert call("look_up") == (200, {"profiles": []})
    assert call("look_up", queryStringParameters={})[0] == 422
    status, refused = call("look_up", queryStringParameters={"phone": "12"})
    assert (status, refused["errors"][0]["path"]) == (422, "query.phone")


def test_a_wrong_request_names_every_place() -> None:
    status, refused = call("resolve", body={"identifiers": {"email": "x", "phone": "1"}})
    assert status == 422
    assert {error["path"] for error in refused["errors"]} == {
        "$.identifiers.email",
        "$.identifiers.phone",
    }
    status, refused = call("resolve", body={"nickname": "B", "occurred_at": "yesterday"})
    assert {error["path"] for error in refused["errors"]} == {"$.nickname", "$.occurred_at"}


def test_a_request_that_changes_something_needs_its_key() -> None:
    made = event("customers/resolve")
    del made["headers"]["idempotency-key"]
    answer = handler(made, None)
    assert json.loads(answer["body"])["code"] == "idempotency_key_missing"


def test_a_key_for_another_payload_is_refused() -> None:
    bob()
    status, refused = call("resolve", body={"source_id": "other"})
    assert (status, refused["code"]) == (422, "idempotency_key_reused")


def test_merge_and_unmerge_by_hand() -> None:
    profile_id = bob()
    _, robert = other(phone="+442079460958")
    before = call("get_profile", profile_id=profile_id)
    wanted = {"other_profile_id": robert["profile_id"], "reason": "passport"}
    status, merged = call("merge", profile_id=profile_id, body=wanted)
    assert (status, merged) == (
        200,
        {"profile_id": profile_id, "merged_from": [robert["profile_id"]]},
    )
    status, found = call("get_profile", profile_id=robert["profile_id"])
    assert (status, found["profile_id"]) == (200, profile_id)
    assert found["merged_from"] == [robert["profile_id"]]
    status, split = call("unmerge", profile_id=profile_id)
    assert (status, split) == (
        200,
        {"profile_id": profile_id, "separated_profile_id": robert["profile_id"]},
    )
    assert call("get_profile", profile_id=profile_id) == before


def test_a_doubt_is_listed_and_judged() -> None:
    bob()
    status, found = call(
        "resolve",
        key="other",
        body={
            "source_id": "account-18",
            "identifiers": {"phone": "+1 415 555 2671", "email": "bob@shop.test"},
            "attributes": {"given_name": "Ann", "family_name": "Miller"},
        },
    )
    assert (status, found["outcome"]) == (201, "review")
    _, listed = call("list_reviews")
    (review,) = listed["reviews"]
    assert found["profile_id"] in review["profile_ids"]
    assert "names contradict" in review["reasons"]
    compared = {row["field"]: row for row in review["compared"]}
    assert compared["phone"]["verdict"] == "same"
    assert compared["given_name"]["verdict"] == "different"
    assert sorted(compared["given_name"]["values"]) == ["Ann", "Bob"]
    assert {entry["what"] for entry in audits(found["profile_id"])} == {"reviews"}
    path = f"/v1/customers/reviews/{review['review_id']}"
    made = event("customers/judge_review")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    answer = handler(made, None)
    assert answer["statusCode"] == 200
    assert len(json.loads(answer["body"])["profile_ids"]) == 1
    assert call("list_reviews") == (200, {"reviews": []})


def audits(profile_id: str) -> list[dict[str, Any]]:
    return list(query(table_name("customers"), "pk = :pk", to_item({":pk": f"AUDIT#{profile_id}"})))


def test_a_merge_is_seen_before_it_is_made() -> None:
    profile_id = bob()
    _, robert = other(phone="+442079460958", email="robert@shop.test")
    before = call("get_profile", profile_id=profile_id)
    status, preview = call(
        "merge_preview", profile_id=profile_id, body={"other_profile_id": robert["profile_id"]}
    )
    assert status == 200
    assert preview["profile"]["merged_from"] == [robert["profile_id"]]
    assert {row["value"] for row in preview["profile"]["identifiers"]} >= {
        "bob@shop.test",
        "robert@shop.test",
    }
    assert preview["bits"] < 0
    assert preview["against"] == []
    assert call("get_profile", profile_id=profile_id) == before
    made = call(
        "merge",
        profile_id=profile_id,
        body={"other_profile_id": robert["profile_id"], "reason": "passport"},
    )
    assert made[1]["profile_id"] == preview["profile"]["profile_id"]
    merged = call("get_profile", profile_id=profile_id)[1]
    assert merged["identifiers"] == preview["profile"]["identifiers"]


def test_who_lives_together_is_told_and_not_merged() -> None:
    profile_id = bob()
    home = json.loads(event("customers/resolve")["body"])["attributes"]["address"]
    _, ann = call(
        "resolve",
        key="ann",
        body={
            "source_id": "account-18",
            "identifiers": {"email": "ann@shop.test"},
            "attributes": {"given_name": "Ann", "family_name": "Miller", "address": home},
            "consents": [],
        },
    )
    assert ann["profile_id"] != profile_id
    assert call("get_profile", profile_id=profile_id)[1]["households"] == [ann["profile_id"]]
    assert call("get_profile", profile_id=ann["profile_id"])[1]["households"] == [profile_id]
    send("erase", profile_id=ann["profile_id"])
    assert call("get_profile", profile_id=profile_id)[1]["households"] == []


def test_a_person_is_seen_whole_in_two_reads() -> None:
    profile_id = bob()
    send("put_cart", profile_id=profile_id)
    send("note_interaction", profile_id=profile_id)
    _, robert = other(phone="+442079460958")
    bought = {
        "kind": "purchase",
        "channel": "pos",
        "occurred_at": "2026-11-20T18:00:00Z",
        "data": {"order_id": "O-1"},
    }
    send("note_interaction", profile_id=robert["profile_id"], key="bought", body=bought)
    wanted = {"other_profile_id": robert["profile_id"], "reason": "he said so"}
    call("merge", profile_id=profile_id, body=wanted)
    asked: list[str] = []
    dynamodb().meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: asked.append(model.name)
    )
    status, seen = call("get_profile", profile_id=profile_id)
    assert status == 200
    # GetItem is the loyalty programme in force: once in 30 s.
    assert asked == ["BatchGetItem", "BatchGetItem", "TransactWriteItems", "GetItem"]
    assert [line["sku"] for line in seen["cart"]["lines"]] == ["tent-2p"]
    assert [entry["kind"] for entry in seen["recent"]] == ["purchase", "view"]
    assert [entry["data"] for entry in seen["orders"]] == [{"order_id": "O-1"}]
    assert seen["tier"] == "none"
    assert call("get_profile", profile_id=robert["profile_id"])[1] == seen


def test_the_erased_leave_nothing_that_can_be_read(jobs: Jobs) -> None:
    profile_id = bob()
    _, robert = other(phone="+442079460958")
    wanted = {"other_profile_id": robert["profile_id"], "reason": "Bob Miller said so"}
    call("merge", profile_id=profile_id, body=wanted)
    call("unmerge", profile_id=profile_id, body={"reason": "Bob Miller denied it"})
    call("put_cart", profile_id=profile_id)
    send("erase", profile_id=profile_id)
    assert jobs.work() == []
    left = str(dynamodb().scan(TableName=table_name("customers"))["Items"]).casefold()
    for told in ("miller", "bob@shop", "4155552671", "market st", "94105", "account-17", "tent-2p"):
        assert told not in left
    assert "442079460958" in left


def test_interactions_make_the_timeline() -> None:
    profile_id = bob()
    first = send("note_interaction", profile_id=profile_id)
    assert first["statusCode"] == 201
    assert send("note_interaction", profile_id=profile_id) == first
    call(
        "note_interaction",
        profile_id=profile_id,
        key="view-2",
        body={"occurred_at": "2026-11-20T18:00:00Z", "kind": "visit"},
    )
    status, timeline = call("get_timeline", profile_id=profile_id)
    assert status == 200
    assert [entry["kind"] for entry in timeline["interactions"]] == ["visit", "view"]
    assert timeline["interactions"][1] == json.loads(first["body"])
    page = call("get_timeline", profile_id=profile_id, queryStringParameters={"limit": "1"})[1]
    rest = call(
        "get_timeline",
        profile_id=profile_id,
        queryStringParameters={"limit": "1", "cursor": page["next_cursor"]},
    )[1]
    assert [entry["kind"] for entry in rest["interactions"]] == ["view"]
    assert "next_cursor" not in rest


def test_a_client_speaks_only_for_its_channels() -> None:
    profile_id = bob()
    made = event("customers/note_interaction")
    made["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = (
        "norain/customers:write norain/channel:pos"
    )
    made["rawPath"] = made["requestContext"]["http"]["path"] = (
        f"/v1/customers/{profile_id}/interactions"
    )
    assert handler(made, None)["statusCode"] == 403


def test_one_cart_over_all_channels() -> None:
    profile_id = bob()
    empty = send("get_cart", profile_id=profile_id)
    assert json.loads(empty["body"])["lines"] == []
    first = send("put_cart", profile_id=profile_id, headers={"if-match": empty["headers"]["ETag"]})
    assert first["statusCode"] == 200
    stale = {"if-match": empty["headers"]["ETag"]}
    status, refused = call("put_cart", profile_id=profile_id, headers=stale)
    assert (status, refused["code"]) == (412, "version_mismatch")
    found = send("get_cart", profile_id=profile_id)
    assert found["headers"]["ETag"] == first["headers"]["ETag"]
    assert json.loads(found["body"])["lines"] == [{"sku": "tent-2p", "quantity": 1}]
    twice = [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}]
    assert call("put_cart", profile_id=profile_id, body={"lines": twice})[0] == 422


def test_the_erased_are_gone_from_the_answer_on(jobs: Jobs) -> None:
    profile_id = bob()
    status, asked = call("erase", profile_id=profile_id)
    assert (status, asked["status_url"]) == (202, f"/v1/customers/jobs/{asked['job_id']}")
    assert call("erase", profile_id=profile_id) == (202, asked)
    for done in (False, True):
        assert call("get_profile", profile_id=profile_id)[0] == 410
        assert call("get_timeline", profile_id=profile_id)[0] == 410
        assert call("resolve")[0] == 410 if done else 201
        assert call("resolve", key="again")[0] == 410
        assert call("look_up") == (200, {"profiles": []})
        if not done:
            assert jobs.work() == []
    assert call("erase", profile_id=profile_id) == (202, asked)
    assert call("erase", profile_id="nobody")[0] == 404


def test_logs_name_nobody() -> None:
    written = io.StringIO()
    listener = logging.StreamHandler(written)
    logging.getLogger("norain").addHandler(listener)
    profile_id = bob()
    call("look_up")
    call("get_profile", profile_id=profile_id)
    call("resolve", body={"source_id": "other"})
    call("resolve", key="bad", body={"identifiers": {"email": "bobmiller"}})
    logging.getLogger("norain").removeHandler(listener)
    logged = written.getvalue().casefold()
    assert "answered" in logged
    for value in ("bob@shop", "4155552671", "miller", "market st", "account-17"):
        assert value not in logged
