"""Units that wait to be picked, by location: table ``availability``.

    pk UNPICKED   sk LOC#<location_id>   ``units`` of the fulfillments offered to it or accepted

Every writer of a pick-list row counts its units in the same transaction, so that the number matches
the lists. ``unpicked`` caches what it reads for CACHE_SECONDS: promises use it, reservations do
not.
"""

from collections.abc import Mapping

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.items import to_item
from shared.aws.settings import table_name

PARTITION = "UNPICKED"
CACHE_SECONDS = 15


def unpicked() -> Mapping[str, int]:
    """Units by location, CACHE_SECONDS old at most; locations that never had any are left out."""
    return cache.get()


def _read() -> Mapping[str, int]:
    """One Query: 500 locations are about 4 read units."""
    rows = tables.query(table_name("availability"), "pk = :pk", to_item({":pk": PARTITION}))
    return {row["sk"].removeprefix("LOC#"): max(0, row["units"]) for row in rows}


cache = Cached(_read, CACHE_SECONDS)


def count_part(location_id: str, delta: int) -> tables.Part:
    """The transaction part that adds ``delta`` to the units of a location."""
    return {
        "Update": {
            "TableName": table_name("availability"),
            "Key": tables.key(PARTITION, f"LOC#{location_id}"),
            "UpdateExpression": "ADD units :delta",
            "ExpressionAttributeValues": to_item({":delta": delta}),
        }
    }
