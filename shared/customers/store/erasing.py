"""Erase a person: the items of the customers table.

    item                                what remains
    PROFILE#<id> PROFILE                that the id was erased, when, and by which job
    RECORD#<key> HEAD                   that the record was erased, and when
    RECORD#<key> GONE#<hash>            a keyed hash of each statement, which refuses a repetition
    RECORD#<key> AT#, LINK#, CANNOT#, REVIEW#, ASKED#   nothing, nor on the other record
    REVIEW#<id>, IDEM#<name>            nothing; found by the references under the records
    PROFILE#<id> AT#, CART, RECENT      nothing; under other profiles, nothing of the records
    ID#<type>#<hash>                    without other users: that it was erased, and when
    BLOCK#, HOUSE#                      nothing of the person
    AUDIT#<id>                          who read the profile, which reveals nothing of the person
    JOB#<id>                            the ended job, for 30 days

``request_erasure`` closes the profile and creates the job in one transaction; from then on nobody
finds the person. The other functions are steps of the job. Each continues at the job's ``place``
and returns the next place, None at its end. All of them are idempotent.

Other areas: shared/orders/erasing.py, functions/customers/work_off_jobs.py.
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
from shared.customers.model.person import (
    Profile,
    RecordKey,
    SourceRecord,
    join_statements,
    order_id_of,
)
from shared.customers.store.households import houses_of_profile, houses_of_record, leave_house
from shared.customers.store.jobs import job_put
from shared.customers.store.key_usage import forget_usage, key_usage_of_item, lookup_item_keys
from shared.customers.store.profiles import people_of
from shared.customers.store.recent import recent_key, recent_without
from shared.customers.store.rows import (
    Act,
    erased_statement_at,
    head_at,
    new_id,
    profile_at,
    put,
    retry_until_written,
    rows,
    table,
    write_all,
)
from shared.customers.store.timeline import partitions
from shared.customers.store.values import interaction_from, record_from
from shared.errors import NotFound
from shared.instants import rfc3339

T = TypeVar("T")

FIRST = "tell"
RECORDS = 25
"""Records erased in one step."""
ROWS = 200
"""Rows of a timeline read in one step."""
KEYS_PER_WRITE = 25
"""Keys in one transaction; few, since other writers change them at the same time."""
REQUEST = re.compile(r"[0-9a-f]{32}")
"""An interaction that a client recorded has the name of its request as id."""

Row = Mapping[str, Any]


def request_erasure(profile_id: str, act: Act, job_id: str) -> str:
    """Close the profile and create its erasure job. Returns ``job_id``, or the id of the job of an
    earlier request.

    Raises NotFound, Busy.
    """

    def close() -> str | None:
        people = people_of([profile_id])
        current_id = people.current_id.get(profile_id)
        if current_id is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if current_id in people.erased:
            return _earlier_job(current_id, profile_id, act, job_id)
        profile = people.living[current_id]
        others = sorted(profile.member_ids - {current_id})
        job = _erasure_job(job_id, act, current_id, rfc3339(act.at), profile)
        closed = put(
            *profile_at(current_id),
            {"erased_at": rfc3339(act.at), "job_id": job_id, "version": profile.version + 1},
            # Holds when the profile has taken in no record and was not merged since it was read.
            condition="version = :v",
            values={":v": profile.version},
        )
        # An order being placed checks the id under which it knows the person.
        merged_ids = [
            put(
                *profile_at(other),
                {"merged_into": current_id, "erased_at": rfc3339(act.at), "version": 0},
            )
            for other in others
        ]
        households = [
            leave_house(house, profile.member_ids) for house in sorted(houses_of_profile(profile))
        ]
        return None if transact([closed, job_put(job), *merged_ids, *households]) else job_id

    return retry_until_written(close)


def _erasure_job(job_id: str, act: Act, profile_id: str, erased_at: str, profile: Profile) -> Job:
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
            # Random and deleted with the job, so that nothing leads back from the pseudonym.
            "pseudonym": f"erased-{new_id()}",
        },
    )


def _earlier_job(current_id: str, profile_id: str, act: Act, job_id: str) -> str | None:
    """The job of an earlier request. A person erased by older code has no job and gets one, for the
    items which that code left over."""
    item = get(table(), *profile_at(current_id), consistent=True) or {}
    if "job_id" in item:
        earlier_id: str = item["job_id"]
        return earlier_id
    leftovers = item.get("left", {})
    ids = sorted({current_id, profile_id})
    empty = Profile(current_id, (), ())
    job = _erasure_job(job_id, act, current_id, item["erased_at"], empty)
    job = job.at_step(
        FIRST,
        members=leftovers.get("members", ids),
        partitions=leftovers.get("partitions", ids),
        records=[[name, "", ""] for name in leftovers.get("records", ())],
    )
    closed = put(
        *profile_at(current_id),
        {"erased_at": item["erased_at"], "job_id": job_id, "version": item["version"] + 1},
        # Holds when nobody else has requested the erasure since the item was read.
        condition="version = :v",
        values={":v": item["version"]},
    )
    return None if transact([closed, job_put(job)]) else job_id


def forget_records(job: Job) -> str | None:
    """Erase the statements of sources, and every key by which the person was found."""
    start = int(job.place or 0)
    all_records = [name for name, _, _ in job.content["records"]]
    names = all_records[start : start + RECORDS]
    rows_of = {name: [row for row in rows(f"RECORD#{name}") if _to_delete(row)] for name in names}
    erased_at, members = job.content["erased_at"], job.content["members"]
    _forget_references(rows_of, set(all_records))
    _forget_keys(rows_of.values(), members, erased_at)
    put_many(
        table(),
        [
            to_item({"pk": pk, "sk": sk, "erased_at": erased_at})
            for pk, sk in [
                *map(head_at, names),
                *(
                    erased_statement_at(name, row["sk"])
                    for name, rows_ in rows_of.items()
                    for row in rows_
                    if _is_statement(row)
                ),
            ]
        ],
    )
    # The statements lead to all other items, so they are deleted last.
    delete_many(table(), [(row["pk"], row["sk"]) for rows_ in rows_of.values() for row in rows_])
    following = start + RECORDS
    return str(following) if following < len(all_records) else None


def _to_delete(row: Row) -> bool:
    return not (row["sk"] == "HEAD" or row["sk"].startswith("GONE#"))


def _is_statement(row: Row) -> bool:
    return bool(row["sk"].startswith("AT#"))


def _forget_references(
    rows_of: Mapping[RecordKey, Sequence[Row]], own: Collection[RecordKey]
) -> None:
    """Delete the answers to requests about the records, their reviews, and the links and
    cannot-links to them under other records, whose reasons may mention the erased person."""
    to_delete: list[tuple[str, str]] = []
    others: set[RecordKey] = set()
    for row in (row for record_rows in rows_of.values() for row in record_rows):
        if "request" in row:
            to_delete.append((f"IDEM#{row['request']}", "IDEM"))
        if "review" in row:
            to_delete.append((f"REVIEW#{row['review']}", "REVIEW"))
            others |= set(_review_pair(row["review"]))
        if "other" in row:
            others.add(row["other"])
    reviews = {
        row["review"] for record_rows in rows_of.values() for row in record_rows if "review" in row
    }
    for other in sorted(others.difference(own)):
        to_delete += [
            (row["pk"], row["sk"])
            for row in _between(f"RECORD#{other}", "CANNOT#", "REVIEW#~")
            if row.get("other") in rows_of or row.get("review") in reviews
        ]
    delete_many(table(), to_delete)


def _review_pair(review_id: str) -> Sequence[RecordKey]:
    item = get(table(), f"REVIEW#{review_id}", "REVIEW")
    pair: Sequence[RecordKey] = item["pair"] if item else ()
    return pair


def _between(pk: str, first: str, last: str) -> Iterator[dict[str, Any]]:
    values = to_item({":pk": pk, ":first": first, ":last": last})
    condition = "pk = :pk AND sk BETWEEN :first AND :last"
    return query(table(), condition, values, ConsistentRead=True)


def _forget_keys(
    rows_by_record: Iterable[Sequence[Row]], members: Sequence[str], erased_at: str
) -> None:
    """Remove the person from every key that a single statement or the joined record ever had."""
    records: list[SourceRecord] = []
    for rows_ in rows_by_record:
        statements = [record_from(row) for row in rows_ if _is_statement(row)]
        if statements:
            records += [*statements, reduce(join_statements, statements)]
    keys = {where for record in records for where in lookup_item_keys(record).values()}
    for chunk in _chunks(sorted(keys), KEYS_PER_WRITE):
        _forget_usages(chunk, members, erased_at)
    houses = {house for record in records for house in houses_of_record(record)}
    write_all([leave_house(house, members) for house in sorted(houses)])


def _forget_usages(chunk: Sequence[Key], members: Sequence[str], erased_at: str) -> None:
    def once() -> bool | None:
        items = get_many(chunk, consistent=True)
        usages = {where: key_usage_of_item(items.get(where)) for where in chunk}
        parts = [
            part
            for where, usage in usages.items()
            if (part := forget_usage(where, usage, members, erased_at))
        ]
        return None if parts and transact(parts) else True

    retry_until_written(once)


def forget_timeline(job: Job, erase_orders: Callable[[Sequence[str]], None]) -> str | None:
    """Erase interactions, carts and everything else under the person's ids. The orders that the
    interactions name are passed to ``erase_orders`` first."""
    partitions_: list[str] = job.content["partitions"]
    number, _, after = job.place.partition("\n")
    index = int(number or 0)
    if index >= len(partitions_):
        return None
    partition = partitions_[index]
    records = {name for name, _, _ in job.content["records"]}
    members = set(job.content["members"])
    page = list(islice(_between(f"PROFILE#{partition}", f"{after}!" if after else " ", "~"), ROWS))
    person_rows = [row for row in page if _belongs_to_person(row, partition, members, records)]
    if orders := sorted({name for row in person_rows if (name := _order_id(row))}):
        erase_orders(orders)
    to_delete = [(row["pk"], row["sk"]) for row in person_rows]
    to_delete += [
        (f"IDEM#{row['interaction_id']}", "IDEM")
        for row in person_rows
        if REQUEST.fullmatch(row.get("interaction_id", ""))
    ]
    to_delete += [
        (f"JOB#{row['job_id']}", "JOB") for row in person_rows if row["sk"].startswith("JOB#")
    ]
    delete_many(table(), to_delete)
    if len(page) == ROWS:
        return f"{index}\n{page[-1]['sk']}"
    if partition not in members:
        _forget_recent(partition, records)
    return str(index + 1) if index + 1 < len(partitions_) else None


def _belongs_to_person(
    row: Row, partition: str, members: Collection[str], records: Collection[str]
) -> bool:
    if row["sk"] == "PROFILE":
        return False
    name = row.get("record_key")
    return name in records if name is not None else partition in members


def _order_id(row: Row) -> str | None:
    return order_id_of(interaction_from(row).data) if row["sk"].startswith("AT#") else None


def _forget_recent(partition: str, records: set[str]) -> None:
    """Erase the records' interactions from the newest ones of another profile, which once held one
    of the records."""

    def once() -> bool | None:
        item = get(*astuple(recent_key(partition)), consistent=True)
        return None if item and transact([recent_without(partition, item, records)]) else True

    retry_until_written(once)


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
