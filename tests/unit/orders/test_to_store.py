"""Which units are sent to the store where the shopper collects them, without a table."""

from dataclasses import replace
from datetime import timedelta

from shared.orders import model
from shared.orders.model import OrderChange
from shared.orders.sourcing.needs import Needs, Sourced
from shared.orders.sourcing.supply import Supply
from shared.orders.sourcing.to_store import send_to_stores
from shared.stock.model.position import Effect
from shared.stock.model.rules import Fence, RuleAmount, SellingTerms
from tests.unit.orders.orders import line, order
from tests.unit.orders.test_sourcing import NOW, supply


def wanted(units: int) -> OrderChange:
    collected = line("1", "A", units, "pickup", location_id="denver", ship_to_store=True)
    return model.place(order(collected), NOW, "web")


def sent(start: OrderChange, units: Supply) -> Sourced:
    done = send_to_stores(Sourced(start, units), NOW)
    assert not isinstance(done, Needs)
    return done


def donors(done: Sourced) -> dict[str, int]:
    return {
        change.transfer.from_location_id: change.transfer.lines[0].quantity
        for change in done.change.transfers
    }


def test_a_store_sends_nothing_to_itself() -> None:
    assert donors(sent(wanted(2), supply(denver=5, omaha=5))) == {"omaha": 2}


def test_units_that_the_order_takes_already_are_not_sent_as_well() -> None:
    start = wanted(2)
    taken = replace(start, effects=(Effect("A", "omaha", 0, 5, 0),))
    assert donors(sent(taken, supply(omaha=6))) == {"omaha": 1}


def test_a_transfer_is_no_sale_of_the_channel() -> None:
    """A transfer that is cancelled would leave its units counted."""
    shelf = supply(omaha=6)
    own = Fence("web-first", RuleAmount(units=3), ())
    shelf.selling["A", "omaha"] = SellingTerms(RuleAmount(units=1), (own,), 0)
    done = sent(wanted(2), shelf)
    taken = next(effect for effect in done.change.effects if effect.location_id == "omaha")
    assert (taken.reserved, taken.floor, taken.counters) == (2, 1, ())


def test_the_order_owns_what_is_promised_and_what_is_not() -> None:
    done = sent(wanted(7), supply(omaha=4))
    row = done.change.order.line("1")
    assert (row.unassigned, row.backordered) == (3, 4)
    assert [(claim.source, claim.quantity) for claim in row.claims] == [("omaha", 4)]
    assert done.change.order.decisions


def test_units_that_waited_for_nothing_keep_their_deadline_when_others_are_sent() -> None:
    """Found by the law machine: a rejected unit is sent to the store of a line that has
    backordered units without a supply."""
    start = wanted(3)
    deadline = NOW + timedelta(hours=6)
    waiting = replace(
        start.order.line("1"),
        backorder=True,
        open=1,
        unassigned=1,
        backordered=2,
        since=NOW,
        deadline=deadline,
    )
    start = replace(start, order=replace(start.order, lines=(waiting,)))
    settled = model.settle(sent(start, supply(omaha=4)).change, NOW)
    row = settled.order.line("1")
    assert (row.unassigned, row.backordered, row.expected_at) == (0, 3, None)
    assert row.deadline == deadline
    model.check(settled.order)
