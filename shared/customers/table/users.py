"""ID items: which profiles use an identifier."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.aws.dynamodb import Key, Part
from shared.customers.keys import identifier_key
from shared.customers.model import Profile, Record
from shared.customers.normal import junk, letters
from shared.customers.table.rows import identity_key, put, table

MOST_PEOPLE = 40
"""Profiles kept per identifier; one used by more is as good as none."""


@dataclass(frozen=True, slots=True)
class Users:
    """An ID item. ``now`` says where each profile id that used the value was last seen to lead;
    ``initials`` are the first letters of the given names it was used with."""

    now: Mapping[str, str] = field(default_factory=dict)
    initials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crowded: bool = False
    erased_at: str | None = None
    version: int = 0

    @staticmethod
    def of(item: Mapping[str, Any] | None) -> "Users":
        if item is None:
            return Users()
        return Users(
            now=item["now"],
            initials=item["initials"],
            crowded=item.get("crowded", False),
            erased_at=item.get("erased_at"),
            version=item["version"],
        )

    @property
    def all_initials(self) -> set[str]:
        return {letter for letters_ in self.initials.values() for letter in letters_}

    def used_by(self, home: str, initial: str, profile: Profile) -> "Users":
        """With one more use, and every id of the profile's tree leading straight to it."""
        if home not in self.now and len(self.now) >= MOST_PEOPLE:
            return replace(self, crowded=True)
        letters_ = sorted({*self.initials.get(home, ()), initial} - {""})
        ids = profile.member_ids
        return replace(
            self,
            now={
                other: profile.profile_id if other in ids else now
                for other, now in {**self.now, home: profile.profile_id}.items()
            },
            initials={**self.initials, home: letters_},
        )

    def without(self, homes: Iterable[str], erased_at: str) -> "Users":
        gone = set(homes)
        now = {home: to for home, to in self.now.items() if home not in gone}
        return replace(
            self,
            now=now,
            initials={home: found for home, found in self.initials.items() if home not in gone},
            erased_at=self.erased_at if now else erased_at,
        )

    def put(self, pk: str) -> Part:
        return put(
            pk,
            "ID",
            {
                "now": dict(self.now),
                "initials": {home: list(found) for home, found in self.initials.items()},
                "crowded": self.crowded or None,
                "erased_at": self.erased_at,
                "version": self.version + 1,
            },
            # holds when nobody else began or ceased to use the identifier since it was read
            condition="version = :v" if self.version else "attribute_not_exists(pk)",
            values={":v": self.version} if self.version else {},
        )


def id_keys(record: Record) -> dict[tuple[str, str], Key]:
    """Where each identifier of the record is found; junk is not."""
    return {
        found: Key(table(), f"ID#{identifier_key(identity_key(), *found)}", "ID")
        for found in record.identifiers.items()
        if not junk(found[1])
    }


def initial_of(record: Record) -> str:
    return letters(record.text("given_name"))[:1]


def users_puts(
    record: Record,
    ids: Mapping[tuple[str, str], Key],
    known: Mapping[tuple[str, str], Users],
    home: str,
    profile: Profile,
) -> list[Part]:
    parts = []
    for found, where in ids.items():
        users = known[found].used_by(home, initial_of(record), profile)
        if users != known[found]:
            parts.append(users.put(where.pk))
    return parts
