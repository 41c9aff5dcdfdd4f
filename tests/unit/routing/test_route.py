import math
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.routing.model.decision import Decision, Problem, canonical_json, excluding, with_stock
from shared.routing.model.explain import explain
from shared.routing.model.policy import DEFAULT_POLICY, GuardRails, Policy
from shared.routing.model.price import in_minor_units, poisson_tail
from shared.routing.model.route import replay, route
from tests.support.profiles import examples
from tests.unit.routing.worlds import candidate, line, policy, problem, problems

NEXT_DAY = DEFAULT_POLICY.services["next_day"]
STRICT = policy(
    late_day=0,
    services={**DEFAULT_POLICY.services, "next_day": replace(NEXT_DAY, strict=True)},
)


@examples(150)
@given(problems())
def test_every_unit_is_served_or_unfilled_and_none_is_taken_twice(asked: Problem) -> None:
    plan = route(asked).plan
    served: Counter[str] = Counter(plan.unfilled)
    for location_id, units in plan.units.items():
        (place,) = (row for row in asked.candidates if row.location_id == location_id)
        taken: Counter[str] = Counter()
        for line_id, count in units.items():
            (asked_line,) = (row for row in asked.lines if row.line_id == line_id)
            assert count > 0
            assert asked_line.splittable or count == asked_line.quantity
            assert place.pickup if asked_line.method == "pickup" else place.ship
            assert asked_line.location_id in {None, location_id}
            taken[asked_line.sku] += count
        assert all(count <= place.stock.get(sku, 0) for sku, count in taken.items())
        assert place.unable is None
        assert location_id not in asked.excluded
        served.update(units)
    assert served == {row.line_id: row.quantity for row in asked.lines}


@examples(150)
@given(problems())
def test_a_stored_decision_is_taken_again_to_the_same_bytes(asked: Problem) -> None:
    decision = route(asked)
    data = decision.to_bytes()
    assert Decision.from_bytes(data).plan == decision.plan
    assert replay(data).to_bytes() == data
    assert explain(Decision.from_bytes(data)) == explain(decision)


@examples(100)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_lines_and_candidates_changes_nothing(asked: Problem, random: Random) -> None:
    lines, candidates = list(asked.lines), list(asked.candidates)
    random.shuffle(lines)
    random.shuffle(candidates)
    shuffled = replace(asked, lines=tuple(lines), candidates=tuple(candidates))
    assert route(shuffled).to_bytes() == route(asked).to_bytes()


@examples(100)
@given(problems())
def test_the_terms_add_up_and_each_candidate_has_its_reason(asked: Problem) -> None:
    decision = route(asked)
    plan, explanation = decision.plan, explain(decision)
    assert plan.cost == sum(plan.terms.values())
    assert plan.proven
    assert plan.lower_bound == plan.cost
    assert {row.location_id for row in explanation.considered} == {
        row.location_id for row in asked.candidates
    }
    for row in explanation.considered:
        assert row.chosen == (row.location_id in plan.units)
        assert row.sentence
        assert row.total is None or row.total == sum(row.terms.values())
        # Nothing that one location could have shipped by itself is cheaper than the plan.
        assert row.reason != "dearer" or "by -" not in row.sentence


@examples(100)
@given(problems())
def test_one_more_location_never_makes_it_dearer(asked: Problem) -> None:
    shipped = tuple(row for row in asked.lines if row.method == "ship")
    cost = route(replace(asked, lines=shipped)).plan.cost
    for place in asked.candidates:
        fewer = excluding(replace(asked, lines=shipped), frozenset({place.location_id}))
        assert route(fewer).plan.cost >= cost


def test_one_parcel_from_afar_beats_two_from_near() -> None:
    plan = route(
        problem(
            [line("1", "A"), line("2", "B")],
            [
                candidate("NEAR_A", {"A": 5}, km=5),
                candidate("NEAR_B", {"B": 5}, km=5),
                candidate("FAR", {"A": 1, "B": 1}, km=200),
            ],
        )
    ).plan
    assert plan.units == {"FAR": {"1": 1, "2": 1}}
    assert plan.terms == {"carbon": 2, "carrier": 568, "package": 160, "pick": 180}


