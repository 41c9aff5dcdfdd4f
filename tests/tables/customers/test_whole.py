"""A person at first sight, and how much one can be."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.aws.settings import table_name
from shared.customers import store
from shared.customers.model.person import Address, Consent, Interaction, Resolution
from shared.customers.model.views import RECENT_ENTRIES
from shared.customers.store import Act
from shared.customers.store.households import MAX_HOMES
from shared.errors import Conflict
from shared.web.idempotency import Request
from tests.support.erasure import erase
from tests.support.people import NOON, record

pytestmark = pytest.mark.usefixtures("fake_tables")

ACT = Act(actor="associate", at=NOON, reason="they said so")
HOME = Address("12 Main Street", "Springfield", "IL", "62704", "US")
ELSEWHERE = Address("7 Quill Lane", "Springfield", "IL", "62705", "US")


def resolve(source_id: str, *, days: int = 0, **fields: Any) -> Resolution:
    at = NOON + timedelta(days=days)
    said = record("web", source_id, at=at, **fields)
    return store.resolve(said, f"{source_id}-{days}", at, f"p-{source_id}")


def named(source_id: str, address: Address = HOME, *, days: int = 0) -> Resolution:
    email = f"{source_id}@shop.test"
    return resolve(source_id, days=days, email=email, given_name=source_id, address=address)


def housemates(profile_id: str) -> tuple[str, ...]:
    return store.profile_overview(profile_id).housemates


def merge(one: str, other: str, name: str = "m") -> None:
    store.merge(one, other, ACT, Request(name, name))


def note(profile_id: str, number: int, kind: str = "view", data: Mapping[str, Any] = {}) -> None:
    at = NOON + timedelta(minutes=number)
    store.record_interaction(profile_id, Interaction(f"i{number:03}", "web", kind, at, data))


def test_who_lives_together_is_known_through_merges_and_when_they_are_undone() -> None:
    for days, name in enumerate(("ann", "bob", "cid")):
        named(name, days=days)
    assert housemates("p-ann") == ("p-bob", "p-cid")
    merge("p-bob", "p-cid")
    assert housemates("p-ann") == ("p-bob",)
    assert housemates("p-cid") == ("p-ann",)
    store.unmerge("p-bob", ("web", "cid"), "new", ACT, Request("u", "u"))
    assert housemates("p-ann") == ("p-bob", "p-cid")


def test_who_has_moved_lives_there_no_more() -> None:
    named("ann")
    named("bob", days=1)
    named("bob", ELSEWHERE, days=2)
    assert housemates("p-ann") == housemates("p-bob") == ()
    named("cid", ELSEWHERE, days=3)
    assert housemates("p-bob") == ("p-cid",)


def test_a_record_that_leaves_alone_takes_its_address_with_it() -> None:
    resolve("ann", email="ann@shop.test", given_name="Ann")
    resolve("2", days=1, email="ann@shop.test", given_name="Ann", address=HOME)
    named("bob", days=2)
    assert housemates("p-bob") == ("p-ann",)
    store.unmerge("p-ann", ("web", "2"), "new", ACT, Request("u", "u"))
    assert housemates("p-bob") == ("new",)


def test_nobody_is_kept_from_being_known_by_a_house_that_is_full() -> None:
    for number in range(MAX_HOMES + 2):
        found = resolve(str(number), device_id=f"d{number}", address=HOME)
        assert found.outcome == "created"
    assert 0 < len(housemates("p-101")) <= MAX_HOMES


def test_the_newest_is_shown_and_purchases_are_not_lost_among_views() -> None:
    resolve("bob", email="bob@shop.test")
    note("p-bob", 0, "purchase", {"order_id": "O-1"})
    for number in range(1, 20):
        note("p-bob", number)
    note("p-bob", 19)
    seen = store.profile_overview("p-bob")
    assert [entry.interaction_id for entry in seen.recent] == [
        f"i{number:03}" for number in range(19, 19 - RECENT_ENTRIES, -1)
    ]
    assert [entry.data for entry in seen.orders] == [{"order_id": "O-1"}]


def test_what_is_shown_follows_the_records_of_an_unmerged_person() -> None:
    resolve("ann", email="ann@shop.test")
    resolve("bob", days=1, email="bob@shop.test")
    note("p-ann", 1)
    note("p-bob", 2)
    merge("p-ann", "p-bob")
    note("p-bob", 3)
    assert [entry.interaction_id for entry in store.profile_overview("p-ann").recent] == [
        "i003",
        "i002",
        "i001",
    ]
    store.unmerge("p-ann", ("web", "bob"), "new", ACT, Request("u", "u"))
    assert [entry.interaction_id for entry in store.profile_overview("p-ann").recent] == ["i001"]
    assert [entry.interaction_id for entry in store.profile_overview("p-bob").recent] == [
        "i003",
        "i002",
    ]


def test_what_came_with_an_erased_record_is_shown_nowhere() -> None:
    resolve("ann", email="ann@shop.test", given_name="Ann")
    bob = resolve("2", days=1, email="ann@shop.test", given_name="Ann")
    note("p-ann", 1)
    said = Interaction("i", "web", "purchase", NOON, {"sku": "SECRETBUY"}, bob.record_key)
    store.record_interaction(bob.home, said)
    store.unmerge("p-ann", ("web", "2"), "new", ACT, Request("u", "u"))
    assert [entry.interaction_id for entry in store.profile_overview("new").orders] == ["i"]
    erase("new", Act("ops", NOON + timedelta(days=9), "asked for"))
    items = dynamodb().scan(TableName=table_name("customers"))["Items"]
    assert "SECRETBUY" not in str(items)
    assert [entry.interaction_id for entry in store.profile_overview("p-ann").recent] == ["i001"]


def consents(number: int) -> tuple[Consent, ...]:
    return tuple(
        Consent("email", "news", f"{number}-{one}-{'x' * 150}@shop.test", "granted", NOON)
        for one in range(50)
    )


def test_a_record_that_has_become_too_big_is_refused_and_keeps_what_it_was() -> None:
    def say(number: int) -> Resolution:
        return resolve("bob", days=number, email="bob@shop.test", consents=consents(number))

    for number in range(18):
        say(number)
    with pytest.raises(Conflict):
        [say(number) for number in range(18, 24)]
    assert 18 * 50 <= len(store.find("p-bob").records[0].record.consents) < 24 * 50


def test_who_would_be_too_much_for_one_profile_is_two_to_the_rules_and_to_a_person() -> None:
    for number in range(10):
        resolve("ann", days=number, email="ann@shop.test", consents=consents(number))
        resolve("bob", days=number, email="bob@shop.test", consents=consents(100 + number))
    with pytest.raises(Conflict):
        merge("p-ann", "p-bob")
    agreed = tuple(made for number in range(200, 209) for made in consents(number))
    found = resolve("third", email="ann@shop.test", consents=agreed)
    assert (found.outcome, found.profile_id) == ("review", "p-third")
    assert "too many records for one person" in found.reasons


def test_a_person_of_many_statements_can_be_erased() -> None:
    for number in range(60):
        resolve("bob", days=number, email=f"bob{number}@shop.test", phone=f"+1415555{number:04}")
    erase("p-bob", Act("ops", NOON + timedelta(days=99), "asked for"))
    for number in (0, 30, 59):
        assert store.find_by("email", f"bob{number}@shop.test") == []
