import itertools
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.routing.model import bounds
from shared.routing.model import instance as solving
from shared.routing.model import solve as solve_model
from shared.routing.model.instance import Instance, Offer, Solution
from shared.routing.model.solve import solve
from tests.support.profiles import examples


@st.composite
def instances(draw: st.DrawFn, *, nodes: int = 6, lines: int = 4) -> Instance:
    count = draw(st.integers(1, lines))
    quantity = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    splittable = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    unfilled = draw(st.lists(st.integers(0, 60), min_size=count, max_size=count))
    offer = st.tuples(st.integers(0, count - 1), st.integers(-9, 40), st.integers(0, 5))

    def allowed(row: list[Offer]) -> tuple[Offer, ...]:
        """One offer of each demand that may not be split, of the others any number."""
        first = {i: at for at, (i, _, _) in reversed([*enumerate(row)])}
        return tuple(
            each for at, each in enumerate(row) if splittable[each[0]] or first[each[0]] == at
        )

    offers: list[tuple[Offer, ...]] = draw(
        st.lists(st.lists(offer, max_size=count + 2).map(allowed), max_size=nodes)
    )
    free = draw(st.lists(offer, max_size=2))
    opening = draw(st.lists(st.integers(0, 50), min_size=len(offers), max_size=len(offers)))
    return Instance(
        quantity=tuple(quantity),
        splittable=tuple(splittable),
        unfilled=tuple(unfilled),
        packages=draw(st.integers(1, 4)),
        opening=tuple(opening),
        offers=tuple(offers),
        nothing=draw(st.integers(0, min(opening, default=0))),
        free=tuple(each for each in free if splittable[each[0]]),
    )


def cheapest_by_enumeration(instance: Instance) -> int:
    """Every set of nodes, and for each demand every way to take its units from them."""
    nodes = range(len(instance.offers))
    return min(
        _cost_with(instance, opened)
        for size in range(instance.packages + 1)
        for opened in itertools.combinations(nodes, size)
    )


def _cost_with(instance: Instance, opened: Iterable[int]) -> int:
    cost = sum(instance.opening[n] for n in opened) if opened else instance.nothing
    for i, wanted in enumerate(instance.quantity):
        rows = [*instance.free, *(row for n in opened for row in instance.offers[n])]
        offers = [(unit, units) for j, unit, units in rows if j == i]
        ways = (
            itertools.product(*(range(min(units, wanted) + 1) for _, units in offers))
            if instance.splittable[i]
            else _whole(offers, wanted)
        )
        cost += min(
            sum(taken * unit for taken, (unit, _) in zip(way, offers, strict=True))
            + (wanted - sum(way)) * instance.unfilled[i]
            for way in ways
            if sum(way) <= wanted
        )
    return cost


def _whole(offers: list[tuple[int, int]], wanted: int) -> Iterable[tuple[int, ...]]:
    yield (0,) * len(offers)
    for at, (_, units) in enumerate(offers):
        if units >= wanted:
            yield tuple(wanted if at == other else 0 for other in range(len(offers)))


def cost_of(instance: Instance, solution: Solution) -> int:
    """The cost of the plan, from scratch; fails when it is not allowed."""
    assert len(solution.take) <= instance.packages
    left = list(instance.quantity)
    cost = 0 if solution.take else instance.nothing
    for n, taken in solution.take.items():
        cost += instance.opening[n]
        for i, units in taken.items():
            assert units > 0
            assert instance.splittable[i] or units == instance.quantity[i]
            left[i] -= units
            cost += cheapest(
                units, [(unit, many) for j, unit, many in instance.offers[n] if j == i]
            )
    assert all(units >= 0 for units in left)
    for i, units in enumerate(left):
        unserved = instance.unfilled[i], units
        cost += cheapest(
            units, [unserved, *((unit, many) for j, unit, many in instance.free if j == i)]
        )
    return cost


def cheapest(units: int, offers: list[tuple[int, int]]) -> int:
    """What ``units`` of these (cost of one, how many) cost; fails when there are fewer."""
    cost = 0
    for each, most in sorted(offers):
        cost += each * min(units, most)
        units -= min(units, most)
    assert units == 0
    return cost


SPLIT_AND_CLOSED = Instance(
    quantity=(3, 2),
    splittable=(True, True),
    unfilled=(50, 50),
    packages=3,
    opening=(5, 5, 5, 20),
    offers=(
        ((0, 3, 1), (1, 9, 1)),
        ((0, 4, 1),),
        ((0, 30, 2), (1, 2, 1)),
        ((0, 6, 3), (1, 6, 2)),
    ),
)


@examples(400)
@given(instances())
@example(SPLIT_AND_CLOSED)
def test_no_plan_is_cheaper_than_the_one_found(instance: Instance) -> None:
    solution = solve(instance)
    assert solution.proven
    assert solution.cost == solution.lower_bound == cost_of(instance, solution)
    assert solution.cost == cheapest_by_enumeration(instance)


