"""Guard-rails are measured, and a canary takes its share of the orders."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary import ALL, canary_takes
from shared.routing.model.decision import FutureOrders
from shared.routing.model.guard import breaches
from shared.routing.model.policy import GuardRails
from shared.routing.model.route import route
from shared.routing.model.whatif import Totals, what_if
from tests.unit.routing.worlds import candidate, line, policy, problem

RAILS = GuardRails(days=7, orders=10)
BEFORE = Totals(
    orders=100, parcels=120, splits=20, late=2, unfilled=5, paid=80_000, load=Counter(A=60, B=35)
)
COUNTS = st.integers(0, 10**6)
TOTALS = st.builds(
    Totals,
    orders=COUNTS,
    parcels=COUNTS,
    splits=COUNTS,
    late=COUNTS,
    unfilled=COUNTS,
    paid=COUNTS,
    overstock=COUNTS,
    load=st.dictionaries(st.sampled_from("ABC"), COUNTS).map(Counter),
)


@pytest.mark.parametrize(
    ("name", "limit", "after", "measured", "sentence"),
    [
        (
            "paid_increase",
            0.02,
            {"paid": 82_400},
            0.03,
            "costs paid rise by 3.00 %; the limit is 2.00 %",
        ),
        (
            "unfilled_increase",
            0.01,
            {"unfilled": 9},
            0.04,
            "unfilled units rise by 4.00 % of all units; the limit is 1.00 %",
        ),
        (
            "splits",
            0.2,
            {"splits": 25},
            0.25,
            "0.250 additional parcels per order; the limit is 0.2",
        ),
        ("late", 0.02, {"late": 6}, 0.05, "5.00 % of the parcels are late; the limit is 2.00 %"),
        (
            "load",
            0.7,
            {"load": Counter(A=80, B=20)},
            0.8,
            "80.00 % of the units come from A; the limit is 70.00 %",
        ),
    ],
)
def test_a_guard_rail_that_is_broken_is_named_with_its_figures(
    name: str, limit: float, after: dict[str, Any], measured: float, sentence: str
) -> None:
    changes: dict[str, Any] = {name: limit}
    rails = replace(RAILS, **changes)
    (found,) = breaches(rails, BEFORE, replace(BEFORE, **after))
    assert (found.guard_rail, found.limit, found.measured) == (name, limit, measured)
    assert found.sentence == sentence
    assert found.location_id == ("A" if name == "load" else None)
    assert breaches(RAILS, BEFORE, replace(BEFORE, **after)) == []


def test_what_is_as_it_was_breaks_no_rail_on_increases() -> None:
    assert breaches(replace(RAILS, paid_increase=0, unfilled_increase=0), BEFORE, BEFORE) == []


def test_without_orders_nothing_is_measured() -> None:
    tight = GuardRails(7, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert breaches(tight, Totals(), Totals()) == []


@given(TOTALS, TOTALS, TOTALS)
def test_pages_add_up_in_whatever_order_and_survive_json(
    one: Totals, two: Totals, three: Totals
) -> None:
    assert one.plus(two).plus(three) == three.plus(one.plus(two))
    assert Totals.from_json(one.to_json()) == one


def test_overstock_is_what_would_have_been_left_over() -> None:
    lying = candidate("LYING", {"A": 50}, rates={"A": 0.1}, pulls={"A": FutureOrders(0.2, 100)})
    going = candidate("GOING", {"A": 1}, rates={"A": 2.0})
    for place, units in ((lying, 2), (going, 0)):
        asked = problem([line(quantity=units or 1)], [place])
        found = what_if([("o", route(asked))], policy())
        assert found.after.overstock == units


@given(st.text(max_size=20), st.integers(0, 50), st.integers(0, ALL), st.integers(0, ALL))
def test_an_order_that_a_canary_takes_it_takes_with_any_larger_share(
    order_id: str, version: int, share: int, more: int
) -> None:
    assert canary_takes(order_id, version, min(ALL, share + more)) >= canary_takes(
        order_id, version, share
    )
    assert canary_takes(order_id, version, ALL)
    assert not canary_takes(order_id, version, 0)


@pytest.mark.parametrize("share", [500, 2500, 9000])
def test_a_canary_takes_its_share_and_each_version_another(share: int) -> None:
    names = [f"order-{number}" for number in range(20_000)]
    taken = {
        version: {name for name in names if canary_takes(name, version, share)}
        for version in (1, 2)
    }
    for chosen in taken.values():
        assert len(chosen) / len(names) == pytest.approx(share / ALL, abs=0.015)
    both = len(taken[1] & taken[2]) / len(names)
    assert both == pytest.approx((share / ALL) ** 2, abs=0.015)
