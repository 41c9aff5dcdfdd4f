"""An erasure as far as the customers table goes, done at once: for tests that are about what it
leaves there. The whole job is tests/functions/customers/test_jobs.py."""

from collections.abc import Callable

from shared.customers.model.job import Job
from shared.customers.store import Act, erasing, jobs, new_id

STEPS: tuple[Callable[[Job], str | None], ...] = (
    erasing.forget_records,
    lambda job: erasing.forget_timeline(job, lambda _: None),
)


def erase(profile_id: str, act: Act) -> None:
    job = jobs.find_job(erasing.request_erasure(profile_id, act, new_id()))
    assert job is not None
    if job.state != "open":
        return
    for step in STEPS:
        job = job.at_step("a step")
        while (place := step(job)) is not None:
            job = job.at_step("a step", place)
    jobs.save_progress(job.ended("done", act.at), act.at)
