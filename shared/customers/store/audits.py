"""Who read of whom."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import query_page
from shared.aws.items import to_item
from shared.customers.store.rows import put, table, write_all
from shared.customers.store.values import text


def reads(
    profile_id: str, limit: int, before: str | None
) -> tuple[list[Mapping[str, Any]], str | None]:
    """Who has read the profile under this id, the newest first, also of somebody who was erased;
    the key to go on before."""
    page = query_page(
        table(),
        "pk = :pk AND sk BETWEEN :from AND :to",
        to_item({":pk": f"AUDIT#{profile_id}", ":from": "AT#", ":to": _below(before)}),
        limit,
        ScanIndexForward=False,
    )
    return list(page.items), page.items[-1]["sk"] if page.last else None


def _below(key: str | None) -> str:
    """The greatest text that comes before ``key``, of those that are keys."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}~" if key else "AT#~"


def audit(profile_ids: Iterable[str], actor: str, what: str, at: datetime, audit_id: str) -> None:
    """Notes who read the profiles, and by which question."""
    write_all(
        [
            put(
                f"AUDIT#{profile_id}",
                f"AT#{text(at)}#{audit_id}",
                {"actor": actor, "what": what, "at": text(at)},
            )
            for profile_id in profile_ids
        ]
    )
