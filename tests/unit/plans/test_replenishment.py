"""Orders for a shelf: the level, packs, minimum orders, and that no other quantity earns more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plans.model.forecast import Forecast
from shared.plans.model.replenishment import Money, Terms, overage, replenishment
from tests.support.profiles import examples

WEEK = Forecast((2.0,) * 7, variance=30.0)
DEAR = Money(margin=95.0, overage=5.0)


def terms(pack: int = 1, minimum: int = 0) -> Terms:
    return Terms(lead_days=2, review_days=5, pack=pack, minimum=minimum)


def earned(quantity: int, wanted: Forecast, stock: int, money: Money) -> float:
    """The expected money of a stock, by the definition: unit by unit."""
    demand = wanted.distribution()
    found = 0.0
    for unit in range(stock, stock + quantity):
        sold = demand.above(unit) if unit >= 0 else 1.0
        found += money.margin * sold - money.overage * (1 - sold)
    return found


def test_the_level_is_the_quantile_at_the_newsvendor_ratio() -> None:
    order = replenishment(WEEK, 3, 4, terms(), DEAR)
    assert order.ratio == 0.95
    assert order.level == WEEK.distribution().level(0.95)
    assert order.quantity == order.missing == order.level - 7
    assert order.service >= 0.95
    assert order.reason == ""


def test_nothing_is_ordered_above_the_level() -> None:
    order = replenishment(WEEK, 60, 0, terms(), DEAR)
    assert (order.quantity, order.missing, order.gain) == (0, 0, 0.0)


def test_units_that_are_owed_are_ordered_as_well() -> None:
    owed, none = (replenishment(WEEK, units, 0, terms(), DEAR).quantity for units in (-5, 0))
    assert owed == none + 5


def test_a_pack_is_opened_when_its_units_earn_more_than_they_cost() -> None:
    level = replenishment(WEEK, 0, 0, terms(), DEAR).level
    one_missing = replenishment(WEEK, level - 1, 0, terms(pack=12), DEAR)
    assert (one_missing.quantity, one_missing.reason) == (0, "packs")
    six_missing = replenishment(WEEK, level - 11, 0, terms(pack=12), DEAR)
    assert (six_missing.packs, six_missing.quantity) == (1, 12)


def test_an_order_below_the_minimum_is_filled_up_or_left() -> None:
    level = replenishment(WEEK, 0, 0, terms(), DEAR).level
    filled = replenishment(WEEK, level - 8, 0, terms(minimum=10), DEAR)
    assert (filled.quantity, filled.reason) == (10, "minimum")
    left = replenishment(WEEK, level - 1, 0, terms(minimum=40), DEAR)
    assert (left.quantity, left.reason) == (0, "below minimum")


def test_goods_without_a_margin_are_not_ordered() -> None:
    assert replenishment(WEEK, 0, 0, terms(), Money(0, 5)).quantity == 0


def test_a_unit_too_many_costs_more_at_the_end_of_a_season() -> None:
    within = overage(1000, 400, 150, 7, 0.25, is_last=False)
    last = overage(1000, 400, 150, 7, 0.25, is_last=True)
    assert within == pytest.approx(600 * 0.25 * 7 / 365)
    assert last == pytest.approx(within + 450)
    ratio_within, ratio_last = Money(400, within).ratio, Money(400, last).ratio
    assert ratio_within > 0.98
    assert ratio_last == pytest.approx(400 / (400 + last))


@given(
    st.integers(-5, 40),
    st.integers(1, 9),
    st.floats(1, 500),
    st.floats(1, 500),
    st.floats(0.1, 8),
)
@pytest.mark.property
@examples(150)
def test_no_other_number_of_packs_earns_more(
    stock: int, pack: int, margin: float, cost: float, mean: float
) -> None:
    wanted, money = Forecast((mean,), variance=2 * mean), Money(margin, cost)
    order = replenishment(wanted, stock, 0, terms(pack=pack), money)
    assert order.gain == pytest.approx(earned(order.quantity, wanted, stock, money), abs=1e-6)
    for packs in (order.packs - 1, order.packs + 1):
        if packs >= 0:
            other = earned(packs * pack, wanted, stock, money)
            assert other <= order.gain + 0.01 * (margin + cost)
