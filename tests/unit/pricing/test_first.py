"""Books in the mode ``first``: promotions by priority alone."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.model import Product
from shared.pricing.model.book import Book, Mode, Promotion
from shared.pricing.model.cart import Cart
from shared.pricing.model.effects import BuyGet
from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Quote
from tests.support.pricing import AT, NOBODY, WEB, World, book, cart, products, random_world

pytestmark = pytest.mark.property

MODES: tuple[Mode, ...] = ("best", "first")
Json = dict[str, Any]


def quoted(carted: Cart, of: Book, goods: dict[str, Product]) -> Quote:
    return price(carted, NOBODY, WEB, AT, of, goods).quote


def first(*promotions: Json) -> Book:
    return book(*promotions, mode="first")


def off(points: int, **more: Any) -> Json:
    return {"does": [{"kind": "percent_off", "basis_points": points}], **more}


def test_the_lowest_priority_number_goes_first_though_another_saves_more() -> None:
    goods = products({"A": 1000})
    one = off(1000, priority=1, stacks_with="none")
    other = off(5000, priority=2, stacks_with="none")
    assert quoted(cart(("A", 1)), first(other, one), goods).net == 900
    assert quoted(cart(("A", 1)), book(other, one), goods).net == 500


def test_of_equal_priority_the_id_decides() -> None:
    goods = products({"A": 1000})
    promotions = [off(points, stacks_with="none") for points in (2000, 3000)]
    found = quoted(cart(("A", 1)), first(*promotions), goods)
    assert found.lines[0].discounts == (("p0", 200),)


def test_what_stacks_is_taken_too_and_stages_keep_their_order() -> None:
    goods = products({"A": 1000})
    order = {"does": [{"kind": "order_percent_off", "basis_points": 1000}], "priority": 1}
    found = quoted(cart(("A", 1)), first(order, off(5000, priority=2)), goods)
    assert found.lines[0].discounts == (("p1", 500), ("p0", 50))


def test_an_exclusive_order_promotion_keeps_later_ones_off_its_units_only() -> None:
    goods = products({"A": 1000, "B": 1000})
    only_a = {"products": {"skus": ["A"]}}
    order = {
        "does": [{"kind": "order_amount_off", "amount": 100, **only_a}],
        "priority": 1,
        "stacks_with": "none",
    }
    found = quoted(cart(("A", 1), ("B", 1)), first(order, off(5000, priority=2)), goods)
    assert [line.net for line in found.lines] == [900, 500]


def test_a_bundle_price_takes_only_units_that_nobody_has() -> None:
    goods = products({"A": 1000})
    pair: Json = {
        "does": [{"kind": "bundle_price", "amount": 1500, "parts": [{"quantity": 2}]}],
    }
    late = first(off(100, priority=1), {**pair, "priority": 2})
    assert quoted(cart(("A", 4)), late, goods).net == 3960
    early = first(off(100, priority=2), {**pair, "priority": 1})
    assert quoted(cart(("A", 5)), early, goods).net == 3000 + 990


def test_what_saves_nothing_claims_nothing() -> None:
    goods = products({"A": 1000})
    dear = {"does": [{"kind": "fixed_price", "amount": 1200}], "stacks_with": "none"}
    found = quoted(cart(("A", 1)), first({**dear, "priority": 1}, off(1000, priority=2)), goods)
    assert found.net == 900


def test_a_second_bundle_takes_what_the_first_leaves() -> None:
    goods = products({"A": 1000, "B": 600})
    deal = {"kind": "buy_get", "buy": 1, "get": 1}
    both = first({"does": [deal], "priority": 1}, {"does": [{**deal, "basis_points": 5000}]})
    found = quoted(cart(("A", 3), ("B", 2)), both, goods)
    # A A, A B: the first takes both pairs; one B is left for the second, which needs two.
    assert found.net == 3000 + 1200 - 1000 - 600


def test_the_first_that_saves_some_of_the_shipping_is_taken() -> None:
    goods = products({"A": 1000})
    half = {"does": [{"kind": "shipping_percent_off", "basis_points": 5000}], "priority": 1}
    free = {"does": [{"kind": "shipping_price", "amount": 0}], "priority": 2}
    ships = cart(("A", 1), shipping=500)
    assert quoted(ships, first(half, free), goods).shipping.net == 250
    assert quoted(ships, book(half, free), goods).shipping.net == 0


def worlds(seed: int) -> tuple[World, Book]:
    rng = random.Random(seed)
    world = random_world(rng, rng.randint(1, 5), rng.randint(1, 7), ("dairy", "bakery", "wine"))
    by_priority = Book.of(1, "USD", world.book.promotions, {}, "first")
    return world, by_priority


@given(st.integers(0, 100_000))
def test_cents_are_conserved_and_no_unit_has_two_that_exclude_each_other(seed: int) -> None:
    world, by_priority = worlds(seed)
    found = quoted(world.cart, by_priority, world.products)
    known: dict[str, Promotion] = {one.promotion_id: one for one in by_priority.promotions}
    for line in found.lines:
        assert line.net == line.list_total - sum(amount for _, amount in line.discounts)
        assert line.net >= 0
        if line.quantity == 1:
            names = [known[named] for named, _ in line.discounts]
            assert all(one.stacks(other) for one, other in pairwise(names))
    assert found.complete
    assert quoted(world.cart, by_priority, world.products) == found


@given(st.integers(0, 100_000))
def test_the_first_promotion_gets_what_it_gets_alone(seed: int) -> None:
    """A promotion of the highest priority that changes prices of units is never kept off by a later
    one of the item stage, the first stage."""
    world, by_priority = worlds(seed)
    leading = by_priority.promotions[0]
    alone = Book.of(1, "USD", [leading], {}, "first")
    amounts = [
        {row["promotion_id"]: row["amount"] for row in quote.discounts()}.get(
            leading.promotion_id, 0
        )
        for quote in (
            quoted(world.cart, alone, world.products),
            quoted(world.cart, by_priority, world.products),
        )
    ]
    if type(leading.effects[0]).__name__ in {"PercentOff", "AmountOff", "FixedPrice"}:
        assert amounts[0] == pytest.approx(amounts[1], abs=2 * len(world.cart.lines))
    else:
        assert bool(amounts[1]) <= bool(amounts[0])


def test_the_best_combination_saves_at_least_as_much_without_bundles() -> None:
    """With bundles it need not: by priority a bundle passes over units that others exclude it from,
    where the search lets it take the dearest."""
    for seed in range(600):
        world, by_priority = worlds(seed)
        some = [one for one in by_priority.promotions if not isinstance(one.effects[0], BuyGet)]
        nets = [
            quoted(world.cart, Book.of(1, "USD", some, {}, mode), world.products).net
            for mode in MODES
        ]
        assert nets[0] <= nets[1], seed
