"""Hear what carriers report of parcels, also before our own shipment, twice, and in any order."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Literal

from shared.carriers.model import TrackingEvent
from shared.errors import Conflict, NotFound
from shared.instants import milliseconds
from shared.orders import changing, store
from shared.orders.contract.labels import ParcelEventsAnswer
from shared.orders.model import Order, OrderChange, follow_parcel
from shared.orders.model.returns import follow_return
from shared.orders.store.policy import active_policy

Heard = Literal["applied", "unchanged", "kept"]
"""What an event did: it changed an order, it changed nothing, or it is kept until its parcel is
shipped (30 days)."""


def hear(event: TrackingEvent, now: datetime) -> Heard:
    """Apply an event to the parcels with its tracking number, or keep it until one is shipped.

    A parcel may be shipped between the look-up and the writing of the kept event. The worker that
    follows the shipment reads kept events after the shipment, and here the parcels are read again
    after the writing: one of the two sees the other. Raises Busy.
    """
    parcels = store.find_tracked(event.tracking).parcels
    if parcels:
        return _apply(event, parcels, now)
    kept = store.keep_early(event, now)
    parcels = store.find_tracked(event.tracking).parcels
    if not parcels:
        return "kept"
    heard = _apply(event, parcels, now)
    store.drop_early(event.tracking, kept)
    return heard


def hear_all(events: Iterable[TrackingEvent], now: datetime) -> ParcelEventsAnswer:
    """Hear each event; what they did. Raises Busy: events may be heard again."""
    heard: Counter[Heard] = Counter(hear(event, now) for event in events)
    return ParcelEventsAnswer(
        applied=heard["applied"], unchanged=heard["unchanged"], kept=heard["kept"]
    )


def hear_early(order: Order, before: Order | None, now: datetime) -> None:
    """Apply the events that came before the parcels which are shipped since ``before``: one Query
    for each such parcel. Raises Busy."""
    for fulfillment_id, tracking in store.newly_shipped(before, order):
        for sk, event in store.find_tracked(tracking).early:
            _apply(event, [fulfillment_id], now)
            store.drop_early(tracking, sk)


def _apply(event: TrackingEvent, fulfillment_ids: Iterable[str], now: datetime) -> Heard:
    heard: Heard = "unchanged"
    for fulfillment_id in fulfillment_ids:
        # Conflict: the parcel has moved beside a long order (model/past.py KEPT_PARCELS).
        with suppress(NotFound, Conflict):
            order_id = store.order_of_fulfillment(fulfillment_id)
            decide = partial(_reported, fulfillment_id=fulfillment_id, event=event, now=now)
            if changing.change(order_id, decide, now) is not None:
                heard = "applied"
    return heard


def _reported(
    order: Order, fulfillment_id: str, event: TrackingEvent, now: datetime
) -> OrderChange | None:
    actor = f"carrier {event.carrier}".strip()
    if store.is_return(fulfillment_id):
        terms = active_policy().returns
        return follow_return(order, fulfillment_id, event.status, now, actor, terms)
    return follow_parcel(order, fulfillment_id, event.status, milliseconds(event.at), now, actor)
