"""The rows by which orders are found, table ``search`` (model/searching.py has their names).

    pk ORDER#<order_id>   sk <name of the row>   {version, term, sort_key, summary}
    by_term   term, sort_key                     a list of orders

The worker of the orders' stream writes them. The key of a row does not contain its term, so that a
change of the term moves the row in the index in the same write, and there is no former row to
delete. Every write is conditional on the version of the order, so that a repeated or late record
changes nothing. A row whose order has the term no more stays without ``term`` until it expires:
its version refuses late records, which a deleted row could not.

They lie in a table of their own, because an index that cannot follow throttles the writes of its
table: orders would be refused.
"""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.aws.statement import STATEMENTS, execute, insert_statement, update_statement
from shared.instants import rfc3339
from shared.orders.model.searching import PERSONAL, Search, Summary, Term
from shared.orders.store.items import to_plain
from shared.stored import from_row
from shared.web.idempotency import KEPT_SECONDS

Rows = Mapping[str, Term | None]
"""Terms by the names of their rows; None for a term that the order has no more."""


def search_table() -> str:
    return table_name("search")


def put_rows(summary: Summary, rows: Rows, present: Container[str], now: datetime) -> int:
    """Write the rows as of the version of ``summary``, and return the number written: one call for
    25 rows, and one more for each row of which ``present`` (the names of those that should exist)
    is wrong, or that is newer."""
    pk = f"ORDER#{summary.order_id}"
    names = sorted(rows)
    written = 0
    for first in range(0, len(names), STATEMENTS):
        batch = names[first : first + STATEMENTS]
        statements = []
        for name in batch:
            update = _row(summary, rows[name], now, new=name not in present)
            if name in present:
                # Holds while the row is of an older version of the order.
                update.require("version < {}", summary.version)
            make = update_statement if name in present else insert_statement
            statements.append(make(update, search_table(), pk, name))
        done = execute(statements)
        written += sum(done)
        for name, is_done in zip(batch, done, strict=True):
            if not is_done:
                written += _put_alone(summary, pk, name, rows[name], now)
    return written


def _put_alone(summary: Summary, pk: str, name: str, term: Term | None, now: datetime) -> bool:
    update = _row(summary, term, now, new=False)
    # Holds when there is no row yet, or one of an older version of the order.
    update.require("attribute_not_exists(pk) OR version < {}", summary.version)
    return tables.write("update_item", **update.request(search_table(), pk, name)) is None


def _row(summary: Summary, term: Term | None, now: datetime, *, new: bool) -> Update:
    update = Update()
    update.set("version", summary.version)
    if term is None:
        update.set("ttl", int(now.timestamp()) + KEPT_SECONDS)
        if not new:
            update.remove("term", "sort_key", "summary")
        return update
    update.set("term", term.term)
    update.set("sort_key", term.sort_key)
    update.set("summary", json.dumps(to_plain(summary), separators=(",", ":")))
    if not new:
        update.remove("ttl")
    return update


def forget(order_id: str, version: int, pseudonym: str, now: datetime) -> None:
    """Take the rows that lead from a person to the order out of the index, and the profile out of
    the others, as of ``version`` of the order. Harmless when it is repeated."""
    pk = f"ORDER#{order_id}"
    rows = tables.query(search_table(), "pk = :pk", to_item({":pk": pk}), ConsistentRead=True)
    for row in list(rows):
        update = Update()
        if row["sk"].startswith(PERSONAL):
            update.set("version", max(version, row["version"]))
            update.set("ttl", int(now.timestamp()) + KEPT_SECONDS)
            update.remove("term", "sort_key", "summary")
        elif "profile_id" in (shown := json.loads(row.get("summary", "{}"))):
            update.set("summary", json.dumps({**shown, "profile_id": pseudonym}))
        else:
            continue
        # Holds while nobody has written the row since it was read. Otherwise the stream's record of
        # the erasure, which is newer, rewrites the row.
        update.require("version = {}", row["version"])
        tables.write("update_item", **update.request(search_table(), pk, row["sk"]))


@dataclass(frozen=True, slots=True)
class RowEnd:
    """The row that a page ended with: its place in the index, and its name."""

    sort_key: str
    name: str

    @property
    def order_id(self) -> str:
        return self.sort_key.partition("#")[2]


@dataclass(frozen=True, slots=True)
class SummaryPage:
    summaries: Sequence[Summary]
    after: RowEnd | None


def page(search: Search, limit: int, after: RowEnd | None = None) -> SummaryPage:
    """The next ``limit`` orders of a list (eventually consistent): one Query."""
    condition = "term = :term"
    values = {":term": search.term}
    if search.since is not None:
        values[":since"] = rfc3339(search.since)
    if search.until is not None:
        values[":until"] = rfc3339(search.until)
    if {":since", ":until"} <= values.keys():
        # No sort key is equal to a bound: the id of an order follows the instant.
        condition += " AND sort_key BETWEEN :since AND :until"
    elif search.since is not None:
        condition += " AND sort_key >= :since"
    elif search.until is not None:
        condition += " AND sort_key < :until"
    more: dict[str, Any] = {}
    if after is not None:
        more["ExclusiveStartKey"] = to_item(
            {
                "pk": f"ORDER#{after.order_id}",
                "sk": after.name,
                "term": search.term,
                "sort_key": after.sort_key,
            }
        )
    rows = tables.query_page(
        search_table(),
        condition,
        to_item(values),
        limit + 1,
        IndexName="by_term",
        ScanIndexForward=not search.newest_first,
        **more,
    ).items
    shown = rows[:limit]
    end = RowEnd(shown[-1]["sort_key"], shown[-1]["sk"]) if len(rows) > limit else None
    return SummaryPage([_summary(row) for row in shown], end)


def _summary(row: Mapping[str, Any]) -> Summary:
    shown = json.loads(row["summary"])
    for name in ("placed_at", "due_at", "paused_until"):
        if name in shown:
            shown[name] = datetime.fromisoformat(shown[name])
    return from_row(Summary, shown)
