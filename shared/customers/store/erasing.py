"""Erase a person for good: the rooms of the customers table.

    room                                what is left of a person
    PROFILE#<id> PROFILE                that the id was erased, when, and by which job
    RECORD#<key> HEAD                   that the record was erased, and when
    RECORD#<key> GONE#<hash>            a keyed hash of each statement, which refuses a repetition
    RECORD#<key> AT#, LINK#, CANNOT#, REVIEW#, ASKED#       nothing, on the other record neither
    REVIEW#<id>, IDEM#<name>            nothing: found by what stands under the records
    PROFILE#<id> AT#, CART, RECENT      nothing; of somebody else's, what came with the records
    ID#<type>#<hash>                    when nobody else uses it: that it was erased, and when
    BLOCK#, HOUSE#                      nothing of the person
    AUDIT#<id>                          who has read of the person, which tells nothing of them
    JOB#<id>                            that it was done, for 30 days

``ask`` closes the profile in one transaction: from then on nobody finds the person, and the job
stands. The rest are steps of the job: each takes a place to begin at and gives the one to go on
from, None when the step is done. Whatever they do may be done again.

The rooms of other areas: shared/orders/erasing.py, functions/customers/work_off_jobs.py.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import reduce
from itertools import islice
from typing import Any, TypeVar

from shared.aws.dynamodb import Key, delete_many, get, get_many, put_many, query, transact
from shared.aws.items import to_item
from shared.customers.model.job import Job
from shared.customers.model.person import Profile, RecordKey, SourceRecord, joined, order_named
from shared.customers.store.households import forsaken, houses_of, houses_of_profile
from shared.customers.store.jobs import job_put
from shared.customers.store.profiles import people_of
from shared.customers.store.recent import recent_key, recent_without
from shared.customers.store.rows import (
    Act,
    fresh_id,
    gone_at,
    head_at,
    profile_at,
    put,
    rows,
    settled,
    table,
    write_all,
)
from shared.customers.store.timeline import partitions
from shared.customers.store.users import forgotten, keys_of, users_of
from shared.customers.store.values import interaction_from, record_from, text
from shared.errors import NotFound

T = TypeVar("T")

FIRST = "tell"
RECORDS = 25
"""Records that are taken away in one go, and rows of a timeline."""
ROWS = 200
USERS = 25
"""Keys in one transaction: others write them at the same time."""
REQUEST = re.compile(r"[0-9a-f]{32}")
"""An interaction that a client has noted is named by its request."""

Row = Mapping[str, Any]


def ask(profile_id: str, act: Act, job_id: str) -> str:
    """The id of the job that erases the person: ``job_id``, or that of whoever asked before.

    Raises NotFound, Busy.
    """

    def close() -> str | None:
        people = people_of([profile_id])
        now = people.now.get(profile_id)
        if now is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if now in people.erased:
            return _asked_before(now, profile_id, act, job_id)
        profile = people.living[now]
        others = sorted(profile.member_ids - {now})
        job = _job(job_id, act, now, text(act.at), profile)
        closed = put(
            *profile_at(now),
            {"erased_at": text(act.at), "job_id": job_id, "version": profile.version + 1},
            # holds when no record was taken in, and nothing merged, since the profile was read
            condition="version = :v",
            values={":v": profile.version},
        )
        # An order that is being placed asks the id that it knows the person by.
        led_here = [
            put(*profile_at(other), {"merged_into": now, "erased_at": text(act.at), "version": 0})
            for other in others
        ]
        moved_out = [
            forsaken(house, profile.member_ids) for house in sorted(houses_of_profile(profile))
        ]
        return None if transact([closed, job_put(job), *led_here, *moved_out]) else job_id

    return settled(close)


def _job(job_id: str, act: Act, profile_id: str, erased_at: str, profile: Profile) -> Job:
    return Job(
        job_id=job_id,
        kind="erase",
        profile_id=profile_id,
        actor=act.actor,
        asked_at=act.at,
        due_at=act.at,
        step=FIRST,
        content={
            "erased_at": erased_at,
            "members": sorted(profile.member_ids),
            "partitions": sorted(partitions(profile)),
            "records": [
                [held.key, held.record.source, held.record.source_id] for held in profile.records
            ],
            # of chance, and forgotten with the job: nothing leads back from it
            "pseudonym": f"erased-{fresh_id()}",
        },
    )


def _asked_before(now: str, profile_id: str, act: Act, job_id: str) -> str | None:
    """One that was erased by older code has no job: it gets one, for what that code has left."""
    item = get(table(), *profile_at(now), consistent=True) or {}
    if "job_id" in item:
        found: str = item["job_id"]
        return found
    left = item.get("left", {})
    ids = sorted({now, profile_id})
    empty = Profile(now, (), ())
    job = _job(job_id, act, now, item["erased_at"], empty)
    job = job.at(
        FIRST,
        members=left.get("members", ids),
        partitions=left.get("partitions", ids),
        records=[[name, "", ""] for name in left.get("records", ())],
    )
    closed = put(
        *profile_at(now),
        {"erased_at": item["erased_at"], "job_id": job_id, "version": item["version"] + 1},
        # holds when nobody else has asked since it was read
        condition="version = :v",
        values={":v": item["version"]},
    )
    return None if transact([closed, job_put(job)]) else job_id


def forget_records(job: Job) -> str | None:
    """What sources have said, and every key that the person was found by."""
    start = int(job.place or 0)
    every = [name for name, _, _ in job.content["records"]]
    names = every[start : start + RECORDS]
    said = {name: [row for row in rows(f"RECORD#{name}") if _said(row)] for name in names}
    erased_at, members = job.content["erased_at"], job.content["members"]
    _forget_beside(said, set(every))
    _forget_keys(said.values(), members, erased_at)
    put_many(
        table(),
        [
            to_item({"pk": pk, "sk": sk, "erased_at": erased_at})
            for pk, sk in [
                *map(head_at, names),
                *(
                    gone_at(name, row["sk"])
                    for name, found in said.items()
                    for row in found
                    if _is_statement(row)
                ),
            ]
        ],
    )
    # The statements say by what the person was found: they go after all that they lead to.
    delete_many(table(), [(row["pk"], row["sk"]) for found in said.values() for row in found])
    following = start + RECORDS
    return str(following) if following < len(every) else None


def _said(row: Row) -> bool:
    return not (row["sk"] == "HEAD" or row["sk"].startswith("GONE#"))


def _is_statement(row: Row) -> bool:
    return bool(row["sk"].startswith("AT#"))


def _forget_beside(said: Mapping[RecordKey, Sequence[Row]], own: Collection[RecordKey]) -> None:
    """Answers to requests about the records, reviews of them, and what stands of them under records
    of others: a reason may tell of the erased."""
    gone: list[tuple[str, str]] = []
    others: set[RecordKey] = set()
    for row in (row for found in said.values() for row in found):
        if "request" in row:
            gone.append((f"IDEM#{row['request']}", "IDEM"))
        if "review" in row:
            gone.append((f"REVIEW#{row['review']}", "REVIEW"))
            others |= set(_pair_of(row["review"]))
        if "other" in row:
            others.add(row["other"])
    reviews = {row["review"] for found in said.values() for row in found if "review" in row}
    for other in sorted(others.difference(own)):
        gone += [
            (row["pk"], row["sk"])
            for row in _between(f"RECORD#{other}", "CANNOT#", "REVIEW#~")
            if row.get("other") in said or row.get("review") in reviews
        ]
    delete_many(table(), gone)


def _pair_of(review_id: str) -> Sequence[RecordKey]:
    item = get(table(), f"REVIEW#{review_id}", "REVIEW")
    found: Sequence[RecordKey] = item["pair"] if item else ()
    return found


def _between(pk: str, first: str, last: str) -> Iterator[dict[str, Any]]:
    values = to_item({":pk": pk, ":first": first, ":last": last})
    condition = "pk = :pk AND sk BETWEEN :first AND :last"
    return query(table(), condition, values, ConsistentRead=True)


def _forget_keys(said: Iterable[Sequence[Row]], members: Sequence[str], erased_at: str) -> None:
    """Of each record every key that a statement, or all of them together, was ever found by."""
    told: list[SourceRecord] = []
    for found in said:
        statements = [record_from(row) for row in found if _is_statement(row)]
        if statements:
            told += [*statements, reduce(joined, statements)]
    keys = {where for record in told for where in keys_of(record).values()}
    for some in _in_pieces(sorted(keys), USERS):
        _forget_users(some, members, erased_at)
    houses = {house for record in told for house in houses_of(record)}
    write_all([forsaken(house, members) for house in sorted(houses)])


def _forget_users(some: Sequence[Key], members: Sequence[str], erased_at: str) -> None:
    def once() -> bool | None:
        items = get_many(some, consistent=True)
        known = {where: users_of(items.get(where)) for where in some}
        parts = [
            part
            for where, users in known.items()
            if (part := forgotten(where, users, members, erased_at))
        ]
        return None if parts and transact(parts) else True

    settled(once)


def forget_timeline(job: Job, sold: Callable[[Sequence[str]], None]) -> str | None:
    """Interactions, carts and what else stands under the person's ids; the orders that the
    interactions name are handed to ``sold`` before."""
    every: list[str] = job.content["partitions"]
    number, _, after = job.place.partition("\n")
    index = int(number or 0)
    if index >= len(every):
        return None
    partition = every[index]
    records = {name for name, _, _ in job.content["records"]}
    members = set(job.content["members"])
    found = list(islice(_between(f"PROFILE#{partition}", f"{after}!" if after else " ", "~"), ROWS))
    own = [row for row in found if _own(row, partition, members, records)]
    if orders := sorted({name for row in own if (name := _order_of(row))}):
        sold(orders)
    gone = [(row["pk"], row["sk"]) for row in own]
    gone += [
        (f"IDEM#{row['interaction_id']}", "IDEM")
        for row in own
        if REQUEST.fullmatch(row.get("interaction_id", ""))
    ]
    gone += [(f"JOB#{row['job_id']}", "JOB") for row in own if row["sk"].startswith("JOB#")]
    delete_many(table(), gone)
    if len(found) == ROWS:
        return f"{index}\n{found[-1]['sk']}"
    if partition not in members:
        _forget_recent(partition, records)
    return str(index + 1) if index + 1 < len(every) else None


def _own(row: Row, partition: str, members: Collection[str], records: Collection[str]) -> bool:
    if row["sk"] == "PROFILE":
        return False
    name = row.get("record_key")
    return name in records if name is not None else partition in members


def _order_of(row: Row) -> str | None:
    return order_named(interaction_from(row).data) if row["sk"].startswith("AT#") else None


def _forget_recent(partition: str, records: set[str]) -> None:
    """Of somebody else, with whom a record of the erased once was."""

    def once() -> bool | None:
        item = get(*astuple(recent_key(partition)), consistent=True)
        return None if item and transact([recent_without(partition, item, records)]) else True

    settled(once)


def _in_pieces(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
