"""A canary routes its share of what is promised and held, as it does of orders."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.orders import promising
from shared.orders.contract.contacts import ShipTo
from shared.orders.contract.promises import (
    ChosenOption,
    PromiseHeld,
    PromiseHoldInput,
    PromiseInput,
    PromiseLine,
)
from shared.routing.model.decision import Decision
from shared.routing.model.policy import DEFAULT_POLICY, Handling
from shared.routing.store import policies
from shared.stock import store as stock
from tests.support import shop
from tests.support.shop import NOW, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def test_a_canary_gets_its_share_of_promise_holds() -> None:
    """They all had one name, so that it got all of them or none."""
    dear = {**DEFAULT_POLICY.handling, "store": Handling(300, 90)}
    policies.put_draft(replace(DEFAULT_POLICY, handling=dear), None, NOW, "planner")
    policies.publish(None, NOW, "planner", 5000)
    shop.stocked({"A": {"denver": 99}})
    ship_to = ShipTo(postal_code="80202", country="US", latitude=39.7392, longitude=-104.9903)
    cart = PromiseInput(channel="web", lines=[PromiseLine(sku="A", quantity=1)], ship_to=ship_to)
    versions: Counter[int] = Counter()
    for number in range(24):
        at = NOW + timedelta(seconds=number)
        told = promising.promises(cart, at)
        option = next(one for one in told.options if one.service_level == "standard")
        chosen = PromiseHoldInput(
            **dict(cart),
            option=ChosenOption(**option.model_dump(exclude_none=True)),
            as_of=told.as_of,
            expires_in_seconds=600,
        )
        key = f"h-{number}"
        answer = promising.hold(chosen, request(key), at + timedelta(seconds=30))
        held = stock.find_hold(PromiseHeld.model_validate_json(answer).hold_id)
        assert held is not None
        assert held.promise is not None
        decision = Decision.from_bytes(held.promise["decision"])
        versions[decision.problem.policy.version] += 1
    assert versions.keys() == {0, 1}
    assert 5 <= versions[1] <= 19
