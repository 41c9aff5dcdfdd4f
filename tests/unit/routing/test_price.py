"""What a unit is worth where it lies, and the other terms that only some candidates have."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.routing.model import price as pricing
from shared.routing.model.decision import Expected, FutureOrders, Problem
from shared.routing.model.policy import DEFAULT_POLICY, Markdown
from shared.routing.model.price import (
    MAX_PRICE_STEPS,
    MAX_SUMMED_MEAN,
    NO_FUTURE_ORDERS,
    SCALE,
    PriceStep,
    ShelfState,
    expected_unit_value,
    leftover_probability,
    opportunity_cost,
    poisson_tail,
    price_steps,
)
from shared.routing.model.route import route
from tests.support.profiles import examples
from tests.unit.routing.worlds import NOW, candidate, line, policy, problem

SOLD = line(margin=1500, salvage=200)
RATES = st.floats(0, 3)
SHELVES = st.builds(
    ShelfState,
    stock=st.integers(1, 12),
    rate=RATES,
    orders=st.builds(FutureOrders, rate=RATES, saving=st.integers(0, 3000)),
    expected=st.lists(
        st.builds(
            Expected,
            second=st.integers(-40, 90).map(lambda day: int(NOW.timestamp()) + day * 86_400),
            units=st.integers(1, 5),
        ),
        max_size=3,
    ).map(lambda rows: tuple(sorted(rows))),
)
MOST = 1500 - 200


def price(found: ShelfState, asked: Problem | None = None) -> float:
    """Minor units."""
    return opportunity_cost(asked or problem([SOLD], []), SOLD, found) / SCALE


@given(SHELVES)
def test_a_unit_is_worth_its_salvage_at_least_and_its_best_use_at_most(found: ShelfState) -> None:
    assert 200 <= price(found) <= 200 + max(MOST, found.orders.saving) + 1e-9


@given(SHELVES, st.integers(1, 5))
def test_the_more_there_is_the_less_each_is_worth(found: ShelfState, more: int) -> None:
    assert price(found._replace(stock=found.stock + more)) <= price(found)


@given(SHELVES, RATES)
def test_the_more_is_sold_over_the_counter_the_more_it_is_worth(
    found: ShelfState, more: float
) -> None:
    assert price(found._replace(rate=found.rate + more)) >= price(found)


@given(SHELVES, RATES, st.integers(0, 500))
def test_the_more_orders_are_to_come_and_save_the_more_it_is_worth(
    found: ShelfState, more: float, saved: int
) -> None:
    pull = FutureOrders(found.orders.rate + more, found.orders.saving + saved)
    assert price(found._replace(orders=pull)) >= price(found)


@given(SHELVES, st.integers(1, 60))
def test_nearer_to_the_end_of_the_season_a_unit_is_worth_less(found: ShelfState, days: int) -> None:
    bare = found._replace(expected=())
    ends = replace(SOLD, season_ends_at=NOW + timedelta(days=90))
    sooner = replace(SOLD, season_ends_at=NOW + timedelta(days=90 - days))
    asked = problem([SOLD], [])
    assert opportunity_cost(asked, sooner, bare) <= opportunity_cost(asked, ends, bare)


@given(SHELVES)
def test_when_the_season_is_over_a_unit_is_worth_its_salvage(found: ShelfState) -> None:
    over = replace(SOLD, season_ends_at=NOW - timedelta(days=1))
    assert opportunity_cost(problem([over], []), over, found) == 200 * SCALE


@given(SHELVES)
def test_a_delivery_never_makes_the_units_before_it_dearer(found: ShelfState) -> None:
    assert price(found) <= price(found._replace(expected=()))


def test_a_unit_that_is_short_before_the_delivery_is_dear_all_the_same() -> None:
    tomorrow = Expected(int(NOW.timestamp()) + 86_400, 1000)
    plenty = ShelfState(1, 2.0, NO_FUTURE_ORDERS, (tomorrow,))
    assert price(plenty) == pytest.approx(200 + MOST * poisson_tail(2.0, 1), abs=1e-3)


@given(st.integers(1, 9), st.floats(0, 9), st.floats(0, 2000))
def test_without_orders_it_is_the_newsvendor_price(stock: int, sold: float, margin: float) -> None:
    assert expected_unit_value(stock, sold, margin, 0, 0) == pytest.approx(
        margin * poisson_tail(sold, stock)
    )


@given(st.integers(1, 9), st.floats(0, 9), st.floats(0, 9), st.floats(0, 2000))
def test_two_demands_that_earn_the_same_are_one(
    stock: int, sold: float, orders: float, each: float
) -> None:
    one = each * poisson_tail(sold + orders, stock)
    assert expected_unit_value(stock, sold, each, orders, each) == pytest.approx(one, abs=1e-9)


def test_what_orders_save_is_weighed_as_what_the_counter_earns() -> None:
    first = expected_unit_value(2, 1.5, 1000, 0.7, 300)
    assert first == pytest.approx(expected_unit_value(2, 0.7, 300, 1.5, 1000))
    assert first == pytest.approx(300 * poisson_tail(2.2, 2) + 700 * poisson_tail(1.5, 2))


def test_of_a_product_whose_margin_nobody_knows_nothing_is_said() -> None:
    assert (
        opportunity_cost(problem([line()], []), line(), ShelfState(1, 2.0, FutureOrders(1.0, 500)))
        == 0
    )


def test_units_that_orders_will_come_for_are_left_to_them() -> None:
    wanted = candidate("WANTED", {"A": 1}, pulls={"A": FutureOrders(2.0, 400)})
    idle = candidate("IDLE", {"A": 1}, km=100, pulls={"A": FutureOrders(0.0, 0)})
    plan = route(problem([SOLD], [wanted, idle])).plan
    assert plan.units == {"IDLE": {"1": 1}}
    assert plan.terms["opportunity"] == 200


def test_a_store_that_gets_more_tomorrow_ships_what_it_has() -> None:
    soon = Expected(int(NOW.timestamp()) + 3600, 50)
    waits = candidate("WAITS", {"A": 3}, rates={"A": 0.2}, expected={"A": (soon,)})
    short = candidate("SHORT", {"A": 3}, rates={"A": 0.2})
    assert route(problem([SOLD], [waits, short])).plan.units == {"WAITS": {"1": 1}}


@given(st.floats(0, 1))
def test_a_pick_that_may_fail_costs_what_a_rejection_costs(confidence: float) -> None:
    place = candidate("X", {"A": 1}, confidence={"A": confidence})
    asked = problem([line()], [place], policy=policy(rejection=1000))
    expected = round(1000 * (1 - confidence))
    assert route(asked).plan.terms.get("rejection", 0) == pytest.approx(expected, abs=1)


def test_a_pick_that_nothing_is_known_of_is_expected_to_succeed() -> None:
    assert "rejection" not in route(problem([line()], [candidate("X", {"A": 1})])).plan.terms


def test_the_location_that_finds_its_goods_is_preferred() -> None:
    sure = candidate("SURE", {"A": 1}, km=40)
    unsure = candidate("UNSURE", {"A": 1}, km=10, confidence={"A": 0.6})
    assert route(problem([line()], [sure, unsure])).plan.units == {"SURE": {"1": 1}}


MARKED_DOWN = policy(markdown=Markdown(amount=50, share=0.2, target_days=28))


def test_stock_above_its_target_earns_what_marking_it_down_would_cost() -> None:
    much = candidate("MUCH", {"A": 60}, km=120, rates={"A": 0.5})
    little = candidate("LITTLE", {"A": 12}, km=120, rates={"A": 0.5})
    near = candidate("NEAR", {"A": 12}, km=40, rates={"A": 0.5})
    asked = problem([SOLD], [little, near, much], policy=policy(opportunity=0))
    assert set(route(asked).plan.units) == {"NEAR"}
    plan = route(replace(asked, policy=replace(MARKED_DOWN, opportunity=0))).plan
    assert set(plan.units) == {"MUCH"}
    assert plan.terms["markdown"] == -(50 + 400)


def test_the_nearer_the_end_of_its_season_the_more_a_unit_is_left_over() -> None:
    asked, shelf = problem([], [], policy=MARKED_DOWN), ShelfState(4, 0.2, NO_FUTURE_ORDERS)
    chances = [
        leftover_probability(asked, replace(SOLD, season_ends_at=NOW + timedelta(days=days)), shelf)
        for days in (60, 20, 5, 0)
    ]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(1 - poisson_tail(12, 4))
    assert chances[-1] == 1


@given(SHELVES, st.integers(1, 5))
def test_the_more_there_is_the_likelier_it_is_left_over(found: ShelfState, more: int) -> None:
    asked = problem([], [], policy=MARKED_DOWN)
    fuller = found._replace(stock=found.stock + more)
    assert leftover_probability(asked, SOLD, found) <= leftover_probability(asked, SOLD, fuller)


def test_a_policy_without_a_price_of_markdowns_charges_none() -> None:
    place = candidate("X", {"A": 99}, rates={"A": 0.1})
    assert "markdown" not in route(problem([SOLD], [place])).plan.terms


def on_the_shelf(found: ShelfState, units: int) -> tuple[PriceStep, ...]:
    place = candidate(
        "X",
        {"A": found.stock},
        rates={"A": found.rate},
        pulls={"A": found.orders},
        expected={"A": found.expected},
    )
    return price_steps(problem([], [], policy=MARKED_DOWN), place, replace(SOLD, quantity=units))


@given(SHELVES, st.integers(1, 300))
def test_no_unit_is_cheaper_than_the_one_before_and_all_are_priced(
    found: ShelfState, units: int
) -> None:
    priced = on_the_shelf(found._replace(stock=found.stock + units - 1), units)
    costs = [step.opportunity + step.markdown for step in priced]
    assert costs == sorted(costs)
    assert sum(step.units for step in priced) == units


@given(SHELVES, st.integers(1, MAX_PRICE_STEPS))
def test_up_to_the_most_that_are_priced_each_unit_has_its_own(
    found: ShelfState, units: int
) -> None:
    fuller = found._replace(stock=found.stock + units, expected=())
    alone = [
        opportunity_cost(problem([], []), SOLD, fuller._replace(stock=fuller.stock - taken))
        for taken in range(units)
    ]
    assert [step.opportunity for step in on_the_shelf(fuller, units)] == pytest.approx(alone, abs=1)


def test_two_units_are_charged_for_the_last_two_whatever_line_they_are_of() -> None:
    chances = [poisson_tail(2.8, stock) for stock in (3, 2)]
    charged = 2 * 200 + MOST * sum(chances)
    place = candidate("X", {"A": 3}, rates={"A": 0.1})
    two = replace(SOLD, quantity=2)
    halves = [SOLD, replace(SOLD, line_id="2")]
    collected = [replace(row, method="pickup", location_id="X") for row in halves]
    for lines in [[two], halves, collected]:
        plan = route(problem(lines, [place])).plan
        assert plan.terms["opportunity"] == pytest.approx(charged, abs=1)


@examples(40)
@given(
    st.integers(MAX_PRICE_STEPS, 700),
    st.integers(0, 300),
    st.floats(0, 15),
    st.builds(FutureOrders, rate=st.floats(0, 15), saving=st.integers(0, 3000)),
)
def test_of_more_units_the_mean_is_within_a_percent_of_the_most_a_unit_earns(
    units: int, left: int, rate: float, pull: FutureOrders
) -> None:
    found = ShelfState(units + left, rate, pull)
    days, most = float(DEFAULT_POLICY.horizon_days), max(MOST, pull.saving)
    exact = sum(
        expected_unit_value(found.stock - taken, rate * days, MOST, pull.rate * days, pull.saving)
        for taken in range(units)
    )
    charged = sum(step.units * step.opportunity for step in on_the_shelf(found, units)) / SCALE
    assert charged / units == pytest.approx(200 + exact / units, abs=most / 100)


def test_a_line_of_a_billion_units_is_priced_as_fast_as_one_of_a_hundred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    priced = []

    def counted(mean: float, least: int) -> float:
        priced.append(least)
        return poisson_tail(mean, least)

    monkeypatch.setattr(pricing, "poisson_tail", counted)
    assert on_the_shelf(ShelfState(10**9, 3.0, NO_FUTURE_ORDERS), 10**9)
    assert len(priced) <= 3 * MAX_PRICE_STEPS


@pytest.mark.parametrize("mean", [MAX_SUMMED_MEAN + 1, 10**6])
@pytest.mark.parametrize("deviations", [-9, -3, -1, -0.1, 0, 0.1, 1, 3, 9])
def test_the_tail_of_a_great_mean_is_that_of_the_sum(mean: int, deviations: float) -> None:
    least = int(mean + deviations * math.sqrt(mean))
    below = math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
        for k in range(max(0, int(mean - 10 * math.sqrt(mean))), least)
    )
    assert poisson_tail(mean, least) == pytest.approx(1 - below, abs=1e-7)


@given(st.floats(0, 1e15), st.integers(0, 10**12))
def test_a_tail_is_a_chance_whatever_its_mean(mean: float, least: int) -> None:
    assert -1e-9 <= poisson_tail(mean, least) <= 1 + 1e-9
