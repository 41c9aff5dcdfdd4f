"""Finds the jobs that somebody has to go on with, and how old the oldest is; every minute."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws.settings import setting
from shared.aws.sqs import send_many
from shared.customers.store import jobs

MOST = 1000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """A job that is told of twice is taken once."""
    now = datetime.now(UTC)
    due = list(islice(jobs.due_job_ids(now), MOST))
    left = send_many(setting("jobs_queue"), due)
    since = jobs.oldest_request()
    age = (now - since).total_seconds() if since else 0.0
    with single_metric(
        namespace="NoRain", name="OldestPersonJob", unit=MetricUnit.Seconds, value=age
    ) as metric:
        metric.add_dimension("service", "customers")
    logger.info("swept", extra={"due": len(due), "not_sent": len(left), "oldest_seconds": age})
    return {"due": len(due)}
