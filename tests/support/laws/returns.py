"""Returns of the retailer to which anything may happen (machine.py): authorized, received,
inspected under rules for restocking, refurbished, and taken back unannounced."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.errors import Conflict
from shared.orders import model
from shared.orders.model import Order, Return, Returned, ReturnLine, returns
from shared.orders.model.refurbishing import refurbished
from shared.orders.model.restocking import ON_SHELF, Restocking, RestockRule
from shared.orders.model.return_terms import ReturnRequest
from tests.support import shop
from tests.support.laws.benefits import Benefits
from tests.support.laws.laws import STORES

any_of = st.integers(0, 999)
RULES = (
    ON_SHELF,
    Restocking((RestockRule("send_to", to_location_id="boulder"),)),
    Restocking((RestockRule("hold_back", owner="quality"),)),
)
OUTCOMES = ("sellable", "damaged", "refurbish", "missing")
restocking = st.sampled_from(RULES)


def chosen(order: Order, which: int, possible: Sequence[Return]) -> Return:
    """Raises Conflict when none is possible."""
    if not possible:
        raise Conflict("there is no such return")
    return possible[which % len(possible)]


class Returns(Benefits):
    """What happens to goods after they were handed over; every rule is one step."""

    def among(self, which: int, fits: Callable[[Order], bool]) -> int:
        """An order that ``fits``, where there is one: few orders come that far by chance."""
        names = list(self.placed)
        fitting = [order.order_id for order in shop.all_orders() if fits(order)]
        known = [names.index(name) for name in fitting if name in names]
        return known[which % len(known)] if known else which

    @precondition(lambda self: self.placed)
    @rule(which=any_of)
    def hand_over_a_parcel(self, which: int) -> None:
        """Accepted, and shipped or collected."""
        open_ones = self.among(which, lambda order: any(one.is_open for one in order.fulfillments))

        def decide(order: Order) -> model.OrderChange:
            name = self.part(order, which)
            part = order.fulfillment(name)
            change = model.OrderChange(order)
            for step in (
                ("accept", "ship") if part.method == "ship" else ("accept", "ready", "collect")
            ):
                if step in model.allowed_actions(change.order.fulfillment(name)):
                    action: Any = step
                    advanced = model.advance(change.order, name, action, self.now, "store")
                    change = replace(model.combine(change, advanced), cause=advanced.cause)
            if change.order == order:
                raise Conflict("nothing is handed over")
            return change

        self.changed(open_ones, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, store=st.sampled_from(STORES), damaged=st.booleans(), rules=restocking)
    def take_back(self, which: int, store: str, *, damaged: bool, rules: Restocking) -> None:
        rows = [Returned("1", 1, "damaged" if damaged else "sellable", "no")]
        self.changed(
            self.among(which, lambda order: order.lines[0].fulfilled > 0),
            lambda order: model.take_back(order, store, rows, self.now, "web", restocking=rules),
        )

    @precondition(lambda self: self.placed)
    @rule(which=any_of, units=st.integers(1, 2), keep=st.booleans())
    def authorize_a_return(self, which: int, units: int, *, keep: bool) -> None:
        asked = ReturnRequest((ReturnLine("1", units, "no"),), goodwill=True, keep=keep)
        handed_over = self.among(which, lambda order: order.lines[0].fulfilled > 0)
        self.changed(handed_over, lambda order: returns.authorize(order, asked, self.now, "web"))

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        step=st.sampled_from(["cancel", "label", "scan", "receive", "receive"]),
        store=st.sampled_from(STORES),
    )
    def act_on_a_return(self, which: int, step: str, store: str) -> None:
        def decide(order: Order) -> model.OrderChange:
            possible = [one for one in order.returns if step in returns.allowed_steps(one)]
            name = chosen(order, which, possible).return_id
            match step:
                case "cancel":
                    return returns.cancel_return(order, name, self.now, "web")
                case "label":
                    return returns.labelled(order, name, "UPS", f"1Z-{name}", self.now, "web")
                case "scan":
                    return returns.scan(order, name, self.now, "carrier")
            return returns.receive(order, name, store, self.now, "store")

        fitting = self.among(
            which, lambda order: any(step in returns.allowed_steps(one) for one in order.returns)
        )
        self.changed(fitting, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, outcome=st.sampled_from(OUTCOMES), rules=restocking)
    def inspect_a_return(self, which: int, outcome: Any, rules: Restocking) -> None:
        def decide(order: Order) -> model.OrderChange:
            received = [one for one in order.returns if one.state == "received"]
            each = chosen(order, which, received)
            rows = [(row.line_id, row.quantity, outcome) for row in each.lines]
            return returns.inspect(order, each.return_id, rows, self.now, "store", restocking=rules)

        fitting = self.among(
            which, lambda order: any(one.state == "received" for one in order.returns)
        )
        self.changed(fitting, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, whole=st.booleans())
    def put_unsold_units_on_sale(self, which: int, *, whole: bool) -> None:
        def decide(order: Order) -> model.OrderChange:
            each = chosen(order, which, [one for one in order.returns if one.unsold])
            rows: Any = None if whole else [("1", 1, "sellable")]
            return refurbished(order, each.return_id, rows, self.now, "store")

        fitting = self.among(which, lambda order: any(one.unsold for one in order.returns))
        self.changed(fitting, decide)

    @precondition(lambda self: self.placed)
    @rule(
        which=any_of,
        steps=st.integers(2, 4),
        store=st.sampled_from(STORES),
        outcome=st.sampled_from(OUTCOMES),
        rules=restocking,
    )
    def a_parcel_comes_back(
        self, which: int, steps: int, store: str, outcome: Any, rules: Restocking
    ) -> None:
        """What several rules do in a row: by chance alone, an inspection is rare."""
        if not any(order.lines[0].fulfilled for order in shop.all_orders()):
            self.hand_over_a_parcel(which)
        self.authorize_a_return(which, 1, keep=False)
        if steps > 2:
            self.act_on_a_return(which, "receive", store)
        if steps > 3:
            self.inspect_a_return(which, outcome, rules)
