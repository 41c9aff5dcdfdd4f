"""The overview of a person in two read calls: profile, cart, newest interactions, household."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, get_many
from shared.customers.model.golden_record import merge_carts
from shared.customers.model.person import Interaction, Profile
from shared.customers.model.views import RECENT_ENTRIES, ProfileOverview
from shared.customers.store.carts import cart_key
from shared.customers.store.households import house_keys, housemates
from shared.customers.store.profiles import profile_key
from shared.customers.store.recent import recent_entries, recent_key
from shared.customers.store.timeline import belongs_to, partitions
from shared.customers.store.values import cart_from, profile_from
from shared.errors import Gone, NotFound

Items = Mapping[Key, Mapping[str, Any]]


def profile_overview(profile_id: str) -> ProfileOverview:
    """Takes two read calls, and one more for a merged id. Raises NotFound, Gone."""
    current_id = profile_id
    while True:
        own = get_many(
            [profile_key(current_id), *_cart_and_recent_keys(current_id)], consistent=True
        )
        item = own.get(profile_key(current_id))
        if item is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if "merged_into" not in item:
            break
        current_id = item["merged_into"]
    if "erased_at" in item:
        raise Gone("this profile was erased", profile_id=profile_id)
    profile = profile_from(item)
    others = partitions(profile) - {current_id}
    other_keys = [
        *house_keys(profile),
        *(item_key for other in others for item_key in _cart_and_recent_keys(other)),
    ]
    more = get_many(other_keys, consistent=True) if other_keys else {}
    return _build_overview(profile, {**own, **more})


def _cart_and_recent_keys(profile_id: str) -> tuple[Key, Key]:
    return cart_key(profile_id), recent_key(profile_id)


def _build_overview(profile: Profile, items: Items) -> ProfileOverview:
    carts = {other: cart_from(items.get(cart_key(other))) for other in profile.member_ids}
    own = carts.pop(profile.profile_id)
    homes = [items[where] for where in house_keys(profile) if where in items]
    return ProfileOverview(
        profile=profile,
        cart=merge_carts(own, carts),
        recent=_newest(profile, items, "entries"),
        orders=_newest(profile, items, "orders"),
        housemates=housemates(profile, homes),
    )


def _newest(profile: Profile, items: Items, kind: str) -> tuple[Interaction, ...]:
    entries: Iterable[tuple[str, Interaction]] = (
        (place, interaction)
        for partition in partitions(profile)
        for place, interaction in recent_entries(items.get(recent_key(partition)), kind)
        if belongs_to(interaction, partition, profile)
    )
    newest = sorted(entries, key=lambda entry: entry[0], reverse=True)
    return tuple(interaction for _, interaction in newest[:RECENT_ENTRIES])
