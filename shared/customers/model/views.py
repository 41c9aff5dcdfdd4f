"""What is shown of people beside the profile: pairs to judge, a merge before it is made, all."""

from dataclasses import dataclass
from datetime import datetime

from shared.customers.model.fold import Cart
from shared.customers.model.person import Interaction, Profile, SourceRecord

NEWEST = 12
"""What is shown of a timeline beside the profile."""


@dataclass(frozen=True, slots=True)
class WholeProfile:
    """A person at first sight: ``recent`` are the newest interactions of any kind, ``orders`` the
    newest purchases and returns, of all channels and merged ids; NEWEST of each, newest first."""

    profile: Profile
    cart: Cart
    recent: tuple[Interaction, ...]
    orders: tuple[Interaction, ...]
    housemates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """``records`` are the two as they are known now, in the order of ``profile_ids``."""

    review_id: str
    profile_ids: tuple[str, str]
    records: tuple[SourceRecord, SourceRecord]
    bits: float
    reasons: tuple[str, ...]
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would make, what speaks for it, and what forbids it to the rules."""

    profile: Profile
    bits: float
    reasons: tuple[str, ...]
    vetoes: tuple[str, ...]
