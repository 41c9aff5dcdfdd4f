"""Changes of an order that was placed: what follows for labels, claims and erased buyers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict
from shared.orders.model import (
    Order,
    act_on_deadlines,
    advance,
    check,
    follow_parcel,
    new_pause,
    pause,
)
from shared.orders.model.contacts import Contacts
from shared.orders.model.order import Buyer, DeliveryPlace
from shared.orders.model.revising import LineRevision, Move, Revision, revise
from tests.unit.orders.orders import NOW, line, order, parcel, placed

ELSEWHERE = DeliveryPlace("10001", "US")


def picked() -> Order:
    """One line of 3 units, picked at S1 and labelled."""
    start = placed(order(line("1", "A", 3)), parcel("S1", l1=3)).order
    for action in ("accept", "pick"):
        start = advance(start, "o1.1", action, NOW, "S1").order
    labelled = replace(start.fulfillments[0], carrier="UPS", tracking="1Z9")
    return replace(start, fulfillments=(labelled,))


def events(of: Order) -> list[str]:
    return [entry.event for entry in of.history]


@pytest.mark.parametrize(
    "what",
    [
        {"ship_to": ELSEWHERE},
        {"service_level": "express"},
        {"contacts": Contacts(ship_to=object())},  # type: ignore[arg-type]
    ],
)
def test_a_label_for_the_former_address_is_not_used(what: dict[str, Any]) -> None:
    """The parcel would go where the shopper no longer is."""
    revised = revise(picked(), Revision("moved", **what), NOW, "agent").change.order
    check(revised)
    (part,) = revised.fulfillments
    assert (part.state, part.carrier, part.tracking, part.former_addresses) == (
        "picked",
        None,
        None,
        1,
    )
    assert "fulfillment.label_void" in events(revised)


def test_a_label_stays_when_something_else_is_changed() -> None:
    revision = Revision("fewer", lines=(LineRevision("1", quantity=2),))
    revised = revise(picked(), revision, NOW, "agent").change.order
    assert (revised.fulfillments[0].tracking, revised.fulfillments[0].former_addresses) == (
        "1Z9",
        0,
    )


def test_a_label_is_for_one_of_two_parcels() -> None:
    move = Move("o1.1", None, {"1": 1})
    revised = revise(picked(), Revision("split", moves=(move,)), NOW, "agent").change.order
    check(revised)
    assert [part.tracking for part in revised.fulfillments] == ["1Z9", None]


def test_an_order_whose_buyer_was_erased_takes_no_address() -> None:
    erased = replace(picked(), buyer=Buyer("erased-1"))
    with pytest.raises(Conflict, match="was erased"):
        revise(erased, Revision("moved", ship_to=ELSEWHERE), NOW, "agent")
    fewer = Revision("fewer", lines=(LineRevision("1", quantity=2),))
    assert revise(erased, fewer, NOW, "agent").change.order.lines[0].cancelled == 1


def test_the_claim_of_a_paused_order_is_reminded_of() -> None:
    """A pause stops the work on what is unfinished, not the search for a lost parcel."""
    start = placed(order(line("1", "A", 3)), parcel("S1", l1=3)).order
    accepted = advance(start, "o1.1", "accept", NOW, "S1").order
    sent = advance(accepted, "o1.1", "ship", NOW, "S1", units={"1": 1}).order
    lost = follow_parcel(sent, "o1.1", "lost", NOW, NOW, "carrier")
    assert lost is not None
    added = new_pause("p", "manual", "", "risk", NOW)
    paused = pause(lost.order, added, NOW, "risk").order
    due = paused.deadline
    assert due == NOW + timedelta(days=1)
    change = act_on_deadlines(paused, due)
    assert change is not None
    assert change.order.history[-1].event == "claim.open"
    assert change.order.deadline == due + timedelta(days=1)


def test_backordered_units_of_a_line_with_another_method_are_looked_for_anew() -> None:
    waiting = line("1", "A", 3, backorder=True)
    start = placed(order(waiting), parcel("S1", l1=1)).order
    assert start.lines[0].backordered == 2
    collected = LineRevision("1", method="pickup", location_id="S2")
    revised = revise(start, Revision("collects", lines=(collected,)), NOW, "agent")
    (after,) = revised.change.order.lines
    assert (after.method, after.location_id, after.unassigned) == ("pickup", "S2", 3)
    assert (after.backordered, after.claims) == (0, ())
