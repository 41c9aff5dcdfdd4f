"""Erase a person for good, and note who read of whom."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from functools import reduce
from typing import Any

from shared.aws.dynamodb import Key, Part, get, query_page, transact
from shared.aws.items import to_item
from shared.customers.model import Record, RecordKey, joined
from shared.customers.stored import record_from, text
from shared.customers.table.households import forsaken, houses_of
from shared.customers.table.profiles import people_of
from shared.customers.table.recent import recent_key, recent_without
from shared.customers.table.rows import (
    Act,
    delete,
    head_at,
    profile_at,
    put,
    rows,
    settled,
    table,
    write_all,
)
from shared.customers.table.timeline import partitions
from shared.customers.table.users import forgotten, keys_of, users_of
from shared.errors import NotFound


def erase(profile_id: str, act: Act) -> None:
    """Removes the person: every record, statement, link, interaction and cart, of all merged ids.

    First the profile is closed, in one conditional write: from then on nothing reads it and a
    replay is refused. Then the rest goes; a repetition goes on where a broken one ended. What is
    left are keyed hashes. Raises NotFound, Busy.
    """

    def close() -> Mapping[str, Any] | None:
        people = people_of([profile_id])
        now = people.now.get(profile_id)
        if now is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if now in people.erased:
            return get(table(), *profile_at(now), consistent=True)
        profile = people.living[now]
        left = {
            "members": sorted(profile.member_ids),
            "partitions": sorted(partitions(profile)),
            "records": sorted(profile.keys),
        }
        tombstone = {
            "erased_at": text(act.at),
            "erased_by": act.actor,
            "left": left,
            "version": profile.version + 1,
        }
        closed = put(
            *profile_at(now),
            tombstone,
            # holds when no record was taken in, and nothing merged, since the profile was read
            condition="version = :v",
            values={":v": profile.version},
        )
        return None if transact([closed]) else {**tombstone, "pk": f"PROFILE#{now}"}

    tombstone = settled(close)
    if "left" in tombstone:
        _sweep(tombstone["left"], tombstone["erased_at"])
        done = {"erased_at": tombstone["erased_at"], "version": tombstone["version"]}
        transact([put(tombstone["pk"], "PROFILE", done)])


def _sweep(left: Mapping[str, Any], erased_at: str) -> None:
    """A record's statements, which say by what it was found, go after all that they lead to."""
    for name in left["records"]:
        said = [row for row in rows(f"RECORD#{name}") if row["sk"] != "HEAD"]
        for other in sorted({row["other"] for row in said if "other" in row}):
            write_all(_said_of(name, other))
        _forget_all(
            [record_from(row) for row in said if row["sk"].startswith("AT#")],
            left["members"],
            erased_at,
        )
        write_all([delete(f"RECORD#{name}", row["sk"]) for row in said])
        write_all([put(*head_at(name), {"erased_at": erased_at})])
    members, records = set(left["members"]), set(left["records"])
    for partition in left["partitions"]:
        write_all(
            [
                delete(row["pk"], row["sk"])
                for row in rows(f"PROFILE#{partition}")
                if row["sk"] != "PROFILE"
                and (row.get("record_key") in records or _without_record(row, partition, members))
            ]
        )
        if partition not in members:
            _forget_recent(partition, records)


def _forget_all(statements: Sequence[Record], members: Sequence[str], erased_at: str) -> None:
    """Every key that a statement, or all of them together, was ever found by."""
    if not statements:
        return
    whole = reduce(joined, statements)
    keys = {where for record in (*statements, whole) for where in keys_of(record).values()}
    for where in sorted(keys):
        _forget(where, members, erased_at)
    houses = {house for record in (*statements, whole) for house in houses_of(record)}
    write_all([forsaken(house, members) for house in sorted(houses)])


def _forget_recent(partition: str, records: set[str]) -> None:
    """Of somebody else, with whom a record of the erased once was."""

    def once() -> bool | None:
        item = get(*astuple(recent_key(partition)), consistent=True)
        return None if item and transact([recent_without(partition, item, records)]) else True

    settled(once)


def _said_of(name: RecordKey, other: RecordKey) -> list[Part]:
    """What was said of the two under the record that stays: a reason may tell of the erased."""
    return [
        delete(row["pk"], row["sk"]) for row in rows(f"RECORD#{other}") if row.get("other") == name
    ]


def _without_record(row: Mapping[str, Any], partition: str, members: set[str]) -> bool:
    return "record_key" not in row and partition in members


def _forget(where: Key, homes: Sequence[str], erased_at: str) -> None:
    def once() -> bool | None:
        users = users_of(get(where.table, where.pk, where.sk, consistent=True))
        return None if transact([forgotten(where, users, homes, erased_at)]) else True

    settled(once)


def reads(
    profile_id: str, limit: int, before: str | None
) -> tuple[list[Mapping[str, Any]], str | None]:
    """Who has read the profile under this id, the newest first, also of somebody who was erased;
    the key to go on before."""
    page = query_page(
        table(),
        "pk = :pk AND sk BETWEEN :from AND :to",
        to_item({":pk": f"AUDIT#{profile_id}", ":from": "AT#", ":to": _below(before)}),
        limit,
        ScanIndexForward=False,
    )
    return list(page.items), page.items[-1]["sk"] if page.last else None


def _below(key: str | None) -> str:
    """The greatest text that comes before ``key``, of those that are keys."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}~" if key else "AT#~"


def audit(profile_ids: Iterable[str], actor: str, what: str, at: datetime, audit_id: str) -> None:
    """Notes who read the profiles, and by which question."""
    write_all(
        [
            put(
                f"AUDIT#{profile_id}",
                f"AT#{text(at)}#{audit_id}",
                {"actor": actor, "what": what, "at": text(at)},
            )
            for profile_id in profile_ids
        ]
    )
