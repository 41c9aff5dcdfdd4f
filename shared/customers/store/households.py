"""Who lives in one house: edges of their own, that no merge makes and no merge loses.

HOUSE#<hash>    HOUSE    homes: the ids of the profiles that state the address, one for each person
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part, get_many
from shared.customers.model.keys import hashed, household
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.store.rows import identity_key, put, table, update

MOST_HOMES = 100
"""More at one address is a dormitory or an office; nobody reads that list."""
MOST_HOUSES = 5
HOUSEMATES_SHOWN = 25


def moved(before: Collection[Profile], after: Profile) -> list[Part]:
    """What changes in the houses when ``before`` become ``after``: one of its ids is at each
    address that it states, none at any other."""
    parts = []
    stated = _houses(after)
    for house in sorted(stated.union(*map(_houses, before))):
        there = [profile for profile in before if house in _houses(profile)]
        if house not in stated:
            parts.append(_without(house, there))
        elif not there:
            parts.append(_with(house, after.profile_id))
        elif len(there) > 1:
            stays = next((p for p in there if p.profile_id == after.profile_id), there[0])
            parts.append(_without(house, [p for p in there if p is not stays]))
    return parts


def parted(before: Profile, after: Collection[Profile]) -> list[Part]:
    """The houses when one profile becomes two: read and replaced, as they hold one of its ids."""
    stated = {house for profile in after for house in _houses(profile)}
    items = get_many((_house_key(house) for house in stated), consistent=True)
    parts = []
    for house in sorted(stated):
        known = items.get(_house_key(house), {}).get("homes", frozenset())
        there = {profile.profile_id for profile in after if house in _houses(profile)}
        homes = (known - before.member_ids) | there
        parts.append(
            put(
                *_place(house),
                {"homes": homes},
                # holds when nobody moved in or out since it was read
                condition="homes = :known" if known else "attribute_not_exists(homes)",
                values={":known": known} if known else None,
            )
        )
    return parts


def forsaken(address: str, member_ids: Iterable[str]) -> Part:
    """The house without the erased."""
    return update(*_place(address), "DELETE homes :gone", values={":gone": frozenset(member_ids)})


def house_keys(profile: Profile) -> list[Key]:
    return [_house_key(house) for house in sorted(_houses(profile))]


def housemates(profile: Profile, items: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Other people of the houses ``items``, by the ids that they moved in with."""
    homes = {home for item in items for home in item.get("homes", ())}
    return tuple(sorted(homes - profile.member_ids)[:HOUSEMATES_SHOWN])


def _with(house: str, profile_id: str) -> Part:
    return update(
        *_place(house),
        "ADD homes :one",
        values={":one": frozenset({profile_id}), ":id": profile_id, ":most": MOST_HOMES},
        # holds when there is room, or the profile is there already
        condition="attribute_not_exists(homes) OR size(homes) < :most OR contains(homes, :id)",
    )


def _without(house: str, profiles: Iterable[Profile]) -> Part:
    return forsaken(house, {member for profile in profiles for member in profile.member_ids})


def _houses(profile: Profile) -> frozenset[str]:
    """MOST_HOUSES at most: they stand in one transaction with all else that a merge changes."""
    stated = {household(held.record) for held in profile.records} - {""}
    return frozenset(sorted(stated)[:MOST_HOUSES])


def houses_of_profile(profile: Profile) -> frozenset[str]:
    """Those that the profile stands in."""
    return _houses(profile)


def houses_of(record: SourceRecord) -> frozenset[str]:
    return frozenset({household(record)} - {""})


def _place(house: str) -> tuple[str, str]:
    return f"HOUSE#{hashed(identity_key(), 'house', house)}", "HOUSE"


def _house_key(house: str) -> Key:
    return Key(table(), *_place(house))
