"""A person at first sight, in two read calls: profile, cart, newest interactions, household."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, get_many
from shared.customers.model.fold import one_cart
from shared.customers.model.person import Interaction, Profile
from shared.customers.model.views import NEWEST, WholeProfile
from shared.customers.store.carts import cart_key
from shared.customers.store.households import house_keys, housemates
from shared.customers.store.profiles import profile_key
from shared.customers.store.recent import newest_of, recent_key
from shared.customers.store.timeline import belongs, partitions
from shared.customers.store.values import cart_from, profile_from
from shared.errors import Gone, NotFound

Items = Mapping[Key, Mapping[str, Any]]


def whole(profile_id: str) -> WholeProfile:
    """Two read calls; one more for an id that was merged. Raises NotFound, Gone."""
    now = profile_id
    while True:
        own = get_many([profile_key(now), *_beside(now)], consistent=True)
        item = own.get(profile_key(now))
        if item is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if "merged_into" not in item:
            break
        now = item["merged_into"]
    if "erased_at" in item:
        raise Gone("this profile was erased", profile_id=profile_id)
    profile = profile_from(item)
    others = partitions(profile) - {now}
    wanted = [*house_keys(profile), *(found for other in others for found in _beside(other))]
    more = get_many(wanted, consistent=True) if wanted else {}
    return _whole(profile, {**own, **more})


def _beside(profile_id: str) -> tuple[Key, Key]:
    return cart_key(profile_id), recent_key(profile_id)


def _whole(profile: Profile, items: Items) -> WholeProfile:
    carts = {other: cart_from(items.get(cart_key(other))) for other in profile.member_ids}
    own = carts.pop(profile.profile_id)
    homes = [items[where] for where in house_keys(profile) if where in items]
    return WholeProfile(
        profile=profile,
        cart=one_cart(own, carts),
        recent=_newest(profile, items, "entries"),
        orders=_newest(profile, items, "orders"),
        housemates=housemates(profile, homes),
    )


def _newest(profile: Profile, items: Items, which: str) -> tuple[Interaction, ...]:
    found: Iterable[tuple[str, Interaction]] = (
        (place, interaction)
        for partition in partitions(profile)
        for place, interaction in newest_of(items.get(recent_key(partition)), which)
        if belongs(interaction, partition, profile)
    )
    newest = sorted(found, key=lambda entry: entry[0], reverse=True)
    return tuple(interaction for _, interaction in newest[:NEWEST])
