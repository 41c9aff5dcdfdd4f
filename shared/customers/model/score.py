"""Score whether two records belong to one person, in bits, and list the vetoes against a link.

A score is a sum of log-likelihood ratios in bits: log2 of how much likelier an agreement is between
two records of one person than between records of two people (Fellegi and Sunter 1969). The weights
are a versioned document, rules.json; every link names the version that made it.

    retail    statements of the shop's channels: identifiers that families share, and little else.
              Set by hand, calibrated on synthetic households (tests/bench/identity/retail.py)
    register  records that each have a name, a birth date and an address, but no identifier.
              Learned from FEBRL 2 (tests/bench/identity/learn.py)
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from shared.customers.model.names import (
    consonants,
    is_romanised,
    latin_letters,
    nickname_degree,
    phonetic_spelling,
    possible_initials,
)
from shared.customers.model.normalize import is_placeholder
from shared.customers.model.person import (
    MAX_PROFILE_BYTES,
    Profile,
    SourceRecord,
    certainly_fits,
    has_cannot_link,
    stored_bytes,
)
from shared.customers.model.similarity import jaro_winkler, within_one_edit

DOCUMENT = Path(__file__).with_name("rules.json")

Levels = Sequence[float]
"""Bits by degree of agreement, from 'the same' down to 'differs'."""

NAME_LEVELS = (0.92, 0.85, 0.75)
PHONETIC_LEVELS = (0.88, 0.78, 0.65)
"""For names in two scripts; lower, since romanisation loses information."""
STREET_LEVELS = (0.9, 0.75)
CITY_LEVELS = (0.88,)


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """Thresholds and weights, in bits.

    Thresholds: at ``merge`` bits a record is linked automatically, at ``review`` bits it is queued
    for review. ``bridge`` replaces ``merge`` for profiles that have email addresses but none in
    common, and for records that differ in two identifiers; ``wide_bridge`` applies when both is the
    case. When one side has no given name, only identifiers can agree: then ``bare`` bits suffice,
    if exactly one profile reaches them. A profile of at least ``many`` records takes in a record
    only if the share ``support`` of its records agree, or if both have an identifier of a kind in
    ``sure`` in common.

    Weights: a value used by people with more than ``initials`` different first initials is shared
    and counts ``shared`` bits. The parts of an address depend on each other and together count at
    most ``address_most`` bits. ``nickname`` has two weights: one name is short for the other, or
    both are short for the same name; empty means that nicknames differ. ``swapped_half`` has two
    weights: the names are swapped and one is a nickname or an initial, or the only name stands in
    the wrong field. ``contradictions`` says whether contradicting names or birth dates are vetoes.

    Limits: a person has at most ``most_records`` records and ``most_members`` merged ids, which are
    stored in one item and change in one transaction. Anything larger goes to review.
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
    """The rule set of that name in rules.json."""
    values: dict[str, Any] = json.loads(DOCUMENT.read_text())[name]
    return ScoreRules(**values)


