"""Points and gift cards in quotes, over random carts and books (laws 3 and 9)."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.model import Product
from shared.pricing.model.cart import CartLine
from shared.pricing.model.points import POINTS, PointsOffer
from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Quote
from tests.support.pricing import AT, NOBODY, WEB
from tests.support.profiles import examples
from tests.unit.pricing.test_laws import quoted, worlds

OFFERS = st.builds(
    PointsOffer, st.integers(1, 50_000), st.integers(0, 30_000), st.integers(0, 10_000)
)


@given(st.integers(0, 10**9), OFFERS)
@examples(200)
def test_points_take_off_what_they_are_worth_and_no_more(seed: int, offer: PointsOffer) -> None:
    world = worlds(seed)
    plain = quoted(world)
    paid = quoted(replace(world, cart=replace(world.cart, points=offer)))
    used = paid.given.points.points if paid.given.points else 0
    amount = plain.net - paid.net
    assert amount == paid.points_amount <= plain.net * offer.share // 10_000
    assert used <= offer.points
    assert amount <= used * offer.value // 10_000
    assert not used or (used - 1) * offer.value // 10_000 < amount, "no point is wasted"
    for before, after in zip(plain.lines, paid.lines, strict=True):
        off = sum(cut for named, cut in after.discounts if named == POINTS)
        assert after.net == before.net - off >= 0
        assert [row for row in after.discounts if row[0] != POINTS] == list(before.discounts)
    assert Quote.from_json(paid.to_json()).points_amount == amount
    again = replace(world.cart, points=paid.given.points)
    assert quoted(replace(world, cart=again)).digest == paid.digest, "priced again (law 2)"


@given(st.integers(0, 10**9), OFFERS)
@examples(100)
def test_a_gift_card_in_the_cart_changes_nothing_else(seed: int, offer: PointsOffer) -> None:
    """odoo/odoo#121962, nopCommerce#7318."""
    world, rng = worlds(seed), random.Random(seed)
    cart = replace(world.cart, points=offer)
    gift = Product("GIFT", "A gift card", 5_000, "USD", 0.01, gift_card=True)
    lines = list(cart.lines)
    lines.insert(rng.randint(0, len(lines)), CartLine("gift", "GIFT", 1))
    products = {**world.products, "GIFT": gift}
    with_gift = replace(cart, lines=tuple(lines))
    quote = price(with_gift, NOBODY, WEB, AT, world.book, products).quote
    alone = price(cart, NOBODY, WEB, AT, world.book, world.products).quote
    assert [line for line in quote.lines if line.line_id != "gift"] == list(alone.lines)
    (sold,) = [line for line in quote.lines if line.line_id == "gift"]
    assert (sold.net, sold.discounts) == (5_000, ())
