"""The orders of a person, for the export of personal data (see customers/store/exporting.py).

order       the order with its whole history: what was bought, addresses, payments, all events
decision    the destination of a routing of the order
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice

from shared.customers.exporting import ExportLine
from shared.errors import Gone
from shared.orders import store
from shared.orders.erasing import orders_placed_under
from shared.orders.model import Order, decision_id
from shared.orders.model.erased import Person
from shared.routing.model.decision import Decision

PAGE = 10


def page(
    profile_ids: Iterable[str], place: str, person: Person
) -> tuple[list[ExportLine], str | None]:
    """The lines of one page of the orders that the index has under the ids, beginning at ``place``,
    and the place of the next page, None at the end."""
    ids = sorted(profile_ids)
    index, after = json.loads(place) if place else (0, "")
    if index >= len(ids):
        return [], None
    orders = list(islice(orders_placed_under(ids[index], after), PAGE))
    lines = list(_lines([order_id for order_id, _ in orders], person))
    if len(orders) == PAGE:
        return lines, json.dumps([index, json.dumps(orders[-1])])
    return lines, json.dumps([index + 1, ""]) if index + 1 < len(ids) else None


def named_elsewhere(
    order_ids: Sequence[str], profile_ids: Iterable[str], person: Person
) -> Iterator[ExportLine]:
    """The lines of those orders that are the person's and that the index has under other ids."""
    listed = set(profile_ids)
    for order in store.with_contacts(store.orders_by_id(order_ids)):
        if order.buyer.profile_id not in listed and person.bought(order.buyer):
            yield from _order_lines(order)


def _lines(order_ids: Sequence[str], person: Person) -> Iterator[ExportLine]:
    for order in store.with_contacts(store.orders_by_id(order_ids)):
        if person.bought(order.buyer):
            yield from _order_lines(order)


def _order_lines(order: Order) -> Iterator[ExportLine]:
    with_past = replace(store.with_past(order), decisions=(), buyer_keys=(), contact_keys=())
    yield {"kind": "order", "state": order.state, **store.to_plain(with_past)}
    for stored in order.decisions:
        data = store.decision(order.order_id, stored)
        try:
            problem = Decision.from_bytes(data).problem
        except Gone:
            continue
        yield {
            "kind": "decision",
            "order_id": order.order_id,
            "decision_id": decision_id(data),
            "decided_at": problem.now.isoformat(),
            "destination": asdict(problem.destination) if problem.destination else None,
        }