RULES = rules("retail")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of a comparison. ``reasons`` contain field names but no values, since they are
    stored, logged and shown.

    ``named``: both records have a given name. ``differing``: the number of identifier kinds that
    both have with different values.
    """

    bits: float
    reasons: tuple[str, ...]
    named: bool
    differing: int = 0


SharedIdentifiers = frozenset[tuple[str, str]]
"""(name, value) of the identifiers that several people use."""


class Name(NamedTuple):
    given: str
    surname: str


@dataclass(frozen=True, slots=True)
class Traits:
    """The comparable form of a record, computed once."""

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
    number, street = split_house_number(address.line1)
    given, surname = record.text("given_name"), record.text("family_name")
    return Traits(
        latin_letters(given),
        latin_letters(surname),
        record.text("birth_date"),
        alphanumeric(address.postal_code),
        number,
        street,
        alphanumeric(address.city),
        alphanumeric(address.region),
        record.identifiers,
        tuple(name for name, stated in record.fields.items() if stated.verified),
        is_romanised(given) or is_romanised(surname),
    )


@lru_cache(maxsize=4096)
def split_house_number(line: str) -> tuple[str, str]:
    """The house number and the comparable street; the number is '' if the line starts without."""
    match = HOUSE.fullmatch(line)
    return (match[1], alphanumeric(match[2])) if match else ("", alphanumeric(line))


@lru_cache(maxsize=4096)
def alphanumeric(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def compare_records(
    one: SourceRecord, other: SourceRecord, shared: SharedIdentifiers, rules: ScoreRules = RULES
) -> Evidence:
    """The bits in favour of ``one`` and ``other`` being one person, with their reasons.

    ``one`` is the incoming record, whose verified identifiers count more. Verification by the
    stored record does not count: it says nothing about somebody else who types the same address.
    """
    return compare_traits(traits(one), traits(other), shared, rules)


def compare_traits(
    one: Traits, other: Traits, shared: SharedIdentifiers, rules: ScoreRules
) -> Evidence:
    bits = 0.0
    reasons = []
    differing = 0
    for name, value in one.identifiers.items():
        against = other.identifiers.get(name)
        if against is None:
            continue
        differing += value != against
        shared_value = (name, value) in shared
        part, reason = _identifier_bits(
            name, value, against, rules, name in one.verified, shared_value
        )
        bits += part
        if reason:
            reasons.append(reason)
    names = name_bits(one, other, rules)
    if names:
        bits += names
        reasons.append("names agree" if names > 0 else "names differ")
    for part, reason in (_birth_date_bits(one, other, rules), _address_bits(one, other, rules)):
        bits += part
        if reason:
            reasons.append(reason)
    named = bool(one.given and other.given)
    return Evidence(round(bits, 2), tuple(reasons), named, differing)


def _identifier_bits(
    name: str, value: str, against: str, rules: ScoreRules, verified: bool, shared: bool
) -> tuple[float, str]:
    if value != against:
        if name in rules.near and within_one_edit(value, against):
            return rules.near[name], f"{name} one keystroke apart"
        return rules.differs.get(name, 0.0), f"{name} differs" if name in rules.differs else ""
    if is_placeholder(value):
        return 0.0, f"{name} is a placeholder"
    if shared:
        return rules.shared, f"same {name}, which several people use"
    if verified and name in rules.verified:
        return rules.verified[name], f"same verified {name}"
    return rules.same[name], f"same {name}"


def name_bits(one: Traits, other: Traits, rules: ScoreRules) -> float:
    """The bits of the given and family names; 0 for given names when one record has none.

    A matching initial counts little, a different one counts much. Given and family name may have
    been swapped.
    """
    return sum(_name_parts(one, other, rules))


def _name_parts(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, float]:
    """The bits of the given names, and those of the family names."""
    phonetic = one.romanised or other.romanised
    name, other_name = (
        (_phonetic_name(one), _phonetic_name(other)) if phonetic else (one.name, other.name)
    )
    surnames = _name_similarity_bits(name.surname, other_name.surname, phonetic, rules.family_name)
    if not name.given or not other_name.given:
        return 0.0, surnames
    if name.given != other_name.given:
        if names_swapped(name, other_name):
            return rules.swapped, 0.0
        if rules.nickname and (half := _half_swapped(name, other_name, phonetic)) is not None:
            return rules.swapped_half[half], 0.0
    if len(name.given) == 1 or len(other_name.given) == 1:
        return rules.initial[not _same_initial(name.given, other_name.given, phonetic)], surnames
    given = _name_similarity_bits(name.given, other_name.given, phonetic, rules.given_name)
    if given < rules.given_name[0] and rules.nickname:
        short = nickname_degree(name.given, other_name.given, phonetic=phonetic)
        given = max(given, rules.nickname[short - 1]) if short else given
    return given, surnames


def _phonetic_name(one: Traits) -> Name:
    return Name(phonetic_spelling(one.given), phonetic_spelling(one.surname))


def _same_initial(one: str, other: str, phonetic: bool) -> bool:
    return not possible_initials(one, phonetic=phonetic).isdisjoint(
        possible_initials(other, phonetic=phonetic)
    )


def _half_swapped(one: Name, other: Name, phonetic: bool) -> int | None:
    """The index into ``swapped_half``: 0 when the names are swapped and one is a nickname or an
    initial, 1 when the only name stands in the wrong field; else None."""
    for first, second in ((one, other), (other, one)):
        if not second.surname or not _nearly_same(first.given, second.surname):
            continue
        if not first.surname:
            return 1
        short = 1 in {len(first.surname), len(second.given)}
        if (
            _same_initial(first.surname, second.given, phonetic)
            if short
            else nickname_degree(first.surname, second.given, phonetic=phonetic)
        ):
            return 0
    return None


def _name_similarity_bits(one: str, other: str, phonetic: bool, worth: Levels) -> float:
    """The bits of the similarity of two names. For ``phonetic`` names, which may come from a script
    without vowels, equal consonants are enough."""
    bits = similarity_bits(one, other, PHONETIC_LEVELS if phonetic else NAME_LEVELS, worth)
    if not phonetic or not one or not other or bits >= worth[1]:
        return bits
    one_consonants, other_consonants = consonants(one), consonants(other)
    unvoiced = one_consonants == one or other_consonants == other
    return worth[2] if unvoiced and one_consonants == other_consonants else bits


def names_swapped(one: Name, other: Name) -> bool:
    return bool(
        one.surname
        and other.surname
        and _nearly_same(one.given, other.surname)
        and _nearly_same(one.surname, other.given)
    )


def _nearly_same(one: str, other: str) -> bool:
    return within_one_edit(one, other) or jaro_winkler(one, other) >= NAME_LEVELS[0]


def similarity_bits(one: str, other: str, bounds: Levels, worth: Levels) -> float:
    """The bits of the similarity of two texts: 0 when one is missing; the second level when they
    are within one edit, whatever their similarity."""
    if not one or not other:
        return 0.0
    if one == other:
        return worth[0]
    if within_one_edit(one, other):
        return worth[1]
    likeness = jaro_winkler(one, other)
    for level, bound in enumerate(bounds, 1):
        if likeness >= bound:
            return worth[level]
    return worth[-1]


def _birth_date_bits(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, str]:
    if not one.born or not other.born:
        return 0.0, ""
    if one.born == other.born:
        return rules.birth_date[0], "same birth date"
    if within_one_edit(one.born, other.born):
        return rules.birth_date[1], "birth dates one keystroke apart"
    return rules.birth_date[2], "birth dates differ"


def _address_bits(one: Traits, other: Traits, rules: ScoreRules) -> tuple[float, str]:
    bits = (
        similarity_bits(one.postal_code, other.postal_code, (), rules.postal_code)
        + similarity_bits(one.number, other.number, (), rules.number)
        + similarity_bits(one.street, other.street, STREET_LEVELS, rules.street)
        + similarity_bits(one.city, other.city, CITY_LEVELS, rules.city)
        + similarity_bits(one.region, other.region, (), rules.region)
    )
    if bits == 0:
        return 0.0, ""
    return min(bits, rules.address_most), "addresses agree" if bits > 0 else "addresses differ"


def vetoes(one: Profile, other: Profile, rules: ScoreRules = RULES) -> tuple[str, ...]:
    """The reasons that forbid an automatic link of the two profiles."""
    reasons = []
    if has_cannot_link(one, other):
        reasons.append(KEPT_APART)
    loyalty, loyalty2 = _values(one, "loyalty_id"), _values(other, "loyalty_id")
    if loyalty and loyalty2 and not loyalty & loyalty2:
        reasons.append("two loyalty ids")
    if rules.contradictions:
        births, births2 = _values(one, "birth_date"), _values(other, "birth_date")
        if births and births2 and not any(within_one_edit(a, b) for a in births for b in births2):
            reasons.append("two birth dates")
        same_member = loyalty & loyalty2 and births & births2
        if not same_member and _names_contradict(one, other, rules):
            reasons.append("names contradict")
        if _differ_by_number(one, other):
            reasons.append("email addresses differ only by a number")
    if exceeds_limits(one, other, rules=rules):
        reasons.append("too many records for one person")
    if len(one.members) + len(other.members) > rules.most_members:
        reasons.append("too many merged profiles for one person")
    return tuple(reasons)


def exceeds_limits(*profiles: Profile, rules: ScoreRules = RULES) -> bool:
    """Whether the profiles together exceed the limits of one item."""
    if certainly_fits(profiles):
        return False
    records = sum(len(profile.records) for profile in profiles)
    return records > rules.most_records or sum(map(stored_bytes, profiles)) > MAX_PROFILE_BYTES


KEPT_APART = "marked as two people"
CONTRADICTION_BITS = -1.0


def _values(profile: Profile, name: str) -> set[str]:
    return {held.record.text(name) for held in profile.records if held.record.text(name)}


def no_common_email(one: Profile, other: Profile) -> bool:
    """Whether both have email addresses, and none in common."""
    mails, mails2 = _values(one, "email"), _values(other, "email")
    return bool(mails and mails2) and not mails & mails2


def _differ_by_number(one: Profile, other: Profile) -> bool:
    """Whether both have an email address with the same letters and provider, but with numbers that
    differ by more than one edit: providers distinguish people of one name by such numbers."""
    if not no_common_email(one, other):
        return False
    other_emails = _values(other, "email")
    return any(
        _without_digits(a) == _without_digits(b) != "" and not within_one_edit(a, b)
        for a in _values(one, "email")
        for b in other_emails
    )


@lru_cache(maxsize=4096)
def _without_digits(email: str) -> str:
    """The address without digits; '' when fewer than MIN_LETTERS letters remain."""
    local, _, provider = email.rpartition("@")
    letters = "".join(c for c in local if not c.isdigit())
    return f"{letters}@{provider}" if sum(c.isalpha() for c in letters) >= MIN_LETTERS else ""


MIN_LETTERS = 5


def _names_contradict(one: Profile, other: Profile, rules: ScoreRules) -> bool:
    """Whether more than half of the pairs of named records contradict each other."""
    pairs = [
        _traits_contradict(a, b, rules)
        for a in _distinct_names(one)
        for b in _distinct_names(other)
    ]
    return sum(pairs) * 2 > len(pairs)


def _traits_contradict(one: Traits, other: Traits, rules: ScoreRules) -> bool:
    """Different family names alone are no contradiction: the person may have married."""
    given, surname = _name_parts(one, other, rules)
    return given + surname <= CONTRADICTION_BITS and given <= 0


def _distinct_names(profile: Profile) -> Iterable[Traits]:
    """The traits of one record for each spelling of the name."""
    written = {
        (held.record.text("given_name"), held.record.text("family_name")): held.record
        for held in profile.records
        if held.record.text("given_name")
    }
    return [traits(record) for record in written.values()]
