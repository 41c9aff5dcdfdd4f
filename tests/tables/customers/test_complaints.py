"""Identity faults that users of other products report, each as a story that ends well here."""

from datetime import timedelta
from typing import Any

import pytest

from shared.customers import store
from shared.customers.contract.profiles import profile_answer
from shared.customers.model.golden_record import may_contact
from shared.customers.model.person import Consent, Interaction, Resolution
from shared.customers.store import Act
from shared.errors import Gone
from shared.web.idempotency import Request
from tests.support.erasure import erase
from tests.support.people import NOON, record

pytestmark = pytest.mark.usefixtures("fake_tables")

ACT = Act(actor="associate", at=NOON, reason="they said so")


def resolve(source_id: str, *, source: str = "web", days: int = 0, **fields: Any) -> Resolution:
    at = NOON + timedelta(days=days)
    said = record(source, source_id, at=at, **fields)
    return store.resolve(said, f"{source}-{source_id}-{days}", at, f"p-{source_id}")


def request(name: str) -> Request:
    return Request(name, f"digest of {name}")


def merge(one: str, other: str, name: str = "merge") -> str:
    return store.merge(one, other, ACT, request(name)).profile_id


def answer(profile_id: str) -> str:
    return profile_answer(store.find(profile_id)).model_dump_json()


def test_a_shared_device_does_not_glue_two_people() -> None:
    """rudder-transformer 1180; Segment's shared iPad; PostHog 5898: 2,500 ids in one person."""
    people = ("Ann", "Bob", "Cid", "Dora", "Eve", "Fred", "Gus", "Hal", "Ida", "Joe", "Kim", "Lou")
    for name in people:
        found = resolve(name, device_id="kiosk", email=f"{name}@shop.test", given_name=name)
        assert found.profile_id == f"p-{name}"


def test_the_next_visitor_on_a_device_is_somebody_else() -> None:
    """rudder-sdk-js 206: reset() keeps the anonymous id."""
    ann = resolve("ann", device_id="tablet", email="ann@shop.test", given_name="Ann")
    bob = resolve("bob", device_id="tablet", email="bob@shop.test", given_name="Bob")
    assert ann.profile_id != bob.profile_id


def test_a_wrong_merge_can_be_taken_back_whole() -> None:
    """PostHog's $merge_dangerously, Amazon Connect, Braze: 'irreversible'."""
    resolve("ann", email="ann@shop.test", given_name="Ann", birth_date="1980-01-02")
    resolve("bob", days=1, phone="+14155552671", given_name="Bob")
    before = answer("p-ann"), answer("p-bob")
    merge("p-ann", "p-bob")
    assert answer("p-ann") == answer("p-bob")
    store.unmerge("p-ann", ("web", "bob"), "new", ACT, request("unmerge"))
    assert (answer("p-ann"), answer("p-bob")) == before


def test_a_merge_loses_no_property_and_nobody_becomes_anonymous() -> None:
    """Tracardi 892: all properties lost; mautic 16240: relations dropped, looks fine."""
    resolve("ann", email="ann@shop.test", given_name="Ann", family_name="Miller")
    resolve("2", days=1, phone="+14155552671", birth_date="1980-01-02")
    merge("p-ann", "p-2")
    whole = profile_answer(store.find("p-ann"))
    assert {(found.type, found.value) for found in whole.identifiers} == {
        ("email", "ann@shop.test"),
        ("phone", "+14155552671"),
    }
    assert whole.attributes.given_name is not None
    assert whole.attributes.birth_date is not None


def test_events_come_along_and_are_counted_once() -> None:
    """Tracardi 784: events stay on the old profile; 850: visits counted as 2n + 1."""
    for name, days in (("ann", 0), ("2", 1)):
        resolve(name, days=days, email=f"{name}@shop.test")
        for visit in range(3):
            at = NOON + timedelta(hours=visit)
            store.record_interaction(f"p-{name}", Interaction(f"{name}{visit}", "web", "visit", at))
    merge("p-ann", "p-2")
    merge("p-2", "p-ann", "again")
    _, found, _ = store.timeline("p-2", 50, None)
    assert sorted(entry.interaction_id for entry in found) == sorted(
        f"{name}{visit}" for name in ("ann", "2") for visit in range(3)
    )


def test_every_identifier_of_a_record_counts_and_not_the_last_rule_only() -> None:
    """Tracardi 875: of two merge rules only the last works."""
    resolve("1", email="ann@shop.test", given_name="Ann")
    resolve("2", days=1, loyalty_id="L1", given_name="Ann")
    found = resolve("3", days=2, email="ann@shop.test", loyalty_id="L1", given_name="Ann")
    assert (found.profile_id, found.merged) == ("p-1", ("p-2",))


