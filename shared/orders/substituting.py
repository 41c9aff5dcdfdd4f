"""Substitute units: what the stock shows and what the other SKU costs is read first
(model/substituting.py decides)."""

from dataclasses import replace
from datetime import datetime

from shared.catalog import store as catalog
from shared.orders import changing
from shared.orders.model import Order, Rejection, substituting
from shared.orders.model.revising import Revised
from shared.orders.model.substituting import Substitute, dearest_substitute
from shared.orders.reading import terms_of


def substitute(
    order: Order, fulfillment_id: str, other: Substitute, now: datetime, actor: str
) -> Revised:
    """Put units of another SKU into the fulfillment. Without a stated price the lower one of the
    line and of the other SKU's product holds. Raises what the decision raises."""
    part, line = order.fulfillment(fulfillment_id), order.line(other.line_id)
    if other.unit_price is None:
        product = catalog.products([other.sku]).get(other.sku)
        if product is not None and product.currency == line.currency:
            other = replace(other, unit_price=min(dearest_substitute(line), product.price))
    not_there = [Rejection(other.line_id, other.quantity, other.reason)]
    shelf = changing.believed_available(order, fulfillment_id, not_there)
    terms = terms_of(order).at(part.location_id)
    return substituting.substitute(order, fulfillment_id, other, shelf, now, actor, terms)
