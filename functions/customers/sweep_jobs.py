"""Enqueue the jobs that wait for a worker, and measure the age of the oldest (every minute)."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws.settings import setting
from shared.aws.sqs import send_many
from shared.customers.store import jobs

MAX_JOBS = 1000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """A job that is enqueued twice is worked off once."""
    now = datetime.now(UTC)
    due = list(islice(jobs.due_job_ids(now), MAX_JOBS))
    not_sent = send_many(setting("jobs_queue"), due)
    oldest_request = jobs.oldest_request()
    age = (now - oldest_request).total_seconds() if oldest_request else 0.0
    with single_metric(
        namespace="NoRain", name="OldestPersonJob", unit=MetricUnit.Seconds, value=age
    ) as metric:
        metric.add_dimension("service", "customers")
    logger.info("swept", extra={"due": len(due), "not_sent": len(not_sent), "oldest_seconds": age})
    return {"due": len(due)}
