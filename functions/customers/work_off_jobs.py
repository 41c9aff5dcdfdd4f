"""Work off the jobs on the data of a person: erase it, or export it (SQS).

    data                                what remains of an erased person
    customers table                     shared/customers/store/erasing.py
    orders and their data               shared/orders/erasing.py
    wallets                             that they are closed: shared/loyalty/erasing.py
    what they buy                       that it is closed: shared/recommendations/erasing.py
    files of exports, and their jobs    nothing
    waiting webhook messages            sent without the person: functions/webhooks/deliver.py
    customer feed, its dead letters     refused when read, as received before the erasure
    logs                                contain no personal data
    other systems                       get customer.erased: profile ids, and ids of the sources

A message names a job. Its steps run one after the other, and the progress is saved after each.
When time is up, or a step has to wait, a later message continues. The sweep (sweep_jobs.py)
resumes aborted jobs; all steps are idempotent.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import events
from shared.aws.settings import setting
from shared.aws.sqs import Later, send, send_later
from shared.customers import exporting
from shared.customers.contract.events import of_erasure
from shared.customers.model.job import Job
from shared.customers.store import erasing, files, jobs, not_erased_condition
from shared.customers.store.values import instant
from shared.errors import Busy, Gone
from shared.instants import milliseconds
from shared.loyalty import erasing as wallet_erasing
from shared.orders import erasing as order_erasing
from shared.orders import exported
from shared.orders.model.erased import Person
from shared.recommendations import erasing as recommendation_erasing
from shared.recommendations import exporting as recommendation_exporting
from shared.web.batch import each_message

SECONDS = 200
"""How long a run starts new steps. The remaining time of the function suffices for any step."""

logger = Logger(service="norain", utc=True)

Step = Callable[[Job], "StepResult"]
StepResult = str | datetime | None | tuple[Job, str | None]
"""The place where the step continues, or the time until which it waits, or None when it is done. A
step that changes the job returns it with the place."""


def publish_erasure(job: Job) -> None:
    erasure_events = list(of_erasure(job))
    if events.send(setting("event_bus"), erasure_events) < len(erasure_events):
        raise Busy("the event bus did not accept all events; the step is retried")


def erase_orders(job: Job) -> str | None:
    return order_erasing.erase_placed(job.content["partitions"], job.place, _person(job), _now())


def erase_timeline(job: Job) -> str | None:
    """Erase the timeline, and the orders that its interactions name. Orders of a record that was
    once in another profile are stored under that profile's id; each order knows its buyer."""

    def erase_named_orders(order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            order_erasing.erase(order_id, _person(job), _now())

    return erasing.forget_timeline(job, erase_named_orders)


def close_wallets(job: Job) -> str | None:
    return wallet_erasing.close_wallets(job.content["members"], job.place, _now())


def forget_purchases(job: Job) -> str | None:
    return recommendation_erasing.forget_purchases(job.content["members"], job.place, _now())


def write_export(job: Job) -> tuple[Job, str | None]:
    return exported.write(job, also=[_purchases])


def _purchases(job: Job, place: str) -> exported.ExportPage:
    return recommendation_exporting.page(job.content["members"], place)


def delete_exports(job: Job) -> None:
    files.forget(job.content["members"])


def _person(job: Job) -> Person:
    return Person(
        members=frozenset(job.content["members"]),
        records=frozenset(name for name, _, _ in job.content["records"]),
        pseudonym=job.content["pseudonym"],
    )


def wait_for_index(job: Job) -> datetime | None:
    """Wait for the index lag: later steps look again for items that the index did not show yet."""
    lag = timedelta(seconds=int(setting("index_lag_seconds")))
    until = instant(job.content["erased_at"]) + lag
    return until if _now() < until else None


STEPS: Mapping[str, Mapping[str, Step]] = {
    "erase": {
        erasing.FIRST: publish_erasure,
        "orders": erase_orders,
        "records": erasing.forget_records,
        "timeline": erase_timeline,
        "wallets": close_wallets,
        "purchases": forget_purchases,
        "files": delete_exports,
        "settle": wait_for_index,
        "orders again": erase_orders,
        "wallets again": close_wallets,
        "purchases again": forget_purchases,
        "files again": delete_exports,
    },
    "export": {exporting.FIRST: write_export},
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A message is done when its job has ended or another worker holds it."""
    until = time.monotonic() + SECONDS

    def work_off(job_id: str) -> None:
        job = jobs.take(job_id, _now())
        if job is not None:
            run_steps(job, until)

    return each_message(event["Records"], work_off)


def run_steps(job: Job, until: float) -> Job:
    """Run the steps until the job ends, has to wait, or time is up; a later message continues."""
    while job.state == "open":
        if time.monotonic() > until:
            job = jobs.save_progress(job, _now(), due_at=_now())
            send(setting("jobs_queue"), job.job_id)
            return job
        try:
            result = STEPS[job.kind][job.step](job)
        except Gone:
            files.forget([job.profile_id])
            job = jobs.save_progress(job.ended("gone", _now()), _now())
            break
        if isinstance(result, datetime):
            job = jobs.save_progress(job, _now(), due_at=result)
            seconds = int((result - _now()).total_seconds()) + 1
            send_later(setting("jobs_queue"), [Later(job.job_id, seconds, {})])
            return job
        job, place = result if isinstance(result, tuple) else (job, result)
        job = _next_step(job, place)
        # An export must not progress when the person was erased meanwhile.
        also = [not_erased_condition(job.profile_id)] if job.kind == "export" else []
        job = jobs.save_progress(job, _now(), also=also)
    logger.info("a job has ended", extra={"job_id": job.job_id, "kind": job.kind})
    return job


def _next_step(job: Job, place: str | None) -> Job:
    """The job at its next place or step, or ended."""
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
