"""Rows of the ledger that have been kept for their time, as files for ever. Pure.

    movements/day=2025-10-03/<name>.jsonl.gz    the rows recorded on that day, in UTC

A line is a row: sku, location_id, version, delta, reserved_delta, on_hand, available, recorded_at,
entries. (sku, location_id, version) names it: where a batch came twice, a row may stand in two
files.
"""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TABLE_ONLY = {"pk", "sk", "ttl", "feed_version", "moved_at", "previous_at"}
"""What only the table needs."""


def archive_files(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Keys and bodies: one file for each day. The same rows give the same files."""
    days: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["pk"], row["sk"])):
        kept = {name: value for name, value in row.items() if name not in TABLE_ONLY}
        days[row["recorded_at"][:10]].append(json.dumps(kept, separators=(",", ":")))
    for day, lines in sorted(days.items()):
        text = "\n".join([*lines, ""]).encode()
        name = hashlib.sha256(text).hexdigest()[:24]
        yield f"movements/day={day}/{name}.jsonl.gz", gzip.compress(text, mtime=0)
