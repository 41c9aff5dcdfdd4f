"""The versions of the loyalty programme: partition ``PROGRAMME`` of the table ``loyalty``
(shared/aws/versions.py). One read of 0.5 units in 30 s per process, and one of the version."""

from shared.aws.versions import Versions
from shared.loyalty.model.programme import NO_PROGRAMME, Programme

programmes = Versions(
    "loyalty", "PROGRAMME", "the loyalty programme", Programme.from_json, NO_PROGRAMME
)


def programme() -> Programme:
    """The programme in force, at most 30 s old; NO_PROGRAMME when none is."""
    return programmes.in_force.get()
