"""Tells every morning what was earned the day before, what went wrong, and what to do: an event on
the bus, and a mail to those who subscribed to the topic (a schedule)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.clients import client
from shared.aws.events import send
from shared.aws.settings import setting
from shared.errors import Busy
from shared.kpis import reading
from shared.kpis.contract import digest_event
from shared.kpis.model.digest import as_text, digest
from shared.kpis.model.figures import Figures

WEEKS = 4

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """``{"day": "2026-11-20"}`` tells of that day instead of yesterday. Telling of a day again
    sends an event of the same id."""
    now = datetime.now(UTC)
    day = date.fromisoformat(event["day"]) if "day" in event else now.date() - timedelta(days=1)
    before = [day - timedelta(weeks=number) for number in range(1, WEEKS + 1)]
    usual: dict[str, Figures] = {}
    for earlier in before:
        for currency, figures in reading.by_currency(_of(earlier, "day")).items():
            usual.setdefault(currency, Figures()).update(figures)
    places: dict[str, Figures] = {}
    for (place, _), figures in _of(day, "location").items():
        places.setdefault(place, Figures()).update(figures)
    told = digest(
        day,
        reading.by_currency(_of(day, "day")),
        usual,
        WEEKS,
        places,
        _of(day, "channel"),
    )
    text = as_text(told)
    if not send(setting("event_bus"), [digest_event(told, text, now)]):
        raise Busy("the bus has not taken the digest")
    client("sns").publish(
        TopicArn=setting("digests"), Subject=f"NoRain, {day.isoformat()}", Message=text
    )
    logger.info("told", extra={"day": day.isoformat(), "findings": len(told.findings)})
    return {"day": day.isoformat(), "findings": len(told.findings)}


def _of(day: date, by: Any) -> dict[tuple[str, str], Figures]:
    return reading.groups(day, day, by)
