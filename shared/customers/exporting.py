"""Export everything that the customers table has of a person, page by page: JSON documents of a
``kind`` each.

    profile       identifiers, attributes with their sources, consents, merged ids, household
    cart          the cart of all channels
    statement     a statement of a source, verbatim
    link, cannot  a link or cannot-link between two records, by whom and why
    review        a review of whether two records are one person, with its verdict
    interaction   what the person did
    read          who read the profile, when, and by which request

A page starts at a place and returns the next place, None at the end of its section.
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
from shared.customers.store.overview import profile_overview
from shared.customers.store.profiles import find, living_condition
from shared.customers.store.rows import (
    Act,
    answer_put,
    put,
    retry_until_written,
    stored_answer,
    table,
)
from shared.customers.store.timeline import partitions
from shared.customers.store.values import interaction_from, record_from
from shared.web.idempotency import Request

FIRST = "write"
PAGE = 200

ExportLine = dict[str, Any]
"""One line of an export file: a JSON document with its ``kind``."""
ProfilePage = tuple[list[ExportLine], str | None]


def request_export(profile_id: str, act: Act, job_id: str, request: Request) -> str:
    """Create the export job and return its id. Raises NotFound, Gone, KeyReused, Busy."""

    def once() -> str | None:
        if answered := stored_answer(request):
            earlier_id: str = answered["job_id"]
            return earlier_id
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
            answer_put(request, {"job_id": job_id}, act.at),
            job_put(job),
            living_condition(profile.profile_id),
            # An erasure finds the job and its files by this item.
            put(f"PROFILE#{profile.profile_id}", f"JOB#{job_id}", {"job_id": job_id}),
        ]
        return None if transact(parts) else job_id

    return retry_until_written(once)


def profile_page(job: Job, _: str) -> ProfilePage:
    """Raises Gone."""
    overview = profile_overview(job.profile_id)
    profile = profile_answer(overview.profile, overview.housemates).model_dump(mode="json")
    cart = cart_answer(overview.profile.profile_id, overview.cart).model_dump(mode="json")
    return [{"kind": "profile", **profile}, {"kind": "cart", **cart}], None


def record_page(job: Job, place: str) -> ProfilePage:
    return _partition_page(
        [f"RECORD#{name}" for name in job.content["records"]], place, _record_lines
    )


def interaction_page(job: Job, place: str) -> ProfilePage:
    names, members = set(job.content["records"]), set(job.content["members"])

    def interaction_lines(row: Mapping[str, Any]) -> list[ExportLine]:
        if not row["sk"].startswith("AT#"):
            return []
        key = row.get("record_key")
        belongs = key in names if key is not None else row["pk"].partition("#")[2] in members
        answer = interaction_answer(interaction_from(row)).model_dump(mode="json")
        return [{"kind": "interaction", "did": answer.pop("kind"), **answer}] if belongs else []

    return _partition_page(
        [f"PROFILE#{name}" for name in job.content["partitions"]], place, interaction_lines
    )


def read_page(job: Job, place: str) -> ProfilePage:
    def read_lines(row: Mapping[str, Any]) -> list[ExportLine]:
        return [{"kind": "read", **{name: row[name] for name in ("at", "actor", "what")}}]

    return _partition_page([f"AUDIT#{name}" for name in job.content["members"]], place, read_lines)


def _record_lines(row: Mapping[str, Any]) -> list[ExportLine]:
    if row["sk"].startswith("AT#"):
        answer = statement_answer(record_from(row)).model_dump(mode="json")
        return [{"kind": "statement", **answer}]
    if "review" in row:
        review = get(table(), f"REVIEW#{row['review']}", "REVIEW")
        shown = ("review_id", "opened_at", "bits", "reasons", "verdict", "judged_at", "judged_by")
        return (
            [{"kind": "review", **{n: review[n] for n in shown if n in review}}] if review else []
        )
    if "kind" in row:
        return [said_answer(row).model_dump(mode="json")]
    return []


def _partition_page(
    pks: Sequence[str], place: str, lines: Callable[[Mapping[str, Any]], list[ExportLine]]
) -> ProfilePage:
    """One page of the items of the partitions, in order."""
    index, after = json.loads(place) if place else (0, None)
    if index >= len(pks):
        return [], None
    more = {"ExclusiveStartKey": to_item({"pk": pks[index], "sk": after})} if after else {}
    page = query_page(
        table(), "pk = :pk", to_item({":pk": pks[index]}), PAGE, ConsistentRead=True, **more
    )
    page_lines = [line for row in page.items for line in lines(row)]
    if page.last is not None:
        return page_lines, json.dumps([index, page.items[-1]["sk"]])
    return page_lines, json.dumps([index + 1, None]) if index + 1 < len(pks) else None
