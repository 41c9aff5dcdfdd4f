"""The ledger of a card: one entry for every version, and what the audit finds in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.cards.model.card import Card, Cause, EntryKind

DriftKind = Literal["balance", "held", "available", "negative", "ledger"]
LATE = timedelta(minutes=15)
"""How late an entry may be before the audit reports it: the stream may be behind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of a card: ``delta`` of its balance, ``held_delta`` of what is held, and the figures
    that resulted."""

    card_id: str
    version: int
    kind: EntryKind
    delta: int
    held_delta: int
    balance: int
    held: int
    at: datetime
    cause: Cause
    state: str
    reason: str | None = None
    other_card_id: str | None = None


@dataclass(frozen=True, slots=True)
class CardDrift:
    """A figure of a card that differs: ``stands`` is stored, ``should`` follows from the ledger."""

    card_id: str
    kind: DriftKind
    stands: int
    should: int


def drifts(
    card: Card, available: int, written_at: datetime, entries: Sequence[Entry], now: datetime
) -> list[CardDrift]:
    """What law 5 finds wrong with the card: ``available`` is the stored attribute, ``written_at``
    when the card was last written, ``entries`` its whole ledger by version.

    Entries of later versions are left out: the card was read before them. Entries that the stream
    may still bring are not missed.
    """
    found = [
        CardDrift(card.card_id, "negative", stands, 0)
        for stands in (card.balance, card.held, card.available)
        if stands < 0
    ]
    if available != card.available:
        found.append(CardDrift(card.card_id, "available", available, card.available))
    known = [entry for entry in entries if entry.version <= card.version]
    if len(known) < card.version:
        if now - written_at > LATE:
            found.append(CardDrift(card.card_id, "ledger", len(known), card.version))
        return found
    balance, held = sum(entry.delta for entry in known), sum(entry.held_delta for entry in known)
    if card.balance != balance:
        found.append(CardDrift(card.card_id, "balance", card.balance, balance))
    if card.held != held:
        found.append(CardDrift(card.card_id, "held", card.held, held))
    return found


def missing(card: Card, last: Entry, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that the ledger lacks and that follow from their neighbours: a single version
    between two known ones, or the last one (``last``, as the card itself tells it). ``kind`` of an
    entry between is `adjusted`, since nobody knows its cause any more."""
    by_version = {entry.version: entry for entry in entries}
    filled: list[Entry] = []
    for version in range(1, card.version + 1):
        if version in by_version:
            continue
        before, after = by_version.get(version - 1), by_version.get(version + 1)
        balance, held = (before.balance, before.held) if before else (0, 0)
        if version > 1 and before is None:
            return filled
        if version == card.version:
            entry = _entry(last, version, card.balance - balance, card.held - held, card)
        elif after is not None:
            delta = after.balance - after.delta - balance
            entry = Entry(
                card.card_id,
                version,
                "adjusted",
                delta,
                after.held - after.held_delta - held,
                after.balance - after.delta,
                after.held - after.held_delta,
                after.at,
                Cause(f"{card.card_id}@{version}", "card.audited"),
                after.state,
            )
        else:
            return filled
        by_version[version] = entry
        filled.append(entry)
    return filled


def _entry(last: Entry, version: int, delta: int, held_delta: int, card: Card) -> Entry:
    return Entry(
        card.card_id,
        version,
        last.kind,
        delta,
        held_delta,
        card.balance,
        card.held,
        last.at,
        last.cause,
        last.state,
        last.reason,
        last.other_card_id,
    )
