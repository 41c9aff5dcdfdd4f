"""Whose first choice a shelf is, and what that saves."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.locations.model import distance_km
from shared.routing.model.decision import FutureOrders
from shared.routing.model.future_orders import (
    MAX_CELLS,
    DemandCell,
    ShippingLocation,
    ShippingNetwork,
    SkuEconomics,
    demand_cells,
    future_orders,
    shipping_network,
)
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.price import NO_FUTURE_ORDERS, ShelfState
from shared.routing.model.route import route
from tests.unit.routing.worlds import candidate, line, problem

COUNTER = ShelfState(5, 0.0, NO_FUTURE_ORDERS)
NEAR_AND_FAR = ShippingNetwork(
    alone=[[500, 900], [900, 500]],
    together=[[500, 900], [900, 500]],
    kg=[[0, 0], [0, 0]],
    unit=[100, 100],
)


def pulled(
    network: ShippingNetwork = NEAR_AND_FAR,
    shelves: dict[int, ShelfState] | None = None,
    orders: tuple[float, ...] = (1.0, 0.5),
    **changes: Any,
) -> dict[int, FutureOrders]:
    places = range(len(network.unit))
    goods = SkuEconomics(
        0.5, **{"margin": 0, "salvage": [0 for _ in places], "unserved": 3000, **changes}
    )
    found = shelves if shelves is not None else dict.fromkeys(places, COUNTER._replace(stock=500))
    return future_orders(network, goods, found, orders, alone=0.3, days=10, now=0)


def test_each_orders_from_where_it_is_cheapest() -> None:
    found = pulled()
    assert {place: pull.saving for place, pull in found.items()} == {0: 400, 1: 400}
    assert [found[0].rate, found[1].rate] == pytest.approx([1.0, 0.5])


def test_the_only_location_saves_what_an_unserved_order_loses() -> None:
    (found,) = pulled(shelves={1: COUNTER._replace(stock=500)}).values()
    assert found.rate == pytest.approx(1.5)
    assert found.saving == pytest.approx((3000 - 1000) * 2 / 3 + (3000 - 600) / 3, abs=1)


def test_orders_that_lose_less_than_they_cost_come_from_nowhere() -> None:
    assert pulled(unserved=300) == {}


def test_a_shelf_that_is_empty_is_nobodys_choice() -> None:
    assert set(pulled(shelves={0: COUNTER._replace(stock=0), 1: COUNTER})) == {1}
    assert pulled(shelves={}) == {}


def test_a_shelf_that_sells_out_over_the_counter_leaves_orders_to_the_other() -> None:
    busy = ShelfState(1, 2.0, NO_FUTURE_ORDERS)
    found = pulled(shelves={0: busy, 1: COUNTER._replace(stock=500)}, margin=2000)
    assert found[1].rate == pytest.approx(1.5)
    assert 0 not in found


@given(st.lists(st.floats(0, 3), min_size=2, max_size=2), st.integers(1, 9), st.integers(1, 9))
def test_no_more_is_pulled_than_is_ordered(orders: list[float], near: int, far: int) -> None:
    shelves = {0: COUNTER._replace(stock=near), 1: COUNTER._replace(stock=far)}
    found = pulled(shelves=shelves, orders=(orders[0], orders[1]))
    assert sum(pull.rate for pull in found.values()) <= sum(orders) + 1e-9
    assert all(pull.saving >= 0 for pull in found.values())


def test_a_network_costs_what_the_router_would_charge() -> None:
    place, cell = ShippingLocation("W", "warehouse", 45.0, -122.0), DemandCell(44.0, -121.0, 1.0)
    network = shipping_network(problem([], []), [place], [cell])
    km = distance_km(45.0, -122.0, 44.0, -121.0)
    asked = problem([line(kg=3.0)], [candidate("W", {"A": 1}, km=km, kind="warehouse")])
    cost = network.alone[0][0] + 3 * network.kg[0][0] + network.unit[0]
    assert route(asked).plan.cost == pytest.approx(cost, abs=1)
    assert network.together[0][0] == pytest.approx((network.alone[0][0] + DEFAULT_POLICY.split) / 2)


def test_where_no_carrier_goes_is_nobodys_first_choice() -> None:
    place, cell = ShippingLocation("W", "store", 45.0, -122.0), DemandCell(25.0, -80.0, 1.0)
    asked = problem([], [], service_level="same_day")
    network = shipping_network(asked, [place], [cell])
    assert (
        future_orders(
            network, SkuEconomics(0.5, 0, [0], 3000), {0: COUNTER}, [1.0], alone=0.3, days=9, now=0
        )
        == {}
    )


def test_orders_are_drawn_together_by_degrees_and_none_is_lost() -> None:
    random = Random(5)
    points = {(random.uniform(30, 45), random.uniform(-120, -80)): 1 for _ in range(900)}
    found = demand_cells(points | {(40.01, -100.0): 500, (40.02, -100.01): 500})
    assert len(found) == MAX_CELLS
    assert sum(cell.share for cell in found) == pytest.approx(1)
    assert found[0].share >= 1000 / 1900
    assert (found[0].latitude, found[0].longitude) == pytest.approx((40.0, -100.0), abs=0.2)
    assert demand_cells({}) == ()
