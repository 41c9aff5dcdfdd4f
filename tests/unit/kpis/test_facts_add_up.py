"""The facts of an order add up to what the order says, at each moment of a random life."""

from collections import Counter
from functools import partial
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from shared.kpis.model.costs import Rates, ServingCost
from shared.kpis.model.facts import SENT, Surroundings, facts
from shared.kpis.model.figures import Facts, Figures, difference, summed
from shared.orders.model import Order, OrderChange, advance
from shared.orders.model.value import line_value
from tests.support.places import place
from tests.support.profiles import examples
from tests.unit.orders.life import LOCATIONS, SKUS, Life

PLACES = {name: place(name) for name in LOCATIONS}
UNIT_COSTS = dict(zip(SKUS, (600, 250), strict=True))
RATES = Rates(payment_share=150, payment_fixed=25, return_unit=90)


def around(order: Order) -> Surroundings:
    costs = {
        part.fulfillment_id: ServingCost(200, 450)
        for part in order.fulfillments
        if part.state in SENT
    }
    return Surroundings(PLACES, UNIT_COSTS, costs, RATES)


def total(found: Facts) -> Figures:
    return summed(found.values())


class Counted(Life):
    """After each step the order is counted, and what has changed since the step before is added to
    the sums, as the worker does."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: Facts = {}
        self.sums: Figures = Counter()

    @rule(most=st.integers(1, 3))
    def handing_over(self, most: int) -> None:
        """Lives that are left to chance seldom come this far: most are cancelled before."""
        for part in [part for part in self.order.fulfillments if part.is_open][:most]:
            last = ("ship",) if part.method == "ship" else ("ready", "collect")
            for action in ("accept", *last):
                self.tried(partial(self._advanced, part.fulfillment_id, action))

    def _advanced(self, name: str, action: Any) -> OrderChange:
        return advance(self.order, name, action, self.now, "x")

    def cancelling(self) -> None:
        """Not here: only some fulfillments are cancelled, and what is left after a pause."""

    @invariant()
    def what_is_added_is_what_the_order_is(self) -> None:
        if not hasattr(self, "order"):
            return
        found = facts(self.order, around(self.order))
        for row in difference(found, self.facts).values():
            self.sums.update(row)
        self.facts = found
        assert {name: value for name, value in self.sums.items() if value} == {
            name: value for name, value in total(found).items() if value
        }
        self._adds_up(self.order, self.sums)

    def _adds_up(self, order: Order, sums: Figures) -> None:
        ordered = [line for line in order.lines if line.instead_of is None]
        handed = sum(line.fulfilled for line in order.lines)
        assert sums["orders"] == 1
        assert sums["ordered_units"] == sum(line.quantity for line in ordered)
        assert sums["list_value"] - sums["discounts"] == sum(line.net for line in ordered)
        assert sums["sold_units"] == sums["costed_units"] == handed
        assert sums["returned_units"] == sum(line.credited for line in order.lines)
        assert sums["first_plan_units"] <= sums["served_units"] <= handed
        kept = sum(line_value(line, line.fulfilled - line.credited) for line in order.lines)
        assert sums["sales"] - sums["refunds"] == kept
        assert sums["kept_units"] <= sums["due_units"]
        assert sums["repriced"] == (order.repriced if handed else 0)
        assert sums["shipping"] == (order.shipping if handed else 0)
        sent = [part for part in order.fulfillments if part.state in SENT]
        assert sums["handling_cost"] == 200 * len(sent)
        assert sums["parcels"] == sum(part.method == "ship" for part in sent)
        assert sums["shipped_orders"] == min(1, sums["parcels"])
        fees = sum(each.fee for each in order.returns if each.credited)
        assert sums["return_fees"] == fees
        assert all(value >= 0 for name, value in sums.items() if name != "repriced")


Counted.TestCase.settings = examples(
    160, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
TestCounted = Counted.TestCase
