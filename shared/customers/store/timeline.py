"""The timeline: what a person did, in every channel."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import astuple
from datetime import datetime

from shared.aws.dynamodb import Part, get, query, transact
from shared.aws.items import to_item
from shared.customers.model.person import Interaction, Profile
from shared.customers.store.profiles import find, living_condition
from shared.customers.store.recent import recent_key, recent_put
from shared.customers.store.rows import answer_put, put, retry_until_written, stored_answer, table
from shared.customers.store.values import interaction_from, interaction_values
from shared.errors import Gone
from shared.instants import rfc3339
from shared.web.idempotency import Request


def interaction_part(profile_id: str, interaction: Interaction) -> Part:
    """The write of one entry in the timeline of ``profile_id``, for a transaction.

    Pass Resolution.home and .record_key, so that the entry follows its record through an unmerge.
    """
    return put(*_entry_at(profile_id, interaction), interaction_values(interaction))


def _entry_at(profile_id: str, interaction: Interaction) -> tuple[str, str]:
    at = f"AT#{rfc3339(interaction.occurred_at)}#{interaction.interaction_id}"
    return f"PROFILE#{profile_id}", at


def record_interaction(
    profile_id: str,
    interaction: Interaction,
    request: Request | None = None,
    at: datetime | None = None,
) -> Interaction:
    """Add one entry to the timeline; idempotent. Raises NotFound, Gone."""

    def once() -> Interaction | None:
        if request is not None and (answered := stored_answer(request)):
            return _stored_interaction(*answered["place"])
        _, place = _entry_at(profile_id, interaction)
        recent = get(*astuple(recent_key(profile_id)), consistent=True)
        parts = [
            living_condition(find(profile_id).profile_id),
            interaction_part(profile_id, interaction),
            recent_put(profile_id, recent, place, interaction),
        ]
        if request is not None:
            answer = {"place": _entry_at(profile_id, interaction)}
            parts.append(answer_put(request, answer, at or interaction.occurred_at))
        return None if transact(parts) else interaction

    return retry_until_written(once)


def _stored_interaction(pk: str, sk: str) -> Interaction:
    item = get(table(), pk, sk, consistent=True)
    if item is None:
        raise Gone("the person was erased together with the interaction")
    return interaction_from(item)


def timeline(
    profile_id: str, limit: int, before: str | None
) -> tuple[Profile, list[Interaction], str | None]:
    """The newest interactions of a person over all ids and records, and the key before which the
    next page starts.

    An interaction that came with a record belongs to the profile that holds the record now; any
    other belongs to the profile that holds the id it was sent to.
    """
    profile = find(profile_id)
    pages = [
        _interactions(profile, partition, limit, before)
        for partition in sorted(partitions(profile))
    ]
    newest = heapq.merge(*pages, key=lambda entry: entry[0], reverse=True)
    entries = list(itertools.islice(newest, limit + 1))
    more = entries[limit - 1][0] if len(entries) > limit else None
    return profile, [interaction for _, interaction in entries[:limit]], more


def partitions(profile: Profile) -> set[str]:
    """The profile ids under which interactions of the person may be stored."""
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
        if belongs_to(interaction, partition, profile):
            yield row["sk"], interaction


def belongs_to(interaction: Interaction, partition: str, profile: Profile) -> bool:
    if interaction.record_key is not None:
        return interaction.record_key in profile.keys
    return partition in profile.member_ids
