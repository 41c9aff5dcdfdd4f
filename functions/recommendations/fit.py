"""Fits what suits whom, once a day (shared/recommendations/fitting.py)."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.recommendations.fitting import fit

SPARE_MS = 60_000
"""A fit ends this long before the time of the function, saved or not."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    done = fit(datetime.now(UTC), lambda: bool(context.get_remaining_time_in_millis() < SPARE_MS))
    logger.info("fitted", extra=asdict(done))
    return asdict(done)
