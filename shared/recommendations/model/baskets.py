"""What an order says about taste: its basket. Pure.

A basket has the SKUs of which at least one unit stays with the shopper. A SKU counts once,
whatever its quantity. What was cancelled or has come back is not in it, nor are gift cards.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from shared.orders.model import Order
from shared.orders.model.erased import PSEUDONYM

MOST_SKUS = 25
"""SKUs of a basket that count: the first ones of its order. A basket of 25 writes 25 rows of
partners; one of 100 has 9,900 pairs and says little about each."""
WINDOW_DAYS = 400
"""How old an order may be to be counted. Its mark is kept longer (store/marks.py)."""


@dataclass(frozen=True, slots=True)
class Basket:
    """``skus`` with their departments (``""``: unknown). ``location_id`` is where the shopper
    collects; None for a shipped order."""

    day: date
    skus: tuple[tuple[str, str], ...] = ()
    home: str | None = None
    location_id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sku for sku, _ in self.skus)


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be counted of an order: ``before`` was counted of an earlier version of it,
    ``counted``; 0 for an order that was never counted."""

    order_id: str
    version: int
    before: Basket | None
    after: Basket
    counted: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to count, only a newer version to note."""
        return self.before == self.after or not (self.after.skus or self.before)


def bought(order: Order) -> list[str]:
    """The SKUs of which units stay with the shopper, in the order of the lines."""
    kept = (
        line.sku
        for line in order.lines
        if line.card_id is None and line.quantity - line.cancelled - line.returned > 0
    )
    return list(dict.fromkeys(kept))[:MOST_SKUS]


def home_of(order: Order) -> str | None:
    """The home profile that the basket belongs to; None for guests and for erased buyers."""
    home = order.buyer.home or order.buyer.profile_id
    return None if home is None or home.startswith(PSEUDONYM) else home


def basket_of(order: Order, department: Callable[[str], str]) -> Basket:
    places = [line.location_id for line in order.lines if line.method == "pickup"]
    return Basket(
        order.placed_at.astimezone(UTC).date(),
        tuple((sku, department(sku)) for sku in bought(order)),
        home_of(order),
        next((place for place in places if place is not None), None),
    )


def counts(placed_at: datetime, now: datetime) -> bool:
    """Whether an order of then is recent enough to be counted."""
    return (now - placed_at).days <= WINDOW_DAYS


def skus_of(changes: Iterable[Change]) -> dict[str, None]:
    """The SKUs that the baskets name, before and after."""
    return {
        sku: None
        for change in changes
        for basket in (change.before, change.after)
        if basket is not None
        for sku in basket.names
    }
