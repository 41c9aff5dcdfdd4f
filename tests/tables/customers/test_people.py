"""Merge, unmerge, judge, interact, shop, erase: what the table holds afterwards."""

from datetime import timedelta
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.aws.items import from_item
from shared.aws.settings import table_name
from shared.customers import store
from shared.customers.contract.profiles import profile_answer
from shared.customers.model.person import Address, Consent, Interaction, Resolution
from shared.customers.store import Act, erasing, jobs
from shared.customers.store.rows import put, write_all
from shared.errors import Conflict, Gone, InvalidRequest, NotFound, VersionMismatch
from shared.web.idempotency import Request
from tests.support.erasure import erase
from tests.support.people import NOON, record

pytestmark = pytest.mark.usefixtures("fake_tables")

ACT = Act("associate", NOON + timedelta(days=1), "showed a passport")


def resolve(source_id: str, source: str = "web", days: int = 0, **fields: Any) -> Resolution:
    at = NOON + timedelta(days=days)
    said = record(source, source_id, at=at, **fields)
    return store.resolve(said, f"{source}-{source_id}-{days}", at, f"p-{source_id}")


def request(name: str) -> Request:
    return Request(name, f"digest of {name}")


def view(profile_id: str) -> str:
    return profile_answer(store.find(profile_id)).model_dump_json()


def everything() -> list[dict[str, Any]]:
    found = dynamodb().scan(TableName=table_name("customers"))
    return [from_item(item) for item in found["Items"]]


@pytest.fixture
def bob_twice(fake_tables: None) -> None:
    """Two profiles of one man, with nothing in common, of two records each."""
    resolve("web", email="bob@shop.test", given_name="Bob")
    resolve("crm", source="crm", email="bob@shop.test", given_name="Bob")
    resolve("pos", source="pos", days=1, phone="+14155552671", given_name="Robert")
    resolve("kiosk", source="kiosk", days=1, phone="+14155552671", given_name="Robert")


@pytest.mark.usefixtures("bob_twice")
@pytest.mark.parametrize("source_id", ["pos", "kiosk"])
def test_merge_and_unmerge_give_the_same_profiles_back(source_id: str) -> None:
    before = view("p-web"), view("p-pos")
    merged = store.merge("p-pos", "p-web", ACT, request("merge"))
    assert merged == store.MergeResult("p-web", ("p-pos",))
    assert store.profile_exists("p-pos") == "p-web"
    assert len(store.find("p-pos").records) == 4
    split = store.unmerge("p-web", (source_id, source_id), "new", ACT, request("unmerge"))
    assert split == ("p-web", "p-pos")
    assert (view("p-web"), view("p-pos")) == before


@pytest.mark.usefixtures("bob_twice")
def test_merges_and_unmerges_are_replayed_with_the_first_answer() -> None:
    merged = store.merge("p-pos", "p-web", ACT, request("merge"))
    assert store.merge("p-pos", "p-web", ACT, request("merge")) == merged
    split = store.unmerge("p-web", ("pos", "pos"), "new", ACT, request("unmerge"))
    assert store.unmerge("p-web", ("pos", "pos"), "other", ACT, request("unmerge")) == split
    assert store.merge("p-pos", "p-web", ACT, request("merge")) == merged
    assert store.profile_exists("p-pos") == "p-pos"


@pytest.mark.usefixtures("bob_twice")
def test_what_was_unmerged_is_not_linked_by_rule_again_but_by_hand() -> None:
    store.merge("p-pos", "p-web", ACT, request("merge"))
    store.unmerge("p-web", ("pos", "pos"), "new", ACT, request("unmerge"))
    again = resolve("pos", source="pos", days=3, phone="+14155552671", email="bob@shop.test")
    assert (again.profile_id, again.outcome) == ("p-pos", "updated")
    assert store.open_reviews(10, None) == ([], None)
    assert store.merge("p-pos", "p-web", ACT, request("by hand")).profile_id == "p-web"


