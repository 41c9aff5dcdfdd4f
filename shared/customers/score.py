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
from typing import Any

from shared.customers.alike import jaro_winkler, one_apart
from shared.customers.model import (
    MOST_BYTES,
    Profile,
    Record,
    kept_apart,
    surely_light,
    weight,
)
from shared.customers.normal import junk, letters

DOCUMENT = Path(__file__).with_name("rules.json")

Levels = Sequence[float]
"""Bits from 'the same' down to 'differs'."""

NAME_LEVELS = (0.92, 0.85, 0.75)
STREET_LEVELS = (0.9, 0.75)
CITY_LEVELS = (0.88,)


@dataclass(frozen=True, slots=True)
class Rules:
    """At ``merge`` bits and above a record is linked by itself, from ``review`` on it is queued.

    Two that have email addresses, and none in common, are merged from ``bridge`` bits on.
    A profile of ``many`` records takes in only what the share ``support`` of them speaks for, or
    what has an identifier in common with it that is ``sure``.

    Where one side has no name, nothing but the identifier can speak: ``bare`` bits are enough then,
    if one profile alone reaches them.

    A value that people with more than ``initials`` different first initials have used is shared:
    it counts ``shared`` bits. The parts of an address are seldom wrong by themselves: together they
    count ``address_most`` bits at most. ``contradictions`` says whether names or birth dates at
    odds forbid a link.

    A person has ``most_records`` records and ``most_members`` merged ids at most: they stand in one
    item and change in one transaction. What would be more goes to review.
    """

    version: str
    merge: float
    bridge: float
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
    swapped: float
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
def rules(name: str) -> Rules:
    """The rules of that name in the document."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())[name]
    return Rules(**found)


RULES = rules("retail")


@dataclass(frozen=True, slots=True)
class Evidence:
    """``reasons`` name fields, never their values: they are kept, logged and shown.

    ``named`` says whether both records have a given name.
    """

    bits: float
    reasons: tuple[str, ...]
    named: bool


Shared = frozenset[tuple[str, str]]
"""The identifiers, by name and value, that several people use."""


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


HOUSE = re.compile(r"\s*(\d+)\S*\s+(.+)")


def traits(record: Record) -> Traits:
    address = record.address
    number, street = house(address.line1)
    return Traits(
        letters(record.text("given_name")),
        letters(record.text("family_name")),
        record.text("birth_date"),
        plain(address.postal_code),
        number,
        street,
        plain(address.city),
        plain(address.region),
        record.identifiers,
        tuple(name for name, stated in record.fields.items() if stated.verified),
    )


@lru_cache(maxsize=4096)
def house(line: str) -> tuple[str, str]:
    """The number and the street, comparable; the number is '' when the line starts with none."""
    found = HOUSE.fullmatch(line)
    return (found[1], plain(found[2])) if found else ("", plain(line))


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def evidence(one: Record, other: Record, shared: Shared, rules: Rules = RULES) -> Evidence:
    """The bits for ``one`` and ``other`` being of one person, and where they come from.

    ``one`` is who comes: what they have verified counts. That the owner has verified an address
    says nothing of somebody else who types it.
    """
    return compared(traits(one), traits(other), shared, rules)


def compared(one: Traits, other: Traits, shared: Shared, rules: Rules) -> Evidence:
    bits = 0.0
    reasons = []
    for name, value in one.identifiers.items():
        against = other.identifiers.get(name)
        if against is None:
            continue
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
    return Evidence(round(bits, 2), tuple(reasons), bool(one.given and other.given))


def _worth(
    name: str, value: str, against: str, rules: Rules, verified: bool, shared: bool
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


def name_bits(one: Traits, other: Traits, rules: Rules) -> float:
    """The agreement of given and family names; 0 when one of the records has no given name.

    An initial says little for, and much against. Given and family name may have been swapped.
    """
    if not one.given or not other.given:
        return level(one.surname, other.surname, NAME_LEVELS, rules.family_name)
    if one.given != other.given and names_swapped(one, other):
        return rules.swapped
    surnames = level(one.surname, other.surname, NAME_LEVELS, rules.family_name)
    if len(one.given) == 1 or len(other.given) == 1:
        return rules.initial[one.given[0] != other.given[0]] + surnames
    return level(one.given, other.given, NAME_LEVELS, rules.given_name) + surnames


def names_swapped(one: Traits, other: Traits) -> bool:
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


def _births(one: Traits, other: Traits, rules: Rules) -> tuple[float, str]:
    if not one.born or not other.born:
        return 0.0, ""
    if one.born == other.born:
        return rules.birth_date[0], "same birth date"
    if one_apart(one.born, other.born):
        return rules.birth_date[1], "birth dates one keystroke apart"
    return rules.birth_date[2], "birth dates differ"


def _addresses(one: Traits, other: Traits, rules: Rules) -> tuple[float, str]:
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


def vetoes(one: Profile, other: Profile, rules: Rules = RULES) -> tuple[str, ...]:
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
        if _names_at_odds(one, other, rules):
            found.append("names at odds")
    if too_much(one, other, rules=rules):
        found.append("too many records for one person")
    if len(one.members) + len(other.members) > rules.most_members:
        found.append("too many merged profiles for one person")
    return tuple(found)


def too_much(*profiles: Profile, rules: Rules = RULES) -> bool:
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


def _names_at_odds(one: Profile, other: Profile, rules: Rules) -> bool:
    """Whether more than half of the pairs of named records contradict each other."""
    pairs = [name_bits(a, b, rules) for a in _named(one) for b in _named(other)]
    return sum(bits <= AT_ODDS for bits in pairs) * 2 > len(pairs)


def _named(profile: Profile) -> Iterable[Traits]:
    """One record for each way that the name is written."""
    written = {
        (held.record.text("given_name"), held.record.text("family_name")): held.record
        for held in profile.records
        if held.record.text("given_name")
    }
    return [traits(record) for record in written.values()]
