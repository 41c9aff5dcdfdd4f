"""The ledger: one row for each write of an account, made by the worker of the stream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.loyalty.model.account import Entry
from shared.loyalty.store.rows import entry_of, partition, table

FIGURES = ("available", "held", "debt", "pending")


@dataclass(frozen=True, slots=True)
class EntryRow:
    """The entries of one write, and the figures of the account after it."""

    home: str
    version: int
    at: datetime
    available: int
    held: int
    debt: int
    pending: int
    entries: tuple[Entry, ...]


def entry_item(image: Mapping[str, Any]) -> dict[str, Any]:
    """The row of the write that made ``image`` (plain values of POINTS). The same image gives the
    same row, so that writing it twice is harmless."""
    return {
        "pk": image["pk"],
        "sk": f"ENTRY#{image['version']:012d}",
        "version": image["version"],
        "at": image["updated_at"],
        **{name: image[name] for name in FIGURES},
        "entries": [dict(row) for row in image["last"]],
    }


def row_of_item(item: Mapping[str, Any]) -> EntryRow:
    return EntryRow(
        home=item["pk"].partition("#")[2],
        version=item["version"],
        at=datetime.fromisoformat(item["at"]),
        available=item["available"],
        held=item["held"],
        debt=item["debt"],
        pending=item["pending"],
        entries=tuple(entry_of(row) for row in item["entries"]),
    )


def put_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the rows. Raises Busy when the table does not take them all; all may be written
    again."""
    tables.put_many(table(), [to_item(row) for row in rows])


def page(home: str, limit: int, before: int | None = None) -> list[EntryRow]:
    """The newest rows of an account, with ``before`` those below that version."""
    last = "~" if before is None else f"{before - 1:012d}"
    rows = tables.query_page(
        table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item({":pk": partition(home), ":first": "ENTRY#", ":last": f"ENTRY#{last}"}),
        limit,
        ScanIndexForward=False,
    )
    return [row_of_item(item) for item in rows.items]
