"""Export what a person's homes buy: JSON documents of a ``kind`` each.

buys         an item that the home buys: how many orders, the last day
suggestions  the suggestions of a day that were shown and taken
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.recommendations.store import rows
from shared.recommendations.store.homes import BOUGHT, rows_of

Line = dict[str, Any]


def page(members: Sequence[str], place: str) -> tuple[list[Line], str | None]:
    """The lines of one home, and the place of the next one."""
    index = int(place or 0)
    if index >= len(members):
        return [], None
    home = members[index]
    lines = [line for row in rows_of(home) for line in _lines(home, row)]
    return lines, str(index + 1) if index + 1 < len(members) else None


def _lines(home: str, row: Mapping[str, Any]) -> list[Line]:
    if row["sk"] == BOUGHT:
        return [
            {
                "kind": "buys",
                "profile_id": home,
                "sku": sku,
                "orders": one.times,
                "last": one.last.isoformat(),
            }
            for sku, one in rows.again_of(row).items.items()
        ]
    day = row["sk"].partition("#")[2]
    figures = {"shown": row["shown"], "taken": row["taken"]}
    return [{"kind": "suggestions", "profile_id": home, "day": day, **figures}]
