"""Returns of the retailer to which anything may happen (machine.py): authorized, received,
inspected under rules for restocking, refurbished, and taken back unannounced."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.errors import Conflict
from shared.orders import model
from shared.orders.model import Order, Return, Returned, ReturnLine, returns
from shared.orders.model.refurbishing import refurbished
from shared.orders.model.restocking import ON_SHELF, Restocking, RestockRule
from tests.support.laws.laws import STORES, Laws

any_of = st.integers(0, 999)
RULES = (
    ON_SHELF,
    Restocking((RestockRule("send_to", to_location_id="boulder"),)),
    Restocking((RestockRule("hold_back", owner="quality"),)),
)
OUTCOMES = ("sellable", "damaged", "refurbish")
restocking = st.sampled_from(RULES)


def chosen(order: Order, which: int, possible: Sequence[Return]) -> Return:
    """Raises Conflict when none is possible."""
    if not possible:
        raise Conflict("there is no such return")
    return possible[which % len(possible)]


class Returns(Laws):
    """What happens to goods after they were handed over; every rule is one step."""

    @precondition(lambda self: self.placed)
    @rule(which=any_of, store=st.sampled_from(STORES), damaged=st.booleans(), rules=restocking)
    def take_back(self, which: int, store: str, *, damaged: bool, rules: Restocking) -> None:
        rows = [Returned("1", 1, "damaged" if damaged else "sellable", "no")]
        self.changed(
            which,
            lambda order: model.take_back(order, store, rows, self.now, "web", restocking=rules),
        )

    @precondition(lambda self: self.placed)
    @rule(which=any_of, units=st.integers(1, 2), keep=st.booleans())
    def authorize_a_return(self, which: int, units: int, *, keep: bool) -> None:
        asked = returns.ReturnRequest((ReturnLine("1", units, "no"),), goodwill=True, keep=keep)
        self.changed(which, lambda order: returns.authorize(order, asked, self.now, "web"))

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

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, outcome=st.sampled_from(OUTCOMES), rules=restocking)
    def inspect_a_return(self, which: int, outcome: Any, rules: Restocking) -> None:
        def decide(order: Order) -> model.OrderChange:
            received = [one for one in order.returns if one.state == "received"]
            each = chosen(order, which, received)
            rows = [(row.line_id, row.quantity, outcome) for row in each.lines]
            return returns.inspect(order, each.return_id, rows, self.now, "store", restocking=rules)

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, whole=st.booleans())
    def put_unsold_units_on_sale(self, which: int, *, whole: bool) -> None:
        def decide(order: Order) -> model.OrderChange:
            each = chosen(order, which, [one for one in order.returns if one.unsold])
            rows: Any = None if whole else [("1", 1, "sellable")]
            return refurbished(order, each.return_id, rows, self.now, "store")

        self.changed(which, decide)
