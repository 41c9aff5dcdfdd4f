"""The rules of channel stock through the API, and what a hold then gets."""

from typing import Any

import pytest

from shared.catalog import store as catalog
from shared.catalog.model import Product
from tests.functions.stock.conftest import call
from tests.functions.stock.test_api import stocked
from tests.tables.stock.laws import assert_laws

pytestmark = pytest.mark.usefixtures("queues")

FENCE = {"channels": ["pos"], "units": 4}
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({"rule_id": "r"}, "$.rules[0]"),
    "both": ({"rule_id": "r", "safety_stock": {"units": 1}, "ring_fence": FENCE}, "$.rules[0]"),
    "no amount": ({"rule_id": "r", "safety_stock": {}}, "$.rules[0].safety_stock"),
    "more than all": (
        {"rule_id": "r", "safety_stock": {"ratio": 1.2}},
        "$.rules[0].safety_stock.ratio",
    ),
    "a word of its own": (
        {"rule_id": "r", "safety_stock": {"units": 1}, "floor": 2},
        "$.rules[0].floor",
    ),
    "a fence that matches a channel": (
        {"rule_id": "r", "match": {"channels": ["web"]}, "ring_fence": FENCE},
        "$.rules[0]",
    ),
}


def hold(units: int, channel: str, key: str) -> tuple[int, Any]:
    lines = [{"sku": "TENT-2P", "quantity": units, "location_id": "store-12"}]
    scope = f"norain/stock:read norain/stock:write norain/channel:{channel}"
    body = {"lines": lines, "channel": channel, "expires_in_seconds": 900}
    return call("open_hold", body=body, key=key, scope=scope)


def test_nobody_has_written_rules_yet() -> None:
    assert call("get_rules") == (200, {"version": 0, "rules": []})


def test_what_is_written_is_what_is_read() -> None:
    status, written = call("put_rules")
    assert (status, written["version"]) == (200, 1)
    assert [rule["rule_id"] for rule in written["rules"]] == ["all-keep-one", "launch"]
    assert written["rules"][1]["ring_fence"] == {
        "channels": ["pos"],
        "ratio": 0.3,
        "until": "2027-01-01T00:00:00.000Z",
    }
    assert call("get_rules") == (200, written)


def test_a_writer_who_has_not_seen_the_newest_is_refused() -> None:
    call("put_rules")
    status, problem = call("put_rules", headers={"if-match": '"0"'})
    assert (status, problem["code"]) == (412, "version_mismatch")
    assert call("put_rules", body={"rules": []}, headers={"if-match": '"1"'})[1]["version"] == 2


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_path(mistake: str) -> None:
    rule, path = MISTAKES[mistake]
    status, problem = call("put_rules", body={"rules": [rule]})
    assert (status, problem["code"]) == (422, "invalid_request")
    assert [error["path"] for error in problem["errors"]] == [path]
    assert call("get_rules")[1]["version"] == 0


def test_a_hold_leaves_what_is_fenced_for_others_and_the_refusal_says_what_it_may_have() -> None:
    stocked(TENT_2P=10)
    call("put_rules", body={"rules": [{"rule_id": "tills", "ring_fence": FENCE}]})
    status, problem = hold(7, "web", "w7")
    assert (status, problem["code"]) == (409, "out_of_stock")
    assert problem["short"][0]["sellable"] == 6
    assert hold(6, "web", "w6")[0] == 201
    assert hold(1, "web", "w1")[0] == 409
    assert hold(4, "pos", "p4")[0] == 201
    assert assert_laws()["TENT-2P", "store-12"]["available"] == 0


def test_a_rule_that_speaks_of_attributes_binds_the_products_that_have_them() -> None:
    stocked(TENT_2P=10)
    old = Product("TENT-2P", "Tent", 9900, "USD", 2.0, attributes={"season": "2025"})
    catalog.put(old)
    match = {"product_attributes": {"season": ["2025"]}}
    keep = {"rule_id": "old", "match": match, "safety_stock": {"units": 4}}
    assert call("put_rules", body={"rules": [keep]})[0] == 200
    status, problem = hold(7, "web", "w7")
    assert (status, problem["short"][0]["sellable"]) == (409, 6)
    assert hold(6, "web", "w6")[0] == 201
