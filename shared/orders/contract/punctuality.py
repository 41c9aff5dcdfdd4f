"""The answer about how well locations keep their times."""

from collections.abc import Iterable
from datetime import date

from shared.orders.model.punctuality import COUNTS, Sums
from shared.web.contract import Answer, LocationId


class Kept(Answer):
    """How many fulfillments have taken a step, and how many in time."""

    done: int
    """Fulfillments that have taken the step."""
    in_time: int
    """Those that did by the date that was promised last."""
    as_promised: int | None = None
    """Those that did by the date that was promised first; absent for a step without a promise."""


class LocationDay(Answer):
    """The fulfillments of a location that were first promised to be ready on this day."""

    location_id: LocationId
    day: date
    """The day in the time zone of the location."""
    due: int
    """Fulfillments that the location was asked to serve; those that were cancelled or moved
    elsewhere are left out."""
    shipments: int
    """Those of them that a carrier brings; the others are collected."""
    accepted: Kept
    """Accepted; in time: before the deadline of the offer."""
    packed: Kept
    """Packed or ready for collection; in time: by the date when they should be ready."""
    handed_over: Kept
    """Shipments that the carrier has; in time: by its call for parcels of that date."""
    delivered: Kept
    """Shipments that were delivered; in time: by the date that was promised to the shopper."""
    rejected: int
    """Those with units that the location has rejected."""
    expired: int
    """Those that the location did not answer, or did not serve for too long."""
    short: int
    """Those with units that a count or a sale over the counter has taken away."""


class PunctualityAnswer(Answer):
    """How well locations keep their times."""

    days: list[LocationDay]
    """By day and location; a location without work on a day has no entry."""


def punctuality_answer(days: Iterable[tuple[date, Sums]]) -> PunctualityAnswer:
    return PunctualityAnswer(
        days=[
            _location_day(day, location_id, dict(zip(COUNTS, counts, strict=True)))
            for day, sums in days
            for location_id, counts in sorted(sums.items())
        ]
    )


def _location_day(day: date, location_id: str, counts: dict[str, int]) -> LocationDay:
    def kept(name: str) -> Kept:
        return Kept(
            done=counts[name],
            in_time=counts[f"{name}_in_time"],
            as_promised=counts.get(f"{name}_as_promised"),
        )

    return LocationDay(
        location_id=location_id,
        day=day,
        due=counts["due"],
        shipments=counts["shipments"],
        accepted=kept("accepted"),
        packed=kept("packed"),
        handed_over=kept("handed_over"),
        delivered=kept("delivered"),
        rejected=counts["rejected"],
        expired=counts["expired"],
        short=counts["short"],
    )
