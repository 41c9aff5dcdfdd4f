"""Views of people beside the profile: overview, review, expected merge."""

from dataclasses import dataclass
from datetime import datetime

from shared.customers.model.golden_record import Cart
from shared.customers.model.person import Interaction, Profile, SourceRecord

RECENT_ENTRIES = 12
"""Number of timeline entries in the overview."""


@dataclass(frozen=True, slots=True)
class ProfileOverview:
    """A person at a glance. ``recent`` are the newest interactions of any kind, ``orders`` the
    newest purchases and returns, over all channels and merged ids; at most RECENT_ENTRIES of each,
    newest first. ``housemates`` are the profile ids of people in the same household."""

    profile: Profile
    cart: Cart
    recent: tuple[Interaction, ...]
    orders: tuple[Interaction, ...]
    housemates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """Two records that may be one person. ``records`` are their current versions, in the order of
    ``profile_ids``, the profiles that hold them."""

    review_id: str
    profile_ids: tuple[str, str]
    records: tuple[SourceRecord, SourceRecord]
    bits: float
    reasons: tuple[str, ...]
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class ExpectedMerge:
    """The profile that a merge would make, the evidence for the merge, and the vetoes against an
    automatic one."""

    profile: Profile
    bits: float
    reasons: tuple[str, ...]
    vetoes: tuple[str, ...]
