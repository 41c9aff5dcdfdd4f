"""Works off the jobs on all that is kept of a person (SQS): erases them, or writes it all down.

    room                                what is left of somebody who was erased
    customers table                     shared/customers/store/erasing.py
    orders, with what lies beside them  shared/orders/erasing.py
    files of exports, and their jobs    nothing
    webhooks that wait                  told without the person: functions/webhooks/deliver.py
    customer feed, its dead letters     refused when they are taken up: they came before
    logs                                name nobody
    what hears of it                    customer.erased: profile ids, and what sources called them

A message names a job. Its steps are done one after the other, and how far it has come is noted
after each; when time is up, or there is something to be waited for, the rest is for another
message. What breaks off is taken up by the sweep (sweep_jobs.py): every step may be done again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import events
from shared.aws.settings import setting
from shared.aws.sqs import Later, send, send_later
from shared.customers.contract.events import of_erasure
from shared.customers.model.job import Job
from shared.customers.store import erasing, exporting, files, jobs, not_erased_condition
from shared.customers.store.values import instant, milliseconds
from shared.errors import Busy, Gone
from shared.orders import erasing as order_erasing
from shared.orders import exported
from shared.orders.model.erased import Person
from shared.web.batch import each_message

SECONDS = 200
"""How long a run begins new steps; none takes as long as what is left then."""

logger = Logger(service="norain", utc=True)

Step = Callable[[Job], "Done"]
Done = str | datetime | None | tuple[Job, str | None]
"""Where to go on, until when to wait first, or None when the step is done; with the job, where the
step has something to be noted there."""


def tell(job: Job) -> None:
    told = list(of_erasure(job))
    if events.send(setting("event_bus"), told) < len(told):
        raise Busy("the bus does not take the event")


def orders(job: Job) -> str | None:
    return order_erasing.erase_placed(job.content["partitions"], job.place, _person(job), _now())


def timeline(job: Job) -> str | None:
    """Also the orders that the interactions name: of a record that was once with somebody else
    they stand under the other's id. An order says itself whose it is."""

    def sold(order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            order_erasing.erase(order_id, _person(job), _now())

    return erasing.forget_timeline(job, sold)


def exports(job: Job) -> None:
    files.forget(job.content["members"])


def _person(job: Job) -> Person:
    return Person(
        members=frozenset(job.content["members"]),
        records=frozenset(name for name, _, _ in job.content["records"]),
        pseudonym=job.content["pseudonym"],
    )


def settle(job: Job) -> datetime | None:
    """An index may be behind by so much: what it did not show yet is looked for again."""
    lag = timedelta(seconds=int(setting("index_lag_seconds")))
    until = instant(job.content["erased_at"]) + lag
    return until if _now() < until else None


STEPS: Mapping[str, Mapping[str, Step]] = {
    "erase": {
        erasing.FIRST: tell,
        "orders": orders,
        "records": erasing.forget_records,
        "timeline": timeline,
        "files": exports,
        "settle": settle,
        "orders again": orders,
        "files again": exports,
    },
    "export": {exporting.FIRST: exported.write},
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A message whose job somebody else has, or that is over, is done."""
    until = time.monotonic() + SECONDS

    def work_off(job_id: str) -> None:
        job = jobs.take(job_id, _now())
        if job is not None:
            carry_on(job, until)

    return each_message(event["Records"], work_off)


def carry_on(job: Job, until: float) -> Job:
    """Step by step, until the job is over, or has to wait; what is left is for a later message."""
    while job.state == "open":
        if time.monotonic() > until:
            job = jobs.save_progress(job, _now(), due_at=_now())
            send(setting("jobs_queue"), job.job_id)
            return job
        try:
            done = STEPS[job.kind][job.step](job)
        except Gone:
            files.forget([job.profile_id])
            job = jobs.save_progress(job.ended("gone", _now()), _now())
            break
        if isinstance(done, datetime):
            job = jobs.save_progress(job, _now(), due_at=done)
            seconds = int((done - _now()).total_seconds()) + 1
            send_later(setting("jobs_queue"), [Later(job.job_id, seconds, {})])
            return job
        job, place = done if isinstance(done, tuple) else (job, done)
        job = _after(job, place)
        # Nothing is handed out of somebody who was erased meanwhile.
        also = [not_erased_condition(job.profile_id)] if job.kind == "export" else []
        job = jobs.save_progress(job, _now(), also=also)
    logger.info("a job is over", extra={"job_id": job.job_id, "kind": job.kind})
    return job


def _after(job: Job, place: str | None) -> Job:
    """The job at what comes next."""
    steps = list(STEPS[job.kind])
    following = steps[steps.index(job.step) + 1 :]
    if place is not None:
        return job.at_step(job.step, place)
    if following:
        return job.at_step(following[0])
    kept = {"files": job.content["files"]} if job.kind == "export" else {}
    return job.ended("done", _now(), **kept)


def _now() -> datetime:
    return milliseconds(datetime.now(UTC))
