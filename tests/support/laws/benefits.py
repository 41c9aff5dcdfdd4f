"""Orders that take codes, cards and points of one shopper, and price holds: what may happen to
them, and the laws of what they use. Every rule is one step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from shared.cards import store as cards
from shared.customers.store import find
from shared.errors import PriceHoldClosed
from shared.loyalty import wallets
from shared.orders import placing, price_holds
from shared.orders.buyers import FoundBuyer
from shared.orders.contract.quoted import order_quote, quoted_line
from shared.orders.model import Buyer, Line, Order, Payment, missing
from shared.orders.model.payments import captured, paid
from shared.orders.model.used import uses_of
from shared.orders.price_holds import HeldCard
from shared.orders.store import order_of_item
from shared.orders.store.benefits import Known
from shared.pricing.model.points import POINTS, PointsOffer
from shared.pricing.model.price_hold import HeldAmount, PriceHold
from shared.pricing.model.quote import Given, Quote, QuoteLine, ShippingQuote
from shared.pricing.model.uses import Limits, Use
from shared.pricing.store import price_holds as stored_holds
from tests.support import shop
from tests.support import wallets as loyalty
from tests.support.cards import issued
from tests.support.laws.laws import SKUS, Laws, answer

BOB = Buyer("bob", "bob")
POINTS_GIVEN = 2_000
ON_A_CARD = 3_000
USE = Use("law", 150, Limits(uses=9), code="LAW", code_uses=6)
PRICES = "functions.pricing.api.handler"
SWEEPS = "functions.pricing.sweep.handler"

any_of = st.integers(0, 999)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a shopper wants with which benefits."""

    line: Line
    quote: Quote
    card_id: str | None
    amount: int


