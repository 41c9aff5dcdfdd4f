"""A policy with competing locations, and an order that asks them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.orders import model, placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Fulfillment, Order
from shared.routing.model.policy import DEFAULT_POLICY, Offers, Policy
from shared.routing.store import policies
from tests.support.shop import NOW, order, request

LATER = NOW + timedelta(minutes=5)


SLOW = DEFAULT_POLICY.services["standard"]


SAME_DAYS = replace(
    SLOW, bands=tuple(replace(tariff, days=2) for tariff in SLOW.bands if tariff is not None)
)


def policy(base: Policy = DEFAULT_POLICY, **wanted: Any) -> None:
    policies.put_draft(replace(base, offers=Offers(**wanted)), None, NOW, "planner")
    policies.publish(None, NOW, "planner")


def wherever(base: Policy = DEFAULT_POLICY) -> Policy:
    """A parcel takes as long from anywhere."""
    return replace(base, services={**base.services, "standard": SAME_DAYS})


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def buy(*lines: model.Line, name: str = "o-1") -> Fulfillment:
    placing.place(order(name, *lines), request(name, name), "web", NOW, answer)
    return found(name)


def found(name: str = "o-1", number: int = 1) -> Fulfillment:
    stored = store.find(name)
    assert stored is not None
    return stored.fulfillment(f"{name}.{number}")


def project(name: str = "o-1", before: Order | None = None) -> Order:
    stored = store.find(name)
    assert stored is not None
    store.project_pick_rows(stored, before)
    return stored
