"""Keeps the history of the days before as Parquet, each row once: a query of Athena for each day (a
schedule). The day before yesterday is kept again, for what came late."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.clients import client
from shared.aws.settings import setting

QUERY = Path(__file__).with_name("queries") / "keep_day.sql"
DAYS = 2
PAUSE_SECONDS = 2

logger = Logger(service="norain", utc=True)


class QueryFailed(Exception):
    """Athena has not carried out a query; the run is tried again."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """``{"days": [...]}`` keeps these days instead, such as after a correction.

    Raises QueryFailed. The query adds nothing when it runs twice, one after the other: Athena takes
    the same day under the same token once.
    """
    today = datetime.now(UTC).date()
    before = [(today - timedelta(days=number)).isoformat() for number in range(DAYS, 0, -1)]
    days = [str(day) for day in event.get("days", before)]
    for day in days:
        _keep(day, f"{day}-kept-on-{today.isoformat()}-{event.get('id', 'by-hand')}")
    return {"days": days}


def _keep(day: str, token: str) -> None:
    athena = client("athena")
    started = athena.start_query_execution(
        QueryString=QUERY.read_text(),
        ClientRequestToken=token.ljust(32, "-")[:128],
        QueryExecutionContext={"Database": setting("history_database")},
        WorkGroup=setting("history_work_group"),
        ExecutionParameters=[f"'{day}'"],
    )
    name = started["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            logger.info("kept", extra={"day": day, "query": name})
            return
        if status["State"] in {"FAILED", "CANCELLED"}:
            raise QueryFailed(f"{name}: {status.get('StateChangeReason', status['State'])}")
        time.sleep(PAUSE_SECONDS)
