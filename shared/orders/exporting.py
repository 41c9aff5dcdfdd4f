"""Everything that orders have of a person, for the person (see customers/store/exporting.py).

order       the whole order, with its past: what was bought, where it went, what happened
decision    where a routing of it was to
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice

from shared.customers.store.exporting import ExportLine
from shared.errors import Gone
from shared.orders import store
from shared.orders.erasing import placed
from shared.orders.model import Order, decision_id
from shared.orders.model.erased import Person
from shared.routing.model.decision import Decision

PAGE = 10


def page(
    profile_ids: Iterable[str], place: str, person: Person
) -> tuple[list[ExportLine], str | None]:
    """Of the orders that the index shows under the ids, from ``place`` on; where to go on."""
    every = sorted(profile_ids)
    index, after = json.loads(place) if place else (0, "")
    if index >= len(every):
        return [], None
    found = list(islice(placed(every[index], after), PAGE))
    lines = list(_lines([order_id for order_id, _ in found], person))
    if len(found) == PAGE:
        return lines, json.dumps([index, json.dumps(found[-1])])
    return lines, json.dumps([index + 1, ""]) if index + 1 < len(every) else None


def elsewhere(
    order_ids: Sequence[str], profile_ids: Iterable[str], person: Person
) -> Iterator[ExportLine]:
    """Those of the orders that are the person's, and stand under none of the ids."""
    known = set(profile_ids)
    for order in store.of_ids(order_ids):
        if order.buyer.profile_id not in known and person.bought(order.buyer):
            yield from _told(order)


def _lines(order_ids: Sequence[str], person: Person) -> Iterator[ExportLine]:
    for order in store.of_ids(order_ids):
        if person.bought(order.buyer):
            yield from _told(order)


def _told(order: Order) -> Iterator[ExportLine]:
    whole = replace(store.whole(order), decisions=())
    yield {"kind": "order", "state": order.state, **store.plain(asdict(whole))}
    for kept in order.decisions:
        data = store.decision(order.order_id, kept)
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
