"""Stored profiles: found through merges, written on condition of their version."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Key, Part, get, get_many, key
from shared.customers.model.keys import identifier_key
from shared.customers.model.person import Profile, RecordKey
from shared.customers.store.key_usage import key_usage_of_item
from shared.customers.store.rows import (
    head_at,
    identity_key,
    profile_at,
    put,
    retry_until_written,
    table,
    update,
)
from shared.customers.store.values import profile_from, profile_values
from shared.errors import Gone, NotFound
from shared.instants import rfc3339


@dataclass(frozen=True, slots=True)
class People:
    """The profiles of some ids. ``current_id`` maps each id to the profile that it is now part of;
    ``living`` and ``erased`` (time of the erasure) are by that current id."""

    current_id: dict[str, str]
    living: dict[str, Profile]
    erased: dict[str, str]

    @property
    def inconsistent(self) -> bool:
        """Whether a merge happened between the reads, so that one id appears in two profiles."""
        ids = [member_id for profile in self.living.values() for member_id in profile.member_ids]
        return len(set(ids)) < len(ids)


def find(profile_id: str) -> Profile:
    """The profile, or the one that it was merged into. Raises NotFound, Gone."""
    return _profile_in(people_of([profile_id]), profile_id)


def profile_exists(profile_id: str) -> str | None:
    """The current id of the profile (after merges); None when there is no such profile.

    Raises Gone when it was erased.
    """
    try:
        return find(profile_id).profile_id
    except NotFound:
        return None


def find_both(one_id: str, other_id: str) -> tuple[Profile, Profile]:
    """Both profiles as of one moment. Raises NotFound, Gone, Busy."""

    def once() -> tuple[Profile, Profile] | None:
        people = people_of([one_id, other_id])
        return (
            None
            if people.inconsistent
            else (_profile_in(people, one_id), _profile_in(people, other_id))
        )

    return retry_until_written(once)


def _profile_in(people: People, profile_id: str) -> Profile:
    current_id = people.current_id.get(profile_id)
    if current_id is None:
        raise NotFound("there is no such profile", profile_id=profile_id)
    if current_id in people.erased:
        raise Gone("this profile was erased", profile_id=profile_id)
    return people.living[current_id]


def find_by(name: str, value: str) -> list[Profile]:
    """The profiles that a look-up by the normalized identifier returns (Profile.can_be_found_by),
    the oldest first."""
    where = f"ID#{identifier_key(identity_key(), name, value)}"
    usage = key_usage_of_item(get(table(), where, "ID"))
    people = people_of(usage.profile_of.values())
    return sorted(
        (profile for profile in people.living.values() if profile.can_be_found_by(name, value)),
        key=lambda profile: (profile.created_at, profile.profile_id),
    )


def people_of(profile_ids: Iterable[str]) -> People:
    people = People({}, {}, {})
    pending = {profile_id: profile_id for profile_id in profile_ids}
    while pending:
        items = get_many(
            (profile_key(current_id) for current_id in pending.values()), consistent=True
        )
        merged = {}
        for profile_id, current_id in pending.items():
            item = items.get(profile_key(current_id))
            if item is None:
                continue
            if "merged_into" in item:
                merged[profile_id] = item["merged_into"]
                continue
            people.current_id[profile_id] = current_id
            if "erased_at" in item:
                people.erased[current_id] = item["erased_at"]
            else:
                people.living[current_id] = profile_from(item)
        pending = merged
    return people


def erased_among(profile_ids: Iterable[str]) -> set[str]:
    """The ids whose person was erased. Takes one read call."""
    keys = {profile_key(profile_id): profile_id for profile_id in profile_ids}
    items = get_many(keys, consistent=True, only=("erased_at",)) if keys else {}
    return {keys[where] for where, item in items.items() if "erased_at" in item}


def profile_key(profile_id: str) -> Key:
    return Key(table(), f"PROFILE#{profile_id}", "PROFILE")


def profile_puts(profile: Profile, people: People) -> list[Part]:
    """The writes of the profile, and of redirects from those of ``people`` merged into it."""
    parts = [profile_put(profile)]
    for other in people.living.values():
        if other.profile_id in profile.member_ids and other.profile_id != profile.profile_id:
            parts += _redirects(other, profile.profile_id)
    return parts


def profile_put(profile: Profile) -> Part:
    values = {**profile_values(profile), "version": profile.version + 1}
    return put(
        *profile_at(profile.profile_id),
        values,
        # Holds when the profile has not changed since it was read.
        condition="version = :v" if profile.version else "attribute_not_exists(pk)",
        values={":v": profile.version} if profile.version else {},
    )


def _redirects(merged: Profile, survivor_id: str) -> list[Part]:
    """The redirects of ``merged`` and of all ids that redirected to it: always a single hop."""
    own = put(
        *profile_at(merged.profile_id),
        {"merged_into": survivor_id, "version": merged.version + 1},
        # Holds when the profile has not changed since the merge was decided, and is no redirect.
        condition="version = :v AND attribute_not_exists(merged_into)",
        values={":v": merged.version},
    )
    return [
        own,
        *(
            redirect(member_id, merged.profile_id, survivor_id)
            for member_id in sorted(merged.member_ids - {merged.profile_id})
        ),
    ]


def redirect(profile_id: str, before: str, after: str) -> Part:
    return update(
        *profile_at(profile_id),
        "SET merged_into = :after ADD version :one",
        # Holds while the id is still merged into the profile it was read with.
        condition="merged_into = :before",
        values={":after": after, ":before": before, ":one": 1},
    )


def living_condition(profile_id: str) -> Part:
    """A condition for a transaction: the profile was neither erased nor merged."""
    return {
        "ConditionCheck": {
            "TableName": table(),
            "Key": key(*profile_at(profile_id)),
            # Holds when the profile was neither erased nor merged since it was read.
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(erased_at)"
            " AND attribute_not_exists(merged_into)",
        }
    }


def not_erased_condition(profile_id: str) -> Part:
    """A condition for a transaction: the person of the id, merged or not, was not erased."""
    return {
        "ConditionCheck": {
            "TableName": table(),
            "Key": key(*profile_at(profile_id)),
            # Holds until the person is erased, which marks all of the person's ids.
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(erased_at)",
        }
    }


def head_put(name: RecordKey, home: str, before: str | None = None) -> Part:
    return put(
        *head_at(name),
        {"profile": home},
        # Holds when no profile has taken the record in (or moved it) since it was read.
        condition="profile = :before" if before else "attribute_not_exists(pk)",
        values={":before": before} if before else {},
    )


def link_statement(
    kind: str, name: RecordKey, other: RecordKey, request_name: str, at: datetime, **more: Any
) -> Part:
    """The write of a link (LINK) or cannot-link (CANNOT) between two records, append-only."""
    short = hashlib.sha256(f"{request_name}\n{other}".encode()).hexdigest()[:16]
    return put(
        f"RECORD#{name}",
        f"{kind}#{rfc3339(at)}#{short}",
        {"kind": kind.lower(), "other": other, "at": rfc3339(at), "request": request_name, **more},
    )
