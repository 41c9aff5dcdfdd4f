"""The laws of profiles: order does not matter, merges can be undone, consent never widens."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.customers.contract.profiles import profile_answer
from shared.customers.model.golden_record import consents, golden_record, identifiers, may_contact
from shared.customers.model.person import (
    Consent,
    Profile,
    SourceRecord,
    add_record,
    has_cannot_link,
    join_statements,
    merge,
    new_profile,
    unmerge,
)
from shared.customers.store import values as values_store
from tests.support.people import NOON, record
from tests.support.profiles import examples, scaled

instants = st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours))
consent = st.builds(
    Consent,
    channel=st.sampled_from(["email", "sms"]),
    purpose=st.just("marketing"),
    contact=st.sampled_from(["a@x.test", "b@x.test"]),
    status=st.sampled_from(["granted", "pending", "denied", "unknown"]),
    at=instants,
)


@st.composite
def statements(draw: st.DrawFn, source: str = "web", source_id: str = "1") -> SourceRecord:
    fields = draw(
        st.dictionaries(
            st.sampled_from(["email", "phone", "given_name", "birth_date"]),
            st.sampled_from(["1", "2", "3"]),
            min_size=1,
        )
    )
    verified = tuple(draw(st.sets(st.sampled_from(["email", "phone"]))))
    agreed = {made.point: made for made in draw(st.lists(consent, max_size=3))}
    return record(
        source,
        source_id,
        at=draw(instants),
        verified=verified,
        consents=tuple(agreed.values()),
        **fields,
    )


def view(profile: Profile) -> str:
    return profile_answer(profile).model_dump_json()


@examples(60)
@given(st.lists(statements(), min_size=1, max_size=5), st.randoms())
def test_statements_of_a_record_are_joined_in_any_order(said: list[SourceRecord], rnd: Any) -> None:
    def fold(records: list[SourceRecord]) -> SourceRecord:
        whole = records[0]
        for other in records[1:]:
            whole = join_statements(whole, other)
        return whole

    shuffled = [*said, said[0]]
    rnd.shuffle(shuffled)
    assert values_store.digest(fold(shuffled)) == values_store.digest(fold([*said, said[0]]))


@st.composite
def people(draw: st.DrawFn) -> list[Profile]:
    """Two to six profiles of one to three records each."""
    found = []
    for number in range(draw(st.integers(2, 6))):
        profile = new_profile(
            f"p{number}",
            f"web#{number}-0",
            draw(statements(source_id=f"{number}-0")),
            draw(instants),
        )
        for more in range(1, draw(st.integers(1, 3))):
            source = draw(st.sampled_from(["web", "pos", "crm"]))
            said = draw(statements(source=source, source_id=f"{number}-{more}"))
            profile = add_record(profile, f"{source}#{number}-{more}", said)
        found.append(profile)
    return found


@examples(60)
@given(people(), st.data())
def test_every_merge_is_undone_by_any_record_of_the_profile_that_went(
    them: list[Profile], data: st.DataObject
) -> None:
    before = {profile.profile_id: view(profile) for profile in them}
    one, other = them[0], them[1]
    together = merge(one, other, NOON)
    goes = other if together.profile_id == one.profile_id else one
    key = data.draw(st.sampled_from(sorted(goes.keys)))
    stays, leaves = unmerge(together, key, "new", NOON)
    assert {view(stays), view(leaves)} == {before["p0"], before["p1"]}
    assert has_cannot_link(stays, leaves)


@examples(60)
@given(people(), st.data())
def test_a_random_walk_of_merges_undone_in_any_order_gives_the_same_profiles_back(
    them: list[Profile], data: st.DataObject
) -> None:
    before = sorted(view(profile) for profile in them)
    standing = list(them)
    at = NOON
    for _ in range(data.draw(st.integers(1, 8))):
        merged = [profile for profile in standing if len(profile.members) > 1]
        at += timedelta(minutes=1)
        if len(standing) > 1 and (not merged or data.draw(st.booleans())):
            one, other = data.draw(
                st.lists(st.sampled_from(range(len(standing))), min_size=2, max_size=2, unique=True)
            )
            together = merge(standing[one], standing[other], at)
            standing = [p for i, p in enumerate(standing) if i not in {one, other}] + [together]
        else:
            standing = _unmerged_once(standing, data.draw(st.sampled_from(merged)), at)
    while merged := [profile for profile in standing if len(profile.members) > 1]:
        standing = _unmerged_once(standing, data.draw(st.sampled_from(merged)), at)
    assert sorted(view(profile) for profile in standing) == before


@pytest.mark.property
def test_random_walks_of_merges_and_unmerges_restore_every_byte() -> None:
    """What is stored, but for the statements that somebody took two records apart."""
    for seed in range(scaled(1000)):
        rnd = random.Random(seed)
        them = [
            new_profile(
                f"p{number}",
                f"web#{number}",
                record("web", str(number), email=f"{rnd.randrange(9)}@x.test", given_name="Ann"),
                NOON + timedelta(minutes=rnd.randrange(5)),
            )
            for number in range(rnd.randint(2, 6))
        ]
        before = sorted(_stored(profile) for profile in them)
        standing = list(them)
        for step in range(rnd.randint(1, 10)):
            at = NOON + timedelta(hours=step)
            merged = [profile for profile in standing if len(profile.members) > 1]
            if len(standing) > 1 and (not merged or rnd.random() < 0.6):
                one, other = rnd.sample(standing, 2)
                standing = [p for p in standing if p not in (one, other)] + [merge(one, other, at)]
            else:
                standing = _unmerged_once(standing, rnd.choice(merged), at)
        while merged := [profile for profile in standing if len(profile.members) > 1]:
            standing = _unmerged_once(standing, rnd.choice(merged), NOON)
        assert sorted(_stored(profile) for profile in standing) == before


def _stored(profile: Profile) -> str:
    return json.dumps({**values_store.profile_values(profile), "apart": []}, sort_keys=True)


def _unmerged_once(standing: list[Profile], profile: Profile, at: Any) -> list[Profile]:
    key = next(held.key for held in profile.records if held.home != profile.profile_id)
    return [p for p in standing if p is not profile] + [*unmerge(profile, key, "new", at)]


@examples(60)
@given(people())
def test_merging_in_any_order_gives_the_same_person(them: list[Profile]) -> None:
    def fold(profiles: list[Profile]) -> Profile:
        whole = profiles[0]
        for other in profiles[1:]:
            whole = merge(whole, other, NOON)
        return whole

    assert view(fold(them)) == view(fold(them[::-1]))


@examples(60)
@given(people())
def test_a_merge_loses_no_record_and_no_identifier(them: list[Profile]) -> None:
    together = merge(them[0], them[1], NOON)
    assert together.keys == them[0].keys | them[1].keys
    assert {(found.type, found.value) for found in identifiers(together)} == {
        (found.type, found.value) for profile in them[:2] for found in identifiers(profile)
    }


@examples(60)
@given(people())
def test_consent_never_widens_by_a_merge(them: list[Profile]) -> None:
    together = merge(them[0], them[1], NOON)
    for agreed in consents(together):
        if agreed.status != "granted":
            continue
        assert any(may_contact(side, *agreed.point) for side in them[:2])
        for side in them[:2]:
            known = {found.point: found.status for found in consents(side)}
            assert known.get(agreed.point, "unknown") in {"granted", "unknown"}


@examples(60)
@given(people())
def test_a_profile_survives_being_stored(them: list[Profile]) -> None:
    for profile in them:
        values = {**values_store.profile_values(profile), "version": profile.version}
        assert values_store.profile_from(values) == profile


def test_the_older_known_profile_survives() -> None:
    anonymous = new_profile("device", "web#1", record("web", "1", device_id="d"), NOON)
    known = new_profile(
        "bob", "web#2", record("web", "2", email="b@x.test"), NOON + timedelta(days=1)
    )
    younger = new_profile(
        "rob", "web#3", record("web", "3", email="r@x.test"), NOON + timedelta(days=2)
    )
    assert merge(anonymous, known, NOON).profile_id == "bob"
    assert merge(younger, known, NOON).profile_id == "bob"


def test_the_only_record_of_a_profile_cannot_leave() -> None:
    alone = new_profile("bob", "web#1", record("web", "1", email="b@x.test"), NOON)
    with pytest.raises(ValueError, match="only record"):
        unmerge(alone, "web#1", "new", NOON)


def test_a_record_that_was_linked_by_mistake_leaves_alone() -> None:
    bob = new_profile("bob", "web#1", record("web", "1", email="b@x.test"), NOON)
    both = add_record(bob, "pos#2", record("pos", "2", phone="+1"))
    stays, leaves = unmerge(both, "pos#2", "new", NOON)
    assert view(stays) == view(bob)
    assert leaves.profile_id == "new"
    assert leaves.keys == {"pos#2"}
    assert leaves.records[0].homes == ("bob", "new")


def keys_to(profile: Profile) -> set[str]:
    return {value for value in "abcdef" if profile.can_be_found_by("phone", value)}


def alone(profile_id: str, phone: str, hours: int = 0) -> Profile:
    at = NOON + timedelta(hours=hours)
    return new_profile(profile_id, f"web#{phone}", record("web", phone, phone=phone), at)


def test_a_profile_opens_by_what_founded_it_and_not_by_what_was_linked_to_it() -> None:
    bob = add_record(alone("bob", "a"), "web#b", record("web", "b", phone="b"))
    assert keys_to(bob) == {"a"}
    sure = add_record(bob, "crm#c", record("crm", "c", phone="c", verified=("phone",)))
    assert keys_to(sure) == {"a", "c"}
    stays, leaves = unmerge(bob, "web#b", "new", NOON)
    assert (keys_to(stays), keys_to(leaves)) == ({"a"}, {"b"})
    stays, leaves = unmerge(bob, "web#a", "new", NOON)
    assert (keys_to(stays), keys_to(leaves)) == ({"b"}, {"a"})


def test_of_several_whose_founder_has_left_none_opens_what_the_others_say() -> None:
    three = add_record(alone("bob", "a"), "web#b", record("web", "b", phone="b"))
    three = add_record(three, "web#c", record("web", "c", phone="c"))
    stays, _ = unmerge(three, "web#a", "new", NOON)
    assert keys_to(stays) == set()


def test_people_open_what_rules_have_merged_only_when_they_put_it_together_themselves() -> None:
    older, younger, third = (alone(name, name, hours) for hours, name in enumerate("abc"))
    by_rule = merge(older, younger, NOON)
    assert keys_to(by_rule) == {"a"}
    assert keys_to(merge(older, younger, NOON, by_hand=True)) == {"a", "b"}
    assert keys_to(merge(by_rule, third, NOON, by_hand=True)) == {"a", "c"}
    crowd = merge(younger, third, NOON, by_hand=True)
    assert keys_to(merge(older, crowd, NOON)) == {"a"}
    for key, left in (("web#b", {"a"}), ("web#a", {"a"})):
        assert keys_to(unmerge(by_rule, key, "new", NOON)[0]) == left


def test_of_a_profile_stored_before_founders_were_noted_every_record_founded_it() -> None:
    bob = add_record(alone("bob", "a"), "web#b", record("web", "b", phone="b"))
    values = {**values_store.profile_values(merge(bob, alone("rob", "c", 1), NOON)), "version": 1}
    for member in values["members"]:
        del member["founders"]
    older = values_store.profile_from(values)
    assert keys_to(older) == {"a", "b"}
    assert keys_to(add_record(older, "web#d", record("web", "d", phone="d"))) == {"a", "b"}


def test_golden_fields_are_verified_then_ranked_then_recent() -> None:
    person = new_profile("bob", "web#1", record("web", "1", given_name="Web", phone="+1"), NOON)
    later = NOON + timedelta(days=1)
    person = add_record(person, "pos#2", record("pos", "2", given_name="Pos"))
    assert golden_record(person)["given_name"].value == "Pos"
    person = add_record(person, "pos#3", record("pos", "3", at=later, given_name="Later"))
    assert golden_record(person)["given_name"].value == "Later"
    sure = record("web", "4", given_name="Sure", verified=("given_name",))
    person = add_record(person, "web#4", sure)
    assert golden_record(person)["given_name"].value == "Sure"
    assert golden_record(person)["given_name"].source_id == "4"


def test_a_denial_in_one_place_holds_against_a_later_grant_in_another() -> None:
    def agreed(status: Any, hours: int) -> tuple[Consent, ...]:
        at = NOON + timedelta(hours=hours)
        return (Consent("email", "marketing", "b@x.test", status, at),)

    denied = record("pos", "1", email="b@x.test", consents=agreed("denied", 0))
    granted = record("web", "2", email="b@x.test", consents=agreed("granted", 1))
    both = add_record(new_profile("bob", "pos#1", denied, NOON), "web#2", granted)
    assert not may_contact(both, "email", "marketing", "b@x.test")
    changed = record("pos", "1", email="b@x.test", consents=agreed("granted", 2))
    assert may_contact(add_record(both, "pos#1", changed), "email", "marketing", "b@x.test")
