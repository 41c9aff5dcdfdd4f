"""32 at once on DynamoDB Local: points are spent once, a price hold becomes one order or nothing,
and what it keeps comes back once (laws 4, 5 and 11)."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from shared.cards import store as cards
from shared.customers.store import find
from shared.errors import PointsShort, PriceHoldClosed, Refusal
from shared.loyalty import wallets
from shared.orders import placing, price_holds
from shared.orders.buyers import FoundBuyer
from shared.orders.contract.quoted import order_quote, quoted_line
from shared.orders.model import Buyer, Order, Payment
from shared.orders.model.payments import captured
from shared.orders.price_holds import HeldCard
from shared.orders.store.benefits import Known
from shared.pricing.model.cart import Cart, CartLine, Person, Place
from shared.pricing.model.price_hold import HeldAmount, PriceHold
from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Quote
from shared.pricing.model.slots import SLOTS
from shared.pricing.store import price_holds as holds
from tests.support import pricing as carts
from tests.support import shop
from tests.support import wallets as support
from tests.support.buyers import answer, at_once
from tests.support.cards import issued
from tests.support.shop import NOW, order, request

pytestmark = pytest.mark.race
BUYERS = 32
BOB = Buyer("bob", "bob")


@pytest.fixture(autouse=True)
def stocked(local_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 40, "depot": 40}})
    support.publish(burn_share=10_000)
    support.profile("bob")
    wallets.adjust("bob", 1_000, "a present", request("give", "give"), NOW)


def quote(points: int | None, **limits: int) -> Quote:
    """One unit of A for 10.00, for Bob, with a promotion that takes 10 % off."""
    ten = {
        "promotion_id": "ten",
        "does": [{"kind": "order_percent_off", "basis_points": 1000}],
        "limits": limits,
    }
    plan = wallets.wallet("bob", NOW).programme
    cart = Cart((CartLine("1", "A", 1),), points=plan.offer(points) if points else None)
    products, place = carts.products({"A": 1000}), Place("web")
    made = price(cart, Person(), place, NOW, carts.book(ten), products).quote
    return replace(made, profile_id="bob")


def draft(name: str, quoted: Quote) -> Order:
    lines = (quoted_line(shop.line("1", "A", 1), quoted.lines[0], quoted),)
    return replace(order(name), lines=lines, payments=(), **order_quote(quoted))


def buy(name: str, quoted: Quote, hold: PriceHold | None = None) -> str:
    wanted = draft(name, quoted)
    return placing.place(
        wanted,
        request(name, wanted.order_id),
        "web",
        NOW,
        answer,
        lambda: FoundBuyer(BOB, quoted=find("bob")),
        lambda wanted: (paid_by(wanted, hold), Known(price_hold=hold)),
    )


def paid_by(wanted: Order, hold: PriceHold | None) -> Order:
    cards = hold.cards if hold else ()
    payments = (
        captured(Payment(f"held-{n}", "gift_card", card_id=card.card_id), card.amount)
        for n, card in enumerate(cards)
    )
    return replace(wanted, payments=tuple(payments))


def open_hold(name: str, quoted: Quote, *kept: HeldAmount) -> PriceHold:
    made = request(name, name)
    cards = [HeldCard(one) for one in kept]
    text = price_holds.open_hold(
        quoted, NOW + timedelta(hours=1), lambda: cards, made, NOW, lambda hold: hold.hold_id
    )
    found = holds.find(text)
    assert found is not None
    return found[0]


def points() -> tuple[int, int]:
    account = support.account("bob")
    return account.available, account.points.held


def uses() -> int:
    """With the slots of the limit."""
    keys = {"LIMIT#ten", *(f"LIMIT#ten#{slot}" for slot in range(SLOTS))}
    return sum(row["uses"] for row in shop.items("pricing") if row["pk"] in keys)


def placed() -> list[str]:
    return [row["order_id"] for row in shop.items("orders") if row["sk"] == "ORDER"]


def test_points_of_one_person_pay_once() -> None:
    """fushengqian/fuint#71, erpnext: the same points paid in two tabs."""
    quoted = quote(300)
    done = at_once([partial(buy, f"o{n}", quoted) for n in range(BUYERS)])
    refused = [one for one in done if isinstance(one, Refusal)]
    assert all(isinstance(one, PointsShort) for one in refused)
    assert len(done) - len(refused) == len(placed()) == 3
    assert points() == (100, 0)
    shop.laws()