def test_a_merged_id_leads_to_the_survivor_in_one_hop() -> None:
    """mautic 6079: the merged id still opens the old contact."""
    for number in range(4):
        resolve(str(number), days=number, email=f"{number}@shop.test")
    merge("p-3", "p-2", "a")
    merge("p-2", "p-1", "b")
    merge("p-1", "p-0", "c")
    for number in range(4):
        assert store.find(f"p-{number}").profile_id == "p-0"


def test_the_known_survive_the_anonymous_however_old() -> None:
    """mautic 16425: the anonymous session wins, the known id is deleted."""
    resolve("session", device_id="phone-7")
    resolve("ann", days=9, email="ann@shop.test", given_name="Ann")
    assert merge("p-session", "p-ann") == "p-ann"
    assert store.find("p-session").profile_id == "p-ann"


def agreed(status: Any, contact: str) -> tuple[Consent, ...]:
    return (Consent("email", "marketing", contact, status, NOON),)


def test_a_merge_subscribes_nobody_who_never_subscribed() -> None:
    """mautic 5495: 'legal issues'; carpentries/amy 2370: the latest wins, but what if null?"""
    resolve("1", email="ann@shop.test", consents=agreed("granted", "ann@shop.test"))
    resolve("2", days=1, email="ann@work.test", consents=agreed("unknown", "ann@shop.test"))
    resolve("3", days=2, phone="+14155552671", consents=agreed("denied", "ann@shop.test"))
    merge("p-1", "p-2", "a")
    person = store.find("p-1")
    assert may_contact(person, "email", "marketing", "ann@shop.test")
    assert not may_contact(person, "email", "marketing", "ann@work.test")
    merge("p-1", "p-3", "b")
    assert not may_contact(store.find("p-1"), "email", "marketing", "ann@shop.test")


def test_both_cards_are_known_after_a_merge_and_apart_after_it_is_undone() -> None:
    """odoo 171706: the second card is unusable after a merge; mautic 5964: wrong points."""
    resolve("1", loyalty_id="L1", email="ann@shop.test")
    resolve("2", days=1, loyalty_id="L2", email="ann@work.test")
    merge("p-1", "p-2")
    for card in ("L1", "L2"):
        assert [person.profile_id for person in store.find_by("loyalty_id", card)] == ["p-1"]
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u"))
    assert [person.profile_id for person in store.find_by("loyalty_id", "L2")] == ["p-2"]


def test_two_cards_are_for_a_person_to_judge() -> None:
    """polar 13351: refuse the merge when both have an id of their own."""
    resolve("1", loyalty_id="L1", email="ann@shop.test", given_name="Ann")
    found = resolve("2", loyalty_id="L2", email="ann@shop.test", given_name="Ann")
    assert found.outcome == "review"


def test_the_erased_are_not_brought_back_by_any_of_their_names() -> None:
    """constructorfabric/insight 719: aliases must be denied, too; samograph 220: resurrected."""
    resolve("1", email="ann@shop.test", given_name="Ann")
    resolve("2", days=1, phone="+14155552671", given_name="Ann")
    merge("p-1", "p-2")
    erase("p-1", Act("ops", NOON + timedelta(days=5), "asked for"))
    for told in (
        {"source_id": "1", "days": 4, "email": "other@shop.test"},
        {"source_id": "2", "days": 4, "email": "other@shop.test"},
        {"source_id": "3", "days": 2, "email": "ann@shop.test"},
        {"source_id": "4", "days": 2, "phone": "+14155552671"},
    ):
        with pytest.raises(Gone):
            resolve(**told)  # type: ignore[arg-type]
    for profile_id in ("p-1", "p-2"):
        with pytest.raises(Gone):
            store.find(profile_id)


def test_what_was_judged_is_not_merged_by_the_next_record() -> None:
    """Segment: tightened rules do not hold for people who exist."""
    resolve("1", email="ann@shop.test", loyalty_id="L1", given_name="Ann")
    resolve("2", email="ann@shop.test", loyalty_id="L2", given_name="Ann")
    ((review,), _) = store.open_reviews(10, None)
    store.judge(review.review_id, "different", ACT)
    resolve("3", days=3, email="ann@shop.test", given_name="Ann")
    assert store.find("p-1").profile_id != store.find("p-2").profile_id
