"""What a policy's guard-rails say of its what-if, and which orders a canary takes. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.routing.model.policy import GuardRails
from shared.routing.model.whatif import Totals

WHOLE = 10_000
"""Hundredths of a percent of the orders."""


@dataclass(frozen=True, slots=True)
class Breach:
    """``guard_rail`` by its name in the policy, ``limit`` and ``measured`` in its own measure."""

    guard_rail: str
    limit: float
    measured: float
    sentence: str
    location_id: str | None = None


def breaches(rails: GuardRails, before: Totals, after: Totals) -> list[Breach]:
    """``before`` and ``after`` are of the same orders; without any there is nothing to measure."""
    return [found for found in _measured(rails, before, after) if found.measured > found.limit]


def _measured(rails: GuardRails, before: Totals, after: Totals) -> Iterator[Breach]:
    units = sum(before.load.values()) + before.unfilled
    if rails.paid_increase is not None and before.paid:
        more = after.paid / before.paid - 1
        yield Breach(
            "paid_increase",
            rails.paid_increase,
            round(more, 6),
            f"{_percent(more)} more is paid, the most is {_percent(rails.paid_increase)}",
        )
    if rails.unfilled_increase is not None and units:
        more = (after.unfilled - before.unfilled) / units
        yield Breach(
            "unfilled_increase",
            rails.unfilled_increase,
            round(more, 6),
            f"{_percent(more)} more units are not sent, the most is "
            f"{_percent(rails.unfilled_increase)}",
        )
    if rails.splits is not None and after.orders:
        each = after.splits / after.orders
        yield Breach(
            "splits",
            rails.splits,
            round(each, 6),
            f"{each:.3f} parcels per order after the first, the most is {rails.splits:g}",
        )
    if rails.late is not None and after.parcels:
        share = after.late / after.parcels
        yield Breach(
            "late",
            rails.late,
            round(share, 6),
            f"{_percent(share)} of the parcels are late, the most is {_percent(rails.late)}",
        )
    whole = sum(after.load.values())
    for location_id, taken in sorted(after.load.items()):
        if rails.load is not None:
            yield Breach(
                "load",
                rails.load,
                round(taken / whole, 6),
                f"{_percent(taken / whole)} of the units come from {location_id}, the most is "
                f"{_percent(rails.load)}",
                location_id,
            )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def takes(order_id: str, version: int, share: int) -> bool:
    """Whether the canary ``version`` routes the order: ``share`` hundredths of a percent of all,
    the same ones however often they are asked for, and others for each version."""
    digest = hashlib.sha256(f"{version}/{order_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % WHOLE < share
