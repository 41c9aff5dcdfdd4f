"""Who uses an identifier, or lies in a block: what is kept under a key, and what it says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.customers.model.keys import Found, is_block
from shared.customers.model.names import letters
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.model.score import RULES, ScoreRules, Shared

MOST_PEOPLE = 40
"""Profiles kept per key; one used by more is as good as none."""
CANDIDATES = 8
BLOCK_WORTH = 4.0


@dataclass(frozen=True, slots=True)
class Users:
    """``now`` says where each profile id that used the value was last seen to lead;
    ``initials`` are the first letters of the given names it was used with."""

    now: Mapping[str, str] = field(default_factory=dict)
    initials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crowded: bool = False
    erased_at: str | None = None
    version: int = 0

    def people(self, initial: str) -> int:
        """How many seem to use the value, with somebody of that ``initial``: first letters that
        one profile was ever called by are of one person, whom some call Bob and some Robert."""
        called: dict[str, set[str]] = {}
        for home, letters_ in self.initials.items():
            called.setdefault(self.now.get(home, home), set()).update(letters_)
        apart: list[set[str]] = []
        for names in (*called.values(), {initial} - {""}):
            if names:
                same = [other for other in apart if not other.isdisjoint(names)]
                apart = [other for other in apart if other.isdisjoint(names)]
                apart.append(names.union(*same))
        return len(apart)

    def used_by(self, home: str, initial: str, profile: Profile) -> "Users":
        """With one more use, and every id of the profile's tree leading straight to it."""
        known = self.initials.get(home, ())
        leads = self.now.get(home)
        if leads is None and len(self.now) >= MOST_PEOPLE:
            return replace(self, crowded=True)
        now = dict(self.now)
        if len(profile.members) > 1:
            now.update(dict.fromkeys(profile.member_ids & now.keys(), profile.profile_id))
        now[home] = profile.profile_id
        letters_ = sorted({*known, initial}) if initial and initial not in known else known
        initials = {**self.initials, home: list(letters_)}
        return Users(now, initials, self.crowded, self.erased_at, self.version)

    def without(self, homes: Iterable[str], erased_at: str | None) -> "Users":
        """Without the erased; a value that nobody uses any more remembers ``erased_at``."""
        gone = set(homes)
        now = {home: to for home, to in self.now.items() if home not in gone}
        return replace(
            self,
            now=now,
            initials={home: found for home, found in self.initials.items() if home not in gone},
            erased_at=self.erased_at if now else erased_at,
        )


NOBODY = Users()


def initial_of(record: SourceRecord) -> str:
    return letters(record.text("given_name"))[:1]


def candidates(
    record: SourceRecord, known: Mapping[Found, Users], rules: ScoreRules = RULES
) -> list[str]:
    """The profiles to compare with, CANDIDATES at most: those first that share the most.

    A key that a crowd uses finds nobody.
    """
    initial = initial_of(record)
    worth: dict[str, float] = {}
    for found, users in known.items():
        if users.crowded:
            continue
        each = BLOCK_WORTH if is_block(found) else rules.same[found[0]]
        for home, now in users.now.items():
            same = bool(initial) and initial in users.initials.get(home, ())
            worth[now] = worth.get(now, 0.0) + each + same
    return sorted(worth, key=lambda now: (-worth[now], now))[:CANDIDATES]


def shared(record: SourceRecord, known: Mapping[Found, Users], rules: ScoreRules = RULES) -> Shared:
    """The identifiers of the record that several people use."""
    own = initial_of(record)
    return frozenset(
        found
        for found, users in known.items()
        if not is_block(found) and (users.crowded or users.people(own) > rules.initials)
    )
