"""Past carts priced by another book: sums, and what no book can change."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.model.book import NO_PROMOTIONS, Book
from shared.pricing.model.pricing import price
from shared.pricing.model.rails import NO_RAILS, Rails, broken_by_trial
from shared.pricing.model.what_if import PastOrder, Sums, what_if
from tests.support.pricing import AT, NOBODY, WEB, book, cart, products, random_world

pytestmark = pytest.mark.property


def past_orders(seed: int, number: int) -> tuple[list[PastOrder], Book]:
    """Orders that were placed by one random book, and another random book."""
    rng = random.Random(seed)
    names = ("dairy", "bakery", "wine")
    paid_by = random_world(rng, 1, 5, names).book
    orders = []
    for index in range(number):
        world = random_world(rng, rng.randint(1, 4), 0, names)
        goods = {
            sku: replace(product, margin=rng.choice([None, product.price // 3]))
            for sku, product in world.products.items()
        }
        person = replace(NOBODY, tier=rng.choice([None, "gold"]))
        paid = price(world.cart, person, WEB, AT, paid_by, goods).quote
        orders.append(PastOrder(f"o{index}", world.cart, person, WEB, AT, goods, paid))
    return orders, paid_by


@given(st.integers(0, 10_000))
def test_the_book_that_was_paid_by_changes_nothing(seed: int) -> None:
    orders, paid_by = past_orders(seed, 3)
    for now in (None, paid_by):
        found = what_if(orders, paid_by, now)
        assert found.before.to_json() == found.after.to_json()
        assert (found.cheaper, found.dearer, found.differences) == (0, 0, [])


@given(st.integers(0, 10_000))
def test_the_sums_are_those_of_the_quotes_and_pages_add_up(seed: int) -> None:
    orders, _ = past_orders(seed, 4)
    draft = random_world(random.Random(seed + 1), 1, 6, ("dairy", "bakery", "wine")).book
    whole = what_if(orders, draft, NO_PROMOTIONS)
    after = whole.after
    assert whole.before.sales == whole.before.list_total == after.list_total
    assert after.sales == after.list_total - after.discounts
    assert sum(effect.amount for effect in after.promotions.values()) == after.discounts
    gained = whole.before.sales - after.sales
    for rows in (whole.tiers, whole.channels):
        assert sum(row.orders for row in rows.values()) == 4
        assert sum(row.amount for row in rows.values()) == gained
    assert sum(row.before - row.after for row in whole.differences) == gained
    sums = Sums()
    for order in orders:
        sums.add(what_if([order], draft, None).after)
    assert sums.to_json() == after.to_json()
    assert Sums.from_json(json.loads(json.dumps(after.to_json()))) == after


def test_the_margin_is_that_of_the_price_paid_with_what_the_vendor_pays() -> None:
    goods = {"A": replace(products({"A": 1000})["A"], margin=400)}
    draft = book(
        {
            "does": [{"kind": "percent_off", "basis_points": 3000}],
            "funding": {"vendor": "farm", "basis_points": 2500},
        }
    )
    paid = price(cart(("A", 2)), NOBODY, WEB, AT, NO_PROMOTIONS, goods).quote
    found = what_if([PastOrder("o", cart(("A", 2)), NOBODY, WEB, AT, goods, paid)], draft, None)
    assert (found.before.margin, found.before.funded) == (800, 0)
    assert (found.after.margin, found.after.funded) == (800 - 600 + 150, 150)
    effect = found.after.promotions["p0"]
    assert (effect.unit_discount, effect.unit_margin, effect.funded) == (3000, 2500, 150)


def test_a_promotion_that_asks_for_stock_is_taken_to_have_had_it() -> None:
    goods = products({"A": 1000})
    asking = {"sellable": {"skus": ["A"], "at_least": 5}}
    draft = book({"does": [{"kind": "amount_off", "amount": 100}], "when": asking})
    paid = price(cart(("A", 1)), NOBODY, WEB, AT, NO_PROMOTIONS, goods).quote
    found = what_if([PastOrder("o", cart(("A", 1)), NOBODY, WEB, AT, goods, paid)], draft, None)
    assert found.after.discounts == 100


def test_without_orders_and_without_rails_nothing_is_broken() -> None:
    orders, draft = past_orders(1, 3)
    document = {"promotions": [{"promotion_id": one.promotion_id} for one in draft.promotions]}
    found = what_if(orders, draft, None).after
    assert broken_by_trial(NO_RAILS, document, found) == []
    strict = Rails(1, unit_discount=0, unit_margin=10_000, discounts=0)
    assert broken_by_trial(strict, document, Sums()) == []
    assert broken_by_trial(strict, document, found) != []
