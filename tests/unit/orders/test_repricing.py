"""Orders that are priced again when units come back: a refund is what was paid less the price of
what stays, never less than before, and never more than was paid."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.loyalty.order_points import earning_order
from shared.loyalty.model.programme import Terms
from shared.orders.contract.quoted import order_quote, quoted_line
from shared.orders.model import Order, Report, Returned, cancel, check, report, take_back
from shared.orders.model.order import ReturnLine
from shared.orders.model.quoted import OrderPrices
from shared.orders.model.repricing import PricesMissing
from shared.orders.model.return_terms import ReturnRequest, ReturnTerms
from shared.orders.model.returns import authorize, receive
from shared.orders.model.revising import LineRevision, Revision, revise
from shared.orders.model.value import owed
from shared.pricing.model.book import Book, Promotion, Taxes
from shared.pricing.model.cart import Cart, Person
from shared.pricing.model.money import WHOLE
from shared.pricing.model.points import PointsOffer
from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Quote
from tests.support.pricing import AT, NOBODY, WEB, World, book, cart, products, random_world
from tests.support.profiles import examples
from tests.unit.orders.orders import NOW, line, order, parcel, placed
from tests.unit.orders.test_tenders import back, refunds, shipped, tendered, units_of
from tests.unit.pricing.test_laws import TAXES

SAVE_20: dict[str, Any] = {
    "promotion_id": "save",
    "does": [{"kind": "order_amount_off", "amount": 2000}],
    "when": {"subtotal": {"at_least": 10000}},
    "on_return": "reprice",
}
BUY_GET: dict[str, Any] = {
    "promotion_id": "two-for-one",
    "does": [{"kind": "buy_get", "buy": 1, "get": 1}],
    "on_return": "reprice",
}


def quoted(world: World, country: str | None, shipping: int, person: Person = NOBODY) -> Quote:
    place, of = replace(WEB, country=country), replace(world.cart, shipping=shipping)
    return price(of, person, place, AT, world.book, world.products).quote


def bought(world: World, country: str | None = None, shipping: int = 0, seed: int = 0) -> Order:
    """The order of a quote, with what it is priced by again, paid with up to four tenders."""
    quote = quoted(world, country, shipping)
    lines = [
        quoted_line(
            replace(line(one.line_id, one.sku, one.quantity), unit_price=one.unit_price), one, quote
        )
        for one in quote.lines
    ]
    attributes = {sku: product.attributes for sku, product in world.products.items()}
    draft = replace(
        order(*lines),
        **order_quote(quote),
        payments=(),
        prices=OrderPrices(world.book, attributes),
    )
    return replace(draft, payments=tendered(owed(draft), random.Random(seed)))


def of_prices(prices: dict[str, int], *promotions: dict[str, Any], **units: int) -> Order:
    """An order that was handed over: ``units`` of each SKU, or one."""
    wanted = cart(*((sku, units.get(sku, 1)) for sku in prices))
    start = bought(World(products(prices), wanted, book(*promotions)))
    paid = sum(payment.authorized for payment in start.payments)
    return captured(shipped(replace(start, payments=tendered(paid, random.Random(4)))))


def captured(of: Order) -> Order:
    """Everything that is due was captured."""
    for payment in of.payments:
        if payment.awaited:
            told = Report("captured", payment.payment_id, payment.awaited)
            of = report(of, told, NOW, "web").order
    return of


def given_back(of: Order, line_id: str, units: int = 1) -> int:
    return sum(refunds(back(of, line_id, units))) - sum(refunds(of))


def kept_price(world: World, of: Order, country: str | None, shipping: int) -> int:
    """The price of what stays, from the products and not from the order."""
    kept = {one.line_id: one.quantity - one.cancelled - one.credited for one in of.lines}
    rows = tuple(
        replace(row, quantity=kept[row.line_id]) for row in world.cart.lines if kept[row.line_id]
    )
    if not rows:
        return of.shipping + of.shipping_tax
    return quoted(replace(world, cart=Cart(rows)), country, shipping).total


def worlds(seed: int, says: Sequence[bool] = (True,)) -> World:
    rng = random.Random(seed)
    made = random_world(rng, rng.randint(1, 6), rng.randint(1, 8), "ABC")
    promotions = [replace(one, reprices=rng.choice(says)) for one in made.book.promotions]
    return replace(made, book=Book.of(1, "USD", promotions, TAXES))


SEEDS = st.integers(0, 10**9)
COUNTRIES = st.sampled_from([None, "US", "DE"])


@given(SEEDS, COUNTRIES, st.booleans())
@examples(150)
def test_a_refund_is_what_was_paid_less_the_price_of_what_stays(
    seed: int, country: str | None, mixed: bool
) -> None:
    """With promotions that all say ``reprice`` to the cent; with others beside them never less."""
    world = worlds(seed, (True, False) if mixed else (True,))
    rng = random.Random(seed)
    shipping = rng.choice([0, 499])
    start = captured(shipped(bought(world, country, shipping, seed)))
    repriced = bool(start.quote and start.quote.unit_prices)
    units = [one.line_id for one in start.lines for _ in range(one.quantity)]
    rng.shuffle(units)
    step = start
    paid = owed(start)
    for line_id in units:
        before, due = refunds(step), owed(step)
        step = back(step, line_id, 1)
        assert all(old <= new for old, new in zip(before, refunds(step), strict=True))
        assert sum(refunds(step)) == paid - owed(step) <= paid
        price_now = kept_price(world, step, country, shipping)
        if repriced and mixed:
            assert owed(step) <= min(due, price_now)
        elif repriced:
            assert owed(step) == min(due, price_now)
    assert owed(step) == start.shipping + start.shipping_tax
    assert step.repriced == 0


@given(SEEDS, COUNTRIES)
@examples(100)
def test_when_all_is_cancelled_in_any_steps_every_tender_is_back(
    seed: int, country: str | None
) -> None:
    wanted = bought(worlds(seed, (True, False)), country, 499, seed)
    step = placed(wanted, parcel("S1", **units_of(wanted))).order
    amounts = [max(payment.captured, payment.authorized) for payment in step.payments]
    rng = random.Random(seed)
    while any(one.open for one in step.lines):
        some = rng.choice([one for one in step.lines if one.open])
        step = cancel(step, {some.line_id: rng.randint(1, some.open)}, "", NOW, "web").order
        check(step)
    assert (owed(step), step.repriced) == (0, 0)
    assert [payment.refund_due + payment.released for payment in step.payments] == amounts


@given(SEEDS)
@examples(60)
def test_promotions_that_say_keep_give_what_they_always_gave(seed: int) -> None:
    """Also beside a promotion that says ``reprice`` and was not taken."""
    world = worlds(seed, (False,))
    never = Promotion("never", "", (), reprices=True)
    beside = Book.of(1, "USD", [*world.book.promotions, never], TAXES)
    rng = random.Random(seed)
    steps = [
        captured(shipped(bought(replace(world, book=one), "US", 0, seed)))
        for one in (world.book, beside)
    ]
    units = [one.line_id for one in steps[0].lines for _ in range(one.quantity)]
    for line_id in rng.sample(units, len(units)):
        steps = [back(step, line_id, 1) for step in steps]
        assert refunds(steps[0]) == refunds(steps[1])
        assert all(step.repriced == 0 for step in steps)


def test_below_a_threshold_the_discount_is_gone() -> None:
    """vendurehq/vendure#3885: 60 and 50 less 20; without the 50 the 60 cost 60."""
    start = of_prices({"A": 6000, "B": 5000}, SAVE_20)
    assert owed(start) == 9000
    assert given_back(start, "2") == 3000
    assert given_back(start, "1") == 4000
    assert given_back(back(start, "1", 1), "2") == 5000
    kept = of_prices({"A": 6000, "B": 5000}, {**SAVE_20, "on_return": "keep"})
    assert given_back(kept, "2") == 4091  # its share of the 90


