"""Claims of backordered units on expected supply: landed, withdrawn, shortened."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.orders.model.change import OrderChange, with_line
from shared.orders.model.order import Claim, Line, Order, Parcel
from shared.stock.model.position import Effect, Supplied


def latest_claimed(claims: Collection[Claim], units: int) -> datetime | None:
    """When all of ``units`` should have come; None when not all are promised of a supply."""
    if not claims or sum(claim.quantity for claim in claims) < units:
        return None
    return max(claim.expected_at for claim in claims)


def promise_dates(line: Line, found: Line) -> dict[str, Any]:
    told = {
        "line_id": line.line_id,
        "sku": line.sku,
        "quantity": found.backordered,
        "expected_at": found.expected_at,
        "was": line.expected_at,
    }
    return {name: value for name, value in told.items() if value is not None}


def land(order: Order, line_id: str, reference: str, units: int, parcel: Parcel) -> OrderChange:
    """``units`` of a supply have come, and are reserved where ``parcel`` is to begin: they are the
    line's now."""
    line = order.line(line_id)
    place = parcel.location_id, reference
    order = with_line(
        order,
        replace(
            line,
            open=line.open + units,
            unassigned=line.unassigned + units,
            backordered=line.backordered - units,
            claims=_less_claimed(line.claims, {place: units}),
        ),
    )
    taken = Supplied(reference, landed=-units)
    effect = Effect(line.sku, parcel.location_id, 0, 0, supply=(taken,))
    return OrderChange(order, (effect,), cause="order.filled")


def unpromise(
    order: Order, line_id: str, location_id: str, reference: str, units: int
) -> OrderChange:
    """The promise of ``units`` of a supply is broken: they are free to be routed, or promised of
    another."""
    line = order.line(line_id)
    freed = replace(
        line,
        open=line.open + units,
        unassigned=line.unassigned + units,
        backordered=line.backordered - units,
        excluded=(),
        expired=(),
        claims=_less_claimed(line.claims, {(location_id, reference): units}),
    )
    return OrderChange(with_line(order, freed), cause="order.repromised")


def _less_claimed(
    claims: Iterable[Claim], units: Mapping[tuple[str, str], int]
) -> tuple[Claim, ...]:
    left = (
        replace(
            claim,
            quantity=claim.quantity - units.get((claim.location_id, claim.reference), 0),
        )
        for claim in claims
    )
    return tuple(claim for claim in left if claim.quantity > 0)


def first_claims(claims: Iterable[Claim], units: int) -> tuple[Claim, ...]:
    """Claims of at most ``units``: the latest are given up first."""
    kept = []
    for claim in sorted(claims, key=lambda claim: claim.expected_at):
        if taken := min(units, claim.quantity):
            kept.append(replace(claim, quantity=taken))
            units -= taken
    return tuple(sorted(kept, key=lambda claim: (claim.location_id, claim.reference)))
