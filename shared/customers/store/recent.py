"""The newest interactions of a profile id in one item, so that they are read with the profile.

PROFILE#<id>    RECENT    entries, orders: of any kind, and purchases and returns; newest first
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.aws.dynamodb import Key, Part
from shared.customers.model.person import ORDERS, Interaction
from shared.customers.model.views import NEWEST
from shared.customers.store.rows import put, table
from shared.customers.store.values import interaction_from, interaction_values

MOST_DATA = 1000
"""Characters of an interaction's data that are kept here; the timeline has more."""


def recent_key(profile_id: str) -> Key:
    return Key(table(), f"PROFILE#{profile_id}", "RECENT")


def newest_of(item: Mapping[str, Any] | None, which: str) -> Iterator[tuple[str, Interaction]]:
    for values in (item or {}).get(which, ()):
        yield values["place"], interaction_from(values)


def recent_put(
    profile_id: str, item: Mapping[str, Any] | None, place: str, interaction: Interaction
) -> Part:
    """The item with one more interaction, which stands at ``place`` in the timeline."""
    item = item or {}
    values = {"place": place, **interaction_values(interaction)}
    if len(values["data"]) > MOST_DATA:
        values["data"] = "{}"
    kinds = ("entries", "orders") if interaction.kind in ORDERS else ("entries",)
    known = item.get("version", 0)
    where = recent_key(profile_id)
    return put(
        where.pk,
        where.sk,
        {
            **{kind: item.get(kind) for kind in ("entries", "orders")},
            **{kind: _with(item.get(kind, ()), values) for kind in kinds},
            "version": known + 1,
        },
        # holds when nothing else was noted since it was read
        condition="version = :v" if known else "attribute_not_exists(pk)",
        values={":v": known} if known else None,
    )


def recent_without(profile_id: str, item: Mapping[str, Any], records: Collection[str]) -> Part:
    """The item without what came with the erased ``records``."""
    where = recent_key(profile_id)
    kept = {
        kind: [entry for entry in item.get(kind, ()) if entry.get("record_key") not in records]
        for kind in ("entries", "orders")
    }
    return put(
        where.pk,
        where.sk,
        {**kept, "version": item["version"] + 1},
        # holds when nothing else was noted since it was read
        condition="version = :v",
        values={":v": item["version"]},
    )


def _with(entries: Any, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    by_place = {entry["place"]: entry for entry in (*entries, values)}
    return [by_place[place] for place in sorted(by_place, reverse=True)[:NEWEST]]
