"""Profiles as they are stored: found through merges, written on the condition of their version."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Key, Part, get, get_many, key
from shared.customers.model.keys import identifier_key
from shared.customers.model.person import Profile, RecordKey
from shared.customers.store.rows import (
    head_at,
    identity_key,
    profile_at,
    put,
    settled,
    table,
    update,
)
from shared.customers.store.users import users_of
from shared.customers.store.values import profile_from, profile_values, text
from shared.errors import Gone, NotFound


@dataclass(frozen=True, slots=True)
class People:
    """What was read of some profile ids: ``now`` is where each leads, in one hop."""

    now: dict[str, str]
    living: dict[str, Profile]
    erased: dict[str, str]

    @property
    def torn(self) -> bool:
        """Whether a merge went on between the reads, so that one id is seen in two profiles."""
        seen = [member_id for profile in self.living.values() for member_id in profile.member_ids]
        return len(set(seen)) < len(seen)


def find(profile_id: str) -> Profile:
    """The profile, or the one that it was merged into. Raises NotFound, Gone."""
    return _found(people_of([profile_id]), profile_id)


def profile_exists(profile_id: str) -> str | None:
    """The id under which the profile lives now (after merges), None when there is none.

    Raises Gone when it was erased.
    """
    try:
        return find(profile_id).profile_id
    except NotFound:
        return None


def find_both(one_id: str, other_id: str) -> tuple[Profile, Profile]:
    """Both as they stood at one time. Raises NotFound, Gone, Busy."""

    def once() -> tuple[Profile, Profile] | None:
        people = people_of([one_id, other_id])
        return None if people.torn else (_found(people, one_id), _found(people, other_id))

    return settled(once)


def _found(people: People, profile_id: str) -> Profile:
    now = people.now.get(profile_id)
    if now is None:
        raise NotFound("there is no such profile", profile_id=profile_id)
    if now in people.erased:
        raise Gone("this profile was erased", profile_id=profile_id)
    return people.living[now]


def find_by(name: str, value: str) -> list[Profile]:
    """Everybody whom the normalised identifier is a key to, the oldest first: verified, or of
    those who founded the profile (Profile.opened_by)."""
    where = f"ID#{identifier_key(identity_key(), name, value)}"
    users = users_of(get(table(), where, "ID"))
    people = people_of(users.now.values())
    return sorted(
        (profile for profile in people.living.values() if profile.opened_by(name, value)),
        key=lambda profile: (profile.created_at, profile.profile_id),
    )


def people_of(profile_ids: Iterable[str]) -> People:
    people = People({}, {}, {})
    asked = {profile_id: profile_id for profile_id in profile_ids}
    while asked:
        items = get_many((profile_key(now) for now in asked.values()), consistent=True)
        onward = {}
        for profile_id, now in asked.items():
            item = items.get(profile_key(now))
            if item is None:
                continue
            if "merged_into" in item:
                onward[profile_id] = item["merged_into"]
                continue
            people.now[profile_id] = now
            if "erased_at" in item:
                people.erased[now] = item["erased_at"]
            else:
                people.living[now] = profile_from(item)
        asked = onward
    return people


def erased_among(profile_ids: Iterable[str]) -> set[str]:
    """Those of the ids whose person was erased: one read call."""
    keys = {profile_key(profile_id): profile_id for profile_id in profile_ids}
    found = get_many(keys, consistent=True, only=("erased_at",)) if keys else {}
    return {keys[where] for where, item in found.items() if "erased_at" in item}


def profile_key(profile_id: str) -> Key:
    return Key(table(), f"PROFILE#{profile_id}", "PROFILE")


def profile_puts(profile: Profile, people: People) -> list[Part]:
    """The profile, and a redirect from each profile of ``people`` that is now a part of it."""
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
        # holds when nothing was decided on this profile since it was read
        condition="version = :v" if profile.version else "attribute_not_exists(pk)",
        values={":v": profile.version} if profile.version else {},
    )


def _redirects(goes: Profile, survivor_id: str) -> list[Part]:
    """From ``goes``, and from what redirected to it before: never more than one hop."""
    own = put(
        *profile_at(goes.profile_id),
        {"merged_into": survivor_id, "version": goes.version + 1},
        # holds when the profile is as it was when the merge was decided, and no redirect yet
        condition="version = :v AND attribute_not_exists(merged_into)",
        values={":v": goes.version},
    )
    return [
        own,
        *(
            redirect(member_id, goes.profile_id, survivor_id)
            for member_id in sorted(goes.member_ids - {goes.profile_id})
        ),
    ]


def redirect(profile_id: str, before: str, after: str) -> Part:
    return update(
        *profile_at(profile_id),
        "SET merged_into = :after ADD version :one",
        # holds as long as the id is a part of the profile that it was read in
        condition="merged_into = :before",
        values={":after": after, ":before": before, ":one": 1},
    )


def living(profile_id: str) -> Part:
    return {
        "ConditionCheck": {
            "TableName": table(),
            "Key": key(*profile_at(profile_id)),
            # holds when the profile was neither erased nor merged since it was read
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(erased_at)"
            " AND attribute_not_exists(merged_into)",
        }
    }


def not_erased(profile_id: str) -> Part:
    """A condition for a transaction: whoever was found under the id, merged or not, is there."""
    return {
        "ConditionCheck": {
            "TableName": table(),
            "Key": key(*profile_at(profile_id)),
            # holds until the person is erased: every id of the person says so from then on
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(erased_at)",
        }
    }


def head_put(name: RecordKey, home: str, before: str | None = None) -> Part:
    return put(
        *head_at(name),
        {"profile": home},
        # holds when nobody took the record in (or moved it) since it was read
        condition="profile = :before" if before else "attribute_not_exists(pk)",
        values={":before": before} if before else {},
    )


def said(
    kind: str, name: RecordKey, other: RecordKey, request_name: str, at: datetime, **more: Any
) -> Part:
    """An append-only statement on two records: LINK or CANNOT."""
    short = hashlib.sha256(f"{request_name}\n{other}".encode()).hexdigest()[:16]
    return put(
        f"RECORD#{name}",
        f"{kind}#{text(at)}#{short}",
        {"kind": kind.lower(), "other": other, "at": text(at), "request": request_name, **more},
    )
