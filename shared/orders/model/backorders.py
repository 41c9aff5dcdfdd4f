"""Change the claims of backordered units on expected supply."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.orders.model.change import OrderChange, with_line
from shared.orders.model.order import Claim, Line, Order, Parcel
from shared.stock.model.position import Effect, Supplied


def claims_arrive_by(claims: Collection[Claim], units: int) -> datetime | None:
    """The date by which all ``units`` should arrive; None when the claims cover fewer units."""
    if not claims or sum(claim.quantity for claim in claims) < units:
        return None
    return max(claim.expected_at for claim in claims)


def repromise_detail(before: Line, after: Line) -> dict[str, Any]:
    """The detail of the event ``order.repromised``."""
    detail = {
        "line_id": before.line_id,
        "sku": before.sku,
        "quantity": after.backordered,
        "expected_at": after.expected_at,
        "was": before.expected_at,
    }
    return {name: value for name, value in detail.items() if value is not None}


def receive_supply(
    order: Order, line_id: str, reference: str, units: int, parcel: Parcel
) -> OrderChange:
    """Assign ``units`` of a supply that have arrived to the line. They are reserved already at the
    location of ``parcel``."""
    line = order.line(line_id)
    supply = parcel.location_id, reference
    order = with_line(
        order,
        replace(
            line,
            open=line.open + units,
            unassigned=line.unassigned + units,
            backordered=line.backordered - units,
            claims=_reduce_claims(line.claims, {supply: units}),
        ),
    )
    taken = Supplied(reference, landed=-units)
    effect = Effect(line.sku, parcel.location_id, 0, 0, supply=(taken,))
    return OrderChange(order, (effect,), cause="order.filled")


def break_promise(
    order: Order, line_id: str, location_id: str, reference: str, units: int
) -> OrderChange:
    """Take ``units`` off the line's claim on a supply. They can be routed now, or claim another
    supply; a location that did not send them is not asked for them again at once."""
    line = order.line(line_id)
    sources = {
        claim.source
        for claim in line.claims
        if claim.source and (claim.location_id, claim.reference) == (location_id, reference)
    }
    freed = replace(
        line,
        open=line.open + units,
        unassigned=line.unassigned + units,
        backordered=line.backordered - units,
        excluded=tuple(sorted(sources)),
        expired=(),
        claims=_reduce_claims(line.claims, {(location_id, reference): units}),
    )
    return OrderChange(with_line(order, freed), cause="order.repromised")


def _reduce_claims(
    claims: Iterable[Claim], units: Mapping[tuple[str, str], int]
) -> tuple[Claim, ...]:
    """``claims`` less ``units``, by (location_id, reference)."""
    reduced = (
        replace(
            claim,
            quantity=claim.quantity - units.get((claim.location_id, claim.reference), 0),
        )
        for claim in claims
    )
    return tuple(claim for claim in reduced if claim.quantity > 0)


def first_claims(claims: Iterable[Claim], units: int) -> tuple[Claim, ...]:
    """The earliest of ``claims``, for at most ``units``."""
    earliest = []
    for claim in sorted(claims, key=lambda claim: claim.expected_at):
        if taken := min(units, claim.quantity):
            earliest.append(replace(claim, quantity=taken))
            units -= taken
    return tuple(sorted(earliest, key=lambda claim: (claim.location_id, claim.reference)))
