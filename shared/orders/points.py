"""Loyalty points that pay for a part of an order: taken when it is placed, given back with what is
cancelled or returned, in the transaction of the order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Part
from shared.customers.model.person import Profile
from shared.loyalty.spending import end_hold_parts, refund_parts, spend_parts
from shared.loyalty.wallets import homes_of
from shared.orders.model import Order
from shared.pricing.model.price_hold import PriceHold


def spend(
    order: Order, profile: Profile | None, price_hold: PriceHold | None, now: datetime
) -> tuple[Order, Sequence[Part]]:
    """A new order with where its points come from, and the writes of their accounts: those of the
    person, or those that the price hold keeps. 1 call, none for an order without points.

    Raises PointsShort, Gone.
    """
    if order.points is None:
        return order, ()
    if price_hold is not None:
        parts = end_hold_parts(price_hold.draws, order.order_id, now, spent=True)
        return _drawn(order, price_hold.draws), parts
    assert profile is not None, "a quote with points is for a person"
    homes = homes_of(profile, order.buyer.home)
    spending = spend_parts(homes, order.points.points, order.order_id, now)
    return _drawn(order, spending.draws), spending.parts


def _drawn(order: Order, draws: Sequence[Mapping[str, Any]]) -> Order:
    assert order.points is not None
    return replace(order, points=replace(order.points, draws=tuple(draws)))


def parts_back(before: Order, order: Order, now: datetime) -> list[Part]:
    """The writes of the accounts that get points back with a change; 1 call, none when no points
    come back. The accounts of an erased person are closed and get nothing."""
    old, new = before.points, order.points
    if old is None or new is None or old.returned == new.returned or not new.draws:
        return []
    return refund_parts(new.draws, old.returned, new.returned - old.returned, order.order_id, now)
