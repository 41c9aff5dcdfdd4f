"""Which profiles use an identifier or a blocking key, and the candidate profiles that follow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.customers.model.keys import LookupKey, is_blocking_key
from shared.customers.model.names import latin_letters
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.model.score import RULES, ScoreRules, SharedIdentifiers

MAX_PROFILES = 40
"""Limit on profiles per key. A key used by more profiles is ``crowded`` and finds no candidates."""
MAX_CANDIDATES = 8
BLOCKING_KEY_BITS = 4.0


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The use of one key. ``profile_of`` maps each profile id that used the value to the profile
    that it was last seen to be merged into. ``initials`` are the first letters of the given names
    that the value was used with, by profile id."""

    profile_of: Mapping[str, str] = field(default_factory=dict)
    initials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crowded: bool = False
    erased_at: str | None = None
    version: int = 0

    def distinct_people(self, initial: str) -> int:
        """The estimated number of people who use the value, including somebody with ``initial``.

        All first letters of one profile belong to one person (called Bob by some, Robert by
        others).
        """
        by_profile: dict[str, set[str]] = {}
        for home, letters in self.initials.items():
            by_profile.setdefault(self.profile_of.get(home, home), set()).update(letters)
        people: list[set[str]] = []
        for own_letters in (*by_profile.values(), {initial} - {""}):
            if own_letters:
                same = [person for person in people if not person.isdisjoint(own_letters)]
                people = [person for person in people if person.isdisjoint(own_letters)]
                people.append(own_letters.union(*same))
        return len(people)

    def with_use(self, home: str, initial: str, profile: Profile) -> "KeyUsage":
        """The usage plus one use by ``home``. Every id merged into ``profile`` then maps to it."""
        stored_initials = self.initials.get(home, ())
        if home not in self.profile_of and len(self.profile_of) >= MAX_PROFILES:
            return replace(self, crowded=True)
        profile_of = dict(self.profile_of)
        if len(profile.members) > 1:
            merged_ids = profile.member_ids & profile_of.keys()
            profile_of.update(dict.fromkeys(merged_ids, profile.profile_id))
        profile_of[home] = profile.profile_id
        letters = (
            sorted({*stored_initials, initial})
            if initial and initial not in stored_initials
            else stored_initials
        )
        initials = {**self.initials, home: list(letters)}
        return KeyUsage(profile_of, initials, self.crowded, self.erased_at, self.version)

    def without(self, homes: Iterable[str], erased_at: str | None) -> "KeyUsage":
        """The usage without the erased ``homes``. A value without users keeps ``erased_at``."""
        gone = set(homes)
        profile_of = {home: to for home, to in self.profile_of.items() if home not in gone}
        return replace(
            self,
            profile_of=profile_of,
            initials={home: row for home, row in self.initials.items() if home not in gone},
            erased_at=self.erased_at if profile_of else erased_at,
        )


UNUSED = KeyUsage()


def initial_of(record: SourceRecord) -> str:
    return latin_letters(record.text("given_name"))[:1]


def candidate_profiles(
    record: SourceRecord, usages: Mapping[LookupKey, KeyUsage], rules: ScoreRules = RULES
) -> list[str]:
    """The ids of at most MAX_CANDIDATES profiles to compare with the record, those that share the
    strongest keys first. Crowded keys are ignored."""
    initial = initial_of(record)
    bits: dict[str, float] = {}
    for key, usage in usages.items():
        if usage.crowded:
            continue
        key_bits = BLOCKING_KEY_BITS if is_blocking_key(key) else rules.same[key[0]]
        for home, profile_id in usage.profile_of.items():
            same_initial = bool(initial) and initial in usage.initials.get(home, ())
            bits[profile_id] = bits.get(profile_id, 0.0) + key_bits + same_initial
    return sorted(bits, key=lambda profile_id: (-bits[profile_id], profile_id))[:MAX_CANDIDATES]


def shared_identifiers(
    record: SourceRecord, usages: Mapping[LookupKey, KeyUsage], rules: ScoreRules = RULES
) -> SharedIdentifiers:
    """The identifiers of the record that several people use."""
    initial = initial_of(record)
    return frozenset(
        key
        for key, usage in usages.items()
        if not is_blocking_key(key)
        and (usage.crowded or usage.distinct_people(initial) > rules.initials)
    )
