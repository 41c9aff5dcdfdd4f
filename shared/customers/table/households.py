"""Who lives in one house: edges of their own, that no merge makes and no merge loses.

HOUSE#<hash>    HOME#<profile id>    a profile that stated the address
"""

from shared.aws.dynamodb import Part, query
from shared.aws.items import to_item
from shared.customers.keys import hashed, household
from shared.customers.model import Profile, Record
from shared.customers.table.profiles import people_of
from shared.customers.table.rows import identity_key, put, table

MOST_HOUSEMATES = 25
"""More at one address is a dormitory or an office; nobody reads that list."""


def household_puts(record: Record, home: str) -> list[Part]:
    """Put twice, it is the same item."""
    address = household(record)
    return [put(_house(address), f"HOME#{home}", {"home": home})] if address else []


def household_keys(profile: Profile, record: Record) -> set[tuple[str, str]]:
    address = household(record)
    if not address:
        return set()
    return {(_house(address), f"HOME#{member_id}") for member_id in profile.member_ids}


def housemates(profile: Profile) -> tuple[str, ...]:
    """Other people, by the ids they have now, at an address that the profile states now."""
    houses = {household(held.record) for held in profile.records} - {""}
    homes: set[str] = set()
    for house in sorted(houses)[:3]:
        rows = query(
            table(),
            "pk = :pk AND begins_with(sk, :home)",
            to_item({":pk": _house(house), ":home": "HOME#"}),
            Limit=MOST_HOUSEMATES,
        )
        homes |= {row["home"] for _, row in zip(range(MOST_HOUSEMATES), rows, strict=False)}
    homes -= profile.member_ids
    return tuple(sorted(_at_home(homes, houses))) if homes else ()


def _at_home(homes: set[str], houses: set[str]) -> set[str]:
    return {
        other.profile_id
        for other in people_of(homes).living.values()
        if any(household(held.record) in houses for held in other.records)
    }


def _house(address: str) -> str:
    return f"HOUSE#{hashed(identity_key(), 'house', address)}"