def test_a_hold_becomes_one_order() -> None:
    card, _ = issued(700)
    quoted = quote(300, uses=1)
    hold = open_hold("h", quoted, HeldAmount(card.card_id, card.suffix, 600))
    assert (points(), uses()) == ((700, 300), 1)
    done = at_once([partial(buy, f"o{n}", quoted, hold) for n in range(BUYERS)])
    refused = [one for one in done if isinstance(one, Refusal)]
    assert {type(one) for one in refused} == {PriceHoldClosed}
    assert len(refused) == BUYERS - 1
    assert len(placed()) == 1
    stored = cards.find(card.card_id)
    assert (stored.balance, stored.held, points(), uses()) == (100, 0, (700, 0), 1)
    shop.laws()


def test_a_request_that_is_repeated_keeps_once() -> None:
    """Also when what it keeps was the last: the code can be used once, the points are all."""
    quoted = quote(900, uses=1)
    done = at_once([partial(open_hold, "h", quoted)] * BUYERS)
    assert len({hold.hold_id for hold in done}) == 1
    assert (points(), uses()) == ((100, 900), 1)


def test_holds_of_a_large_limit_share_its_slots_with_orders() -> None:
    """Holds and orders at once: each counts one use; the order of a hold has the hold's slots."""
    quoted = quote(None, uses=1_000)
    acts = [partial(open_hold, f"h{n}", quoted) for n in range(BUYERS // 2)]
    done = at_once([*acts, *(partial(buy, f"o{n}", quoted) for n in range(BUYERS // 2))])
    assert not [one for one in done if isinstance(one, Refusal)]
    assert uses() == BUYERS
    kept = [one for one in done if isinstance(one, PriceHold)]
    assert len({hold.uses[0].slots for hold in kept}) > 1
    at_once([partial(buy, f"b{n}", quoted, hold) for n, hold in enumerate(kept[:8])])
    at_once([partial(price_holds.release, hold.hold_id, NOW) for hold in kept[8:]])
    slots_of = {
        row["order_id"]: row["quote"]["uses"][0]["slots"]
        for row in shop.items("orders")
        if row["sk"] == "ORDER"
    }
    assert [slots_of[f"b{n}"] for n in range(8)] == [dict(one.uses[0].slots) for one in kept[:8]]
    assert uses() == len(slots_of) == BUYERS // 2 + 8
    shop.laws()


@pytest.mark.parametrize("most", [100, 1_000])
@pytest.mark.parametrize("late", [False, True], ids=["released", "swept"])
def test_a_hold_is_claimed_or_given_back_and_never_both(late: bool, most: int) -> None:
    for turn in range(6):
        # Where only a use is kept, nothing but the state of the hold decides.
        spent, paid = (0, 0) if turn % 2 else (100, 500)
        card, _ = issued(500)
        quoted = quote(spent or None, uses=most)
        before, used = points()[0], uses()
        kept = [HeldAmount(card.card_id, card.suffix, paid)] if paid else []
        hold = open_hold(f"h{turn}", quoted, *kept)
        at = NOW + timedelta(hours=2) if late else NOW
        end = partial(price_holds.release, hold.hold_id, at, only_expired=late)
        name = f"o{turn}"
        done = at_once([end, partial(buy, name, quoted, hold), end, end])
        bought = name in placed()
        assert bought is not isinstance(done[1], Refusal)
        given_back = sum(one is True for one in (done[0], *done[2:]))
        assert given_back == (0 if bought else 1)
        stored = cards.find(card.card_id)
        assert (stored.balance, stored.held) == (500 - (paid if bought else 0), 0)
        assert points() == (before - (spent if bought else 0), 0)
        assert uses() == used + bought
    shop.laws()
