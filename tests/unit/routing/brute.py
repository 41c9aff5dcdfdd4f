"""The cheapest way to ship a small order, by trying every one of them, each unit at its own cost.

It shares the prices of a parcel and of one unit with the router, and nothing of the search.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from random import Random

from shared.routing.model.decision import Candidate, FutureOrders, Problem, RoutingLine
from shared.routing.model.filter import filter_candidates
from shared.routing.model.policy import Markdown, Tariff, Unfilled
from shared.routing.model.price import (
    SCALE,
    leftover_probability,
    opportunity_cost,
    parcel_terms,
    shelf_state,
    unfilled_penalty,
    unit_terms,
)
from tests.unit.routing.worlds import candidate, line, policy, problem

SKUS = ("A", "B")
MARGINS = {"A": (900, 100), "B": (2400, 0)}


def random_problem(seed: int) -> Problem:
    """Up to 4 lines, most of one SKU, at up to 3 locations that sell the goods over the counter."""
    draw = Random(seed)
    lines = []
    for index in range(draw.choice([1, 2, 2, 3, 3, 4])):
        sku = draw.choice("AAAB")
        margin, salvage = MARGINS[sku]
        lines.append(
            line(
                f"{index}",
                sku,
                draw.choice([1, 2, 2, 3]),
                price=draw.choice([300, 1500, 5000]) if draw.random() < 0.8 else 2000,
                kg={"A": 0.2, "B": 3.0}[sku],
                splittable=draw.random() < 0.6,
                margin=margin,
                salvage=salvage,
            )
        )
    candidates = [_candidate(draw, f"L{n}") for n in range(draw.randint(1, 3))]
    return problem(
        lines,
        candidates,
        policy=policy(
            max_packages=draw.randint(1, 3),
            split=draw.choice([0, 50, 600]),
            unfilled=Unfilled(draw.choice([200, 2000]), 1.0),
            markdown=Markdown(draw.choice([0, 150]), 0.1, 56),
            opportunity=draw.choice([0.5, 1.0, 2.0]),
        ),
    )


def _candidate(draw: Random, name: str) -> Candidate:
    stock = {sku: draw.randint(0, 5) for sku in SKUS}
    selling = [sku for sku in SKUS if draw.random() < 0.8]
    return candidate(
        name,
        stock,
        km=draw.choice([5, 200, 900]),
        kind=draw.choice(["store", "warehouse"]),
        rates={sku: draw.choice([0.02, 0.1, 0.3]) for sku in selling},
        pulls={
            sku: FutureOrders(draw.choice([0.0, 0.1]), 400)
            for sku in selling
            if draw.random() < 0.5
        },
        credits={sku: 300 for sku in SKUS if draw.random() < 0.2},
    )


def cheapest(asked: Problem) -> int:
    """Thousandths of a minor unit; the split penalty of each parcel is in it, and of none."""
    kept = filter_candidates(asked, _wanted(asked)).eligible
    parcels = [sum(parcel_terms(asked, place, tariff).values()) for place, tariff in kept]
    curves = [{sku: _curve(asked, *row, sku) for sku in _wanted(asked)} for row in kept]
    ways = [[*_ways(each, [place for place, _ in kept])] for each in asked.lines]
    best = None
    for plan in itertools.product(*ways):
        taken: Counter[tuple[int, str]] = Counter()
        lost = 0
        for each, way in zip(asked.lines, plan, strict=True):
            lost += (each.quantity - sum(way)) * unfilled_penalty(asked.policy, each)
            for n, units in enumerate(way):
                if units:
                    taken[n, each.sku] += units
        used = {n for n, _ in taken}
        if len(used) > asked.policy.max_packages:
            continue
        if any(units >= len(curves[n][sku]) for (n, sku), units in taken.items()):
            continue
        cost = lost + sum(parcels[n] for n in used)
        cost += sum(curves[n][sku][units] for (n, sku), units in taken.items())
        cost += 0 if used else SCALE * asked.policy.split
        best = cost if best is None else min(best, cost)
    assert best is not None
    return best


def _wanted(asked: Problem) -> Counter[str]:
    wanted: Counter[str] = Counter()
    for each in asked.lines:
        wanted[each.sku] += each.quantity
    return wanted


def _curve(asked: Problem, place: Candidate, tariff: Tariff, sku: str) -> list[int]:
    """What 0, 1, 2, ... units cost together, up to all that is there."""
    goods = max((each for each in asked.lines if each.sku == sku), key=lambda row: row.price)
    each = sum(unit_terms(asked, place, tariff, goods).values())
    known = shelf_state(place, sku)
    costs = [0]
    for taken in range(place.stock.get(sku, 0)):
        worth = 0
        if known is not None:
            loss = asked.policy.markdown.amount + asked.policy.markdown.share * goods.price
            worth = opportunity_cost(asked, goods, known, taken)
            worth -= round(SCALE * loss * leftover_probability(asked, goods, known, taken))
        costs.append(costs[-1] + each + worth)
    return costs


def _ways(asked: RoutingLine, places: list[Candidate]) -> Iterator[tuple[int, ...]]:
    """Units of the line by place."""
    for way in itertools.product(range(asked.quantity + 1), repeat=len(places)):
        if sum(way) <= asked.quantity and (
            asked.splittable or asked.quantity in way or not any(way)
        ):
            yield way