def test_nobody_owes_more_because_something_small_comes_back() -> None:
    start = of_prices({"A": 9900, "B": 300}, SAVE_20)
    assert owed(start) == 8200
    step = back(start, "2", 1)
    assert (owed(step), sum(refunds(step)), step.repriced) == (8200, 0, 8200 - 9900 + 1941)
    assert given_back(step, "1") == 8200


def test_the_paid_part_of_buy_get_comes_back() -> None:
    """vendurehq/vendure#1795: the free unit stays, and is not free any more."""
    start = of_prices({"A": 1000, "B": 800}, BUY_GET)
    assert owed(start) == 1000
    assert given_back(start, "1") == 200
    assert given_back(start, "2") == 0
    assert given_back(back(start, "1", 1), "2") == 800
    twice = of_prices({"A": 1000}, BUY_GET, A=4)
    assert [sum(refunds(back(twice, "1", units))) for units in (1, 2, 3, 4)] == [
        0,
        1000,
        1000,
        2000,
    ]


def test_a_return_of_one_of_three_lines() -> None:
    """vendurehq/vendure#4811."""
    start = of_prices({"A": 5000, "B": 4000, "C": 3000}, SAVE_20)
    assert owed(start) == 10000
    assert [given_back(start, line_id) for line_id in "123"] == [3000, 2000, 1000]
    over = of_prices({"A": 9000, "B": 8000, "C": 3000}, SAVE_20)
    assert given_back(over, "3") == 3000  # 90 and 80 are above the threshold


def test_from_20_units_to_2() -> None:
    """vendurehq/vendure#5127: the price by quantity is that of two units."""
    tiers = [{"min_quantity": 10, "basis_points": 2000}]
    bulk = {"does": [{"kind": "quantity_tiers", "tiers": tiers}], "on_return": "reprice"}
    start = of_prices({"A": 100}, bulk, A=20)
    assert owed(start) == 1600
    step = back(start, "1", 18)
    assert (owed(step), sum(refunds(step))) == (200, 1400)


