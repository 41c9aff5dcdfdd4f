"""Who a record is, on a table: created, linked, updated, doubted, replayed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.aws.settings import table_name
from shared.customers import store
from shared.customers.model.person import Address, Resolution
from shared.errors import KeyReused
from tests.unit.customers.people import NOON, record

pytestmark = pytest.mark.usefixtures("fake_tables")


def resolve(
    source_id: str,
    *,
    source: str = "web",
    at: datetime = NOON,
    request: str | None = None,
    **fields: Any,
) -> Resolution:
    said = record(source, source_id, at=at, **fields)
    return store.resolve(said, request or f"{source}-{source_id}", at, f"p-{source_id}")


def test_somebody_new_gets_a_profile() -> None:
    found = resolve("1", email="bob@shop.test", given_name="Bob")
    assert (found.outcome, found.profile_id, found.home) == ("created", "p-1", "p-1")
    profile = store.find("p-1")
    assert profile.records[0].record.text("email") == "bob@shop.test"


@pytest.mark.parametrize("name", ["email", "phone", "loyalty_id", "payment_token"])
def test_an_equal_strong_identifier_links(name: str) -> None:
    said: dict[str, Any] = {name: "+14155552671"}
    resolve("1", **said)
    found = resolve("2", source="pos", **said)
    assert (found.outcome, found.profile_id) == ("linked", "p-1")
    assert found.reasons == (f"same {name}",)
    assert len(store.find("p-1").records) == 2


def test_an_equal_device_alone_does_not_link() -> None:
    resolve("1", device_id="kiosk-1")
    assert resolve("2", device_id="kiosk-1").outcome == "created"


def test_the_same_record_with_other_content_is_a_new_statement() -> None:
    resolve("1", email="bob@shop.test")
    later = NOON + timedelta(hours=1)
    found = resolve("1", request="again", at=later, email="bob@shop.test", phone="+14155552671")
    assert (found.outcome, found.profile_id) == ("updated", "p-1")
    assert [p.profile_id for p in store.find_by("phone", "+14155552671")] == ["p-1"]


def test_an_older_statement_that_comes_late_wins_nothing() -> None:
    resolve("1", at=NOON, email="bob@shop.test", given_name="Bob")
    before = NOON - timedelta(days=1)
    resolve("1", request="late", at=before, email="bob@shop.test", given_name="Rob")
    (held,) = store.find("p-1").records
    assert held.record.text("given_name") == "Bob"


def test_a_replay_gets_the_first_answer_even_after_changes() -> None:
    first = resolve("1", email="bob@shop.test")
    resolve("2", email="bob@shop.test")
    assert resolve("1", email="bob@shop.test") == first


def test_a_name_for_another_payload_is_refused() -> None:
    resolve("1", email="bob@shop.test")
    with pytest.raises(KeyReused):
        resolve("1", email="rob@shop.test")


def test_a_bridge_between_two_profiles_merges_them_into_the_older() -> None:
    resolve("1", email="bob@shop.test", given_name="Bob")
    resolve("2", at=NOON + timedelta(hours=1), phone="+14155552671", given_name="Bob")
    bridge = resolve(
        "3",
        at=NOON + timedelta(hours=2),
        email="bob@shop.test",
        phone="+14155552671",
        given_name="Bob",
    )
    assert (bridge.outcome, bridge.profile_id, bridge.merged) == ("linked", "p-1", ("p-2",))
    assert store.find("p-2") == store.find("p-1")
    assert store.profile_exists("p-2") == "p-1"


def test_two_loyalty_ids_are_never_linked_by_rule() -> None:
    resolve("1", email="bob@shop.test", loyalty_id="L1", given_name="Bob")
    found = resolve("2", email="bob@shop.test", loyalty_id="L2", given_name="Bob")
    assert (found.outcome, found.profile_id) == ("review", "p-2")
    assert "two loyalty ids" in found.reasons
    (review,), more = store.open_reviews(10, None)
    assert review.profile_ids in {("p-1", "p-2"), ("p-2", "p-1")}
    assert more is None


def test_a_family_phone_loses_its_weight() -> None:
    for number, name in enumerate(["Ann", "Bob", "Cid"]):
        resolve(str(number), phone="+14155552671", given_name=name)
    found = resolve("4", phone="+14155552671")
    assert (found.outcome, found.profile_id) == ("created", "p-4")


def test_what_people_type_to_get_on_links_nobody() -> None:
    resolve("1", phone="+10000000000", email="none@none.com")
    found = resolve("2", phone="+10000000000", email="none@none.com")
    assert found.outcome == "created"
    assert store.profile_exists("nobody") is None


def test_a_known_customer_costs_two_reads_and_is_looked_up_by_eight_keys_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything: dict[str, Any] = {
        "email": "bob@shop.test",
        "phone": "+14155552671",
        "loyalty_id": "L1",
        "device_id": "d1",
        "payment_token": "t1",
        "given_name": "Bob",
        "family_name": "Miller",
        "birth_date": "1980-03-04",
        "address": Address("12 Main Street", "Springfield", "IL", "62704", "US"),
    }
    resolve("1", **everything)
    asked: list[int] = []
    client = dynamodb()
    client.meta.events.register(
        "before-parameter-build.dynamodb.*",
        lambda params, model, **_: asked.append(
            len(params["RequestItems"][table_name("customers")]["Keys"])
            if model.name == "BatchGetItem"
            else 0
        ),
    )
    assert resolve("2", source="pos", **everything).outcome == "linked"
    reads = asked[:-1]
    assert asked[-1] == 0
    assert len(reads) == 2
    request_and_record = 2
    assert reads[0] == request_and_record + 8
    assert reads[1] <= 8


def test_who_shares_no_identifier_is_found_by_name_address_and_birth_date() -> None:
    home = Address("12 Main Street", "Springfield", "IL", "62704", "US")
    resolve("1", given_name="Bob", family_name="Miller", birth_date="1980-03-04", address=home)
    found = resolve(
        "2",
        source="pos",
        given_name="Bob",
        family_name="Millar",
        birth_date="1980-03-04",
        address=home,
    )
    assert (found.outcome, found.profile_id) == ("linked", "p-1")
    assert found.reasons == ("names agree", "same birth date", "addresses agree")


def test_keys_name_nobody() -> None:
    home = Address("12 Main Street", "Springfield", "IL", "62704", "US")
    resolve("1", given_name="Bob", family_name="Miller", phone="+14155552671", address=home)
    items = dynamodb().scan(TableName=table_name("customers"))["Items"]
    kinds = {item["pk"]["S"].partition("#")[0] for item in items}
    assert kinds == {"PROFILE", "RECORD", "ID", "BLOCK", "HOUSE", "IDEM"}
    for item in items:
        if item["pk"]["S"].startswith(("ID#", "BLOCK#", "HOUSE#", "IDEM#")):
            assert not any(told in str(item) for told in ("Bob", "Miller", "62704", "4155552671"))
