"""Lines that share a shelf: the cheapest way to serve them, each unit at its own cost."""

from dataclasses import replace
from random import Random

import pytest

from shared.routing.model import allot as allotting
from shared.routing.model.allot import AllotmentLine, allot, distribute_units
from shared.routing.model.decision import Problem
from shared.routing.model.instance import Instance, Solution
from shared.routing.model.policy import Unfilled
from shared.routing.model.route import route, routing_task
from shared.routing.model.solve import solve
from tests.support.profiles import scaled
from tests.unit.routing.brute import cheapest, random_problem
from tests.unit.routing.worlds import candidate, line, policy, problem

INSTANCES = 1_000
"""Compared, as the profile has it."""
BATCHES = 4


def allotted(asked: Problem) -> allotting.Allotment:
    task = routing_task(asked)
    return allot(asked, task.demands, task.filtered.eligible)


@pytest.mark.property
@pytest.mark.parametrize("batch", range(BATCHES))
def test_brute_force_with_each_units_own_cost_finds_nothing_cheaper(batch: int) -> None:
    for seed in range(batch, scaled(INSTANCES), BATCHES):
        asked = random_problem(seed)
        found = allotted(asked)
        assert (seed, found.cost, found.proven) == (seed, cheapest(asked), True)


@pytest.mark.property
def test_one_unit_goes_to_the_cheapest_place_or_nowhere() -> None:
    left = 0
    for seed in range(scaled(INSTANCES)):
        asked = random_problem(seed)
        penalty = Unfilled(Random(seed).randrange(2000), 0.0)
        one = replace(asked.lines[0], quantity=1)
        asked = replace(asked, lines=(one,), policy=replace(asked.policy, unfilled=penalty))
        found = allotted(asked)
        assert (seed, found.cost, found.proven) == (seed, cheapest(asked), True)
        left += not found.units
    assert scaled(INSTANCES) // 10 < left < scaled(INSTANCES) * 9 // 10


@pytest.mark.property
def test_the_plan_costs_what_the_search_says() -> None:
    for seed in range(scaled(300)):
        asked = random_problem(seed)
        plan = route(asked).plan
        cost = allotted(asked).cost - 1000 * asked.policy.split
        assert abs(1000 * plan.cost - cost) <= 500


@pytest.mark.property
def test_a_search_cut_short_says_how_far_it_may_be_from_the_cheapest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allotting, "MAX_WORK", 1)
    cut = 0
    for seed in range(scaled(300)):
        asked = random_problem(seed)
        found = allotted(asked)
        assert found.lower_bound <= cheapest(asked) <= found.cost
        cut += not found.proven
    assert cut


def test_an_order_made_to_be_hard_ends_with_a_plan_and_its_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """45 lines of one SKU that may not be split, at many places that have a few: tried one by one
    they would take longer than anybody waits. Counted, since clocks differ."""
    solved = []

    def counted(instance: Instance) -> Solution:
        solved.append(instance)
        return solve(instance)

    monkeypatch.setattr(allotting, "solve", counted)
    draw = Random(1)
    lines = [
        line(f"{n}", "A", draw.choice([2, 3, 5]), price=draw.randint(100, 9000), splittable=False)
        for n in range(45)
    ]
    places = [candidate(f"L{n}", {"A": draw.randint(0, 9)}, km=20 * n) for n in range(60)]
    found = allotted(problem(lines, places))
    assert found.lower_bound < found.cost
    assert 1 < len(solved) <= allotting.MAX_WORK // 60
    assert found.units


def test_of_two_lines_of_one_sku_the_less_important_one_is_left_out() -> None:
    asked = problem(
        [line("cheap", "A", 1, price=100), line("dear", "A", 1, price=9000)],
        [candidate("NEAR", {"A": 1}), candidate("FAR", {"A": 1}, km=2000)],
        # A second parcel costs more than the penalty of the cheap line, and less than their mean.
        policy=policy(split=3000),
    )
    plan = route(asked).plan
    assert plan.units == {"NEAR": {"dear": 1}}
    assert plan.unfilled == {"cheap": 1}


def test_two_lines_that_stay_whole_may_come_from_two_places() -> None:
    asked = problem(
        [line("1", "A", 2, splittable=False), line("2", "A", 2, splittable=False)],
        [candidate("X", {"A": 2}), candidate("Y", {"A": 3})],
    )
    plan = route(asked).plan
    assert sorted(plan.units) == ["X", "Y"]
    assert not plan.unfilled


def test_a_line_stays_whole_beside_one_that_is_split() -> None:
    asked = problem(
        [line("whole", "A", 3, splittable=False), line("split", "A", 3)],
        [candidate("X", {"A": 4}), candidate("Y", {"A": 2})],
    )
    plan = route(asked).plan
    assert plan.units == {"X": {"split": 1, "whole": 3}, "Y": {"split": 2}}


def test_the_second_unit_comes_from_elsewhere_when_the_first_has_made_the_shelf_scarce() -> None:
    goods = {"margin": 4000, "salvage": 0}
    lines = [line("1", "A", 2, **goods), line("2", "B", 1, **goods), line("3", "C", 1, **goods)]
    busy = candidate("BUSY", {"A": 2, "B": 1}, rates={"A": 0.05, "B": 0.0})
    idle = candidate("IDLE", {"A": 1, "C": 1}, rates={"A": 0.0, "C": 0.0})
    plan = route(problem(lines, [busy, idle])).plan
    # Both send a parcel anyway; the mean of the two units at BUSY would tell nothing of the second.
    assert plan.units["BUSY"] == {"1": 1, "2": 1}
    assert plan.units["IDLE"] == {"1": 1, "3": 1}


def test_units_are_handed_out_so_that_the_least_is_lost() -> None:
    lines = [
        AllotmentLine("a", 3, whole=True, penalty=10),
        AllotmentLine("b", 2, whole=True, penalty=20),
    ]
    assert distribute_units(lines, {7: 4}) == {"b": {7: 2}}
    assert distribute_units(lines, {7: 2, 8: 3}) == {"a": {8: 3}, "b": {7: 2}}
    loose = AllotmentLine("c", 2, whole=False, penalty=15)
    assert distribute_units([*lines, loose], {7: 4}) == {"b": {7: 2}, "c": {7: 2}}
    assert distribute_units(lines, {7: 1}) == {}
