"""Expired rows of the ledger as archive files. Pure.

    movements/day=2025-10-03/<name>.jsonl.gz    the rows recorded on that day, in UTC

Each line is one row: sku, location_id, version, delta, reserved_delta, on_hand, available,
recorded_at, entries. Readers must deduplicate by (sku, location_id, version): a batch that is
delivered twice can write a row to two files.
"""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TABLE_ONLY = {"pk", "sk", "ttl", "feed_version", "moved_at", "previous_at"}
"""Attributes that only the table needs; the archive leaves them out."""


def archive_files(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Key and body of one file for each day. The same rows always give the same files."""
    days: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["pk"], row["sk"])):
        archived = {name: value for name, value in row.items() if name not in TABLE_ONLY}
        days[row["recorded_at"][:10]].append(json.dumps(archived, separators=(",", ":")))
    for day, lines in sorted(days.items()):
        text = "\n".join([*lines, ""]).encode()
        name = hashlib.sha256(text).hexdigest()[:24]
        yield f"movements/day={day}/{name}.jsonl.gz", gzip.compress(text, mtime=0)