def test_the_split_penalty_is_paid_for_each_parcel_but_the_first() -> None:
    lines = [line("1", "A"), line("2", "B")]
    apart = [candidate("X", {"A": 1}), candidate("Y", {"B": 1})]
    assert route(problem(lines, apart)).plan.terms["split"] == DEFAULT_POLICY.split
    assert "split" not in route(problem(lines[:1], apart)).plan.terms


def test_a_split_too_dear_leaves_a_line_unfilled() -> None:
    asked = problem(
        [line("1", "A"), line("2", "B")],
        [candidate("X", {"A": 1}), candidate("Y", {"B": 1})],
        policy=policy(split=5000),
    )
    plan = route(asked).plan
    assert len(plan.units) == 1
    assert sum(plan.unfilled.values()) == 1


def test_a_line_to_be_picked_up_stays_at_its_location_and_has_the_stock_first() -> None:
    plan = route(
        problem(
            [line("1", "A", method="pickup", location_id="X"), line("2", "A")],
            [candidate("X", {"A": 1}, km=1), candidate("Y", {"A": 1}, km=2000)],
        )
    ).plan
    assert plan.units == {"X": {"1": 1}, "Y": {"2": 1}}
    assert plan.km == 2000


def test_a_location_that_hands_over_and_ships_does_both() -> None:
    asked = problem(
        [line("1", "A", method="pickup", location_id="X"), line("2", "B")],
        [candidate("X", {"A": 1, "B": 1})],
    )
    decision = route(asked)
    assert decision.plan.units == {"X": {"1": 1, "2": 1}}
    (row,) = explain(decision).considered
    assert row.sentence.startswith("ships 1 of B over 10 km and hands over 1 of A for ")
    assert row.terms == decision.plan.terms


def test_a_last_unit_that_the_shelf_will_sell_is_left_there() -> None:
    asked = line("1", "A", margin=1500, salvage=200)
    busy = candidate("BUSY", {"A": 1}, km=10, rates={"A": 0.5})
    quiet = candidate("QUIET", {"A": 9}, km=10, rates={"A": 0.01})
    plan = route(problem([asked], [busy, quiet])).plan
    assert plan.units == {"QUIET": {"1": 1}}
    assert plan.terms["opportunity"] == 200


def test_stock_that_should_go_is_worth_the_longer_way() -> None:
    near = candidate("NEAR", {"A": 1}, km=10)
    overstocked = candidate("OVER", {"A": 50}, km=100, credits={"A": 300})
    plan = route(problem([line()], [near, overstocked])).plan
    assert plan.units == {"OVER": {"1": 1}}
    assert plan.terms["credit"] == -300


@pytest.mark.parametrize(
    ("reason", "changes", "more"),
    [
        ("does_not_ship", {"ship": False}, {}),
        ("closed", {"unable": "closed"}, {}),
        ("cut_off", {"unable": "cut_off"}, {}),
        ("no_capacity", {"unable": "no_capacity"}, {}),
        ("no_capacity", {"free": 0}, {}),
        ("no_stock", {"stock": {"A": 0, "Z": 5}}, {}),
        ("too_late", {"delay_days": 1}, {"policy": STRICT, "service_level": "next_day"}),
        ("no_carrier", {"km": 151}, {"service_level": "same_day"}),
        ("rejected_before", {}, {"excluded": frozenset({"X"})}),
    ],
)
def test_a_location_that_cannot_is_filtered_with_its_reason(
    reason: str, changes: dict[str, Any], more: dict[str, Any]
) -> None:
    place = candidate("X", **{"stock": {"A": 1}, **changes})
    decision = route(problem([line()], [place], **more))
    assert decision.plan.units == {}
    assert decision.plan.unfilled == {"1": 1}
    (row,) = explain(decision).considered
    assert (row.reason, row.chosen, row.total) == (reason, False, None)