def test_redirects_are_one_hop_however_often_profiles_are_merged() -> None:
    for number in range(4):
        resolve(str(number), days=number, email=f"b{number}@shop.test")
    store.merge("p-3", "p-2", ACT, request("1"))
    store.merge("p-2", "p-1", ACT, request("2"))
    store.merge("p-3", "p-0", ACT, request("3"))
    redirects = {item["pk"]: item["merged_into"] for item in everything() if "merged_into" in item}
    assert redirects == {"PROFILE#p-1": "p-0", "PROFILE#p-2": "p-0", "PROFILE#p-3": "p-0"}
    store.unmerge("p-0", ("web", "2"), "new", ACT, request("4"))
    assert store.profile_exists("p-3") == "p-2"
    assert store.profile_exists("p-1") == "p-0"


def test_a_record_linked_by_mistake_leaves_alone_and_is_found_by_its_identifiers() -> None:
    resolve("1", email="bob@shop.test", given_name="Bob")
    resolve("2", email="bob@shop.test", phone="+14155552671", given_name="Bob")
    assert store.unmerge("p-1", ("web", "2"), "new", ACT, request("u")) == ("p-1", "new")
    assert [p.profile_id for p in store.find_by("phone", "+14155552671")] == ["new"]
    assert {p.profile_id for p in store.find_by("email", "bob@shop.test")} == {"p-1", "new"}
    again = resolve("2", days=2, email="bob@shop.test", given_name="Bobby")
    assert (again.outcome, again.profile_id) == ("updated", "new")


def test_what_cannot_be_merged_or_unmerged_is_refused() -> None:
    resolve("1", email="bob@shop.test")
    with pytest.raises(InvalidRequest):
        store.merge("p-1", "p-1", ACT, request("1"))
    with pytest.raises(NotFound):
        store.merge("p-1", "nobody", ACT, request("2"))
    with pytest.raises(NotFound):
        store.unmerge("p-1", ("web", "other"), "new", ACT, request("3"))
    with pytest.raises(Conflict, match="only one of the profile"):
        store.unmerge("p-1", ("web", "1"), "new", ACT, request("4"))


def test_consent_does_not_widen_by_a_merge_and_is_as_before_after_it() -> None:
    def agreed(status: Any) -> tuple[Consent, ...]:
        return (Consent("email", "marketing", "bob@shop.test", status, NOON),)

    resolve("1", email="bob@shop.test", consents=agreed("granted"))
    resolve("2", days=1, phone="+14155552671", consents=agreed("denied"))
    store.merge("p-1", "p-2", ACT, request("m"))
    (consent,) = profile_answer(store.find("p-1")).consents
    assert consent.status == "denied"
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u"))
    (consent,) = profile_answer(store.find("p-1")).consents
    assert consent.status == "granted"


def doubted() -> str:
    resolve("1", email="bob@shop.test", loyalty_id="L1")
    assert resolve("2", email="bob@shop.test", loyalty_id="L2").outcome == "review"
    ((review,), _) = store.open_reviews(10, None)
    return review.review_id


def test_a_review_judged_the_same_merges() -> None:
    review_id = doubted()
    assert store.judge(review_id, "same", ACT) == ("p-1",)
    assert store.profile_exists("p-2") == "p-1"
    assert store.judge(review_id, "same", ACT) == ("p-1",)
    assert store.open_reviews(10, None) == ([], None)
    with pytest.raises(Conflict):
        store.judge(review_id, "different", ACT)


def test_a_review_judged_different_is_never_asked_again() -> None:
    assert set(store.judge(doubted(), "different", ACT)) == {"p-1", "p-2"}
    resolve("2", days=3, email="bob@shop.test", loyalty_id="L1")
    assert store.profile_exists("p-2") == "p-2"
    assert store.open_reviews(10, None) == ([], None)


def test_reviews_are_listed_page_by_page() -> None:
    resolve("0", email="bob@shop.test", loyalty_id="L0", given_name="Bob")
    for number in range(1, 4):
        resolve(str(number), days=number, email="bob@shop.test", loyalty_id=f"L{number}")
    seen, cursor = [], None
    for _ in range(20):
        reviews, cursor = store.open_reviews(1, cursor)
        seen += [review.review_id for review in reviews]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == len(store.open_reviews(100, None)[0]) >= 3


