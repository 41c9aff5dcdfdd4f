"""Remove an erased buyer from an order. Pure.

    stays, for law and accounts           goes, as it identifies the person
    order id, channel, dates              profile id and record: replaced by a random pseudonym, the
                                          same in all orders of the person
    lines, prices, amounts, refunds       payment reference, hashes of e-mail and phone
                                          delivery and billing address, collector
    fulfillments, locations, carriers     tracking numbers
    country, the first half of the        the rest of the postal code, latitude and longitude (an
    postal code                           open order keeps whole degrees: some 100 km)
    events, their times and actors        reasons in free text
    results of routings                   their inputs (shared/routing/model/erased.py)
    points that paid                      the accounts that they came from

Later changes of the order are stored without the person as well.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.orders.model.contacts import NO_CONTACTS
from shared.orders.model.order import Buyer, DeliveryPlace, Fulfillment, Order, OrderEntry, Return
from shared.orders.model.paying import WITH_REFERENCE

PSEUDONYM = "erased-"
WORD = "erased"
"""Replaces reasons in free text."""
FREE = frozenset(
    {
        "order.cancelled",
        "order.changed",
        "order.noted",
        "order.paused",
        "refund.due",
        "shopper.arrived",
    }
)
"""Events that have free text; those of returns do as well."""
TEXTS = frozenset({"place", "reason", "text"})
"""The fields of events that are free text."""


@dataclass(frozen=True, slots=True)
class Person:
    """The person to erase: the profile ids and record keys by which orders name the buyer."""

    members: Collection[str]
    records: Collection[str]
    pseudonym: str

    def bought(self, buyer: Buyer) -> bool:
        """Whether the buyer is the person: by record key, or by profile id where there is none."""
        if buyer.record_key is not None:
            return buyer.record_key in self.records
        return buyer.profile_id in self.members


@dataclass(frozen=True, slots=True)
class Guest:
    """A person without a profile, known to one order alone: the one that is erased."""

    pseudonym: str

    def bought(self, buyer: Buyer) -> bool:
        return buyer == Buyer()


def is_erased(order: Order) -> bool:
    return (order.buyer.profile_id or "").startswith(PSEUDONYM)


def as_storable(order: Order) -> Order:
    """The order as it may be stored: without the person when its buyer was erased."""
    return without_person(order) if is_erased(order) else order


def without_person(order: Order) -> Order:
    """Remove the person from payment, fulfillments and history. The erasure itself replaces buyer,
    delivery place and decisions, once."""
    return replace(
        order,
        payments=tuple(replace(payment, reference=None) for payment in order.payments),
        points=replace(order.points, draws=()) if order.points else None,
        contacts=NO_CONTACTS,
        returns=tuple(map(_return_without_person, order.returns)),
        buyer_keys=(),
        contact_keys=(),
        pauses=tuple(replace(pause, reason=WORD) for pause in order.pauses),
        fulfillments=tuple(map(without_tracking, order.fulfillments)),
        history=tuple(map(entry_without_person, order.history)),
    )


def _return_without_person(each: Return) -> Return:
    lines = tuple(replace(row, reason=WORD) for row in each.lines)
    return replace(each, photos=(), lines=lines, tracking=None)


def without_tracking(part: Fulfillment) -> Fulfillment:
    return part if part.tracking is None else replace(part, tracking=None)


def entry_without_person(entry: OrderEntry) -> OrderEntry:
    removed = {"tracking"} | ({"reference"} if entry.event in WITH_REFERENCE else set())
    detail = _without(entry.detail, removed, free=_has_free_text(entry.event))
    return entry if detail == entry.detail else replace(entry, detail=detail)


def event_without_person(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of an order that is delivered after its buyer was erased."""
    kind = event["type"]
    removed = {"profile_id", "tracking"} | ({"reference"} if kind in WITH_REFERENCE else set())
    return {**event, "data": _without(event["data"], removed, free=_has_free_text(kind))}


def _has_free_text(event: str) -> bool:
    return event in FREE or event.startswith("return.")


def _without(value: Any, removed: Collection[str], *, free: bool) -> Any:
    """A JSON value without the fields ``removed``; with ``free`` texts are replaced by WORD."""
    match value:
        case Mapping():
            return {
                name: WORD if free and name in TEXTS else _without(entry, removed, free=free)
                for name, entry in value.items()
                if name not in removed
            }
        case list() | tuple():
            return [_without(entry, removed, free=free) for entry in value]
    return value


def region_of(place: DeliveryPlace | None, *, is_open: bool) -> DeliveryPlace | None:
    """The region of a delivery place: enough for taxes, and for routing while the order is open."""
    if place is None:
        return None
    code = "".join(place.postal_code.split())
    code = code[: min(3, (len(code) + 1) // 2)]
    point = (place.latitude, place.longitude) if is_open else (None, None)
    latitude, longitude = (None if value is None else float(round(value)) for value in point)
    return DeliveryPlace(code, place.country, latitude, longitude)


def answer_without_person(answer: str, pseudonym: str) -> str:
    """The stored answer to a request about the order, without the person."""
    if not answer:
        return answer
    document = json.loads(answer)
    if isinstance(document, dict):
        if "profile_id" in document:
            document["profile_id"] = pseudonym
        for payment in (document.get("payment"), *document.get("payments", [])):
            if isinstance(payment, dict):
                payment.pop("reference", None)
        for name in ("ship_to", "bill_to", "collector", "gift_message"):
            document.pop(name, None)
        for name in ("pauses", "returns"):
            if name in document:
                document[name] = _without(document[name], {"photos"}, free=True)
    cleared = _without(document, {"tracking", "tracking_url"}, free=False)
    return json.dumps(cleared, separators=(",", ":"))
