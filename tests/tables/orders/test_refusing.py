"""Why an order is refused, and that one which is placed is not given up because it is dear."""

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from shared.errors import OutOfStock
from shared.locations import store as locations
from shared.orders import changing, model, placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order
from shared.routing.model.policy import DEFAULT_POLICY, Policy, Unfilled
from shared.routing.store import policies
from tests.support import shop
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")
CHEAP_TO_REFUSE = replace(DEFAULT_POLICY, unfilled=Unfilled(amount=100, share=0.0))


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def place(*lines: model.Line, **more: Any) -> None:
    placing.place(order("o-1", *lines, **more), request("k", "o-1"), "web", NOW, answer)


def policy(wanted: Policy) -> None:
    policies.put_draft(wanted, None, NOW, "planner")
    policies.publish(None, NOW, "planner")


def refused(*lines: model.Line, **more: Any) -> OutOfStock:
    with pytest.raises(OutOfStock) as found:
        place(*lines, **more)
    return found.value


def test_what_is_there_and_too_dear_is_not_called_out_of_stock() -> None:
    policy(CHEAP_TO_REFUSE)
    shop.stocked({"A": {"omaha": 9}})
    said = refused(line("1", "A", 1))
    assert said.code == "too_dear"
    (row,) = said.data["short"]
    assert (row["reason"], row["service_levels"]) == ("too_dear", [])
    (other,) = said.data["alternatives"]
    assert (other["location_id"], other["pickup"], other["ship"]) == ("omaha", True, False)


def test_what_is_not_there_is_out_of_stock_however_dear() -> None:
    policy(CHEAP_TO_REFUSE)
    shop.stocked({"A": {"omaha": 1}})
    assert refused(line("1", "A", 2)).code == "out_of_stock"


def test_who_has_no_hands_is_not_out_of_stock() -> None:
    shop.stocked({"A": {"depot": 9}})
    locations.put(replace(shop.PLACES["depot"], most_unpicked=0))
    said = refused(line("1", "A", 1))
    assert (said.code, said.data["alternatives"]) == ("no_capacity", [])
    assert said.data["short"][0]["reason"] == "no_capacity"


def test_the_hour_is_told_when_it_is_only_too_late() -> None:
    """A strict promise of the next day, after the carrier has called for it."""
    services = DEFAULT_POLICY.services
    strict = {**services, "next_day": replace(services["next_day"], strict=True)}
    policy(replace(DEFAULT_POLICY, services=strict))
    shop.stocked({"A": {"denver": 9}})
    locations.put(replace(shop.PLACES["denver"], cut_offs={"next_day": time(8)}))
    said = refused(line("1", "A", 1), service_level="next_day")
    assert said.code == "too_late"
    (row,) = said.data["short"]
    assert row["reason"] == "too_late"
    assert "standard" in row["service_levels"]


def test_too_many_parcels_are_told_apart() -> None:
    policy(replace(DEFAULT_POLICY, max_packages=1))
    shop.stocked({"A": {"denver": 1, "omaha": 1}})
    assert refused(line("1", "A", 2)).code == "too_many_parcels"


def test_a_pickup_where_nobody_picks_is_not_out_of_stock() -> None:
    shop.stocked({"A": {"denver": 9, "boulder": 9}})
    locations.put(replace(shop.PLACES["denver"], capacity_per_hour=0))
    said = refused(line("1", "A", 1, "pickup", location_id="denver"))
    assert said.code == "no_capacity"
    assert [row["location_id"] for row in said.data["alternatives"]] == ["boulder"]


def test_a_placed_order_is_served_dearly_rather_than_not() -> None:
    shop.stocked({"A": {"denver": 1, "omaha": 1}})
    place(line("1", "A", 1))
    policy(CHEAP_TO_REFUSE)
    no = [model.Rejection("1", 1, "no_capacity")]
    changing.change("o-1", lambda o: model.reject(o, "o-1.1", no, {}, now=NOW, actor="store"), NOW)
    stored = store.find("o-1")
    assert stored is not None
    assert [(part.location_id, part.state) for part in stored.fulfillments] == [
        ("denver", "rejected"),
        ("omaha", "offered"),
    ]
    shop.laws()
