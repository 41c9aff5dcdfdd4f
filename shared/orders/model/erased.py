"""An order whose buyer was erased. Pure.

    stays: what law and books need        goes: the person
    order id, channel, dates              profile id and record: a pseudonym of chance instead, one
                                          for all orders of the person, which leads nowhere
    lines, prices, amounts, refunds       payment reference
    fulfillments, locations, carriers     tracking numbers
    country, the first half of the        the rest of the postal code, latitude and longitude (an
    postal code                           open order keeps whole degrees: some 100 km)
    what happened, when, by whose act     reasons in free words
    what a routing came to                what it was decided on (shared/routing/erased.py)

What happens to it later is kept in the same way.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.orders.model.order import Buyer, DeliveryPlace, Fulfillment, Order, OrderEntry

PSEUDONYM = "erased-"
WORD = "erased"
"""Instead of reasons in free words."""
FREE = frozenset({"order.cancelled", "return.received", "refund.due"})
"""Events whose reasons are free words."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased: by profile ids and record keys, as orders name their buyers."""

    members: Collection[str]
    records: Collection[str]
    pseudonym: str

    def bought(self, buyer: Buyer) -> bool:
        """An order follows its record, and without one its profile id."""
        if buyer.record_key is not None:
            return buyer.record_key in self.records
        return buyer.profile_id in self.members


def is_erased(order: Order) -> bool:
    return (order.buyer.profile_id or "").startswith(PSEUDONYM)


def as_storable(order: Order) -> Order:
    """An order as it may be stored: without the person, when that one was erased."""
    return without_person(order) if is_erased(order) else order


def without_person(order: Order) -> Order:
    """Everything but the buyer, the place and the decisions, which change once only."""
    return replace(
        order,
        payment=replace(order.payment, reference=None),
        fulfillments=tuple(without_tracking(found) for found in order.fulfillments),
        history=tuple(entry_without_person(entry) for entry in order.history),
    )


def without_tracking(found: Fulfillment) -> Fulfillment:
    return found if found.tracking is None else replace(found, tracking=None)


def entry_without_person(entry: OrderEntry) -> OrderEntry:
    gone = {"tracking"} | ({"reference"} if entry.event == "payment.received" else set())
    detail = _worded(entry.detail, gone, free=entry.event in FREE)
    return entry if detail == entry.detail else replace(entry, detail=detail)


def event_without_person(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of an order that is told after its buyer was erased."""
    kind = event["type"]
    gone = {"profile_id", "tracking"} | ({"reference"} if kind == "payment.received" else set())
    return {**event, "data": _worded(event["data"], gone, free=kind in FREE)}


def _worded(value: Any, gone: Collection[str], *, free: bool) -> Any:
    match value:
        case Mapping():
            return {
                name: WORD if free and name == "reason" else _worded(one, gone, free=free)
                for name, one in value.items()
                if name not in gone
            }
        case list() | tuple():
            return [_worded(one, gone, free=free) for one in value]
    return value


def region_of(place: DeliveryPlace | None, *, is_open: bool) -> DeliveryPlace | None:
    """A region: what taxes go by, and as much as parcels that are still to be sent need."""
    if place is None:
        return None
    code = "".join(place.postal_code.split())
    code = code[: min(3, (len(code) + 1) // 2)]
    point = (place.latitude, place.longitude) if is_open else (None, None)
    latitude, longitude = (None if value is None else float(round(value)) for value in point)
    return DeliveryPlace(code, place.country, latitude, longitude)


def answer_without_person(answer: str, pseudonym: str) -> str:
    """The stored answer to a request about the order, as it is told again."""
    if not answer:
        return answer
    document = json.loads(answer)
    if isinstance(document, dict):
        if "profile_id" in document:
            document["profile_id"] = pseudonym
        if isinstance(document.get("payment"), dict):
            document["payment"].pop("reference", None)
    return json.dumps(_worded(document, {"tracking"}, free=False), separators=(",", ":"))
