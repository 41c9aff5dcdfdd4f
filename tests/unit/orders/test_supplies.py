"""Units of expected supply: promised by date, never twice, and given in the order of promise."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.orders import model
from shared.orders.model import Claim, Order, supplies
from shared.orders.model.supplies import SupplyStep, WaitingLine
from shared.stock.model.position import Effect, Expected, Position, Supplied, receive_supply
from tests.support.profiles import examples
from tests.unit.orders.orders import NOW, line, order

DAY = timedelta(days=1)
ANYWHERE = frozenset({"depot", "store"})


def position(
    *rows: tuple[str, int, int], at: str = "depot", sku: str = "A", **more: Any
) -> Position:
    """``rows`` are (reference, quantity, days until it comes)."""
    expected = tuple(Expected(units, NOW + days * DAY, name) for name, units, days in rows)
    fields: dict[str, Any] = {"feed_version": 1, "expected": expected, **more}
    return Position(sku, at, 0, 0, 0, 1, NOW, **fields)


def wanted(*units: int, **more: Any) -> Order:
    lines = [
        line(str(n), "A", quantity, backorder=True, **more) for n, quantity in enumerate(units)
    ]
    return model.place(order(*lines), NOW, "web").order


def allotted(
    asked: Order, *positions: Position, before: Order | None = None
) -> dict[str, list[tuple[str, str, int]]]:
    known = {(found.sku, found.location_id): found for found in positions}
    reach = {row.line_id: ANYWHERE for row in asked.lines}
    claims = supplies.allot_supply(before, asked, known, reach, NOW, 20)
    return {
        name: [(claim.location_id, claim.reference, claim.quantity) for claim in found]
        for name, found in claims.items()
    }


def test_the_earliest_supply_is_promised_first_and_the_rest_of_the_next() -> None:
    here, there = position(("PO-2", 5, 4)), position(("PO-1", 2, 2), at="store")
    assert allotted(wanted(3), here, there) == {"0": [("store", "PO-1", 2), ("depot", "PO-2", 1)]}


def test_what_is_promised_to_others_is_not_promised_again() -> None:
    assert allotted(wanted(3), position(("PO-1", 4, 2), due={"PO-1": 3})) == {
        "0": [("depot", "PO-1", 1)]
    }
    assert allotted(wanted(3), position(("PO-1", 4, 2), due={"PO-1": 4})) == {}


def test_two_lines_of_one_order_share_a_supply() -> None:
    assert allotted(wanted(2, 2), position(("PO-1", 3, 2))) == {
        "0": [("depot", "PO-1", 2)],
        "1": [("depot", "PO-1", 1)],
    }


def test_of_an_overdue_supply_only_ones_own_promise_is_kept() -> None:
    late = position(("PO-1", 4, -1), ("PO-2", 4, 5), due={"PO-1": 2})
    assert allotted(wanted(2), late) == {"0": [("depot", "PO-2", 2)]}
    claims = (Claim("depot", "PO-1", 2, NOW - DAY),)
    before = wanted(2)
    had = model.settle(model.OrderChange(before), NOW, claims={"0": claims}).order
    assert allotted(wanted(2), late, before=had) == {"0": [("depot", "PO-1", 2)]}


def test_a_line_that_may_not_wait_and_one_out_of_reach_are_promised_nothing() -> None:
    supply = position(("PO-1", 4, 2))
    at_once = model.place(order(line("0", "A", 2)), NOW, "web").order
    assert allotted(at_once, supply) == {}
    reach = {"0": frozenset({"store"})}
    assert supplies.allot_supply(None, wanted(2), {("A", "depot"): supply}, reach, NOW, 20) == {}


def test_no_more_supplies_are_promised_than_a_transaction_can_give_up() -> None:
    supply = position(*((f"PO-{n}", 1, n + 1) for n in range(5)))
    found = supplies.allot_supply(
        None, wanted(5), {("A", "depot"): supply}, {"0": ANYWHERE}, NOW, 3
    )
    assert [claim.reference for claim in found["0"]] == ["PO-0", "PO-1", "PO-2"]


def waiting(*claims: tuple[str, str, int, int]) -> list[WaitingLine]:
    """(order, reference, units, days), the longest wait first."""
    return [
        WaitingLine(
            NOW + n * timedelta(minutes=1), name, "1", Claim("depot", ref, units, NOW + d * DAY)
        )
        for n, (name, ref, units, d) in enumerate(claims)
    ]


def test_what_has_come_goes_to_those_who_have_waited_longest() -> None:
    queue = waiting(("o1", "PO-1", 2, 2), ("o2", "PO-1", 2, 2), ("o3", "PO-1", 2, 2))
    came = position(("PO-1", 3, 2), landed={"PO-1": 3}, due={"PO-1": 3})
    assert supplies.supply_steps(came, reversed(queue)) == [
        SupplyStep("fill", "o1", "1", "PO-1", 2),
        SupplyStep("fill", "o2", "1", "PO-1", 1),
    ]


def test_when_less_is_to_come_the_latest_promises_are_broken() -> None:
    queue = waiting(("o1", "PO-1", 2, 2), ("o2", "PO-1", 2, 2), ("o3", "PO-1", 2, 2))
    assert supplies.supply_steps(position(("PO-1", 3, 2)), queue) == [
        SupplyStep("free", "o2", "1", "PO-1", 1),
        SupplyStep("free", "o3", "1", "PO-1", 2),
    ]
    assert [step.units for step in supplies.supply_steps(position(("PO-1", 0, 2)), queue)] == [
        2,
        2,
        2,
    ]
    assert [step.kind for step in supplies.supply_steps(position(), queue)] == ["free"] * 3


def test_a_date_that_has_changed_breaks_every_promise_of_its_supply() -> None:
    queue = waiting(("o1", "PO-1", 2, 2), ("o2", "PO-2", 2, 3))
    slipped = position(("PO-1", 9, 4), ("PO-2", 2, 3))
    assert supplies.supply_steps(slipped, queue) == [SupplyStep("free", "o1", "1", "PO-1", 2)]


def test_nothing_is_done_while_promises_can_be_kept() -> None:
    queue = waiting(("o1", "PO-1", 2, 2), ("o2", "PO-2", 2, 3))
    assert supplies.supply_steps(position(("PO-1", 2, 2), ("PO-2", 5, 3)), queue) == []


def test_units_that_come_by_transfer_are_reserved_for_those_promised() -> None:
    there = position(("T-1", 5, 1), due={"T-1": 3})
    came = receive_supply(Effect("A", "depot", 4, 0), there, "T-1")
    assert (came.on_hand, came.reserved) == (4, 3)
    assert came.supply == (Supplied("T-1", -3, 3, feed_version=1),)
    assert came.expected is not None
    assert [row.quantity for row in came.expected] == [1]
    plain = Effect("A", "depot", 4, 0)
    assert receive_supply(plain, position(("T-1", 5, 1)), "T-1") is plain
    assert receive_supply(plain, None, "T-1") is plain


def test_another_date_is_told_once_with_the_one_before() -> None:
    start = model.OrderChange(wanted(2))
    first = model.settle(start, NOW, claims={"0": [Claim("depot", "PO-1", 2, NOW + DAY)]}).order
    assert first.lines[0].expected_at == NOW + DAY
    assert [entry.event for entry in first.history] == ["order.placed", "order.backordered"]
    broken = model.break_promise(first, "0", "depot", "PO-1", 2)
    later = model.settle(
        broken, NOW, claims={"0": [Claim("depot", "PO-1", 2, NOW + 3 * DAY)]}
    ).order
    entry = later.history[-1]
    assert (entry.event, entry.detail["was"], entry.detail["expected_at"]) == (
        "order.repromised",
        NOW + DAY,
        NOW + 3 * DAY,
    )
    again = model.settle(
        model.break_promise(later, "0", "depot", "PO-1", 2),
        NOW,
        claims={"0": [Claim("depot", "PO-1", 2, NOW + 3 * DAY)]},
    ).order
    assert again.history == later.history
    none = model.settle(model.break_promise(again, "0", "depot", "PO-1", 2), NOW).order
    assert "expected_at" not in none.history[-1].detail
    assert none.lines[0].deadline is not None
    model.check(none)


def test_units_without_a_promise_leave_the_line_without_a_date() -> None:
    start = model.OrderChange(wanted(3))
    found = model.settle(start, NOW, claims={"0": [Claim("depot", "PO-1", 2, NOW + DAY)]}).order
    assert (found.lines[0].backordered, found.lines[0].expected_at) == (3, None)


def test_cancelling_gives_up_the_latest_promises() -> None:
    claims = [Claim("depot", "PO-1", 2, NOW + DAY), Claim("depot", "PO-2", 2, NOW + 2 * DAY)]
    first = model.settle(model.OrderChange(wanted(4)), NOW, claims={"0": claims}).order
    left = model.cancel(first, {"0": 3}, "too late", NOW, "web").order
    assert [(claim.reference, claim.quantity) for claim in left.lines[0].claims] == [("PO-1", 1)]
    model.check(left)
    gone = model.cancel(left, None, "too late", NOW, "web").order
    assert gone.lines[0].claims == ()


def test_a_preorder_is_not_given_up_before_its_date() -> None:
    due = NOW + 90 * DAY
    claims = {"0": [Claim("depot", "PO-1", 1, due)]}
    waits = model.settle(model.OrderChange(wanted(1)), NOW, claims=claims).order
    assert model.act_on_deadlines(waits, NOW + 60 * DAY) is None
    freed = model.act_on_deadlines(waits, due)
    assert freed is not None
    assert freed.order.lines[0].unassigned == 1
    late = model.act_on_deadlines(waits, due + 31 * DAY)
    assert late is not None
    assert late.order.lines[0].cancelled == 1


@given(
    quantities=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    asked=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    short=st.lists(st.integers(0, 6), min_size=4, max_size=4),
)
@examples(60)
def test_no_unit_of_a_supply_is_promised_twice(
    quantities: list[int], asked: list[int], short: list[int]
) -> None:
    """Orders come one after the other; then every supply turns out to be of another size: what is
    still promised fits it, and what is freed is exactly the rest."""
    due: Counter[str] = Counter()
    names = [f"PO-{n}" for n in range(len(quantities))]
    rows = [
        (name, units, n + 1) for n, (name, units) in enumerate(zip(names, quantities, strict=True))
    ]
    queue: list[WaitingLine] = []
    for n, units in enumerate(asked):
        made = supplies.allot_supply(
            None,
            wanted(units),
            {("A", "depot"): position(*rows, due=dict(due))},
            {"0": ANYWHERE},
            NOW,
            20,
        )
        for claim in made.get("0", ()):
            due[claim.reference] += claim.quantity
            queue.append(WaitingLine(NOW + n * timedelta(minutes=1), f"o{n}", "0", claim))
    assert all(due[name] <= units for name, units in zip(names, quantities, strict=True))
    assert due.total() == min(sum(asked), sum(quantities))
    after = [(name, short[n], n + 1) for n, (name, _, _) in enumerate(rows)]
    freed: Counter[str] = Counter()
    for step in supplies.supply_steps(position(*after, due=dict(due)), queue):
        assert step.kind == "free"
        freed[step.reference] += step.units
    for n, name in enumerate(names):
        assert due[name] - freed[name] == min(due[name], short[n])


def test_a_position_that_was_not_read_is_a_fault_and_not_a_guess() -> None:
    claims = {"0": [Claim("depot", "PO-1", 1, NOW + DAY)]}
    change = model.settle(model.OrderChange(wanted(1)), NOW, claims=claims)
    with pytest.raises(LookupError):
        supplies.claim_effects(None, change, {})
