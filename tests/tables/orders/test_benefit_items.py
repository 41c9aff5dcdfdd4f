"""What benefits cost: the items of the order's transaction, and nothing without benefits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.aws import dynamodb as tables
from shared.customers.store import find
from shared.loyalty import wallets
from shared.orders import placing
from shared.orders.buyers import FoundBuyer
from shared.orders.model import Buyer, Order, Payment
from shared.orders.model.payments import captured
from shared.orders.model.quoted import Discount, OrderQuote, PointsPaid
from shared.orders.store.benefits import Known
from shared.pricing.model.points import POINTS
from shared.pricing.model.quote import ENGINE
from shared.pricing.model.uses import Limits, Use
from tests.support import shop
from tests.support import wallets as support
from tests.support.buyers import answer
from tests.support.cards import issued
from tests.support.shop import NOW, request

MOST = 22
"""Items that all benefits together may add to an order."""


@pytest.fixture(autouse=True)
def stocked(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 40}})


def items_of(placed: Any, environment: pytest.MonkeyPatch) -> int:
    """The items of the transaction in which the order is written."""
    counts: list[int] = []
    attempt = tables.attempt

    def counting(parts: Sequence[tables.Part], token: str | None = None) -> tables.Tried:
        counts.append(len(parts))
        return attempt(parts, token)

    environment.setattr(tables, "attempt", counting)
    placed()
    environment.setattr(tables, "attempt", attempt)
    return max(counts)


def order_of(name: str, uses: Sequence[Use] = (), points: int = 0) -> Order:
    off = [Discount(use.promotion_id, use.amount) for use in uses]
    off += [Discount(POINTS, points)] if points else []
    draft = shop.order(name, shop.line("1", "A", 10))
    lines = (replace(draft.lines[0], discounts=tuple(off)),)
    kept = OrderQuote(NOW, 1, ENGINE, "d", uses=tuple(uses)) if off else None
    paid = PointsPaid(points, points) if points else None
    return replace(draft, lines=lines, quote=kept, points=paid)


def test_all_benefits_together_are_few_items(environment: pytest.MonkeyPatch) -> None:
    """5 codes, 3 promotions with a limit, 5 cards, and points of 3 accounts of one person."""
    support.publish(burn_share=10_000)
    for name in ("bob", "rob", "bobby"):
        support.profile(name)
        wallets.adjust(name, 100, "a present", request(f"give-{name}", name), NOW)
    survivor = support.merge(support.merge("bob", "rob"), "bobby")
    codes = [Use(f"c{n}", 100, code=f"CODE{n}", code_uses=1) for n in range(5)]
    limited = [Use(f"l{n}", 100, Limits(uses=9)) for n in range(3)]
    wanted = order_of("all", [*codes, *limited], points=300)
    cards = [issued(200)[0] for _ in range(5)]
    payments = tuple(
        captured(Payment(str(n), "gift_card", card_id=card.card_id), 200)
        for n, card in enumerate(cards)
    )
    rest = captured(Payment("rest"), 10_000 - 800 - 300 - 1_000)
    wanted = replace(wanted, payments=(*payments, rest))

    def place_all() -> None:
        buyer = FoundBuyer(Buyer(survivor, survivor), quoted=find(survivor))
        made = request("all", "all")
        placing.place(
            wanted, made, "web", NOW, answer, lambda: buyer, lambda draft: (draft, Known())
        )

    def place_plain() -> None:
        placing.place(order_of("plain"), request("plain", "plain"), "web", NOW, answer)

    plain = items_of(place_plain, environment)
    everything = items_of(place_all, environment)
    assert 16 <= everything - plain <= MOST
    assert wallets.wallet(survivor, NOW).available == 0