def noted(profile_id: str, name: str, hours: int, record_key: str | None = None) -> None:
    at = NOON + timedelta(hours=hours)
    interaction = Interaction(name, "web", "view", at, {"sku": name, "price": 1.5}, record_key)
    store.record_interaction(profile_id, interaction)


def seen(profile_id: str) -> list[str]:
    return [entry.interaction_id for entry in store.timeline(profile_id, 50, None)[1]]


def test_a_timeline_is_of_all_merged_ids_and_right_again_afterwards() -> None:
    resolve("1", email="bob@shop.test")
    resolve("2", days=1, phone="+14155552671")
    noted("p-1", "a", 1)
    noted("p-2", "b", 2)
    store.merge("p-1", "p-2", ACT, request("m"))
    noted("p-1", "c", 3)
    noted("p-2", "d", 4)
    assert seen("p-1") == seen("p-2") == ["d", "c", "b", "a"]
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u"))
    assert (seen("p-1"), seen("p-2")) == (["c", "a"], ["d", "b"])


def test_an_interaction_follows_the_record_that_it_came_with() -> None:
    one = resolve("1", email="bob@shop.test")
    two = resolve("2", email="bob@shop.test")
    noted(one.home, "a", 1, one.record_key)
    noted(two.home, "b", 2, two.record_key)
    noted("p-1", "c", 3)
    assert seen("p-1") == ["c", "b", "a"]
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u"))
    assert (seen("p-1"), seen("new")) == (["c", "a"], ["b"])


def test_a_timeline_is_read_page_by_page_over_several_ids() -> None:
    resolve("1", email="bob@shop.test")
    resolve("2", days=1, phone="+14155552671")
    for number in range(9):
        noted(f"p-{1 + number % 2}", str(number), number)
    store.merge("p-1", "p-2", ACT, request("m"))
    pages, before = [], None
    while True:
        _, entries, before = store.timeline("p-1", 4, before)
        pages.append([entry.interaction_id for entry in entries])
        if before is None:
            break
    assert pages == [["8", "7", "6", "5"], ["4", "3", "2", "1"], ["0"]]
    assert entries[0].data == {"sku": "0", "price": 1.5}


def test_a_cart_is_replaced_only_by_who_has_seen_it() -> None:
    resolve("1", email="bob@shop.test")
    assert store.cart("p-1")[2] == "0"
    _, cart, version = store.put_cart("p-1", {"A": 1}, "web", "0", NOON)
    assert cart.lines == {"A": 1}
    with pytest.raises(VersionMismatch):
        store.put_cart("p-1", {"B": 1}, "pos", "0", NOON)
    store.put_cart("p-1", {"A": 2}, "pos", version, NOON)
    assert store.cart("p-1")[1].lines == {"A": 2}
    with pytest.raises(NotFound):
        store.put_cart("nobody", {"A": 2}, "pos", None, NOON)


def test_merged_people_have_one_cart_and_their_own_again_afterwards() -> None:
    resolve("1", email="bob@shop.test")
    resolve("2", days=1, phone="+14155552671")
    store.put_cart("p-1", {"A": 1, "B": 1}, "web", None, NOON)
    store.put_cart("p-2", {"A": 2, "C": 1}, "pos", None, NOON + timedelta(hours=1))
    store.merge("p-1", "p-2", ACT, request("m"))
    profile, cart, version = store.cart("p-2")
    assert (profile.profile_id, cart.lines) == ("p-1", {"A": 2, "B": 1, "C": 1})
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u"))
    assert store.cart("p-1")[1].lines == {"A": 1, "B": 1}
    store.merge("p-1", "p-2", ACT, request("m2"))
    store.put_cart("p-1", {"B": 1}, "web", version, NOON)
    assert store.cart("p-2")[1].lines == {"B": 1}
    store.unmerge("p-1", ("web", "2"), "new", ACT, request("u2"))
    assert store.cart("p-2")[1].lines == {"A": 2, "C": 1}


