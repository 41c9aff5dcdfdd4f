"""Households: people who live at one address. A household is independent of merges: no merge makes
or loses one.

HOUSE#<hash>    HOUSE    homes: the ids of the profiles that state the address, one for each person
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part, get_many
from shared.customers.model.keys import household_address, keyed_hash
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.store.rows import identity_key, put, table, update

MAX_HOMES = 100
"""More people at one address are a dormitory or an office; such a list is useless."""
MAX_HOUSES = 5
HOUSEMATES_SHOWN = 25


def household_updates(before: Collection[Profile], after: Profile) -> list[Part]:
    """The writes when the profiles ``before`` become ``after``: each address that ``after`` states
    lists one of its ids, other addresses list none."""
    parts = []
    stated = _houses(after)
    for house in sorted(stated.union(*map(_houses, before))):
        residents = [profile for profile in before if house in _houses(profile)]
        if house not in stated:
            parts.append(_leave_house(house, residents))
        elif not residents:
            parts.append(_join_house(house, after.profile_id))
        elif len(residents) > 1:
            stays = next((p for p in residents if p.profile_id == after.profile_id), residents[0])
            parts.append(_leave_house(house, [p for p in residents if p is not stays]))
    return parts


def household_splits(before: Profile, after: Collection[Profile]) -> list[Part]:
    """The writes when one profile becomes two. The houses are read and replaced, because each lists
    only one of its ids."""
    stated = {house for profile in after for house in _houses(profile)}
    items = get_many((_house_key(house) for house in stated), consistent=True)
    parts = []
    for house in sorted(stated):
        stored_homes = items.get(_house_key(house), {}).get("homes", frozenset())
        residents = {profile.profile_id for profile in after if house in _houses(profile)}
        homes = (stored_homes - before.member_ids) | residents
        parts.append(
            put(
                *_house_at(house),
                {"homes": homes},
                # Holds when the household has not changed since it was read.
                condition="homes = :stored" if stored_homes else "attribute_not_exists(homes)",
                values={":stored": stored_homes} if stored_homes else None,
            )
        )
    return parts


def leave_house(address: str, member_ids: Iterable[str]) -> Part:
    """The write that removes the ids from the household of the address."""
    return update(
        *_house_at(address), "DELETE homes :gone", values={":gone": frozenset(member_ids)}
    )


def house_keys(profile: Profile) -> list[Key]:
    return [_house_key(house) for house in sorted(_houses(profile))]


def housemates(profile: Profile, items: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The other people of the households ``items``, by the profile ids listed there."""
    homes = {home for item in items for home in item.get("homes", ())}
    return tuple(sorted(homes - profile.member_ids)[:HOUSEMATES_SHOWN])


def _join_house(house: str, profile_id: str) -> Part:
    return update(
        *_house_at(house),
        "ADD homes :one",
        values={":one": frozenset({profile_id}), ":id": profile_id, ":most": MAX_HOMES},
        # Holds when the household has room or already lists the profile.
        condition="attribute_not_exists(homes) OR size(homes) < :most OR contains(homes, :id)",
    )


def _leave_house(house: str, profiles: Iterable[Profile]) -> Part:
    return leave_house(house, {member for profile in profiles for member in profile.member_ids})


def _houses(profile: Profile) -> frozenset[str]:
    """At most MAX_HOUSES addresses, since they are written in the transaction of a merge."""
    stated = {household_address(held.record) for held in profile.records} - {""}
    return frozenset(sorted(stated)[:MAX_HOUSES])


def houses_of_profile(profile: Profile) -> frozenset[str]:
    """The addresses whose households list the profile."""
    return _houses(profile)


def houses_of_record(record: SourceRecord) -> frozenset[str]:
    return frozenset({household_address(record)} - {""})


def _house_at(house: str) -> tuple[str, str]:
    return f"HOUSE#{keyed_hash(identity_key(), 'house', house)}", "HOUSE"


def _house_key(house: str) -> Key:
    return Key(table(), *_house_at(house))
