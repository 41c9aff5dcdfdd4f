"""In which slots of large limits an order counts its uses (shared/pricing/model/slots.py)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.orders.model import Order
from shared.pricing.model.price_hold import PriceHold
from shared.pricing.model.uses import Use
from shared.pricing.store.slots import moved as moved_uses
from shared.pricing.store.uses import Counter
from shared.web.portions import checksum


def spread(order: Order, price_hold: PriceHold | None) -> Order:
    """A new order with the slots in which it counts its uses: those of its price hold, or those
    that follow from its id."""
    if order.quote is None:
        return order
    if price_hold is not None:
        return _with_uses(order, price_hold.uses)
    number = checksum(order.order_id)
    return _with_uses(order, [use.spread(number) for use in order.quote.uses])


def moved(order: Order, full: Sequence[Counter], now: datetime) -> Order:
    """The order with other slots, or new portions, for those that are full. Raises
    PromotionExhausted."""
    return _with_uses(order, moved_uses(order.quote.uses if order.quote else (), full, now))


def _with_uses(order: Order, uses: Sequence[Use]) -> Order:
    assert order.quote is not None
    return replace(order, quote=replace(order.quote, uses=tuple(uses)))
