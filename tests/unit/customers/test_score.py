"""What speaks for one person, what against, and how values are made comparable."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.customers.contract.statements import CustomerIdentity
from shared.customers.model import names, normalize
from shared.customers.model.decide import IdentityDecision, decide
from shared.customers.model.keys import identifier_key, record_key
from shared.customers.model.person import (
    Profile,
    SourceRecord,
    add_cannot_links,
    add_record,
    new_profile,
)
from shared.customers.model.score import compare_records, vetoes
from shared.customers.model.similarity import jaro_winkler, soundex, within_one_edit
from shared.errors import InvalidRequest
from shared.web.auth import Sources
from tests.support.people import NOON, record
from tests.support.profiles import examples

TRUSTED = Sources.of(["all:trusted"])
NONE: frozenset[tuple[str, str]] = frozenset()


def alone(said: SourceRecord, profile_id: str = "p") -> Profile:
    return new_profile(profile_id, f"{said.source}#{said.source_id}", said, NOON)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("martha", "marhta", 0.9611),
        ("dixon", "dicksonx", 0.8133),
        ("dwayne", "duane", 0.84),
        ("same", "same", 1),
        ("abc", "xyz", 0),
    ],
)
def test_jaro_winkler_as_published(one: str, other: str, expected: float) -> None:
    assert jaro_winkler(one, other) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1990-01-02", "1990-01-02", True),
        ("1990-01-02", "1990-10-02", True),
        ("ab", "ba", True),
        ("abcd", "badc", False),
        ("kitten", "sitting", False),
        ("", "a", True),
        ("", "abc", False),
    ],
)
def test_one_letter_apart(one: str, other: str, expected: bool) -> None:
    assert within_one_edit(one, other) is expected


def typed_wrong(text: str) -> set[str]:
    """Every text over a, b and c that is one keystroke from ``text``."""
    cuts = [(text[:i], text[i:]) for i in range(len(text) + 1)]
    return {
        *(a + b[1:] for a, b in cuts if b),
        *(a + c + b for a, b in cuts for c in "abc"),
        *(a + c + b[1:] for a, b in cuts if b for c in "abc"),
        *(a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1),
    }


@examples(200)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_one_letter_apart_is_what_one_keystroke_makes(one: str, other: str) -> None:
    assert within_one_edit(one, other) is (other == one or other in typed_wrong(one))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("robert", "r163"),
        ("rupert", "r163"),
        ("ashcraft", "a261"),
        ("tymczak", "t522"),
        ("lee", "l000"),
        ("", ""),
    ],
)
def test_soundex_as_published(name: str, code: str) -> None:
    assert soundex(name) == code


@examples(100)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_likeness_is_symmetric(one: str, other: str) -> None:
    assert within_one_edit(one, other) == within_one_edit(other, one)
    assert jaro_winkler(one, other) == pytest.approx(jaro_winkler(other, one))
    assert 0 <= jaro_winkler(one, other) <= 1


def test_identifiers_weigh_by_how_personal_they_are() -> None:
    said: list[dict[str, Any]] = [
        {name: "x"} for name in ("loyalty_id", "payment_token", "email", "phone", "device_id")
    ]
    bits = [
        compare_records(record("web", "1", **fields), record("pos", "2", **fields), NONE).bits
        for fields in said
    ]
    assert bits == sorted(bits, reverse=True)
    assert len(set(bits)) == 5


def test_a_verified_email_weighs_more_and_a_shared_one_hardly_anything() -> None:
    one = record("web", "1", email="b@x.test")
    sure = record("pos", "2", email="b@x.test", verified=("email",))
    assert compare_records(sure, one, NONE).bits > compare_records(one, one, NONE).bits
    assert compare_records(sure, one, frozenset({("email", "b@x.test")})).bits == 1


def test_what_the_known_have_verified_does_not_count_for_a_newcomer() -> None:
    guest = record("web", "1", email="b@x.test")
    owner = record("crm", "2", email="b@x.test", verified=("email",))
    assert compare_records(guest, owner, NONE) == compare_records(guest, guest, NONE)
    assert "verified" in compare_records(owner, guest, NONE).reasons[0]


def test_evidence_names_fields_and_never_values() -> None:
    one = record("web", "1", email="bob@x.test", given_name="Bob", birth_date="1990-01-02")
    reasons = " ".join(compare_records(one, one, NONE).reasons)
    assert "same email" in reasons
    assert "bob" not in reasons.casefold()
    assert "1990" not in reasons


def test_swapped_and_misspelt_names_agree_and_others_differ() -> None:
    bob = record("web", "1", given_name="Robert", family_name="Miller")
    swapped = record("web", "2", given_name="Miller", family_name="Robert")
    misspelt = record("web", "3", given_name="Robrt", family_name="Müller")
    ann = record("web", "4", given_name="Ann", family_name="Miller")
    assert compare_records(bob, swapped, NONE).bits > 0
    assert compare_records(bob, misspelt, NONE).bits > 0
    assert compare_records(bob, ann, NONE).bits < 0


def test_vetoes() -> None:
    bob = alone(record("web", "1", loyalty_id="L1", birth_date="1990-01-02", given_name="Bob"))
    typo = alone(record("pos", "2", loyalty_id="L1", birth_date="1990-01-03", given_name="Bob"))
    ann = alone(record("pos", "3", loyalty_id="L2", birth_date="1961-12-30", given_name="Ann"))
    assert vetoes(bob, typo) == ()
    assert vetoes(bob, ann) == ("two loyalty ids", "two birth dates", "names contradict")
    assert vetoes(add_cannot_links(bob, [("pos#2", "web#1")]), typo) == ("marked as two people",)


def decided(said: SourceRecord, *candidates: Profile) -> IdentityDecision:
    key = f"{said.source}#{said.source_id}"
    return decide(
        key,
        said,
        current=None,
        candidates=candidates,
        shared=NONE,
        at=NOON,
        new_profile_id="new",
    )


ANN = alone(
    record("web", "1", phone="+1", email="a@x.test", given_name="Ann", family_name="Miller")
)


def test_a_household_that_shares_a_phone_is_not_one_person() -> None:
    bob = record("web", "2", phone="+1", given_name="Bob", family_name="Miller")
    assert decided(bob, ANN).outcome == "created"


def test_who_shares_phone_and_mailbox_under_another_name_is_looked_at() -> None:
    bob = record("web", "2", phone="+1", email="a@x.test", given_name="Bob", family_name="Miller")
    decision = decided(bob, ANN)
    assert (decision.outcome, decision.profile.profile_id) == ("review", "new")
    assert "names contradict" in decision.reasons


def test_an_identifier_without_a_name_links_when_one_profile_alone_has_it() -> None:
    bare = record("pos", "2", phone="+1")
    assert decided(bare, ANN).profile.profile_id == ANN.profile_id
    bob = alone(record("web", "3", phone="+1", given_name="Bob"), "bob")
    decision = decided(bare, ANN, bob)
    assert (decision.outcome, len(decision.possible_links)) == ("review", 2)


def test_an_initial_is_not_enough_beside_a_phone() -> None:
    initial = record("pos", "2", phone="+1", given_name="A")
    assert decided(initial, ANN).outcome == "review"
    written_out = record("pos", "2", phone="+1", given_name="Ann")
    assert decided(written_out, ANN).outcome == "linked"


def test_two_of_one_name_and_one_telephone_do_not_grow_together() -> None:
    def said(number: int, **more: Any) -> SourceRecord:
        return record("web", str(number), given_name="Nils", family_name="Talick", **more)

    father = alone(said(1, email="old@x.test", phone="+1"))
    for number in range(2, 5):
        father = add_record(father, f"web#{number}", said(number, email="old@x.test"))
    son = said(9, email="young@x.test", phone="+1")
    decision = decided(son, father)
    assert decision.outcome == "review"
    assert decision.reasons[-1] == "too few records of the profile agree"
    assert decided(son, alone(said(1, email="old@x.test", phone="+1"))).outcome == "linked"


def test_many_records_that_say_nothing_of_a_loyalty_card_do_not_speak_against_it() -> None:
    ann = alone(record("pos", "1", loyalty_id="L1"))
    for number in range(2, 9):
        ann = add_record(ann, f"web#{number}", record("web", str(number), email="a@x.test"))
    assert decided(record("pos", "9", loyalty_id="L1"), ann).outcome == "linked"


def test_who_was_said_to_be_two_people_is_not_asked_about_again() -> None:
    bob = alone(record("web", "1", email="b@x.test"))
    rob = alone(record("web", "2", email="r@x.test"), "q")
    pair = [("web#1", "web#2")]
    bob, rob = add_cannot_links(bob, pair), add_cannot_links(rob, pair)
    decision = decide(
        "web#2",
        record("web", "2", email="b@x.test"),
        current=rob,
        candidates=[bob],
        shared=NONE,
        at=NOON,
        new_profile_id="new",
    )
    assert (decision.outcome, decision.profile.profile_id, decision.possible_links) == (
        "updated",
        "q",
        (),
    )


@pytest.mark.parametrize(
    ("one", "other", "country"),
    [
        ("415-555-2671", "+1 (415) 555-2671", "US"),
        ("020 7946 0958", "+44 20 7946 0958", "GB"),
    ],
)
def test_spellings_of_a_phone_number_are_one(one: str, other: str, country: str) -> None:
    assert normalize.phone(one, country) == normalize.phone(other)


def test_spellings_of_an_email_and_a_card_are_one() -> None:
    assert normalize.email(" Bob@Shop.TEST ") == "bob@shop.test"
    assert normalize.loyalty_id("l-12 34") == "L1234"
    assert names.latin_letters("Müller-Lüdenscheidt") == "mullerludenscheidt"


@pytest.mark.parametrize(
    "junk", ["none@none.com", "noreply@shop.test", "+10000000000", "+11234567890", "0000", "null"]
)
def test_junk(junk: str) -> None:
    assert normalize.is_placeholder(junk)


@pytest.mark.parametrize("real", ["bob@example.com", "test@example.com", "+14155552671", "L1234"])
def test_no_junk(real: str) -> None:
    assert not normalize.is_placeholder(real)


def test_every_wrong_identifier_is_named_by_its_path_without_its_value() -> None:
    identity = CustomerIdentity.model_validate(
        {
            "source": "web",
            "source_id": "1",
            "identifiers": {"email": "not-mail", "phone": "415 555 2671"},
        }
    )
    with pytest.raises(InvalidRequest) as refused:
        identity.record(NOON, NOON, TRUSTED, "$.customer")
    errors = refused.value.data["errors"]
    assert [error["path"] for error in errors] == [
        "$.customer.identifiers.email",
        "$.customer.identifiers.phone",
    ]
    assert "not-mail" not in str(errors)


def test_a_phone_number_is_of_the_country_of_the_address() -> None:
    identity = CustomerIdentity.model_validate(
        {
            "source": "web",
            "source_id": "1",
            "identifiers": {"phone": "415 555 2671", "email": ""},
            "attributes": {"address": {"country": "US"}, "birth_date": "1990-01-02"},
        }
    )
    said = identity.record(NOON, NOON, TRUSTED)
    assert said.text("phone") == "+14155552671"
    assert said.text("birth_date") == "1990-01-02"
    assert "email" not in said.fields


def test_keys_depend_on_the_secret_and_on_the_kind_and_hide_the_value() -> None:
    keys = {
        identifier_key(b"one", "email", "bob@x.test"),
        identifier_key(b"two", "email", "bob@x.test"),
        identifier_key(b"one", "phone", "bob@x.test"),
        record_key(b"one", "web", "bob@x.test"),
    }
    assert len(keys) == 4
    assert not any("bob" in key for key in keys)
