"""Check a policy's guard rails against its what-if. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.routing.model.policy import GuardRails
from shared.routing.model.whatif import Totals


@dataclass(frozen=True, slots=True)
class Breach:
    """A violated guard rail: its field name in the policy, its ``limit`` and the ``measured`` value
    in the same unit."""

    guard_rail: str
    limit: float
    measured: float
    sentence: str
    location_id: str | None = None


def breaches(rails: GuardRails, before: Totals, after: Totals) -> list[Breach]:
    """The guard rails that the totals ``before`` and ``after`` of the same orders violate; none
    without orders."""
    return [rail for rail in _measured(rails, before, after) if rail.measured > rail.limit]


def _measured(rails: GuardRails, before: Totals, after: Totals) -> Iterator[Breach]:
    units = sum(before.load.values()) + before.unfilled
    if rails.paid_increase is not None and before.paid:
        more = after.paid / before.paid - 1
        yield Breach(
            "paid_increase",
            rails.paid_increase,
            round(more, 6),
            f"costs paid rise by {_percent(more)}; the limit is {_percent(rails.paid_increase)}",
        )
    if rails.unfilled_increase is not None and units:
        more = (after.unfilled - before.unfilled) / units
        yield Breach(
            "unfilled_increase",
            rails.unfilled_increase,
            round(more, 6),
            f"unfilled units rise by {_percent(more)} of all units; the limit is "
            f"{_percent(rails.unfilled_increase)}",
        )
    if rails.splits is not None and after.orders:
        each = after.splits / after.orders
        yield Breach(
            "splits",
            rails.splits,
            round(each, 6),
            f"{each:.3f} additional parcels per order; the limit is {rails.splits:g}",
        )
    if rails.late is not None and after.parcels:
        share = after.late / after.parcels
        yield Breach(
            "late",
            rails.late,
            round(share, 6),
            f"{_percent(share)} of the parcels are late; the limit is {_percent(rails.late)}",
        )
    total = sum(after.load.values())
    for location_id, taken in sorted(after.load.items()):
        if rails.load is not None:
            yield Breach(
                "load",
                rails.load,
                round(taken / total, 6),
                f"{_percent(taken / total)} of the units come from {location_id}; the limit is "
                f"{_percent(rails.load)}",
                location_id,
            )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