def test_the_erased_are_gone_with_all_that_was_kept_and_do_not_come_back() -> None:
    agreed = (Consent("email", "marketing", "bob@shop.test", "granted", NOON),)
    one = resolve("bob-1", email="bob@shop.test", given_name="Bobby", consents=agreed)
    resolve("bob-1", days=1, email="old@shop.test", given_name="Bobby")
    resolve("bob-2", days=1, phone="+14155552671", family_name="Milligan")
    store.put_cart("p-bob-2", {"SECRETSKU": 1}, "web", None, NOON)
    noted(one.home, "SECRETVIEW", 1, one.record_key)
    seen_once = Interaction("i", "web", "view", NOON, {"sku": "SECRETLOOK"})
    assert store.record_interaction(one.home, seen_once, request("i")) == seen_once
    assert store.record_interaction(one.home, seen_once, request("i")) == seen_once
    store.merge("p-bob-1", "p-bob-2", ACT, request("m"))
    erase("p-bob-2", Act("ops", NOON + timedelta(days=9), "asked for"))
    for profile_id in ("p-bob-1", "p-bob-2"):
        with pytest.raises(Gone):
            store.find(profile_id)
    left = str(everything()).casefold()
    for value in ("bob@shop", "old@shop", "bobby", "milligan", "4155552671", "secret"):
        assert value not in left
    with pytest.raises(Gone):
        store.record_interaction(one.home, seen_once, request("i"))
    for replay in (
        {"source_id": "bob-1", "email": "new@shop.test", "days": 8},
        {"source_id": "bob-2", "phone": "+14155552671", "days": 1, "email": "x@shop.test"},
        {"source_id": "other", "email": "old@shop.test", "days": 5},
        {"source_id": "another", "phone": "+14155552671", "days": 5},
    ):
        with pytest.raises(Gone):
            resolve(**replay)  # type: ignore[arg-type]
    assert resolve("came back", days=30, email="bob@shop.test").outcome == "created"
    erase("p-bob-1", ACT)


def test_erasing_one_of_a_family_leaves_the_phone_to_the_others() -> None:
    resolve("ann", phone="+14155552671", given_name="Ann")
    resolve("bob", phone="+14155552671", given_name="Bob")
    erase("p-bob", Act("ops", NOON + timedelta(days=9), "asked for"))
    assert [p.profile_id for p in store.find_by("phone", "+14155552671")] == ["p-ann"]
    assert resolve("shop", days=2, phone="+14155552671", given_name="Ann").profile_id == "p-ann"


def test_who_comes_back_after_the_erasure_begins_anew() -> None:
    """The account could never buy again: its record was refused for ever, whatever the date."""
    first = resolve("1", email="bob@shop.test", given_name="Bobby")
    erase(first.profile_id, Act("ops", NOON + timedelta(days=9), "asked for"))
    again = resolve("1", days=10, email="bob@shop.test", given_name="Robert")
    assert (again.outcome, again.profile_id) == ("created", "p-1-1")
    assert again.record_key != first.record_key
    profile = store.find(again.profile_id)
    assert [held.record.text("given_name") for held in profile.records] == ["Robert"]
    assert resolve("1", days=11, phone="+14155552671").profile_id == again.profile_id
    erase(again.profile_id, Act("ops", NOON + timedelta(days=12), "asked for"))
    assert resolve("1", days=13, email="bob@shop.test").profile_id == "p-1-2"


