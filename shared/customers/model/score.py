"""How strongly two records speak for one person, in bits, and what forbids it whatever the bits.

A bit is log2 of how much likelier the agreement is between two records of one person than of two
(Fellegi and Sunter 1969). The weights are a versioned document, rules.json: every link names the
version that it was made by.

    retail    what the shop's channels state: identifiers that families share, and little else.
              Set by hand, calibrated on synthetic households (tests/bench/identity/retail.py)
    register  records that each have a name, a birth date and an address, and no identifier.
              Learned from FEBRL 2 (tests/bench/identity/learn.py)
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from shared.customers.model.alike import jaro_winkler, one_apart
from shared.customers.model.names import consonants, initials, letters, nicknamed, romanised, spoken
from shared.customers.model.normal import junk
from shared.customers.model.person import (
    MOST_BYTES,
    Profile,
    SourceRecord,
    kept_apart,
    surely_light,
    weight,
)

DOCUMENT = Path(__file__).with_name("rules.json")

Levels = Sequence[float]
"""Bits from 'the same' down to 'differs'."""

NAME_LEVELS = (0.92, 0.85, 0.75)
SPOKEN_LEVELS = (0.88, 0.78, 0.65)
"""Of names in two scripts: to romanise is to lose something."""
STREET_LEVELS = (0.9, 0.75)
CITY_LEVELS = (0.88,)


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """At ``merge`` bits and above a record is linked by itself, from ``review`` on it is queued.

    Two that have email addresses, and none in common, are merged from ``bridge`` bits on, and so
    are two whose records differ in two identifiers; if both is so, from ``wide_bridge`` on.
    A profile of ``many`` records takes in only what the share ``support`` of them speaks for, or
    what has an identifier in common with it that is ``sure``.

    Where one side has no name, nothing but the identifier can speak: ``bare`` bits are enough then,
    if one profile alone reaches them.

    A value that people with more than ``initials`` different first initials have used is shared:
    it counts ``shared`` bits. The parts of an address are seldom wrong by themselves: together they
    count ``address_most`` bits at most. ``nickname`` is worth a name that is short for the other,
    and two that are short for the same; where it is empty nicknames differ. ``swapped_half`` is
    worth that the names are swapped and one is a nickname or an initial, and that the only name
    stands in the wrong place. ``contradictions`` says whether names or birth dates at odds forbid a
    link.

    A person has ``most_records`` records and ``most_members`` merged ids at most: they stand in one
    item and change in one transaction. What would be more goes to review.
    """

    version: str
    merge: float
    bridge: float
    wide_bridge: float
    bare: float
    review: float
    same: Mapping[str, float]
    verified: Mapping[str, float]
    near: Mapping[str, float]
    differs: Mapping[str, float]
    shared: float
    initials: int
    given_name: Levels
    family_name: Levels
    initial: Levels
    nickname: Levels
    swapped: float
    swapped_half: Levels
    birth_date: Levels
    postal_code: Levels
    number: Levels
    street: Levels
    city: Levels
    region: Levels
    address_most: float
    contradictions: bool
    source_rank: Mapping[str, int]
    many: int
    support: float
    sure: Sequence[str]
    most_records: int = 250
    most_members: int = 45


@cache
def rules(name: str) -> ScoreRules:
    """The rules of that name in the document."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())[name]
    return ScoreRules(**found)


RULES = rules("retail")


@dataclass(frozen=True, slots=True)
class Evidence:
    """``reasons`` name fields, never their values: they are kept, logged and shown.

    ``named`` says whether both records have a given name; ``differing`` is the number of
    identifiers that both have, and that are not the same.
    """

    bits: float
    reasons: tuple[str, ...]
    named: bool
    differing: int = 0


Shared = frozenset[tuple[str, str]]
"""The identifiers, by name and value, that several people use."""


