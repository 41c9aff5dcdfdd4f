"""The routes of privacy: erasure, export, their jobs, and the audit of reads."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.customers.requests import (
    JSON,
    TIMELINE_KEY,
    Cursor,
    Limit,
    ProfilePath,
    act_of,
    record_reads,
)
from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.customers import exporting, store
from shared.customers.contract.privacy import (
    CustomerJob,
    ExportedFile,
    JobAsked,
    ProfileRead,
    ProfileReads,
    job_answer,
    job_asked,
)
from shared.customers.store import erasing, files, jobs
from shared.errors import Forbidden, NotFound
from shared.web.api import caller_of, logger, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import Id
from shared.web.crash import crash
from shared.web.cursor import cursor_of, key_of

router = routes()


@router.post(
    "/v1/customers/<profile_id>/export",
    operation_id="exportCustomer",
    status_code=202,
    security=needs("customers:export"),
    summary="Export everything stored about a person",
    description="Starts a job that writes JSON Lines; `kind` names the type of each line. The "
    "export has the statements of the sources word by word, the decisions about them with reasons, "
    "orders with their history and delivery places, the whole timeline, the cart, and the audit of "
    "reads. Poll `status_url`: when the job is done it has links to the files, which are kept for "
    "7 days.",
)
def export(profile_id: ProfilePath) -> Response[JobAsked]:
    caller, request = caller_of(router), request_of(router)
    job_id = exporting.request_export(profile_id, act_of(caller, "export"), store.new_id(), request)
    record_reads([store.find(profile_id).profile_id], "export", caller)
    _start(job_id)
    return Response(202, content_type=JSON, body=job_asked(job_id))


@router.get(
    "/v1/customers/<profile_id>/reads",
    operation_id="listProfileReads",
    security=needs("ops"),
    summary="List who has read a profile",
    description="Returns the audit of this profile id, newest first, with the actor and the "
    "request. It is kept for erased persons too.",
)
def list_reads(profile_id: ProfilePath, limit: Limit = 50, cursor: Cursor = None) -> ProfileReads:
    before = key_of(cursor, TIMELINE_KEY) if cursor else None
    rows, more = store.read_log(profile_id, limit, before)
    return ProfileReads(
        profile_id=profile_id,
        reads=[ProfileRead.model_validate(dict(row)) for row in rows],
        next_cursor=cursor_of(more) if more else None,
    )


@router.delete(
    "/v1/customers/<profile_id>",
    operation_id="eraseCustomer",
    status_code=202,
    security=needs("customers:erase"),
    summary="Erase a person",
    description="The profile cannot be found any more once this answers. A job then deletes the "
    "person's data in all areas; orders keep what law and accounting require and lose the link to "
    "the person. Data from before the erasure is refused with 410 when a source sends it again. A "
    "person who returns later gets a new profile.",
)
def erase(profile_id: ProfilePath) -> Response[JobAsked]:
    job_id = erasing.request_erasure(profile_id, act_of(caller_of(router), "erase"), store.new_id())
    _start(job_id)
    return Response(202, content_type=JSON, body=job_asked(job_id))


@router.get(
    "/v1/customers/jobs/<job_id>",
    operation_id="getCustomerJob",
    security=needs("customers:erase", "customers:export"),
    summary="Read the progress of an erasure or export",
    description="An erasure requires the scope `customers:erase`, an export `customers:export`. "
    "Links to exported files expire after 15 minutes; each answer with links is recorded in the "
    "audit of the profile.",
)
def get_job(job_id: Annotated[Id, Path(description="The id of the job.")]) -> CustomerJob:
    caller, job = caller_of(router), jobs.find_job(job_id)
    if job is None:
        raise NotFound("there is no such job", job_id=job_id)
    if f"customers:{job.kind}" not in caller.scopes:
        raise Forbidden(f"this job requires the scope customers:{job.kind}")
    answer = job_answer(job)
    until = job.ended_at + files.KEPT if job.ended_at else None
    if job.kind == "export" and job.state == "done" and until and now_in_milliseconds() < until:
        record_reads([store.find(job.profile_id).profile_id], "export link", caller)
        links = [ExportedFile.model_validate(row) for row in files.links(job)]
        return answer.model_copy(update={"files": links, "files_until": until})
    return answer


def _start(job_id: str) -> None:
    """Queues a stored job. When the queue fails, the sweep starts the job within a minute."""
    try:
        send(setting("jobs_queue"), job_id)
    except Exception as error:
        logger.warning("the sweep will start the job", extra={"job_id": job_id, **crash(error)})
