"""Files of customer records as CloudEvents for the customer feed.

A file is CSV with a header, JSON lines or a JSON array. A row is a CloudEvent (customer.observed),
a statement (the body of POST /v1/customers/resolve), or flat, with the columns source, source_id,
occurred_at, and those of IDENTIFIERS, NAMES and ADDRESS.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from infra.cli.stock_files import Feed
from infra.local.bad_row import BadRow
from shared.customers.contract.statements import CustomerAddress, CustomerIdentifiers, observed
from shared.errors import Refusal
from shared.instants import rfc3339
from shared.web.auth import Sources
from shared.web.problem import summary

ANY_SOURCE = Sources.of(["all:trusted"])
"""The worker of the feed knows which sources it accepts; the file is only checked for its form."""
IDENTIFIERS = tuple(CustomerIdentifiers.model_fields)
ADDRESS = tuple(CustomerAddress.model_fields)
NAMES = ("given_name", "family_name", "birth_date")


def read(content: bytes, source: str, as_of: datetime, now: datetime) -> Feed:
    """The events of a file. ``source`` becomes the CloudEvents source of rows that are no events,
    ``as_of`` the instant of rows without occurred_at. Reasons never repeat a value, because values
    are personal data."""
    feed = Feed([], [])
    try:
        for line, row in _rows(content.decode("utf-8-sig")):
            try:
                event = _event(row, source, as_of)
                observed(event, now, ANY_SOURCE)
            except Refusal as refusal:
                feed.bad.append(BadRow(line, summary(refusal)["detail"]))
            else:
                feed.events.append(event)
    except (ValueError, csv.Error):
        feed.bad.append(
            BadRow(1, "neither CSV with a header, JSON lines nor a JSON array, in UTF-8")
        )
    return feed


def _rows(text: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        yield from enumerate(json.loads(text), 1)
    elif text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, json.loads(line)
    else:
        table = csv.DictReader(io.StringIO(text), strict=True)
        if "source_id" not in (table.fieldnames or ()):
            raise ValueError("no header")
        for row in table:
            yield table.line_num, {name: value for name, value in row.items() if value}


def _event(row: Any, source: str, as_of: datetime) -> Any:
    if not isinstance(row, dict) or "specversion" in row:
        return row
    data = {"occurred_at": rfc3339(as_of), **_statement(row)}
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return {
        "specversion": "1.0",
        "id": hashlib.sha256(canonical.encode()).hexdigest()[:32],
        "source": source,
        "type": "customer.observed",
        "time": data["occurred_at"],
        "data": data,
    }


def _statement(row: Mapping[str, Any]) -> dict[str, Any]:
    """A flat row as a statement. Unknown columns are kept, so that the contract refuses them by
    their path."""
    flat = {*IDENTIFIERS, *NAMES, *ADDRESS}
    if not flat & row.keys():
        return dict(row)
    statement = {name: value for name, value in row.items() if name not in flat}
    statement["identifiers"] = {name: row[name] for name in IDENTIFIERS if name in row}
    attributes: dict[str, Any] = {name: row[name] for name in NAMES if name in row}
    if address := {name: row[name] for name in ADDRESS if name in row}:
        attributes["address"] = address
    return {**statement, "attributes": attributes}
