"""Unpicked orders are routed again by the clock, where the policy says what that must save."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.orders import reevaluate
from shared.orders import store
from shared.routing.model.policy import DEFAULT_POLICY, Offers
from shared.routing.store import policies
from tests.tables.orders import shop
from tests.tables.orders.shop import NOW
from tests.tables.orders.test_offers import LATER, buy, project

pytestmark = pytest.mark.usefixtures("fake_tables")


@pytest.fixture(autouse=True)
def soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reevaluate, "datetime", SimpleNamespace(now=LATER.astimezone))


def places(order_id: str) -> list[tuple[str, str]]:
    stored = store.find(order_id)
    assert stored is not None
    return [(part.location_id, part.state) for part in stored.fulfillments]


def with_a_nearer_shelf() -> None:
    shop.stocked({"A": {"omaha": 3}})
    buy()
    project()
    shop.stocked({"A": {"denver": 5}})


def test_it_does_nothing_unless_the_policy_asks() -> None:
    with_a_nearer_shelf()
    assert reevaluate.handler({}, None) == {"looked": 0, "moved": 0}
    assert places("o-1") == [("omaha", "offered")]


def test_an_order_moves_to_where_it_costs_less_and_stays_there() -> None:
    offers = Offers(saving=1)
    policies.put_draft(replace(DEFAULT_POLICY, offers=offers), None, NOW, "planner")
    policies.publish(None, NOW, "planner")
    with_a_nearer_shelf()
    assert reevaluate.handler({}, None) == {"looked": 1, "moved": 1}
    assert places("o-1") == [("omaha", "cancelled"), ("denver", "offered")]
    project()
    assert reevaluate.handler({}, None) == {"looked": 1, "moved": 0}
    shop.laws()
