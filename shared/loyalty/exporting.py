"""Export the wallets of a person, page by page: JSON documents of a ``kind`` each.

points          the account of a home profile
points_earned   what an order has earned
points_entry    a row of the ledger
tier            the tier and the net spend by month
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.dynamodb import query_page
from shared.aws.items import to_item
from shared.loyalty.store.rows import partition, table

PAGE = 200
KINDS = {"POINTS": "points", "EARN": "points_earned", "ENTRY": "points_entry", "TIER": "tier"}
INTERNAL = frozenset(
    {"pk", "sk", "last", "deadline_key", "deadline", "alone", "partners", "generation"}
)

Line = dict[str, Any]


def page(members: Sequence[str], place: str) -> tuple[list[Line], str | None]:
    """A page of the wallets of the home profiles, and the place of the next one."""
    index, after = json.loads(place) if place else (0, None)
    if index >= len(members):
        return [], None
    pk = partition(members[index])
    more = {"ExclusiveStartKey": to_item({"pk": pk, "sk": after})} if after else {}
    rows = query_page(table(), "pk = :pk", to_item({":pk": pk}), PAGE, ConsistentRead=True, **more)
    lines = [line for row in rows.items for line in _lines(members[index], row)]
    if rows.last is not None:
        return lines, json.dumps([index, rows.items[-1]["sk"]])
    return lines, json.dumps([index + 1, None]) if index + 1 < len(members) else None


def _lines(home: str, row: Mapping[str, Any]) -> list[Line]:
    kind, _, name = row["sk"].partition("#")
    if kind not in KINDS or "closed_at" in row:
        return []
    shown = {key: value for key, value in row.items() if key not in INTERNAL}
    named = {"order_id": name} if kind == "EARN" else {}
    return [{"kind": KINDS[kind], "profile_id": home, **named, **shown}]
