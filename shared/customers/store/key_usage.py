"""ID and BLOCK items: the profiles that use an identifier or a blocking key."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part, key
from shared.aws.items import to_item
from shared.customers.model.key_usage import UNUSED, KeyUsage, initial_of
from shared.customers.model.keys import LookupKey, identifier_key, is_blocking_key, lookup_keys
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.store.rows import identity_key, put, table


def key_usage_of_item(item: Mapping[str, Any] | None) -> KeyUsage:
    if item is None:
        return UNUSED
    return KeyUsage(
        profile_of=item["now"],
        initials=item["initials"],
        crowded=item.get("crowded", False),
        erased_at=item.get("erased_at"),
        version=item["version"],
    )


def key_usage_put(where: Key, usage: KeyUsage) -> Part:
    return put(
        where.pk,
        where.sk,
        {
            "now": dict(usage.profile_of),
            "initials": {home: list(letters) for home, letters in usage.initials.items()},
            "crowded": usage.crowded or None,
            "erased_at": usage.erased_at,
            "version": usage.version + 1,
        },
        # Holds when the users of the value have not changed since it was read.
        condition="version = :v" if usage.version else "attribute_not_exists(pk)",
        values={":v": usage.version} if usage.version else {},
    )


def lookup_item_keys(record: SourceRecord) -> dict[LookupKey, Key]:
    """The item of each lookup key of the record; at most eight."""
    return {lookup_key: _item_key(lookup_key) for lookup_key in lookup_keys(record)}


def _item_key(lookup_key: LookupKey) -> Key:
    kind = "BLOCK" if is_blocking_key(lookup_key) else "ID"
    return Key(table(), f"{kind}#{identifier_key(identity_key(), *lookup_key)}", kind)


def key_usage_puts(
    record: SourceRecord,
    keys: Mapping[LookupKey, Key],
    usages: Mapping[LookupKey, KeyUsage],
    home: str,
    profile: Profile,
) -> list[Part]:
    """The writes that add the record's use to each of its keys, where that changes anything."""
    parts = []
    for lookup_key, where in keys.items():
        usage = usages[lookup_key].with_use(home, initial_of(record), profile)
        if usage != usages[lookup_key]:
            parts.append(key_usage_put(where, usage))
    return parts


def forget_usage(where: Key, usage: KeyUsage, homes: Iterable[str], erased_at: str) -> Part | None:
    """The write that removes the erased ``homes`` from a key; None where there are none. Only an
    identifier keeps ``erased_at``; a blocking key keeps nothing of the person."""
    if where.sk == "ID":
        without = usage.without(homes, erased_at)
        return key_usage_put(where, without) if without != usage else None
    without = usage.without(homes, None)
    if without == usage:
        return None
    if without.profile_of:
        return key_usage_put(where, without)
    return {
        "Delete": {
            "TableName": where.table,
            "Key": key(where.pk, where.sk),
            # Holds when nobody else has started to use the value since it was read.
            "ConditionExpression": "version = :v",
            "ExpressionAttributeValues": to_item({":v": usage.version}),
        }
    }
