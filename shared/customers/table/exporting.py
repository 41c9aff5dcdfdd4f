"""Everything that is kept on a person, for the person."""

from collections.abc import Mapping
from typing import Any

from shared.customers.model import Record
from shared.customers.stored import interaction_from, record_from
from shared.customers.table.rows import rows
from shared.customers.table.timeline import belongs, partitions
from shared.customers.table.whole import whole
from shared.customers.views import Export


def export(profile_id: str) -> Export:
    """Raises NotFound, Gone."""
    found = whole(profile_id)
    profile = found.profile
    statements: list[Record] = []
    said: list[Mapping[str, Any]] = []
    for held in profile.records:
        for row in rows(f"RECORD#{held.key}"):
            if row["sk"].startswith("AT#"):
                statements.append(record_from(row))
            elif "kind" in row:
                said.append(row)
    interactions = [
        (row["sk"], interaction_from(row))
        for partition in sorted(partitions(profile))
        for row in rows(f"PROFILE#{partition}")
        if row["sk"].startswith("AT#") and belongs(interaction_from(row), partition, profile)
    ]
    reads = [row for member in sorted(profile.member_ids) for row in rows(f"AUDIT#{member}")]
    return Export(
        whole=found,
        statements=tuple(statements),
        said=tuple(sorted(said, key=lambda row: (row["at"], row["pk"], row["sk"]))),
        interactions=tuple(entry for _, entry in sorted(interactions, key=lambda pair: pair[0])),
        reads=tuple(sorted(reads, key=lambda row: (row["at"], row["sk"]))),
    )
