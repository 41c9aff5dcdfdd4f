"""One name told in more than one way: nicknames, other scripts, a married name."""

from typing import Any

import pytest

from shared.customers.model import names
from shared.customers.model.person import SourceRecord
from shared.customers.model.score import RULES, compare_records, name_bits, rules, traits
from shared.customers.model.similarity import soundex
from tests.support.people import record
from tests.unit.customers.test_score import NONE, alone, decided


def bits(one: str, other: str) -> float:
    """Of two full names, given name first."""
    sides = []
    for number, name in enumerate((one, other)):
        given, _, family = name.partition(" ")
        said = {"given_name": given, "family_name": family}
        told: dict[str, Any] = {field: value for field, value in said.items() if value}
        sides.append(traits(record("web", str(number), **told)))
    return name_bits(sides[0], sides[1], RULES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Robert Miller", "Bob Miller"),
        ("William Miller", "Bill Miller"),
        ("Margaret Miller", "Peggy Miller"),
        ("Bob Miller", "Rob Miller"),
        ("Elizabeth Miller", "Liz Miller"),
        ("Maximilian Miller", "Max Miller"),
        ("Stefan Miller", "Steffi Miller"),
        ("Мария Иванова", "Maria Ivanova"),
        ("Георгий Иванов", "Georgy Ivanov"),
        ("Дмитрий Щукин", "Dmitri Shchukin"),
        ("伟 王", "Wei Wang"),
        ("Χρήστος Παύλου", "Christos Pavlou"),
        ("محمد علي", "Mohammed Ali"),
        ("Боб Миллер", "Robert Miller"),
        ("Søren Müller", "Soren Muller"),
        ("Miller Bob", "Robert Miller"),
    ],
)
def test_names_that_are_told_in_two_ways_agree(one: str, other: str) -> None:
    assert bits(one, other) > 2
    assert bits(one, other) == bits(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Miller", "Bob Miller"),
        ("Robert Miller", "William Miller"),
        ("John Miller", "Jane Miller"),
        ("Мария Иванова", "Olga Ivanova"),
        ("Иван Иванов", "Мария Иванов"),
        ("伟 王", "Fang Wang"),
    ],
)
def test_names_of_two_people_in_one_house_are_at_odds(one: str, other: str) -> None:
    assert bits(one, other) <= -1


def test_bob_and_robert_with_one_address_are_one_person() -> None:
    robert = alone(record("web", "1", email="bob@x.test", given_name="Robert"))
    said = record("pos", "2", email="bob@x.test", given_name="Bob")
    decision = decided(said, robert)
    assert (decision.outcome, decision.reasons) == ("linked", ("same email", "names agree"))


def test_a_nickname_does_not_make_one_of_father_and_son() -> None:
    robert = alone(
        record(
            "web", "1", phone="+1", given_name="Robert", family_name="M", birth_date="1950-01-02"
        )
    )
    bob = record("web", "2", phone="+1", given_name="Bob", family_name="M", birth_date="1981-07-30")
    assert decided(bob, robert).outcome != "linked"


def test_namesakes_whom_their_provider_tells_apart_by_a_number_are_looked_at() -> None:
    def said(number: int) -> SourceRecord:
        return record(
            "web",
            str(number),
            email=f"nathan.white{number}@mail.test",
            phone="+1",
            given_name="Nathan",
            family_name="White",
        )

    father = alone(said(580))
    decision = decided(said(7224), father)
    assert decision.outcome == "review"
    assert decision.reasons[-1] == "email addresses differ only by a number"
    slip = decided(said(581), father)
    assert slip.outcome == "linked"


def test_who_is_married_is_not_at_odds_with_who_they_were() -> None:
    ann = alone(
        record("web", "1", email="a@x.test", phone="+1", given_name="Ann", family_name="Miller")
    )
    said = record("web", "2", email="a@x.test", phone="+1", given_name="A", family_name="Young")
    assert decided(said, ann).outcome == "linked"


def test_members_of_one_card_and_birth_date_are_one_whatever_they_are_called() -> None:
    said: dict[str, Any] = {"loyalty_id": "L1", "birth_date": "1990-01-02"}
    lexi = alone(record("web", "1", given_name="Lexi", family_name="Berry", **said))
    again = record("pos", "2", given_name="Olesya", family_name="Young", **said)
    assert decided(again, lexi).outcome == "linked"
    spouse = record("pos", "3", loyalty_id="L1", given_name="Bob", birth_date="1961-12-30")
    assert decided(spouse, lexi).outcome != "linked"


def test_a_register_knows_no_nicknames() -> None:
    one, other = (record("r", name, given_name=name) for name in ("Robert", "Bob"))
    assert compare_records(one, other, NONE, rules("register")).bits < 0
    assert compare_records(one, other, NONE).bits > 0


def test_letters_of_every_script_are_latin_ones() -> None:
    assert [
        names.latin_letters(name) for name in ("Müller-Lüdenscheidt", "Łukasz", "王伟", "☃")
    ] == [
        "mullerludenscheidt",
        "lukasz",
        "wangwei",
        "",
    ]
    assert names.is_romanised("Мария")
    assert not names.is_romanised("Müller")


@pytest.mark.parametrize(
    ("name", "code"),
    [("robert", "r163"), ("pfister", "p236"), ("whittaker", "w326"), ("oconnor", "o256")],
)
def test_the_sounds_that_stand_in_stored_keys_stay_what_they_were(name: str, code: str) -> None:
    assert soundex(name) == code
