"""Whether a person wants suggestions from what they bought. Pure."""

from shared.customers.model.golden_record import consents
from shared.customers.model.person import Profile

PURPOSE = "personalisation"


def personalises(profile: Profile) -> bool:
    """Whether the person has granted it, at some contact point, and denied it at none."""
    stated = {one.status for one in consents(profile) if one.purpose == PURPOSE}
    return "granted" in stated and stated.isdisjoint({"pending", "denied"})
