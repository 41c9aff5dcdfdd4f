"""Many writers on the same people: one canonical id, no cycle, no lost record."""

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from functions.customers import apply_records
from shared.customers import store
from shared.customers.model.person import Address, Resolution
from shared.customers.store import Act
from shared.errors import Gone
from shared.web.idempotency import Request
from tests.conftest import event
from tests.erasure import erase
from tests.unit.customers.people import NOON, record

T = TypeVar("T")
WRITERS = 64
ACT = Act(actor="associate", at=NOON, reason="they said so")

pytestmark = pytest.mark.race


def at_once(work: Callable[[int], T], writers: int) -> list[T]:
    """``work`` by so many threads, let go in the same moment."""
    gate = threading.Barrier(writers)

    def run(number: int) -> T:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(run, range(writers)))


def merge_request(number: int) -> Request:
    return Request(f"merge-{number}", f"digest-{number}")


def test_64_resolves_of_one_new_person_end_in_one_profile(local_tables: None) -> None:
    def resolve(number: int) -> Resolution:
        said = record("web", f"s{number}", email="bob@shop.test", given_name="Bob")
        return store.resolve(said, f"r{number}", NOON, f"p{number}")

    found = at_once(resolve, WRITERS)
    (profile_id,) = {resolution.profile_id for resolution in found}
    assert [resolution.outcome for resolution in found].count("created") == 1
    assert len(store.find(profile_id).records) == WRITERS
    assert [profile.profile_id for profile in store.find_by("email", "bob@shop.test")] == [
        profile_id
    ]


def test_one_request_sent_many_times_at_once_has_one_answer(local_tables: None) -> None:
    said = record("web", "bob", email="bob@shop.test")
    found = at_once(lambda n: store.resolve(said, "the request", NOON, f"p{n}"), 16)
    assert len(set(found)) == 1
    assert found[0].outcome == "created"


def test_one_record_in_many_requests_at_once_is_held_once(local_tables: None) -> None:
    def resolve(number: int) -> Resolution:
        said = record("web", "bob", at=NOON + timedelta(seconds=number), email=f"b{number}@x.test")
        return store.resolve(said, f"r{number}", NOON, f"p{number}")

    found = at_once(resolve, 16)
    (profile_id,) = {resolution.profile_id for resolution in found}
    (held,) = store.find(profile_id).records
    assert held.record.text("email") == "b15@x.test"


def test_merges_of_the_same_profiles_in_all_directions_leave_one(local_tables: None) -> None:
    people = 6
    for number in range(people):
        said = record("web", f"s{number}", email=f"b{number}@shop.test")
        store.resolve(said, f"r{number}", NOON + timedelta(seconds=number), f"p{number}")
    pairs = [(one, other) for one in range(people) for other in range(people) if one != other]

    def merge(number: int) -> str:
        one, other = pairs[number]
        merged = store.merge(f"p{one}", f"p{other}", ACT, merge_request(number))
        return merged.profile_id

    at_once(merge, len(pairs))
    assert {store.profile_exists(f"p{number}") for number in range(people)} == {"p0"}
    profile = store.find("p0")
    assert len(profile.records) == people
    assert profile.member_ids == {f"p{number}" for number in range(people)}
    assert {member.parent for member in profile.members if member.parent} <= profile.member_ids


def test_merge_and_resolve_at_once_lose_no_record(local_tables: None) -> None:
    for name in ("a", "b"):
        said = record("web", name, email=f"{name}@shop.test")
        store.resolve(said, f"first {name}", NOON, f"p-{name}")

    def work(number: int) -> None:
        if number == 0:
            store.merge("p-a", "p-b", ACT, merge_request(0))
        else:
            said = record("pos", f"s{number}", email=f"{'ab'[number % 2]}@shop.test")
            store.resolve(said, f"r{number}", NOON, f"p{number}")

    at_once(work, 24)
    assert store.profile_exists("p-b") == "p-a"
    assert len(store.find("p-a").records) == 2 + 23


def test_64_resolves_and_merges_of_the_same_people_end_in_one_profile(
    local_tables: None,
) -> None:
    people = 4
    for number in range(people):
        said = record("web", f"first{number}", email=f"b{number}@shop.test", given_name="Bob")
        at = NOON + timedelta(seconds=number)
        store.resolve(said, f"first{number}", at, f"p{number}")
    pairs = [(one, other) for one in range(people) for other in range(people) if one != other]

    def work(number: int) -> None:
        if number % 2:
            one, other = pairs[number // 2 % len(pairs)]
            store.merge(f"p{one}", f"p{other}", ACT, merge_request(number))
        else:
            email = f"b{number // 2 % people}@shop.test"
            said = record("pos", f"s{number}", email=email, given_name="Bob")
            store.resolve(said, f"r{number}", NOON, f"new{number}")

    at_once(work, WRITERS)
    assert {store.profile_exists(f"p{number}") for number in range(people)} == {"p0"}
    profile = store.find("p0")
    assert len({held.record.source_id for held in profile.records}) == people + WRITERS // 2
    assert profile.member_ids == {f"p{number}" for number in range(people)}
    for number in range(people):
        (found,) = store.find_by("email", f"b{number}@shop.test")
        assert found == profile


def test_64_messages_of_one_person_on_the_feed_end_in_one_profile(
    local_tables: None, environment: pytest.MonkeyPatch
) -> None:
    sample = event("customers/apply_records")["Records"][0]
    document = json.loads(sample["body"])

    def message(number: int) -> dict[str, Any]:
        data = {**document["data"], "source_id": f"c-{number}"}
        return {
            **sample,
            "messageId": f"m-{number}",
            "body": json.dumps({**document, "id": f"e-{number}", "data": data}),
        }

    def work(number: int) -> Any:
        batch = [message(8 * number + one) for one in range(8)]
        return apply_records.handler({"Records": batch}, None)["batchItemFailures"]

    failed = [name for names in at_once(work, 8) for name in names]
    for again in failed:
        number = int(again["itemIdentifier"].partition("-")[2])
        assert (
            apply_records.handler({"Records": [message(number)]}, None)["batchItemFailures"] == []
        )
    (profile,) = store.find_by("email", "bob@shop.test")
    assert len(profile.records) == WRITERS


def test_who_shares_nothing_but_name_address_and_birth_date_is_found_by_all_at_once(
    local_tables: None,
) -> None:
    home = Address("12 Main Street", "Springfield", "IL", "62704", "US")

    def resolve(number: int) -> Resolution:
        said = record(
            "web",
            f"s{number}",
            given_name="Bob",
            family_name="Miller",
            birth_date="1980-03-04",
            address=home,
        )
        return store.resolve(said, f"r{number}", NOON, f"p{number}")

    found = at_once(resolve, 16)
    assert len({resolution.profile_id for resolution in found}) == 1


def test_a_record_is_not_resurrected_by_a_resolve_during_the_erasure(local_tables: None) -> None:
    store.resolve(record("web", "bob", email="bob@shop.test"), "first", NOON, "p")

    def work(number: int) -> None:
        if number == 0:
            erase("p", Act("ops", NOON + timedelta(days=1), "asked for"))
            return
        said = record("pos", f"s{number}", email="bob@shop.test")
        with contextlib.suppress(Gone):
            store.resolve(said, f"r{number}", NOON, f"p{number}")

    at_once(work, 16)
    assert store.find_by("email", "bob@shop.test") == []
    for number in range(1, 16):
        assert store.profile_exists(f"p{number}") is None
    with pytest.raises(Gone):
        store.resolve(record("web", "bob", phone="+14155552671"), "again", NOON, "q")