class Benefits(Laws):
    def __init__(self) -> None:
        super().__init__()
        self.patch.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
        loyalty.publish(burn_share=10_000, expiry_months=None)
        loyalty.profile("bob")
        wallets.adjust("bob", POINTS_GIVEN, "a present", shop.request("give", "give"), self.now)
        self.cards = [issued(ON_A_CARD)[0].card_id for _ in range(2)]
        self.kept: dict[str, Wanted] = {}

    @rule(
        sku=st.sampled_from(SKUS),
        quantity=st.integers(1, 3),
        coded=st.booleans(),
        points=st.sampled_from([0, 0, 70, 333]),
        which=st.sampled_from([None, 0, 1]),
        amount=st.integers(1, 900),
    )
    def buy_with_benefits(
        self, sku: str, quantity: int, points: int, which: int | None, amount: int, *, coded: bool
    ) -> None:
        wanted = self.wanted(sku, quantity, points, which, amount, coded=coded)

        def pay(draft: Order) -> tuple[Order, Known]:
            return _paid(draft, [_of_card(wanted)] if wanted.card_id else []), Known()

        self.place_wanted(wanted, pay)

    @rule(
        sku=st.sampled_from(SKUS),
        points=st.sampled_from([0, 70, 333]),
        which=st.sampled_from([None, 0, 1]),
        amount=st.integers(1, 900),
        coded=st.booleans(),
        life=st.integers(1, 200),
    )
    def keep_a_price(
        self, sku: str, points: int, which: int | None, amount: int, life: int, *, coded: bool
    ) -> None:
        wanted = self.wanted(sku, 1, points, which, amount, coded=coded)
        held = (
            [HeldCard(HeldAmount(wanted.card_id, "LAWS", wanted.amount))] if wanted.card_id else []
        )
        name, now = self.name(), self.now
        request = shop.request(name)
        until = now + timedelta(minutes=life)

        def keep() -> str:
            return price_holds.open_hold(
                wanted.quote, until, lambda: held, request, now, lambda hold: hold.hold_id
            )

        if hold_id := self.done(keep, PRICES):
            self.kept[hold_id] = wanted
            self.acted.append((keep, hold_id))

    @precondition(lambda self: self.kept)
    @rule(which=any_of)
    def claim_a_price(self, which: int) -> None:
        hold_id, now = self.kept_hold(which), self.now

        def pay(draft: Order) -> tuple[Order, Known]:
            found = stored_holds.find(hold_id)
            if found is None or not found[0].claimable(now):
                raise PriceHoldClosed(hold_id, found[0].state_at(now) if found else "gone")
            hold = found[0]
            kept = [
                captured(Payment(f"held-{n}", "gift_card", card_id=one.card_id), one.amount)
                for n, one in enumerate(hold.cards)
            ]
            return _paid(draft, kept), Known(price_hold=hold)

        self.place_wanted(self.kept[hold_id], pay)

    @precondition(lambda self: self.kept)
    @rule(which=any_of, late=st.booleans())
    def end_a_price(self, which: int, *, late: bool) -> None:
        """The channel releases a hold, or the sweep comes to it."""
        hold_id = self.kept_hold(which)
        end = partial(price_holds.release, hold_id, self.now, only_expired=late)
        self.done(end, SWEEPS if late else PRICES)

    def kept_hold(self, which: int) -> str:
        return list(self.kept)[which % len(self.kept)]

    def wanted(
        self,
        sku: str,
        quantity: int,
        points: int,
        which: int | None,
        amount: int,
        *,
        coded: bool,
    ) -> Wanted:
        off = [(USE.promotion_id, USE.amount)] if coded else []
        off += [(POINTS, points)] if points else []
        net = 1000 * quantity - sum(cut for _, cut in off)
        quote = Quote(
            at=self.now,
            book=1,
            currency="USD",
            lines=(QuoteLine("1", sku, quantity, 1000, net, tuple(off)),),
            shipping=ShippingQuote(0, 0),
            given=Given(points=PointsOffer(points, 10_000) if points else None),
            complete=True,
            uses=(USE,) if coded else (),
            profile_id="bob",
        )
        card_id = None if which is None else self.cards[which]
        return Wanted(
            Line("1", sku, quantity, 1000, "USD", "ship", 0), quote, card_id, min(amount, net)
        )

    def place_wanted(self, wanted: Wanted, pay: Callable[[Order], tuple[Order, Known]]) -> None:
        name, now, quote = f"o-{self.name()}", self.now, wanted.quote
        line = quoted_line(wanted.line, quote.lines[0], quote)
        draft = replace(shop.order(name, line), placed_at=now, payments=(), **order_quote(quote))

        def place() -> str:
            return placing.place(
                draft,
                shop.request(name, name),
                "web",
                now,
                answer,
                lambda: FoundBuyer(BOB, quoted=find("bob")),
                pay,
            )

        self.by_order = self.mine = True
        if first := self.done(place):
            self.placed[name] = place, first

    @invariant()
    def benefits_are_conserved(self) -> None:
        rows = shop.items("pricing")
        placed = [order_of_item(row) for row in shop.items("orders") if row["sk"] == "ORDER"]
        open_holds = [
            stored_holds.hold_of_item(row)
            for row in rows
            if row["pk"].startswith("PRICEHOLD#") and row["state"] == "open"
        ]
        self.uses_are_counted(rows, placed, open_holds)
        self.cards_are_conserved(placed, open_holds)
        self.points_are_conserved(placed, open_holds)

    @staticmethod
    def uses_are_counted(
        rows: list[dict[str, Any]], placed: list[Order], open_holds: list[PriceHold]
    ) -> None:
        """Law 4: each use that an order or a hold has is counted once, and none beyond a limit."""
        uses = sum(len(uses_of(order)) for order in placed)
        uses += sum(len(hold.uses) for hold in open_holds)
        for row in rows:
            if "spent" in row:
                assert (row["uses"], row["spent"]) == (uses, uses * USE.amount), row
                limit = USE.limits.uses if row["pk"] == "LIMIT#law" else USE.code_uses
                assert limit is not None
                assert row["uses"] <= limit

    def cards_are_conserved(self, placed: list[Order], open_holds: list[PriceHold]) -> None:
        """Law 5 of cards: what was taken and not given back is missing, and nothing else."""
        taken, held = Counter[str](), Counter[str]()
        for order in placed:
            for payment in order.payments:
                if payment.card_id is not None:
                    taken[payment.card_id] += payment.captured - payment.refunded
        for hold in open_holds:
            for amount in hold.cards:
                held[amount.card_id] += amount.amount
        for card_id in self.cards:
            card = cards.find(card_id)
            assert card.balance == ON_A_CARD - taken[card_id]
            assert card.held == held[card_id]
            assert card.available >= 0

    @staticmethod
    def points_are_conserved(placed: list[Order], open_holds: list[PriceHold]) -> None:
        """Law 5 of points."""
        spent = sum(order.points.points - order.points.returned for order in placed if order.points)
        held = sum(
            units for hold in open_holds for draw in hold.draws for _, units in draw["drawn"]
        )
        account = loyalty.account("bob")
        assert (account.available, account.points.held, account.debt) == (
            POINTS_GIVEN - spent - held,
            held,
            0,
        )


def _of_card(wanted: Wanted) -> Payment:
    return captured(Payment("card", "gift_card", card_id=wanted.card_id), wanted.amount)


def _paid(draft: Order, by_cards: list[Payment]) -> Order:
    draft = replace(draft, payments=tuple(by_cards))
    rest = missing(draft)
    return replace(draft, payments=(*draft.payments, paid(rest, "rest"))) if rest else draft
