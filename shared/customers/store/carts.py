"""The cart of a person, shared by all channels."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from shared.aws.dynamodb import Key, get_many, transact
from shared.customers.model.golden_record import Cart, merge_carts
from shared.customers.model.person import Profile
from shared.customers.store.profiles import find, living_condition
from shared.customers.store.rows import put, retry_until_written, table
from shared.customers.store.values import cart_from, cart_values
from shared.errors import VersionMismatch
from shared.instants import milliseconds


def cart(profile_id: str) -> tuple[Profile, Cart, str]:
    """The profile, its merged cart, and the cart version for If-Match."""
    profile = find(profile_id)
    carts = _carts(profile)
    own = carts.pop(profile.profile_id)
    return profile, merge_carts(own, carts), _cart_version(own, carts)


def put_cart(
    profile_id: str,
    lines: Mapping[str, int],
    channel: str | None,
    if_match: str | None,
    at: datetime,
) -> tuple[Profile, Cart, str]:
    """Replace the cart. Without ``if_match`` the last writer wins.

    Raises VersionMismatch when the cart no longer has that version, NotFound, Gone, Busy.
    """

    def once() -> tuple[Profile, Cart, str] | None:
        profile = find(profile_id)
        carts = _carts(profile)
        own = carts.pop(profile.profile_id)
        version = _cart_version(own, carts)
        if if_match not in {None, "*", version}:
            raise VersionMismatch("the cart has changed since it was read", version=version)
        covers = {other_id: other.version for other_id, other in carts.items() if other.version}
        new = Cart(dict(lines), own.version + 1, milliseconds(at), channel, covers)
        parts = [
            living_condition(profile.profile_id),
            put(
                *_cart_at(profile.profile_id),
                cart_values(new),
                # Holds when the cart has not changed since it was read.
                condition="version = :v" if own.version else "attribute_not_exists(pk)",
                values={":v": own.version} if own.version else {},
            ),
        ]
        return None if transact(parts) else (profile, new, _cart_version(new, carts))

    return retry_until_written(once)


def _carts(profile: Profile) -> dict[str, Cart]:
    keys = {member_id: cart_key(member_id) for member_id in profile.member_ids}
    items = get_many(keys.values(), consistent=True)
    return {member_id: cart_from(items.get(where)) for member_id, where in keys.items()}


def cart_key(profile_id: str) -> Key:
    return Key(table(), *_cart_at(profile_id))


def _cart_at(profile_id: str) -> tuple[str, str]:
    return f"PROFILE#{profile_id}", "CART"


def _cart_version(own: Cart, others: Mapping[str, Cart]) -> str:
    """A version that changes with any of the carts, and with the set of merged profiles."""
    merged = [f"{other_id}.{others[other_id].version}" for other_id in sorted(others)]
    short = hashlib.sha256("\n".join(merged).encode()).hexdigest()[:8] if merged else ""
    return f"{own.version}-{short}" if short else str(own.version)
