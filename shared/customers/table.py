"""The customers table. (The signatures that other areas call; the rest follows.)"""

from datetime import datetime

from shared.aws.dynamodb import Part
from shared.customers.model import Interaction, Record, Resolution


def resolve(
    record: Record,
    request_name: str,
    at: datetime,
    new_profile_id: str,
    digest: str = "",
) -> Resolution:
    """Who the record is. ``new_profile_id`` is used when it is somebody new.

    Raises Gone when the person was erased, KeyReused, Busy.
    """
    raise NotImplementedError


def profile_exists(profile_id: str) -> str | None:
    """The id under which the profile lives now (after merges), None when there is none.

    Raises Gone when it was erased.
    """
    raise NotImplementedError


def interaction_part(profile_id: str, interaction: Interaction) -> Part:
    """A Put for a transaction: one entry of the timeline of ``profile_id`` (best Resolution.home)."""
    raise NotImplementedError


def record_interaction(profile_id: str, interaction: Interaction) -> None:
    """Puts one entry into the timeline; repeated, it changes nothing. Raises NotFound, Gone."""
    raise NotImplementedError