class Name(NamedTuple):
    given: str
    surname: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What of a record is compared, made comparable once."""

    given: str
    surname: str
    born: str
    postal_code: str
    number: str
    street: str
    city: str
    region: str
    identifiers: Mapping[str, str]
    verified: tuple[str, ...]
    romanised: bool

    @property
    def name(self) -> Name:
        return Name(self.given, self.surname)


HOUSE = re.compile(r"\s*(\d+)\S*\s+(.+)")


def traits(record: SourceRecord) -> Traits:
    address = record.address
    number, street = house(address.line1)
    given, surname = record.text("given_name"), record.text("family_name")
    return Traits(
        letters(given),
        letters(surname),
        record.text("birth_date"),
        plain(address.postal_code),
        number,
        street,
        plain(address.city),
        plain(address.region),
        record.identifiers,
        tuple(name for name, stated in record.fields.items() if stated.verified),
        romanised(given) or romanised(surname),
    )


@lru_cache(maxsize=4096)
def house(line: str) -> tuple[str, str]:
    """The number and the street, comparable; the number is '' when the line starts with none."""
    found = HOUSE.fullmatch(line)
    return (found[1], plain(found[2])) if found else ("", plain(line))


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def evidence(
    one: SourceRecord, other: SourceRecord, shared: Shared, rules: ScoreRules = RULES
) -> Evidence:
    """The bits for ``one`` and ``other`` being of one person, and where they come from.

    ``one`` is who comes: what they have verified counts. That the owner has verified an address
    says nothing of somebody else who types it.
    """
    return compared(traits(one), traits(other), shared, rules)


def compared(one: Traits, other: Traits, shared: Shared, rules: ScoreRules) -> Evidence:
    bits = 0.0
    reasons = []
    differing = 0
    for name, value in one.identifiers.items():
        against = other.identifiers.get(name)
        if against is None:
            continue
        differing += value != against
        shared_value = (name, value) in shared
        worth, reason = _worth(name, value, against, rules, name in one.verified, shared_value)
        bits += worth
        if reason:
            reasons.append(reason)
    names = name_bits(one, other, rules)
    if names:
        bits += names
        reasons.append("names agree" if names > 0 else "names differ")
    for worth, reason in (_births(one, other, rules), _addresses(one, other, rules)):
        bits += worth
        if reason:
            reasons.append(reason)
    named = bool(one.given and other.given)
    return Evidence(round(bits, 2), tuple(reasons), named, differing)


def _worth(
    name: str, value: str, against: str, rules: ScoreRules, verified: bool, shared: bool
) -> tuple[float, str]:
    if value != against:
        if name in rules.near and one_apart(value, against):
            return rules.near[name], f"{name} one keystroke apart"
        return rules.differs.get(name, 0.0), f"{name} differs" if name in rules.differs else ""
    if junk(value):
        return 0.0, f"{name} is no real one"
    if shared:
        return rules.shared, f"same {name}, which several people use"
    if verified and name in rules.verified:
        return rules.verified[name], f"same verified {name}"
    return rules.same[name], f"same {name}"


def name_bits(one: Traits, other: Traits, rules: ScoreRules) -> float:
    """The agreement of given and family names; 0 when one of the records has no given name.

    An initial says little for, and much against. Given and family name may have been swapped.
    """
    return sum(_name_parts(one, other, rules))


def _name_parts(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, float]:
    """The bits of the given names, and of the family names."""
    said = one.romanised or other.romanised
    mine, theirs = (_spoken(one), _spoken(other)) if said else (one.name, other.name)
    surnames = _named_bits(mine.surname, theirs.surname, said, rules.family_name)
    if not mine.given or not theirs.given:
        return 0.0, surnames
    if mine.given != theirs.given:
        if names_swapped(mine, theirs):
            return rules.swapped, 0.0
        if rules.nickname and (half := _half_swapped(mine, theirs, said)) is not None:
            return rules.swapped_half[half], 0.0
    if len(mine.given) == 1 or len(theirs.given) == 1:
        return rules.initial[not _same_initial(mine.given, theirs.given, said)], surnames
    given = _named_bits(mine.given, theirs.given, said, rules.given_name)
    if given < rules.given_name[0] and rules.nickname:
        short = nicknamed(mine.given, theirs.given, said=said)
        given = max(given, rules.nickname[short - 1]) if short else given
    return given, surnames


def _spoken(one: Traits) -> Name:
    return Name(spoken(one.given), spoken(one.surname))


def _same_initial(one: str, other: str, said: bool) -> bool:
    return not initials(one, said=said).isdisjoint(initials(other, said=said))


def _half_swapped(one: Name, other: Name, said: bool) -> int | None:
    """0 when the names are swapped and a nickname or an initial, 1 when the one that is there
    stands in the wrong place."""
    for mine, theirs in ((one, other), (other, one)):
        if not theirs.surname or not _close(mine.given, theirs.surname):
            continue
        if not mine.surname:
            return 1
        short = 1 in {len(mine.surname), len(theirs.given)}
        if (
            _same_initial(mine.surname, theirs.given, said)
            if short
            else nicknamed(mine.surname, theirs.given, said=said)
        ):
            return 0
    return None


def _named_bits(one: str, other: str, said: bool, worth: Levels) -> float:
    """``said``: of a name that was romanised from a script without vowels, the consonants count."""
    bits = level(one, other, SPOKEN_LEVELS if said else NAME_LEVELS, worth)
    if not said or not one or not other or bits >= worth[1]:
        return bits
    mine, theirs = consonants(one), consonants(other)
    unvoiced = mine == one or theirs == other
    return worth[2] if unvoiced and mine == theirs else bits


def names_swapped(one: Name, other: Name) -> bool:
    return bool(
        one.surname
        and other.surname
        and _close(one.given, other.surname)
        and _close(one.surname, other.given)
    )


def _close(one: str, other: str) -> bool:
    return one_apart(one, other) or jaro_winkler(one, other) >= NAME_LEVELS[0]


def level(one: str, other: str, bounds: Levels, worth: Levels) -> float:
    """0 when one is missing; one letter apart is on the second level whatever its likeness."""
    if not one or not other:
        return 0.0
    if one == other:
        return worth[0]
    if one_apart(one, other):
        return worth[1]
    likeness = jaro_winkler(one, other)
    for level, bound in enumerate(bounds, 1):
        if likeness >= bound:
            return worth[level]
    return worth[-1]


def _births(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, str]:
    if not one.born or not other.born:
        return 0.0, ""
    if one.born == other.born:
        return rules.birth_date[0], "same birth date"
    if one_apart(one.born, other.born):
        return rules.birth_date[1], "birth dates one keystroke apart"
    return rules.birth_date[2], "birth dates differ"


def _addresses(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, str]:
    bits = (
        level(one.postal_code, other.postal_code, (), rules.postal_code)
        + level(one.number, other.number, (), rules.number)
        + level(one.street, other.street, STREET_LEVELS, rules.street)
        + level(one.city, other.city, CITY_LEVELS, rules.city)
        + level(one.region, other.region, (), rules.region)
    )
    if bits == 0:
        return 0.0, ""
    return min(bits, rules.address_most), "addresses agree" if bits > 0 else "addresses differ"


def vetoes(one: Profile, other: Profile, rules: ScoreRules = RULES) -> tuple[str, ...]:
    """What forbids that the two be linked without a person looking at it."""
    found = []
    if kept_apart(one, other):
        found.append(APART)
    loyalty, loyalty2 = _values(one, "loyalty_id"), _values(other, "loyalty_id")
    if loyalty and loyalty2 and not loyalty & loyalty2:
        found.append("two loyalty ids")
    if rules.contradictions:
        births, births2 = _values(one, "birth_date"), _values(other, "birth_date")
        if births and births2 and not any(one_apart(a, b) for a in births for b in births2):
            found.append("two birth dates")
        same_member = loyalty & loyalty2 and births & births2
        if not same_member and _names_at_odds(one, other, rules):
            found.append("names at odds")
        if _numbered_apart(one, other):
            found.append("email addresses of one name with two numbers")
    if too_much(one, other, rules=rules):
        found.append("too many records for one person")
    if len(one.members) + len(other.members) > rules.most_members:
        found.append("too many merged profiles for one person")
    return tuple(found)


def too_much(*profiles: Profile, rules: ScoreRules = RULES) -> bool:
    """Whether they are more than one item holds."""
    if surely_light(profiles):
        return False
    records = sum(len(profile.records) for profile in profiles)
    return records > rules.most_records or sum(map(weight, profiles)) > MOST_BYTES


APART = "said to be two people"
AT_ODDS = -1.0


def _values(profile: Profile, name: str) -> set[str]:
    return {held.record.text(name) for held in profile.records if held.record.text(name)}


def reached_apart(one: Profile, other: Profile) -> bool:
    """Whether both have email addresses, and none in common."""
    mails, mails2 = _values(one, "email"), _values(other, "email")
    return bool(mails and mails2) and not mails & mails2


def _numbered_apart(one: Profile, other: Profile) -> bool:
    """Whether both have an address of the same letters at the same provider, with numbers that are
    no slip of the finger: so providers tell people of one name apart."""
    if not reached_apart(one, other):
        return False
    theirs = _values(other, "email")
    return any(
        _unnumbered(a) == _unnumbered(b) != "" and not one_apart(a, b)
        for a in _values(one, "email")
        for b in theirs
    )


@lru_cache(maxsize=4096)
def _unnumbered(email: str) -> str:
    """The address without digits, '' when nothing else tells it from others."""
    local, _, provider = email.rpartition("@")
    found = "".join(c for c in local if not c.isdigit())
    return f"{found}@{provider}" if sum(c.isalpha() for c in found) >= LEAST_LETTERS else ""


LEAST_LETTERS = 5


def _names_at_odds(one: Profile, other: Profile, rules: ScoreRules) -> bool:
    """Whether more than half of the pairs of named records contradict each other."""
    pairs = [_contradict(a, b, rules) for a in _named(one) for b in _named(other)]
    return sum(pairs) * 2 > len(pairs)


def _contradict(one: Traits, other: Traits, rules: ScoreRules) -> bool:
    """Who is called the same and has another family name may be married."""
    given, surname = _name_parts(one, other, rules)
    return given + surname <= AT_ODDS and given <= 0


def _named(profile: Profile) -> Iterable[Traits]:
    """One record for each way that the name is written."""
    written = {
        (held.record.text("given_name"), held.record.text("family_name")): held.record
        for held in profile.records
        if held.record.text("given_name")
    }
    return [traits(record) for record in written.values()]
