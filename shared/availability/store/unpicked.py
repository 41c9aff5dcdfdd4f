"""Units that wait to be picked, by location: table ``availability``.

    pk UNPICKED   sk LOC#<location_id>   ``units`` of the fulfillments offered to it or accepted

Whoever writes a row of a pick list counts them in the same transaction, so that the number is that
of the lists. ``unpicked`` keeps what it has read for KEPT_SECONDS: promises count on them, and no
reservation does.
"""

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name

PARTITION = "UNPICKED"
KEPT_SECONDS = 15


def unpicked() -> Mapping[str, int]:
    """By location; nothing of those where none ever waited. One Query in KEPT_SECONDS: 500
    locations are some 4 read units."""
    global _kept  # noqa: PLW0603
    if _kept is None or _kept.client is not dynamodb() or _kept.until < clock.monotonic():
        rows = tables.query(table_name("availability"), "pk = :pk", to_item({":pk": PARTITION}))
        units = {row["sk"].removeprefix("LOC#"): max(0, row["units"]) for row in rows}
        _kept = _Kept(dynamodb(), clock.monotonic() + KEPT_SECONDS, units)
    return _kept.units


def part(location_id: str, delta: int) -> tables.Part:
    """What a transaction does to the units of a location."""
    return {
        "Update": {
            "TableName": table_name("availability"),
            "Key": tables.key(PARTITION, f"LOC#{location_id}"),
            "UpdateExpression": "ADD units :delta",
            "ExpressionAttributeValues": to_item({":delta": delta}),
        }
    }


@dataclass(frozen=True, slots=True)
class _Kept:
    """As read with ``client``; another client knows nothing of it."""

    client: Any
    until: float
    units: Mapping[str, int]


_kept: _Kept | None = None
