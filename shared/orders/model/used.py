"""Which uses of codes and limits an order still has. Pure."""

from shared.orders.model.erased import is_erased
from shared.orders.model.order import Order
from shared.pricing.model.uses import Use


def uses_of(order: Order | None) -> tuple[Use, ...]:
    """The uses of an order, without those that came back: when everything that the promotion made
    cheaper was cancelled, and nothing of it was handed over."""
    if order is None or order.quote is None:
        return ()
    return tuple(use for use in order.quote.uses if _is_kept(order, use.promotion_id))


def _is_kept(order: Order, promotion_id: str) -> bool:
    assert order.quote is not None
    for_shipping = any(row.promotion_id == promotion_id for row in order.quote.shipping_discounts)
    return any(
        line.quantity > line.cancelled
        for line in order.lines
        if for_shipping or any(row.promotion_id == promotion_id for row in line.discounts)
    )


def home_of(order: Order) -> str | None:
    """The home profile by which the uses of a person are counted."""
    return None if is_erased(order) else order.buyer.home or order.buyer.profile_id


def benefit_items(order: Order) -> int:
    """The most items of a transaction that give back what the order uses: four counters for each
    use, a card for each payment with one and for each line that sells one, and the accounts of
    points."""
    uses = order.quote.uses if order.quote else ()
    cards = sum(payment.card_id is not None for payment in order.payments)
    cards += sum(line.card_id is not None for line in order.lines)
    return 4 * len(uses) + cards + (len(order.points.draws) if order.points else 0)
