"""Everything that the customers table has of a person, for the person: page by page, a JSON
document with its ``kind`` for each thing.

    profile       who it is: identifiers, attributes with their sources, consents, merged ids, house
    cart          the one cart of all channels
    statement     what a source has said, word by word
    link, cannot  what was decided on two records, by whom and why
    review        that a person was to judge, or has judged, whether two records are one person
    interaction   what the person did
    read          who has read of the person, when, and by which question

A page begins at a place and gives the one to go on from, None at the end of its section.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.aws.dynamodb import get, query_page, transact
from shared.aws.items import to_item
from shared.customers.contract.carts import cart_answer
from shared.customers.contract.interactions import interaction_answer
from shared.customers.contract.privacy import said_answer, statement_answer
from shared.customers.contract.profiles import profile_answer
from shared.customers.model.job import Job
from shared.customers.store.jobs import job_put
from shared.customers.store.profiles import find, living
from shared.customers.store.rows import Act, put, remember, replayed, settled, table
from shared.customers.store.timeline import partitions
from shared.customers.store.values import interaction_from, record_from
from shared.customers.store.whole import whole
from shared.web.idempotency import Request

FIRST = "write"
PAGE = 200

Line = dict[str, Any]
ProfilePage = tuple[list[Line], str | None]


def ask(profile_id: str, act: Act, job_id: str, request: Request) -> str:
    """The id of the job that writes everything down. Raises NotFound, Gone, KeyReused, Busy."""

    def once() -> str | None:
        if answered := replayed(request):
            found: str = answered["job_id"]
            return found
        profile = find(profile_id)
        job = Job(
            job_id=job_id,
            kind="export",
            profile_id=profile.profile_id,
            actor=act.actor,
            asked_at=act.at,
            due_at=act.at,
            step=FIRST,
            content={
                "members": sorted(profile.member_ids),
                "partitions": sorted(partitions(profile)),
                "records": sorted(profile.keys),
                "files": [],
            },
        )
        parts = [
            remember(request, {"job_id": job_id}, act.at),
            job_put(job),
            living(profile.profile_id),
            # by which an erasure finds the job, and what it has written
            put(f"PROFILE#{profile.profile_id}", f"JOB#{job_id}", {"job_id": job_id}),
        ]
        return None if transact(parts) else job_id

    return settled(once)


def person(job: Job, _: str) -> ProfilePage:
    """Raises Gone."""
    found = whole(job.profile_id)
    profile = profile_answer(found.profile, found.housemates).model_dump(mode="json")
    cart = cart_answer(found.profile.profile_id, found.cart).model_dump(mode="json")
    return [{"kind": "profile", **profile}, {"kind": "cart", **cart}], None


def records(job: Job, place: str) -> ProfilePage:
    return _walk([f"RECORD#{name}" for name in job.content["records"]], place, _of_record)


def interactions(job: Job, place: str) -> ProfilePage:
    names, members = set(job.content["records"]), set(job.content["members"])

    def own(row: Mapping[str, Any]) -> list[Line]:
        if not row["sk"].startswith("AT#"):
            return []
        key = row.get("record_key")
        mine = key in names if key is not None else row["pk"].partition("#")[2] in members
        told = interaction_answer(interaction_from(row)).model_dump(mode="json")
        return [{"kind": "interaction", "did": told.pop("kind"), **told}] if mine else []

    return _walk([f"PROFILE#{name}" for name in job.content["partitions"]], place, own)


def reads(job: Job, place: str) -> ProfilePage:
    def read(row: Mapping[str, Any]) -> list[Line]:
        return [{"kind": "read", **{name: row[name] for name in ("at", "actor", "what")}}]

    return _walk([f"AUDIT#{name}" for name in job.content["members"]], place, read)


def _of_record(row: Mapping[str, Any]) -> list[Line]:
    if row["sk"].startswith("AT#"):
        told = statement_answer(record_from(row)).model_dump(mode="json")
        return [{"kind": "statement", **told}]
    if "review" in row:
        review = get(table(), f"REVIEW#{row['review']}", "REVIEW")
        named = ("review_id", "opened_at", "bits", "reasons", "verdict", "judged_at", "judged_by")
        return (
            [{"kind": "review", **{n: review[n] for n in named if n in review}}] if review else []
        )
    if "kind" in row:
        return [said_answer(row).model_dump(mode="json")]
    return []


def _walk(
    pks: Sequence[str], place: str, lines: Callable[[Mapping[str, Any]], list[Line]]
) -> ProfilePage:
    """The items of the partitions, one after the other."""
    index, after = json.loads(place) if place else (0, None)
    if index >= len(pks):
        return [], None
    more = {"ExclusiveStartKey": to_item({"pk": pks[index], "sk": after})} if after else {}
    page = query_page(
        table(), "pk = :pk", to_item({":pk": pks[index]}), PAGE, ConsistentRead=True, **more
    )
    found = [line for row in page.items for line in lines(row)]
    if page.last is not None:
        return found, json.dumps([index, page.items[-1]["sk"]])
    return found, json.dumps([index + 1, None]) if index + 1 < len(pks) else None
