"""The newest interactions of a profile id in one item, so that they are read with the profile.

PROFILE#<id>    RECENT    entries: of any kind; orders: purchases and returns; both newest first
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part
from shared.customers.model.person import ORDERS, Interaction
from shared.customers.model.views import RECENT_ENTRIES
from shared.customers.store.rows import put, table
from shared.customers.store.values import interaction_from, interaction_values

MAX_DATA = 1000
"""Limit on the characters of an interaction's data in this item; the timeline stores all of it."""


def recent_key(profile_id: str) -> Key:
    return Key(table(), f"PROFILE#{profile_id}", "RECENT")


def recent_entries(item: Mapping[str, Any] | None, kind: str) -> Iterator[tuple[str, Interaction]]:
    for values in (item or {}).get(kind, ()):
        yield values["place"], interaction_from(values)


def recent_put(
    profile_id: str, item: Mapping[str, Any] | None, place: str, interaction: Interaction
) -> Part:
    """The write that adds an interaction, stored at ``place`` in the timeline."""
    item = item or {}
    values = {"place": place, **interaction_values(interaction)}
    if len(values["data"]) > MAX_DATA:
        values["data"] = "{}"
    kinds = ("entries", "orders") if interaction.kind in ORDERS else ("entries",)
    version = item.get("version", 0)
    where = recent_key(profile_id)
    return put(
        where.pk,
        where.sk,
        {
            **{kind: item.get(kind) for kind in ("entries", "orders")},
            **{kind: _with(item.get(kind, ()), values) for kind in kinds},
            "version": version + 1,
        },
        # Holds when the item has not changed since it was read.
        condition="version = :v" if version else "attribute_not_exists(pk)",
        values={":v": version} if version else None,
    )


def recent_without(profile_id: str, item: Mapping[str, Any], records: Collection[str]) -> Part:
    """The write that removes the interactions of the erased ``records``."""
    where = recent_key(profile_id)
    kept = {
        kind: [entry for entry in item.get(kind, ()) if entry.get("record_key") not in records]
        for kind in ("entries", "orders")
    }
    return put(
        where.pk,
        where.sk,
        {**kept, "version": item["version"] + 1},
        # Holds when the item has not changed since it was read.
        condition="version = :v",
        values={":v": item["version"]},
    )


def _with(entries: Any, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    by_place = {entry["place"]: entry for entry in (*entries, values)}
    return [by_place[place] for place in sorted(by_place, reverse=True)[:RECENT_ENTRIES]]
