"""Laws 1 and 2 of pricing over random carts and books, and the best combination
against full enumeration."""

import json
import random
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.model.book import Book, Taxes
from shared.pricing.model.combining import combine_weighed
from shared.pricing.model.money import percent_of, shares, tax_on, tax_within
from shared.pricing.model.pieces import Piece, Pieces, piece_of
from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Quote
from shared.pricing.model.weighing import MOST_STEPS, Weighing
from tests.support.pricing import AT, NOBODY, WEB, World, best_saving, random_world
from tests.support.profiles import examples, scaled

CARTS = 150
TAXES = {
    "US": Taxes(False, {"standard": 71_250}),
    "DE": Taxes(True, {"standard": 190_000, "food": 70_000}),
}


def worlds(seed: int) -> World:
    rng = random.Random(seed)
    return random_world(rng, rng.randint(1, 12), rng.randint(0, 14), "ABCDEFGH")


def quoted(world: World, country: str | None = None, shipping: int = 0) -> Quote:
    place, cart = replace(WEB, country=country), replace(world.cart, shipping=shipping)
    return price(cart, NOBODY, place, AT, world.book, world.products).quote


@given(st.integers(0, 10**9), st.sampled_from([None, "US", "DE"]), st.integers(0, 2000))
@examples(400)
def test_cents_are_conserved(seed: int, country: str | None, shipping: int) -> None:
    world = worlds(seed)
    book = Book.of(1, "USD", world.book.promotions, TAXES)
    quote = quoted(replace(world, book=book), country, shipping)
    for line in quote.lines:
        assert line.net == line.list_total - sum(amount for _, amount in line.discounts)
        assert line.net >= 0
        assert all(amount > 0 for _, amount in line.discounts)
    for discount in quote.discounts():
        shared = sum(row["amount"] for row in discount["lines"])
        assert discount["amount"] == shared + discount.get("shipping", 0) > 0
    totals = quote.totals()
    assert totals["list_total"] - totals["discounts"] == totals["net"]
    added = 0 if totals.get("tax_included", True) else totals["tax"]
    assert totals["net"] + totals["shipping"] + added == totals["total"]
    if country:
        taxed = [line.tax for line in quote.lines] + [quote.shipping.tax]
        assert totals["tax"] == sum(tax.amount for tax in taxed if tax)


@given(st.integers(0, 10**9))
@examples(200)
def test_promotions_touch_a_unit_together_only_if_each_names_the_other(seed: int) -> None:
    """A line of one unit shows which promotions touch the same unit."""
    world = worlds(seed)
    by_id = {promotion.promotion_id: promotion for promotion in world.book.promotions}
    for line in quoted(world).lines:
        if line.quantity == 1:
            for (one, _), (other, _) in combinations(line.discounts, 2):
                assert by_id[one].stacks(by_id[other])


@given(st.integers(0, 10**9), st.randoms())
@examples(100)
def test_the_same_question_has_the_same_bytes_in_every_channel(
    seed: int, mixer: random.Random
) -> None:
    world = worlds(seed)
    first = json.dumps(quoted(world).to_json())
    mixed = list(world.book.promotions)
    mixer.shuffle(mixed)
    book = Book.of(1, "USD", mixed, {})
    place = replace(WEB, channel="pos", country=None)
    again = price(world.cart, NOBODY, place, AT, book, dict(reversed(world.products.items())))
    assert json.dumps(again.quote.to_json()) == first


@given(st.integers(0, 10**9))
@examples(100)
def test_a_quote_is_read_as_it_was_written(seed: int) -> None:
    quote = quoted(worlds(seed), "DE", 500)
    assert Quote.from_json(json.loads(json.dumps(quote.to_json()))) == quote


@pytest.mark.property
def test_no_combination_saves_more() -> None:
    """The bench pricing.quote compares 1,000 carts."""
    rng = random.Random(5)
    compared = equal = 0
    while compared < scaled(CARTS):
        world = random_world(rng, rng.randint(1, 5), rng.randint(2, 8), "ABCDEF")
        best = best_saving(world, 5_000)
        if best is None:
            continue
        saving = quoted(world).totals()["discounts"]
        assert saving <= best
        compared += 1
        equal += saving == best
    assert equal >= 0.99 * compared


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_a_percentage_is_rounded_half_up(amount: int, points: int) -> None:
    exact = Decimal(amount) * points / 10_000
    assert percent_of(amount, points) == exact.quantize(Decimal(1), ROUND_HALF_UP)


@given(st.integers(0, 10**9), st.integers(0, 500_000))
def test_a_tax_is_rounded_half_up(amount: int, rate: int) -> None:
    for tax, exact in (
        (tax_on(amount, rate), Fraction(amount * rate, 10**6)),
        (tax_within(amount, rate), Fraction(amount * rate, 10**6 + rate)),
    ):
        assert -Fraction(1, 2) < tax - exact <= Fraction(1, 2)


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(0, 10**6), st.data())
def test_shares_add_up_and_are_within_a_cent(
    weights: list[int], most: int, data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, min(most, sum(weights))))
    parts = shares(total, weights)
    assert sum(parts) == (total if sum(weights) else 0)
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part <= weight
        if sum(weights):
            assert abs(part - Fraction(total * weight, sum(weights))) < 1


def test_the_search_stops_with_a_combination_however_much_competes() -> None:
    world = random_world(random.Random(3), 100, 120, "ABC")
    situation = world.situation()
    pieces = [
        piece
        for promotion in world.book.promotions
        for effect in promotion.effects
        if isinstance(piece := piece_of(promotion, effect, situation.lines), Piece)  # type: ignore[arg-type]
    ]
    weighing = Weighing(Pieces.of(pieces), situation)
    found = combine_weighed(weighing)
    assert not found.complete
    assert weighing.steps < 1.2 * MOST_STEPS
    assert sum(group.left for group in found.groups) < weighing.list_total
