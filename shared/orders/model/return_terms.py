"""The retailer's terms for returns, and what a shopper asks for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from shared.orders.model.order import ReturnLine
from shared.orders.model.payments import IN_PROPORTION, Refund
from shared.orders.model.restocking import RestockRule

RefundOn = Literal["scan", "receipt", "inspection"]


@dataclass(frozen=True, slots=True)
class ReturnTerms:
    """The retailer's terms for returns.

    ``window`` counts from the hand-over. ``fee`` is kept of each refund, in minor units, unless the
    reason is one of ``free_reasons``. Goods worth less than ``keep_below`` the shopper keeps.
    ``reasons`` are those that may be given; empty allows any. ``inspect`` is how long an inspection
    may take, ``arrive`` how long goods may be under way, and ``refurbish`` how long units may stay
    unsold after the inspection, before somebody is reminded. ``restock`` says where sellable units
    go.
    """

    window: timedelta = timedelta(days=30)
    refund_on: RefundOn = "receipt"
    fee: int = 0
    free_reasons: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    keep_below: int = 0
    inspect: timedelta = timedelta(days=2)
    arrive: timedelta = timedelta(days=21)
    refurbish: timedelta = timedelta(days=14)
    restock: tuple[RestockRule, ...] = ()


RETURN_TERMS = ReturnTerms()


@dataclass(frozen=True, slots=True)
class ReturnRequest:
    """What a shopper wants to return. ``goodwill`` accepts it after the window; ``keep`` says
    whether the shopper keeps the goods (None: by the terms)."""

    lines: tuple[ReturnLine, ...]
    location_id: str | None = None
    photos: tuple[str, ...] = ()
    exchange_order_id: str | None = None
    goodwill: bool = False
    keep: bool | None = None
    refund: Refund = IN_PROPORTION