def test_points_that_paid_come_back_with_their_share() -> None:
    """10.00 of 90.00 are paid with points: 4.55 of them for what comes back."""
    paying = replace(cart(("A", 1), ("B", 1)), points=PointsOffer(1000, WHOLE))
    world = World(products({"A": 6000, "B": 5000}), paying, book(SAVE_20))
    start = captured(shipped(bought(world)))
    assert owed(start) == 8000
    step = back(start, "2", 1)
    assert step.points is not None
    assert (owed(step), step.points.returned) == (6000 - 545, 455)
    step = back(step, "1", 1)
    assert step.points is not None
    assert (owed(step), step.points.returned) == (0, 1000)


@given(SEEDS, st.integers(1, 9000))
@examples(60)
def test_with_points_nobody_gets_more_than_was_paid(seed: int, points: int) -> None:
    world = worlds(seed, (True, False))
    world = replace(world, cart=replace(world.cart, points=PointsOffer(points, WHOLE)))
    step = captured(shipped(bought(world, "US", 0, seed)))
    units = [one.line_id for one in step.lines for _ in range(one.quantity)]
    for line_id in random.Random(seed).sample(units, len(units)):
        before, due = refunds(step), owed(step)
        step = back(step, line_id, 1)
        assert all(old <= new for old, new in zip(before, refunds(step), strict=True))
        assert owed(step) <= due
    assert (owed(step), step.repriced) == (0, 0)
    assert step.points is None or step.points.returned == step.points.points


def test_free_shipping_that_is_lost_is_paid() -> None:
    free = {
        "does": [{"kind": "shipping_price", "amount": 0}],
        "when": {"subtotal": {"at_least": 5000}},
        "on_return": "reprice",
    }
    world = World(products({"A": 4000, "B": 2000}), cart(("A", 1), ("B", 1)), book(free))
    start = captured(shipped(bought(world, shipping=499)))
    assert owed(start) == 6000
    step = back(start, "2", 1)
    assert sum(refunds(step)) == 2000 - 499
    assert sum(refunds(back(step, "1", 1))) == 6000


def test_the_fee_of_a_return_is_at_most_what_comes_back() -> None:
    start = of_prices({"A": 9900, "B": 300}, SAVE_20)
    asked = ReturnRequest((ReturnLine("2", 1, "too small"),))
    opened = authorize(start, asked, NOW, "web", ReturnTerms(fee=200)).order
    assert opened.returns[0].fee == 200
    step = receive(opened, "o1.R1", "S2", NOW, "S2").order
    check(step)
    assert (step.returns[0].fee, owed(step), refunds(step)) == (0, 8200, refunds(start))


def test_a_price_by_hand_is_not_raised_again() -> None:
    start = bought(World(products({"A": 6000, "B": 5000}), cart(("A", 1), ("B", 1)), book(SAVE_20)))
    step = placed(start, parcel("S1", l1=1, l2=1)).order
    step = cancel(step, {"2": 1}, "", NOW, "web").order
    assert (owed(step), step.repriced) == (6000, 6000 - 4909)
    by_hand = Revision("a kind gesture", lines=(LineRevision("1", unit_price=5500),))
    after = revise(step, by_hand, NOW, "service").change.order
    assert (owed(after), after.repriced) == (5500, 0)


def test_without_its_prices_an_order_is_not_changed() -> None:
    start = replace(of_prices({"A": 6000, "B": 5000}, SAVE_20), prices=None)
    with pytest.raises(PricesMissing):
        take_back(start, "S2", [Returned("2", 1, "sellable", "")], NOW, "S2")


def test_points_and_spend_are_of_what_was_paid_in_the_end() -> None:
    """A point for each 1.00; 90.00 were paid, and then 60.00 for what cost 49.09 as frozen."""
    start = of_prices({"A": 6000, "B": 5000}, SAVE_20)
    terms = Terms(100, 10_000)
    assert (earning_order(start).points(terms), earning_order(start).spend) == (90, 9000)
    kept = earning_order(back(start, "2", 1))
    assert (kept.points(terms), kept.spend) == (49 + 10, 6000)
    nothing = earning_order(back(back(start, "2", 1), "1", 1))
    assert (nothing.points(terms), nothing.spend) == (0, 0)


def test_the_tax_of_a_tax_service_stays_what_it_was() -> None:
    world = World(products({"A": 6000, "B": 5000}), cart(("A", 1), ("B", 1)), book(SAVE_20))
    service = Taxes(False, {"standard": 0}, by_service=True)
    prices = replace(world.book, taxes={"US": service})
    start = bought(world, "US")
    assert start.prices is not None
    taxed = tuple(replace(one, tax=100) for one in start.lines)
    start = replace(start, lines=taxed, prices=replace(start.prices, book=prices), payments=())
    start = replace(start, payments=tendered(owed(start), random.Random(4)))
    step = back(captured(shipped(start)), "2", 1)
    assert owed(step) == 6000 + 100