def test_who_comes_back_while_the_job_runs_begins_anew_and_stays() -> None:
    old = resolve("1", email="bob@shop.test", given_name="Bobby")
    at = NOON + timedelta(days=9)
    job = jobs.find_job(erasing.request_erasure("p-1", Act("ops", at, "asked for"), "j"))
    assert job is not None
    said = record("web", "1", at=at + timedelta(seconds=1), email="bob@shop.test", given_name="Rob")
    new = store.resolve(said, "r", at + timedelta(seconds=1), "q")
    assert new.outcome == "created"
    assert erasing.forget_records(job.at_step("records")) is None
    assert erasing.forget_timeline(job.at_step("timeline"), lambda _: None) is None
    assert [one.profile_id for one in store.find_by("email", "bob@shop.test")] == [new.profile_id]
    assert "bobby" not in str(everything()).casefold()
    assert store.profile_exists(new.profile_id) == new.profile_id
    with pytest.raises(Gone):
        store.find(old.profile_id)


def test_a_statement_from_before_the_erasure_is_a_replay_whenever_it_is_sent() -> None:
    """A row of a file, sent again after the erasure under another name."""
    resolve("1", email="bob@shop.test", given_name="Bobby")
    at = NOON + timedelta(days=9)
    job = jobs.find_job(erasing.request_erasure("p-1", Act("ops", at, "asked for"), "j"))
    assert job is not None
    later = at + timedelta(days=1)
    said = record("web", "1", email="bob@shop.test", given_name="Bobby")
    with pytest.raises(Gone, match="from before the erasure"):  # the job has not begun
        store.resolve(said, "another", later, "q")
    erasing.forget_records(job.at_step("records"))
    with pytest.raises(Gone, match="from before the erasure"):
        store.resolve(said, "another", later, "q")


def test_the_source_cannot_date_a_statement_behind_the_erasure() -> None:
    """What counts is when it was received: a statement dated ahead came back."""
    resolve("1", email="bob@shop.test")
    at = NOON + timedelta(days=9)
    erase("p-1", Act("ops", at, "asked for"))
    for source_id in ("1", "other"):
        said = record("web", source_id, at=at + timedelta(minutes=4), email="bob@shop.test")
        with pytest.raises(Gone):
            store.resolve(said, source_id, at + timedelta(minutes=5), "q", received_at=at)


def test_a_person_is_in_no_house_from_the_answer_on() -> None:
    home = Address("12 Main Street", "Springfield", "IL", "62704", "US")
    resolve("ann", given_name="Ann", family_name="Miller", address=home, email="ann@shop.test")
    resolve("bob", given_name="Bob", family_name="Miller", address=home, email="bob@shop.test")
    assert store.profile_overview("p-ann").housemates == ("p-bob",)
    erasing.request_erasure("p-bob", Act("ops", NOON + timedelta(days=9), "asked for"), "j")
    assert store.profile_overview("p-ann").housemates == ()
    assert store.find_by("email", "bob@shop.test") == []


def test_an_erasure_of_older_code_gets_a_job_for_what_that_left() -> None:
    resolve("1", email="bob@shop.test", given_name="Bobby")
    name = store.find("p-1").records[0].key
    left = {"members": ["p-1"], "partitions": ["p-1"], "records": [name]}
    tombstone = {"erased_at": "2026-11-10T12:00:00.000Z", "left": left, "version": 5}
    write_all([put("PROFILE#p-1", "PROFILE", tombstone)])
    erase("p-1", ACT)
    assert "bobby" not in str(everything()).casefold()


def test_no_review_and_no_answer_is_left_of_the_erased() -> None:
    resolve("1", email="ann@shop.test", loyalty_id="L1", given_name="Ann")
    assert (
        resolve("2", email="ann@shop.test", loyalty_id="L2", given_name="Ann").outcome == "review"
    )
    erase("p-2", Act("ops", NOON + timedelta(days=9), "asked for"))
    kinds = {(row["pk"].partition("#")[0], row["sk"].partition("#")[0]) for row in everything()}
    assert not {kind for kind in kinds if "REVIEW" in kind}
    assert [row["pk"] for row in everything() if row["sk"] == "IDEM"] == ["IDEM#web-1-0"]


def test_reads_leave_an_audit_entry_without_personal_data() -> None:
    store.record_reads(["p-1"], "associate", "look-up by phone", NOON, "x")
    (entry,) = everything()
    assert entry["pk"] == "AUDIT#p-1"
    assert entry["actor"] == "associate"
