"""How strongly two records speak for one person, in bits, and what forbids it whatever the bits.

A bit is log2 of how much likelier the agreement is between two records of one person than of two
(Fellegi and Sunter 1969). The weights are a versioned document: every link names the version that
it was made by.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.customers.alike import edits, jaro_winkler
from shared.customers.model import IDENTIFIERS, Profile, Record, kept_apart
from shared.customers.normal import junk, letters

CLOSE = 0.88
SOMEWHAT = 0.75


@dataclass(frozen=True, slots=True)
class Rules:
    """At ``merge`` bits and above a record is linked by itself, from ``review`` on it is queued.

    Where one side has no name, nothing but the identifier can speak: ``bare`` bits are enough then,
    if one profile alone reaches them.

    A value that people with more than ``initials`` different first initials have used is shared:
    it counts ``shared`` bits.
    """

    version: str
    merge: float
    bare: float
    review: float
    same: Mapping[str, float]
    verified_email: float
    shared: float
    initials: int
    source_rank: Mapping[str, int] = field(default_factory=dict)
    most_records: int = 250
    most_members: int = 60


RULES = Rules(
    version="bits-1",
    merge=14.0,
    bare=9.0,
    review=9.0,
    same={"loyalty_id": 16.0, "payment_token": 12.0, "email": 10.0, "phone": 9.0, "device_id": 4.0},
    verified_email=11.0,
    shared=1.0,
    initials=2,
    source_rank={"crm": 4, "loyalty": 3, "pos": 2, "web": 1},
)


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


def evidence(one: Record, other: Record, shared: Shared, rules: Rules = RULES) -> Evidence:
    """The bits for ``one`` and ``other`` being of one person, and where they come from."""
    bits = 0.0
    reasons = []
    for name in IDENTIFIERS:
        value = one.text(name)
        if value and value == other.text(name):
            verified = one.fields[name].verified or other.fields[name].verified
            worth, reason = _worth(name, value, rules, verified, (name, value) in shared)
            bits += worth
            reasons.append(reason)
    for worth, reason in (_names(one, other), _births(one, other), _addresses(one, other)):
        bits += worth
        if reason:
            reasons.append(reason)
    named = bool(one.text("given_name") and other.text("given_name"))
    return Evidence(round(bits, 2), tuple(reasons), named)


def _worth(name: str, value: str, rules: Rules, verified: bool, shared: bool) -> tuple[float, str]:
    if junk(value):
        return 0.0, f"{name} is no real one"
    if shared:
        return rules.shared, f"same {name}, which several people use"
    if name == "email" and verified:
        return rules.verified_email, "same verified email"
    return rules.same[name], f"same {name}"


def _names(one: Record, other: Record) -> tuple[float, str]:
    worth = name_bits(one, other)
    if worth == 0:
        return 0.0, ""
    return worth, "names agree" if worth > 0 else "names differ"


def name_bits(one: Record, other: Record) -> float:
    """The agreement of given and family names; 0 when one of the records has no given name.

    An initial says little for, and much against. Given and family name may have been swapped.
    """
    given, surname = letters(one.text("given_name")), letters(one.text("family_name"))
    given2, surname2 = letters(other.text("given_name")), letters(other.text("family_name"))
    if not given or not given2:
        return 0.0
    if given != given2 and _swapped(given, surname, given2, surname2):
        return 7.0
    return _given_bits(given, given2) + _surname_bits(surname, surname2)


def _swapped(given: str, surname: str, given2: str, surname2: str) -> bool:
    return bool(surname and surname2) and _close(given, surname2) and _close(surname, given2)


def _given_bits(one: str, other: str) -> float:
    if one == other and len(one) > 1:
        return 5.0
    if min(len(one), len(other)) == 1:
        return 2.0 if one[0] == other[0] else -5.0
    if _close(one, other):
        return 4.0
    return -1.0 if jaro_winkler(one, other) >= SOMEWHAT else -7.0


def _surname_bits(one: str, other: str) -> float:
    if not one or not other:
        return 0.0
    if one == other:
        return 4.0
    return 3.0 if _close(one, other) else -3.0


def _close(one: str, other: str) -> bool:
    return jaro_winkler(one, other) >= CLOSE or edits(one, other) <= 1


def _births(one: Record, other: Record) -> tuple[float, str]:
    born, born2 = one.text("birth_date"), other.text("birth_date")
    if not born or not born2:
        return 0.0, ""
    match edits(born, born2):
        case 0:
            return 9.0, "same birth date"
        case 1:
            return 3.0, "birth dates one keystroke apart"
        case _:
            return -6.0, "birth dates differ"


def _addresses(one: Record, other: Record) -> tuple[float, str]:
    here, there = one.address, other.address
    if not here.postal_code or not there.postal_code:
        return 0.0, ""
    if _plain(here.postal_code) != _plain(there.postal_code):
        return -1.0, "postal codes differ"
    if here.line1 and _plain(here.line1) == _plain(there.line1):
        return 4.0, "same address"
    return 2.0, "same postal code"


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def vetoes(one: Profile, other: Profile, rules: Rules = RULES) -> tuple[str, ...]:
    """What forbids that the two be linked without a person looking at it."""
    found = []
    if kept_apart(one, other):
        found.append(APART)
    loyalty, loyalty2 = _values(one, "loyalty_id"), _values(other, "loyalty_id")
    if loyalty and loyalty2 and not loyalty & loyalty2:
        found.append("two loyalty ids")
    births, births2 = _values(one, "birth_date"), _values(other, "birth_date")
    if births and births2 and min(edits(a, b) for a in births for b in births2) > 1:
        found.append("two birth dates")
    if _names_at_odds(one, other):
        found.append("names at odds")
    if len(one.records) + len(other.records) > rules.most_records:
        found.append("too many records for one person")
    if len(one.members) + len(other.members) > rules.most_members:
        found.append("too many merged profiles for one person")
    return tuple(found)


APART = "said to be two people"
AT_ODDS = -2.0


def _values(profile: Profile, name: str) -> set[str]:
    return {held.record.text(name) for held in profile.records if held.record.text(name)}


def _names_at_odds(one: Profile, other: Profile) -> bool:
    """Whether more than half of the pairs of named records contradict each other."""
    pairs = [name_bits(a, b) for a in _named(one) for b in _named(other)]
    return sum(bits <= AT_ODDS for bits in pairs) * 2 > len(pairs)


def _named(profile: Profile) -> Iterable[Record]:
    """One record for each way that the name is written."""
    written = {
        (held.record.text("given_name"), held.record.text("family_name")): held.record
        for held in profile.records
        if held.record.text("given_name")
    }
    return written.values()
