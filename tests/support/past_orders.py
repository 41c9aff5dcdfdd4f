"""Orders that have been routed, each cheapest as one parcel from the depot, far away."""

from dataclasses import replace
from datetime import UTC, datetime

from shared.orders import placing, store
from shared.routing.model.decision import Decision
from shared.routing.model.policy import DEFAULT_POLICY, Handling
from tests.support import shop
from tests.support.shop import line, order

NOW = datetime.now(UTC)
DEAR = {**DEFAULT_POLICY.handling, "warehouse": Handling(package=1500, unit=35)}
"""The depot so dear that each of the orders comes as two parcels, from two stores."""


def place(order_id: str) -> Decision:
    draft = replace(order(order_id, line("1", "A", 1), line("2", "B", 1)), placed_at=NOW)
    placing.place(draft, shop.request(f"k{order_id}", order_id), "web", NOW, lambda _: "{}")
    found = store.find(order_id)
    assert found is not None
    return Decision.from_bytes(store.decision(found.order_id, found.decisions[0]))