@examples(150)
@given(instances(), st.integers(0, 3))
def test_a_search_cut_short_still_gives_a_plan_and_a_true_bound(
    instance: Instance, steps: int
) -> None:
    solution = solve(instance, max_steps=steps)
    assert solution.cost == cost_of(instance, solution)
    assert solution.lower_bound <= cheapest_by_enumeration(instance) <= solution.cost
    assert solution.proven == (solution.lower_bound == solution.cost)


@examples(150)
@given(instances(nodes=9, lines=5), st.randoms(use_true_random=False))
def test_the_cost_does_not_depend_on_the_order_of_nodes(instance: Instance, random: Random) -> None:
    order = list(range(len(instance.offers)))
    random.shuffle(order)
    shuffled = Instance(
        instance.quantity,
        instance.splittable,
        instance.unfilled,
        instance.packages,
        tuple(instance.opening[n] for n in order),
        tuple(instance.offers[n] for n in order),
        instance.nothing,
        instance.free,
    )
    assert solve(shuffled).cost == solve(instance).cost


def test_nothing_is_opened_for_an_order_that_nobody_can_serve() -> None:
    solution = solve(Instance((2,), (True,), (30,), 3, (9, 9), ((), ()), nothing=7))
    assert solution == Solution(take={}, cost=67, lower_bound=67, proven=True)


def test_a_line_that_may_not_be_split_stays_whole() -> None:
    offers = (((0, 1, 1),), ((0, 1, 1),), ((0, 9, 2),))
    whole = solve(Instance((2,), (False,), (100,), 3, (1, 1, 1), offers))
    split = solve(Instance((2,), (True,), (100,), 3, (1, 1, 1), offers))
    assert whole.take == {2: {0: 2}}
    assert split.take == {0: {0: 1}, 1: {0: 1}}


@examples(150)
@given(instances(), st.integers(2, 10**9))
@example(SPLIT_AND_CLOSED, 10**9)
def test_as_many_times_the_units_at_as_many_times_the_opening_cost_as_much_more(
    instance: Instance, times: int
) -> None:
    many = replace(
        instance,
        quantity=tuple(times * units for units in instance.quantity),
        opening=tuple(times * cost for cost in instance.opening),
        offers=tuple(
            tuple((i, unit, times * units) for i, unit, units in row) for row in instance.offers
        ),
        nothing=times * instance.nothing,
        free=tuple((i, unit, times * units) for i, unit, units in instance.free),
    )
    solution = solve(many)
    assert solution.proven
    assert solution.cost == cost_of(many, solution) == times * solve(instance).cost


def test_a_billion_units_of_which_few_are_there_take_no_room() -> None:
    offers = tuple(((0, n % 7, 40 + n), (1, 3 + n % 5, n)) for n in range(50))
    wanted = Instance((10**9, 10**7), (True, True), (50, 60), 4, (25,) * 50, offers, nothing=25)
    tracemalloc.start()
    solution = solve(wanted)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert solution.proven
    assert solution.cost == cost_of(wanted, solution)
    assert most_bytes < 1_000_000


def test_a_search_through_long_offers_is_cut_as_one_through_many_sets_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps weigh what they look at: an order of hundreds of units at hundreds of shelves, each
    unit with its own price, took half a minute."""
    draw = Random(0)
    lines, units, nodes = 10, 40, 80
    shelves = []
    for _ in range(nodes):
        shelf: list[Offer] = []
        for i in range(lines):
            first, dearer = draw.randint(50, 400), draw.uniform(1, 30)
            shelf += [(i, first + int(dearer * n), 1) for n in range(draw.randint(0, units))]
        shelves.append(tuple(shelf))
    opening = tuple(draw.randint(1_500, 3_000) for _ in range(nodes))
    hard = Instance(
        (units,) * lines, (True,) * lines, (2_000,) * lines, 4, opening, tuple(shelves), nothing=50
    )
    looked_at = [0]
    saved = bounds.opening_saving

    def counted(found: list[tuple[int, solving.Runs]], paid: Sequence[solving.Paid]) -> int:
        looked_at[0] += sum(len(runs) for _, runs in found)
        return saved(found, paid)

    monkeypatch.setattr(bounds, "opening_saving", counted)
    monkeypatch.setattr(solve_model, "opening_saving", counted)
    solve(hard, max_steps=0)
    before, looked_at[0] = looked_at[0], 0
    solution = solve(hard, max_steps=20)
    # What is begun is ended: the nodes of one set more.
    one_set = sum(map(len, shelves))
    assert looked_at[0] - before <= 20 * solve_model.RUNS_PER_STEP + one_set
    assert not solution.proven
    assert solution.cost == cost_of(hard, solution)
    assert solution.lower_bound <= solve(hard).lower_bound <= solution.cost
