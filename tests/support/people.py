"""Records to decide on."""

from datetime import UTC, datetime
from typing import Any

from shared.customers.model.person import Consent, SourceRecord, StatedValue

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def record(
    source: str,
    source_id: str,
    *,
    at: datetime = NOON,
    verified: tuple[str, ...] = (),
    consents: tuple[Consent, ...] = (),
    **fields: Any,
) -> SourceRecord:
    stated = {name: StatedValue(value, at, name in verified) for name, value in fields.items()}
    return SourceRecord(source, source_id, at, stated, consents)
