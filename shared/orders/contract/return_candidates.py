"""Answers about what can be returned, for shoppers who do not know the number of the order."""

from shared.orders.model.returns import Candidate
from shared.orders.model.value import unit_value
from shared.web.contract import Answer, Channel, Id, Instant, Money, Sku, Units

ONE_WAY = (
    "give exactly one of: reference; payment_reference; profile_id with sku; profile_id with gtin"
)


class ReturnCandidate(Answer):
    """Units of an order line that can be returned."""

    order_id: Id
    """The id of the order: POST /v1/orders/{order_id}/returns takes the units back."""
    reference: str | None = None
    """What the channel calls the order."""
    channel: Channel
    placed_at: Instant
    """When the order was placed."""
    line_id: Id
    """The id of the order line."""
    sku: Sku
    quantity: Units
    """Units that were handed over and are neither returned nor expected back."""
    unit_price: Money
    """Price of one unit after its discounts, as it was paid."""
    until: Instant
    """When the window for returns closes; later a return is goodwill."""


class ReturnCandidates(Answer):
    """A page of what can be returned."""

    candidates: list[ReturnCandidate]
    """The units by order line, those of the newest order first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def candidate_answer(candidate: Candidate) -> ReturnCandidate:
    order, line = candidate.order, candidate.line
    return ReturnCandidate(
        order_id=order.order_id,
        reference=order.reference,
        channel=order.channel,
        placed_at=order.placed_at,
        line_id=line.line_id,
        sku=line.sku,
        quantity=candidate.units,
        unit_price=Money(amount=unit_value(line), currency=line.currency),
        until=candidate.until,
    )
