"""What the table has of a home: read for an export, closed by an erasure."""

from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.errors import Busy
from shared.recommendations.store import rows

BOUGHT = "BOUGHT"


def rows_of(home: str) -> list[dict[str, Any]]:
    """All rows of the home: what it buys, and a row for each day of feedback in 400 days."""
    found = tables.query(
        rows.table(),
        "pk = :pk",
        to_item({":pk": rows.again_key(home).pk}),
        ConsistentRead=True,
    )
    return list(found)


def close(home: str, now: datetime) -> None:
    """Replaces what the home buys by the note that its person is erased, and deletes the rest."""
    key = rows.again_key(home)
    for _ in tables.attempts():
        before = tables.get(key.table, key.pk, key.sk, consistent=True)
        if rows.is_closed(before) or not tables.transact([rows.closed_part(home, before, now)]):
            break
    else:
        raise Busy("too many changes of this home at once")
    rest = [(row["pk"], row["sk"]) for row in rows_of(home) if row["sk"] != BOUGHT]
    tables.delete_many(rows.table(), rest)
