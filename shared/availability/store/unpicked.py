"""Units that wait to be picked, by location: table ``availability``.

    pk UNPICKED   sk LOC#<location_id>   ``units`` of the fulfillments offered to it or accepted

Whoever writes a row of a pick list counts them in the same transaction, so that the number is that
of the lists. ``unpicked`` keeps what it has read for KEPT_SECONDS: promises count on them, and no
reservation does.
"""

from collections.abc import Mapping

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.items import to_item
from shared.aws.settings import table_name

PARTITION = "UNPICKED"
CACHE_SECONDS = 15


def unpicked() -> Mapping[str, int]:
    """Units by location, without locations where none ever waited; KEPT_SECONDS old at most."""
    return cache.get()


def _read() -> Mapping[str, int]:
    """One Query: 500 locations are some 4 read units."""
    rows = tables.query(table_name("availability"), "pk = :pk", to_item({":pk": PARTITION}))
    return {row["sk"].removeprefix("LOC#"): max(0, row["units"]) for row in rows}


cache = Cached(_read, CACHE_SECONDS)


def count_part(location_id: str, delta: int) -> tables.Part:
    """What a transaction does to the units of a location."""
    return {
        "Update": {
            "TableName": table_name("availability"),
            "Key": tables.key(PARTITION, f"LOC#{location_id}"),
            "UpdateExpression": "ADD units :delta",
            "ExpressionAttributeValues": to_item({":delta": delta}),
        }
    }