def test_the_explanation_says_by_how_much_a_location_is_dearer_and_what_it_lacks() -> None:
    asked = problem(
        [line("1", "A", 2)],
        [candidate("X", {"A": 2}), candidate("Y", {"A": 2}, km=800), candidate("Z", {"A": 1})],
    )
    chosen, dearer, incomplete = explain(route(asked)).considered
    assert chosen.sentence == "ships 2 of A over 10 km for 7.87 USD"
    assert dearer.sentence == "it has everything, but serving all from it is dearer by 3.16 USD"
    assert (incomplete.reason, incomplete.short) == ("incomplete", {"A": 1})


def test_what_a_strict_service_promises_is_kept_or_not_sent() -> None:
    late = candidate("LATE", {"A": 1}, km=1, delay_days=1)
    on_time = candidate("ON_TIME", {"A": 1}, km=290)
    asked = problem([line()], [late, on_time], service_level="next_day", policy=policy(late_day=0))
    assert set(route(asked).plan.units) == {"LATE"}
    assert set(route(replace(asked, policy=STRICT)).plan.units) == {"ON_TIME"}
    assert set(route(replace(asked, policy=STRICT, service_level="standard")).plan.units) == {
        "LATE"
    }


def test_a_location_is_not_asked_for_more_than_it_can_still_pick() -> None:
    lines = [line("1", "A", 2), line("2", "B", 2)]
    near = candidate("NEAR", {"A": 2, "B": 2}, km=1, free=3)
    far = candidate("FAR", {"A": 2, "B": 2}, km=99)
    assert set(route(problem(lines, [near, far])).plan.units) == {"FAR"}
    assert set(route(problem(lines, [replace(near, free=4), far])).plan.units) == {"NEAR"}
    assert set(route(problem(lines[:1], [near, far])).plan.units) == {"NEAR"}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_an_order_comes_in_as_many_parcels_as_the_policy_allows(most: int) -> None:
    lines = [line(sku, sku) for sku in "ABC"]
    places = [candidate(f"AT_{sku}", {sku: 1}) for sku in "ABC"]
    plan = route(problem(lines, places, policy=policy(max_packages=most))).plan
    assert len(plan.units) == most
    assert sum(plan.unfilled.values()) == 3 - most


def test_after_a_lost_race_the_router_knows_better() -> None:
    asked = problem([line()], [candidate("X", {"A": 1}, km=1), candidate("Y", {"A": 1}, km=99)])
    assert set(route(asked).plan.units) == {"X"}
    assert set(route(with_stock(asked, {("X", "A"): 0})).plan.units) == {"Y"}
    assert set(route(excluding(asked, frozenset({"X"}))).plan.units) == {"Y"}


def test_a_policy_survives_its_own_json() -> None:
    given = replace(STRICT, guard_rails=GuardRails(days=7, orders=100, late=0.01))
    document = given.to_json()
    assert Policy.from_json(document) == given
    assert canonical_json(Policy.from_json(document).to_json()) == canonical_json(document)


def test_a_policy_of_before_there_were_markdowns_is_read() -> None:
    document = DEFAULT_POLICY.to_json()
    del document["markdown"], document["guard_rails"]
    for service in document["services"].values():
        del service["strict"]
    assert Policy.from_json(document) == DEFAULT_POLICY


@pytest.mark.parametrize("mean", [0.001, 0.7, 3.0, 29.5, 800.0, 5000.0])
def test_the_poisson_tail_is_the_sum_of_its_masses(mean: float) -> None:
    for least in {1, 2, int(mean), int(mean) + 1, int(mean * 1.1) + 3}:
        below = math.fsum(
            math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(least)
        )
        assert poisson_tail(mean, least) == pytest.approx(1 - below, abs=1e-9)
    assert poisson_tail(mean, 0) == 1
    assert poisson_tail(0, 1) == 0


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-(10**7), 10**7)))
def test_rounded_terms_add_up_to_the_rounded_sum(terms: dict[str, int]) -> None:
    rounded = in_minor_units(terms)
    assert sum(rounded.values()) == math.floor(sum(terms.values()) / 1000 + 0.5)
    assert all(abs(rounded.get(name, 0) * 1000 - amount) <= 1000 for name, amount in terms.items())
