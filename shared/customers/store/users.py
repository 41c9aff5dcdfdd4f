"""ID and BLOCK items: which profiles a key leads to."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part, key
from shared.aws.items import to_item
from shared.customers.model.keys import Found, found_by, identifier_key, is_block
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.model.users import NOBODY, Users, initial_of
from shared.customers.store.rows import identity_key, put, table


def users_of(item: Mapping[str, Any] | None) -> Users:
    if item is None:
        return NOBODY
    return Users(
        now=item["now"],
        initials=item["initials"],
        crowded=item.get("crowded", False),
        erased_at=item.get("erased_at"),
        version=item["version"],
    )


def users_put(where: Key, users: Users) -> Part:
    return put(
        where.pk,
        where.sk,
        {
            "now": dict(users.now),
            "initials": {home: list(found) for home, found in users.initials.items()},
            "crowded": users.crowded or None,
            "erased_at": users.erased_at,
            "version": users.version + 1,
        },
        # holds when nobody else began or ceased to use the value since it was read
        condition="version = :v" if users.version else "attribute_not_exists(pk)",
        values={":v": users.version} if users.version else {},
    )


def keys_of(record: SourceRecord) -> dict[Found, Key]:
    """Where everything is kept that the record is found by, eight keys at most."""
    return {found: _key(found) for found in found_by(record)}


def _key(found: Found) -> Key:
    kind = "BLOCK" if is_block(found) else "ID"
    return Key(table(), f"{kind}#{identifier_key(identity_key(), *found)}", kind)


def users_puts(
    record: SourceRecord,
    keys: Mapping[Found, Key],
    known: Mapping[Found, Users],
    home: str,
    profile: Profile,
) -> list[Part]:
    parts = []
    for found, where in keys.items():
        users = known[found].used_by(home, initial_of(record), profile)
        if users != known[found]:
            parts.append(users_put(where, users))
    return parts


def forgotten(where: Key, users: Users, homes: Iterable[str], erased_at: str) -> Part | None:
    """A block tells nothing of a person who is gone; an identifier remembers that they are. None
    where nothing is left to forget."""
    if where.sk == "ID":
        without = users.without(homes, erased_at)
        return users_put(where, without) if without != users else None
    without = users.without(homes, None)
    if without == users:
        return None
    if without.now:
        return users_put(where, without)
    return {
        "Delete": {
            "TableName": where.table,
            "Key": key(where.pk, where.sk),
            # holds when nobody else began to use the value since it was read
            "ConditionExpression": "version = :v",
            "ExpressionAttributeValues": to_item({":v": users.version}),
        }
    }
