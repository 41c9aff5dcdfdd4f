"""What a person did, in every channel."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import astuple
from datetime import datetime

from shared.aws.dynamodb import Part, get, query, transact
from shared.aws.items import to_item
from shared.customers.model.person import Interaction, Profile
from shared.customers.store.profiles import find, living
from shared.customers.store.recent import recent_key, recent_put
from shared.customers.store.rows import put, remember, replayed, settled, table
from shared.customers.store.values import interaction_from, interaction_values, text
from shared.errors import Gone
from shared.web.idempotency import Request


def interaction_part(profile_id: str, interaction: Interaction) -> Part:
    """A Put for a transaction: one entry of the timeline of ``profile_id``.

    Take Resolution.home and .record_key, so that the entry follows its record through an unmerge.
    """
    return put(*_place(profile_id, interaction), interaction_values(interaction))


def _place(profile_id: str, interaction: Interaction) -> tuple[str, str]:
    at = f"AT#{text(interaction.occurred_at)}#{interaction.interaction_id}"
    return f"PROFILE#{profile_id}", at


def record_interaction(
    profile_id: str,
    interaction: Interaction,
    request: Request | None = None,
    at: datetime | None = None,
) -> Interaction:
    """Puts one entry into the timeline; repeated, it changes nothing. Raises NotFound, Gone."""

    def once() -> Interaction | None:
        if request is not None and (answered := replayed(request)):
            return _first(*answered["place"])
        _, place = _place(profile_id, interaction)
        recent = get(*astuple(recent_key(profile_id)), consistent=True)
        parts = [
            living(find(profile_id).profile_id),
            interaction_part(profile_id, interaction),
            recent_put(profile_id, recent, place, interaction),
        ]
        if request is not None:
            answer = {"place": _place(profile_id, interaction)}
            parts.append(remember(request, answer, at or interaction.occurred_at))
        return None if transact(parts) else interaction

    return settled(once)


def _first(pk: str, sk: str) -> Interaction:
    item = get(table(), pk, sk, consistent=True)
    if item is None:
        raise Gone("the person was erased, and the interaction with them")
    return interaction_from(item)


def timeline(
    profile_id: str, limit: int, before: str | None
) -> tuple[Profile, list[Interaction], str | None]:
    """The newest interactions of a person over all ids and records; the key to go on before.

    An interaction that came with a record belongs to whoever holds the record now; any other to
    whoever holds the id that it was sent to.
    """
    profile = find(profile_id)
    pages = [
        _interactions(profile, partition, limit, before)
        for partition in sorted(partitions(profile))
    ]
    newest = heapq.merge(*pages, key=lambda entry: entry[0], reverse=True)
    found = list(itertools.islice(newest, limit + 1))
    more = found[limit - 1][0] if len(found) > limit else None
    return profile, [interaction for _, interaction in found[:limit]], more


def partitions(profile: Profile) -> set[str]:
    return {*profile.member_ids, *(home for held in profile.records for home in held.homes)}


def _interactions(
    profile: Profile, partition: str, limit: int, before: str | None
) -> Iterator[tuple[str, Interaction]]:
    rows = query(
        table(),
        "pk = :pk AND sk BETWEEN :from AND :to",
        to_item({":pk": f"PROFILE#{partition}", ":from": "AT#", ":to": before or "AT#~"}),
        ScanIndexForward=False,
        Limit=limit + 1,
    )
    for row in rows:
        if row["sk"] == before:
            continue
        interaction = interaction_from(row)
        if belongs(interaction, partition, profile):
            yield row["sk"], interaction


def belongs(interaction: Interaction, partition: str, profile: Profile) -> bool:
    if interaction.record_key is not None:
        return interaction.record_key in profile.keys
    return partition in profile.member_ids
