"""The log of who read which profile."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import query_page
from shared.aws.items import to_item
from shared.customers.store.rows import put, table, write_all
from shared.instants import rfc3339


def read_log(
    profile_id: str, limit: int, before: str | None
) -> tuple[list[Mapping[str, Any]], str | None]:
    """Reads of the profile under this id, newest first, and the key before which the next page
    starts. It works for erased people too."""
    page = query_page(
        table(),
        "pk = :pk AND sk BETWEEN :from AND :to",
        to_item({":pk": f"AUDIT#{profile_id}", ":from": "AT#", ":to": _below(before)}),
        limit,
        ScanIndexForward=False,
    )
    return list(page.items), page.items[-1]["sk"] if page.last else None


def _below(key: str | None) -> str:
    """The greatest possible sort key below ``key``."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}~" if key else "AT#~"


def record_reads(
    profile_ids: Iterable[str], actor: str, what: str, at: datetime, audit_id: str
) -> None:
    """Log that ``actor`` read the profiles, and by which request (``what``)."""
    write_all(
        [
            put(
                f"AUDIT#{profile_id}",
                f"AT#{rfc3339(at)}#{audit_id}",
                {"actor": actor, "what": what, "at": rfc3339(at)},
            )
            for profile_id in profile_ids
        ]
    )
