"""What a wave may take, and what becomes of it: pure decisions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import Conflict, InvalidTransition
from shared.orders.model import Order, Rejection, advance, check, new_pause, pause, reject, settle
from shared.orders.model.serving import assign
from shared.orders.model.waves import Stop, Tote, ToteUnits, Wave, is_free, pick, take, walk
from tests.unit.orders.orders import NOW, line, order, parcel, placed

LATER = NOW + timedelta(minutes=5)
WAVE = Wave("w1", "S1", "ann", NOW, (), 20, "digest")


def accepted() -> Order:
    made = placed(order(line("1", "A", 3), line("2", "B", 1)), parcel("S1", l1=3, l2=1)).order
    return advance(made, "o1.1", "accept", NOW, "S1").order


def taken() -> Order:
    change = take(accepted(), "o1.1", WAVE, LATER, "S1")
    assert change is not None
    return change.order


def test_a_wave_takes_a_fulfillment_once() -> None:
    after = taken()
    part = after.fulfillment("o1.1")
    assert (part.wave, part.assignee, part.state) == ("w1", "ann", "accepted")
    assert after.history[-1].detail["wave_id"] == "w1"
    assert take(after, "o1.1", WAVE, LATER, "S1") is None
    with pytest.raises(Conflict, match="in a wave"):
        take(after, "o1.1", replace(WAVE, wave_id="w2"), LATER, "S1")


def test_a_wave_takes_nothing_that_is_offered_assigned_elsewhere_or_paused() -> None:
    offered = placed(order(), parcel("S1", l1=3)).order
    with pytest.raises(InvalidTransition, match="wave"):
        take(offered, "o1.1", WAVE, LATER, "S1")
    with pytest.raises(Conflict, match="assigned"):
        take(assign(accepted(), "o1.1", "bob", LATER, "S1").order, "o1.1", WAVE, LATER, "S1")
    with pytest.raises(Conflict, match="S2"):
        take(accepted(), "o1.1", replace(WAVE, location_id="S2"), LATER, "S1")
    review = new_pause("p", "manual", "", "team", LATER)
    with pytest.raises(Conflict, match="paused"):
        take(pause(accepted(), review, LATER, "agent").order, "o1.1", WAVE, LATER, "S1")


def test_work_that_is_given_to_another_person_stays_in_the_wave_and_none_leaves_it() -> None:
    other = assign(taken(), "o1.1", "bob", LATER, "S1").order.fulfillment("o1.1")
    assert (other.assignee, other.wave) == ("bob", "w1")
    back = assign(taken(), "o1.1", None, LATER, "S1").order.fulfillment("o1.1")
    assert (back.wave, is_free(back)) == (None, True)


def test_units_that_are_not_found_are_unassigned_and_the_others_picked() -> None:
    missing = [Rejection("1", 1, "not_found")]
    change = pick(taken(), "o1.1", "w1", missing, {}, now=LATER, actor="ann")
    part = change.order.fulfillment("o1.1")
    assert (part.state, [held.quantity for held in part.lines]) == ("picked", [2, 1])
    assert change.order.line("1").unassigned == 1
    assert [(one.sku, one.on_hand, one.reserved) for one in change.effects] == [("A", -1, -1)]
    check(settle(change, LATER).order)
    everything = [Rejection("1", 3, "not_found"), Rejection("2", 1, "damaged")]
    change = pick(taken(), "o1.1", "w1", everything, {}, now=LATER, actor="ann")
    assert change.order.fulfillment("o1.1").state == "rejected"
    check(settle(change, LATER).order)


def test_only_the_wave_that_has_a_fulfillment_picks_it() -> None:
    with pytest.raises(Conflict, match="not in the wave w2"):
        pick(taken(), "o1.1", "w2", [], {}, now=LATER, actor="ann")


def test_the_walk_adds_up_units_by_bin_and_leaves_out_what_is_rejected() -> None:
    mine = taken()
    done = pick(taken(), "o1.1", "w1", [], {}, now=LATER, actor="ann").order
    everything = [Rejection("1", 3, "damaged"), Rejection("2", 1, "damaged")]
    gone = reject(taken(), "o1.1", everything, {}, now=LATER, actor="ann").order
    totes = [
        Tote(number, one, one.fulfillment("o1.1"))
        for number, one in enumerate((mine, done, gone), 1)
    ]
    assert walk(totes, {"B": "A-2"}) == [
        Stop("B", "A-2", (ToteUnits(1, "2", 1, False), ToteUnits(2, "2", 1, True))),
        Stop("A", None, (ToteUnits(1, "1", 3, False), ToteUnits(2, "1", 3, True))),
    ]
