"""What the packs and the pulls say of a shelf is what the router makes a price of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.availability.model.pack import Pack, PackRow
from shared.catalog.model import Product
from shared.orders import model, sourcing
from shared.orders.sourcing import MOST_DELIVERIES, Supply
from shared.routing.model.decision import Candidate, Expected, FutureOrders, SkuFutureOrders
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.price import shelf_state
from shared.routing.model.route import route
from shared.stock.model.rules import ChannelRules, ChannelTerms, Rule, RuleAmount, RuleMatch
from tests.support.places import place
from tests.unit.orders.orders import line, order

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
SECOND = int(NOW.timestamp())
PLACES = {name: place(name) for name in ("denver", "omaha")}


def supply(**rows: PackRow) -> Supply:
    return Supply(
        locations=PLACES,
        packs={"A": Pack("A", rows, NOW)},
        products={"A": Product("A", "The A", 1000, "USD", 0.7, margin=400, salvage=100)},
        policy=DEFAULT_POLICY,
    )


def candidates(found: Supply) -> dict[str, Candidate]:
    start = model.place(order(line("1", "A", 1)), NOW, "web").order
    asked = sourcing.problem(start, found, NOW)
    return {row.location_id: row for row in asked.candidates}


def test_deliveries_to_come_are_known_and_past_ones_are_not() -> None:
    days = range(-1, MOST_DELIVERIES + 2)
    coming = tuple((SECOND + 86_400 * day, day + 5) for day in reversed(days))
    found = candidates(supply(denver=PackRow(3, 1, coming), omaha=PackRow(3, 1)))
    assert found["denver"].expected["A"] == tuple(
        Expected(SECOND + 86_400 * day, day + 5) for day in range(1, MOST_DELIVERIES + 1)
    )
    assert found["omaha"].expected == {}


def test_the_orders_to_come_are_known_while_they_are_fresh() -> None:
    pulls = SkuFutureOrders(NOW - timedelta(days=20), {"denver": FutureOrders(0.3, 250)})
    stocked = supply(denver=PackRow(3, 1), omaha=PackRow(3, 1))
    found = candidates(replace(stocked, pulls={"A": pulls}))
    assert (found["denver"].pulls, found["omaha"].pulls) == ({"A": FutureOrders(0.3, 250)}, {})
    old = replace(pulls, at=NOW - timedelta(days=22))
    assert candidates(replace(stocked, pulls={"A": old}))["denver"].pulls == {}


def test_a_location_that_often_does_not_find_its_goods_is_dearer() -> None:
    stocked = supply(denver=PackRow(3, 1, confidence=600), omaha=PackRow(3, 1, confidence=990))
    found = candidates(stocked)
    assert found["denver"].confidence == {"A": 0.6}
    assert candidates(supply(denver=PackRow(3, 1)))["denver"].confidence == {}
    start = model.place(order(line("1", "A", 1)), NOW, "web").order
    plan = route(sourcing.problem(start, stocked, NOW)).plan
    assert set(plan.units) == {"omaha"}
    assert plan.terms["rejection"] == 3


def test_units_that_a_channel_must_leave_count_for_those_who_may_have_them() -> None:
    safety = Rule("safety", RuleMatch(), RuleAmount(2))
    selling = ChannelTerms(ChannelRules(1, (safety,)), "web", NOW, PLACES, {}, lambda _: {})
    found = candidates(replace(supply(denver=PackRow(5, 1), omaha=PackRow(2, 1)), selling=selling))
    assert set(found) == {"denver"}
    assert (found["denver"].stock, found["denver"].kept) == ({"A": 3}, {"A": 2})
    known = shelf_state(replace(found["denver"], rates={"A": 0.1}), "A")
    assert known is not None
    assert known.stock == 5
