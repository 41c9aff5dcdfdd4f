"""Files of customers for the feed queue: what sources state of persons, as CloudEvents.

A row is a CloudEvent (customer.observed), a statement as POST /v1/customers/resolve takes it, or
flat: source, source_id, occurred_at, the identifiers, the names, birth_date and the address's
parts by their names. CSV with a header, JSON lines or a JSON array.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from infra.cli.feed import Bad, Feed
from shared.customers.contract.statements import CustomerAddress, CustomerIdentifiers, observed
from shared.errors import Refusal
from shared.instants import rfc3339
from shared.web.auth import Sources
from shared.web.problem import summary

ANY_SOURCE = Sources.of(["all:trusted"])
"""The feed itself knows for which ones it speaks."""
IDENTIFIERS = tuple(CustomerIdentifiers.model_fields)
ADDRESS = tuple(CustomerAddress.model_fields)
NAMES = ("given_name", "family_name", "birth_date")


def read(content: bytes, source: str, as_of: datetime, now: datetime) -> Feed:
    """The events of a file. ``source`` names it in events that are made of rows; a row without
    occurred_at is as of ``as_of``. A reason never repeats a value."""
    feed = Feed([], [])
    try:
        for line, row in _rows(content.decode("utf-8-sig")):
            try:
                event = _event(row, source, as_of)
                observed(event, now, ANY_SOURCE)
            except Refusal as refusal:
                feed.bad.append(Bad(line, summary(refusal)["detail"]))
            else:
                feed.events.append(event)
    except (ValueError, csv.Error):
        feed.bad.append(Bad(1, "neither CSV with a header, JSON lines nor a JSON array, in UTF-8"))
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
    """The row as a statement; what it is not made of stays where it is, to be named as unknown."""
    flat = {*IDENTIFIERS, *NAMES, *ADDRESS}
    if not flat & row.keys():
        return dict(row)
    told = {name: value for name, value in row.items() if name not in flat}
    told["identifiers"] = {name: row[name] for name in IDENTIFIERS if name in row}
    attributes: dict[str, Any] = {name: row[name] for name in NAMES if name in row}
    if address := {name: row[name] for name in ADDRESS if name in row}:
        attributes["address"] = address
    return {**told, "attributes": attributes}
