"""Writes what each count of an order has added to the history in S3 (the stream of the table kpis).

An object is named facts/dt=<day of the count>/<digest>.json.gz. The name is a digest of the
content: rows that are written again, together with others, replace none.
"""

import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import s3
from shared.aws.items import from_item
from shared.aws.settings import setting
from shared.kpis.model.figures import difference
from shared.kpis.model.history import Row, lines, rows
from shared.kpis.store.counts import mark_of_item
from shared.web.batch import StreamRecord, readable

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An error makes Lambda deliver the batch again, as a whole or in parts."""
    by_day: defaultdict[date, list[Row]] = defaultdict(list)
    for _, (day, added) in readable(event["Records"], _read):
        if added:
            by_day[day] += added
    for day, found in by_day.items():
        body = lines(found)
        key = f"facts/dt={day.isoformat()}/{hashlib.sha256(body).hexdigest()[:32]}.json.gz"
        s3.put(setting("history"), key, body, ContentType="application/gzip")
    logger.info("wrote history", extra={"rows": sum(map(len, by_day.values()))})
    return {"batchItemFailures": []}


def _read(record: StreamRecord) -> tuple[date, list[Row]]:
    """The day and the rows of a count; no rows of a mark that expires."""
    images = record["dynamodb"]
    at = datetime.fromtimestamp(float(images["ApproximateCreationDateTime"]), UTC)
    if "NewImage" not in images:
        return at.date(), []
    after = mark_of_item(from_item(images["NewImage"]))
    old = images.get("OldImage")
    before = mark_of_item(from_item(old)).facts if old else {}
    added = difference(after.facts, before)
    return at.date(), list(
        rows(after.order_id, after.revision, after.channel, after.currency, added, at)
    )
