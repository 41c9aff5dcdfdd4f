"""What a quote costs the processor, and how often it finds the best combination of promotions."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from shared.pricing.model.book import Book, Condition
from shared.pricing.model.effects import (
    OrderAmountOff,
    OrderPercentOff,
    ProductSet,
)
from shared.pricing.model.pricing import price
from tests.bench.report import Row, Table, Tell
from tests.support.pricing import AT, NOBODY, WEB, best_saving, random_promotion, random_world

PROMOTIONS = 500
RUNNING = 250
"""Promotions that run now; the others have ended."""
DEPARTMENTS = tuple(f"d{number:03}" for number in range(400))
ORDER_EFFECTS = 4
"""Promotions of the whole order; the others concern departments."""
LINES = (3, 10, 20, 45)
CARTS = 400
SMALL_CARTS = 1_000
GOAL = {20: (10.0, 50.0)}
"""Goals by lines: CPU ms p50, p99."""


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    carts = 100 if quick else CARTS
    rows = [_cost(lines, carts, tell) for lines in LINES]
    yield Table(
        "The quote of a cart",
        rows,
        notes=[
            f"A book of {PROMOTIONS} promotions, {RUNNING} of them running, {ORDER_EFFECTS} on the",
            f"whole order; {carts} random carts for each number of lines. CPU time of the pure",
            "price, with the best combination; complete: carts where no bound kept anything from",
            "being tried.",
        ],
    )
    yield Table(
        "The best combination against full enumeration",
        [_equality(200 if quick else SMALL_CARTS, tell)],
        notes=[
            "Random carts of 1 to 6 lines with 2 to 9 promotions. Enumerated: every subset of",
            "bundles and of order effects, with every clique of item effects for every group of",
            "equal units (tests/support/pricing.py). worst %: of the best saving.",
        ],
    )


def _book(rng: random.Random) -> Book:
    promotions = []
    for number in range(PROMOTIONS):
        made = random_promotion(rng, number, DEPARTMENTS, 4, (0.82, 0.12, 0.06))
        stacks = frozenset(group for group in "abcd" if rng.random() < 0.75)
        ends = None if number < RUNNING else AT - timedelta(days=1)
        (effect,) = made.effects
        if isinstance(effect, OrderAmountOff | OrderPercentOff) and effect.products.is_open:
            few = replace(random_promotion(rng, number, DEPARTMENTS, 4, (1, 0, 0))).effects[0]
            effect = replace(effect, products=few.products)  # type: ignore[union-attr]
        promotions.append(replace(made, effects=(effect,), stacks_with=stacks, ends_at=ends))
    for number in range(ORDER_EFFECTS):
        effect = (OrderPercentOff, OrderAmountOff)[number % 2](ProductSet(), 500 + 500 * number)
        made = replace(
            promotions[number],
            promotion_id=f"order{number}",
            effects=(effect,),
            when=Condition("subtotal", at_least=(3000, 8000, 15000, 30000)[number]),
        )
        promotions[number] = made
    return Book.of(1, "USD", promotions, {})


def _cost(lines: int, carts: int, tell: Tell) -> Row:
    tell(f"{carts} carts of {lines} lines")
    rng = random.Random(31)
    book = _book(rng)
    times, matching, complete = [], [], 0
    for _ in range(carts):
        world = random_world(rng, lines, 0, DEPARTMENTS)
        began = time.process_time()
        priced = price(world.cart, NOBODY, WEB, AT, book, world.products)
        times.append((time.process_time() - began) * 1e3)
        complete += priced.quote.complete
        candidates = book.candidates(world.situation().lines)
        matching.append(sum(promotion.runs(AT) for promotion in candidates))
    times.sort()
    p50, p99 = GOAL.get(lines, (None, None))
    return {
        "lines": lines,
        "promotions that match": sorted(matching)[carts // 2],
        "CPU ms, p50": times[carts // 2],
        "goal p50": p50,
        "CPU ms, p99": times[carts * 99 // 100],
        "goal p99": p99,
        "complete %": 100 * complete / carts,
    }


def _equality(carts: int, tell: Tell) -> Row:
    rng = random.Random(5)
    equal = compared = 0
    worst = 0.0
    while compared < carts:
        world = random_world(rng, rng.randint(1, 6), rng.randint(2, 9), "ABCDEF")
        best = best_saving(world)
        if best is None:
            continue
        compared += 1
        quote = price(world.cart, NOBODY, WEB, AT, world.book, world.products).quote
        saving = quote.totals()["discounts"]
        equal += saving == best
        worst = max(worst, (best - saving) / best if best else 0)
        if compared % 100 == 0:
            tell(f"{compared} carts compared")
    return {"carts": carts, "equal %": 100 * equal / carts, "goal %": 99.5, "worst %": 100 * worst}
