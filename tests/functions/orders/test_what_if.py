"""Past orders under a draft of the policy."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.orders import api
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.orders import placing, store
from shared.routing.model.erased import erased_stub
from shared.routing.model.policy import DEFAULT_POLICY, Policy
from shared.routing.store import policies
from tests.support import shop
from tests.support.requests import answered, request
from tests.support.shop import line, order

Body = dict[str, Any]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def orders(fake_tables: None) -> None:
    """Each of four orders is cheapest as one parcel from the depot, far away."""
    shop.stocked({"A": {"denver": 9, "depot": 9}, "B": {"boulder": 9, "depot": 9}})
    for number in range(4):
        draft = order(f"o{number}", line("1", "A", 1), line("2", "B", 1))
        placing.place(
            replace(draft, placed_at=NOW),
            shop.request(f"k{number}", draft.order_id),
            "web",
            NOW,
            lambda _: "{}",
        )
        found = store.find(f"o{number}")
        assert found is not None
        assert [part.location_id for part in found.fulfillments] == ["depot"]


def tried(body: Body | None = None) -> tuple[int, Body]:
    return answered(api.handler(request("orders/try_draft", body=body), None))


def drafted(policy: Policy) -> None:
    policies.put_draft(policy, None, NOW, "planner")


def test_the_policy_in_force_changes_nothing() -> None:
    drafted(DEFAULT_POLICY)
    status, found = tried()
    assert (status, found["before"]) == (200, found["after"])
    assert (found["differences"], found["draft_revision"]) == ([], 1)
    assert found["before"]["orders"] == 4
    assert found["before"]["load"] == {"depot": 8}
    assert "next_cursor" not in found


def test_orders_of_the_erased_are_left_out() -> None:
    """What is left of their decisions cannot be taken again."""
    drafted(DEFAULT_POLICY)
    (item,) = (row for row in shop.items("orders") if row["pk"] == "ORDER#o1")
    item["decisions"] = [erased_stub(store.decision("o1", kept)) for kept in item["decisions"]]
    dynamodb().put_item(TableName=table_name("orders"), Item=to_item(item))
    status, found = tried()
    assert (status, found["before"]["orders"]) == (200, 3)
    assert (found["before"], found["differences"]) == (found["after"], [])


def test_a_price_on_carbon_brings_orders_nearer_and_says_what_it_costs() -> None:
    dear = replace(DEFAULT_POLICY, carbon=replace(DEFAULT_POLICY.carbon, price=10**7), split=0)
    drafted(dear)
    before = shop.items("orders")
    status, found = tried()
    assert status == 200
    assert found["after"]["kg_co2e"] != found["before"]["kg_co2e"]
    assert [row["order_id"] for row in found["differences"]] == ["o0", "o1", "o2", "o3"]
    for row in found["differences"]:
        assert row["before"] == ["depot"]
        assert row["after"] != ["depot"]
    more = found["after"]["paid"]["amount"] - found["before"]["paid"]["amount"]
    assert more == sum(row["paid"]["amount"] for row in found["differences"])
    assert shop.items("orders") == before


def test_pages_add_up(environment: pytest.MonkeyPatch) -> None:
    drafted(DEFAULT_POLICY)
    environment.setattr("functions.routing.what_if.WHAT_IF_ITEMS", 3)
    pages, cursor = 0, None
    orders = 0
    while True:
        status, found = tried({"cursor": cursor})
        assert status == 200
        pages, orders = pages + 1, orders + found["before"]["orders"]
        if (cursor := found.get("next_cursor")) is None:
            break
    assert (orders, pages > 1) == (4, True)


def test_without_a_draft_there_is_nothing_to_try() -> None:
    status, problem = tried()
    assert (status, problem["code"]) == (404, "not_found")


def test_the_orders_of_all_channels_are_tried_for_whoever_sees_all() -> None:
    drafted(DEFAULT_POLICY)
    scope = "norain/policy:read norain/channel:web"
    made = request("orders/try_draft", scope=scope)
    assert answered(api.handler(made, None))[0] == 403


def test_a_cursor_of_something_else_is_refused() -> None:
    drafted(DEFAULT_POLICY)
    status, problem = tried({"cursor": "bm90aGluZw"})
    assert (status, problem["errors"][0]["path"]) == (422, "$.cursor")
