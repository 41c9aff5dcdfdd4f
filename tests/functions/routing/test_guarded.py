"""From a draft with guard-rails over its what-if to a publication, or a refusal with figures."""

from dataclasses import replace
from typing import Any

import pytest

from functions.orders import api as orders
from functions.routing import api as routing
from functions.routing import what_if
from shared.canary import canary_takes
from shared.routing.model.policy import DEFAULT_POLICY, GuardRails, Policy
from shared.routing.store import policies
from tests.support.past_orders import DEAR, NOW, place
from tests.support.requests import answered, request

pytestmark = pytest.mark.usefixtures("placed")

RAILS = GuardRails(days=2, orders=4, paid_increase=0.1, splits=0.5)
TORN = replace(DEFAULT_POLICY, handling=DEAR, split=0, guard_rails=RAILS)


def tried(days: int, cursor: str | None = None) -> dict[str, Any]:
    body = {"days": days, "cursor": cursor}
    status, found = answered(orders.handler(request("orders/try_draft", body=body), None))
    assert status == 200
    return found


def publish() -> tuple[int, dict[str, Any]]:
    return answered(routing.handler(request("routing/publish_draft"), None))


def drafted(policy: Policy) -> None:
    policies.put_draft(policy, None, NOW, "planner")


def test_what_the_what_if_has_found_blocks_the_publication_with_its_figures(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(what_if, "WHAT_IF_ITEMS", 3)
    drafted(TORN)
    found = tried(2)
    assert found["trial"]["through"] is False
    while cursor := found.get("next_cursor"):
        assert publish()[1]["code"] == "what_if_missing"
        found = tried(2, cursor)
    trial = found["trial"]
    assert (trial["through"], trial["before"]["orders"], trial["days"]) == (True, 4, 2)
    assert {row["guard_rail"] for row in trial["broken"]} == {"paid_increase", "splits"}
    status, refused = publish()
    assert (status, refused["code"]) == (409, "guard_rail")
    measured = {row["guard_rail"]: row["measured"] for row in refused["breaches"]}
    assert measured["splits"] == 1
    assert "1.000 additional parcels per order; the limit is 0.5" in refused["detail"]
    assert policies.active_version() == 0


def test_what_the_guard_rails_allow_is_published() -> None:
    drafted(replace(DEFAULT_POLICY, late_day=390, guard_rails=RAILS))
    assert publish()[1]["code"] == "what_if_missing"
    assert tried(1)["trial"]["broken"] == []
    assert publish()[1]["code"] == "what_if_missing"
    tried(2)
    assert publish()[0] == 200
    assert place("next").problem.policy.version == 1


def test_an_order_of_the_canary_names_it_in_its_decision() -> None:
    drafted(replace(TORN, guard_rails=None))
    start = request("routing/start_canary", body={"percent": 50})
    assert answered(routing.handler(start, None))[0] == 200
    for number in range(4, 9):
        decision = place(f"o{number}")
        canary = canary_takes(f"o{number}", 1, 5000)
        assert decision.problem.policy.version == (1 if canary else 0)
        assert (len(decision.plan.units) == 2) == canary
