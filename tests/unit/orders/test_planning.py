"""Plans are made from what was read, and name what must be read first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.aws.dynamodb import WRITE_PARTS
from shared.errors import OutOfStock
from shared.orders import model
from shared.orders.model import Line, OrderChange
from shared.orders.model.transfers import Transfer, TransferLine
from shared.orders.sourcing import Inputs, Needs, plan_change, plan_order, planning
from shared.stock.model.position import Expected, Position
from tests.unit.orders.orders import line, order
from tests.unit.orders.test_sourcing import DUE, NOW, supply


def start(*lines: Line) -> OrderChange:
    return model.place(order(*lines), NOW, "web")


def position(location_id: str, available: int, **more: Any) -> Position:
    fields: dict[str, Any] = {"feed_version": 1, **more}
    return Position("A", location_id, available, 0, available, 1, NOW, **fields)


def transfer(units: int) -> Transfer:
    lines = (TransferLine("A", units, units),)
    return Transfer("t-1", "denver", "omaha", lines, NOW, NOW + timedelta(days=2))


def planned(plan: OrderChange | Needs) -> OrderChange:
    assert isinstance(plan, OrderChange)
    return plan


def needs(plan: OrderChange | Needs) -> Needs:
    assert isinstance(plan, Needs)
    return plan


def units_at(plan: OrderChange) -> dict[str, int]:
    return {effect.location_id: effect.reserved for effect in plan.effects}


def test_an_order_in_stock_is_planned_from_its_packs_alone() -> None:
    new = start(line("1", "A", 3))
    assert needs(plan_order(new, None, Inputs(), NOW)).packs == {"A"}
    plan = planned(plan_order(new, None, Inputs(supply(denver=5)), NOW))
    assert (units_at(plan), plan.transfers) == ({"denver": 3}, ())


def test_an_order_that_is_short_asks_for_transfers_before_it_is_refused() -> None:
    new = start(line("1", "A", 3))
    inputs = Inputs(supply(denver=1))
    assert needs(plan_order(new, None, inputs, NOW)).transfers == {"A"}
    with pytest.raises(OutOfStock):
        plan_order(new, None, replace(inputs, transfers={"A": ()}), NOW)


@pytest.mark.parametrize(("promised", "shrunk"), [(0, 2), (4, None)])
def test_a_transfer_gives_the_units_that_no_backorder_was_promised(
    promised: int, shrunk: int | None
) -> None:
    new = start(line("1", "A", 3))
    inputs = replace(Inputs(supply(denver=1)), transfers={"A": (transfer(4),)})
    wanted = needs(plan_order(new, None, inputs, NOW))
    assert wanted.positions == {("A", "denver"), ("A", "omaha")}
    assert wanted.routed is not None
    inputs = replace(
        inputs,
        positions={
            ("A", "denver"): position("denver", 1),
            ("A", "omaha"): position("omaha", 0, due={"t-1": promised}),
        },
        routed=wanted.routed,
    )
    if shrunk is None:
        with pytest.raises(OutOfStock):
            plan_order(new, None, inputs, NOW)
        return
    plan = planned(plan_order(new, None, inputs, NOW))
    (change,) = plan.transfers
    assert change.transfer.lines[0].cancelled == shrunk
    assert units_at(plan) == {"denver": 3 - shrunk}


def test_a_backorder_claims_supply_of_positions_that_were_read() -> None:
    new = start(line("1", "A", 3, backorder=True))
    inputs = replace(Inputs(supply(expected=5, omaha=0)), transfers={"A": ()})
    assert needs(plan_order(new, None, inputs, NOW)).positions == {("A", "omaha")}
    known = position("omaha", 0, expected=(Expected(5, DUE, "PO-1"),))
    inputs = replace(inputs, positions={("A", "omaha"): known})
    (row,) = planned(plan_order(new, None, inputs, NOW)).order.lines
    assert [(claim.reference, claim.quantity) for claim in row.claims] == [("PO-1", 3)]
    assert (row.backordered, row.expected_at) == (3, DUE)


def test_a_change_that_assigns_everything_needs_no_read() -> None:
    placed = planned(plan_order(start(), None, Inputs(supply(denver=5)), NOW)).order
    cancelled = model.cancel(placed, None, "changed my mind", NOW, "web")
    plan = planned(plan_change(placed, cancelled, Inputs(), NOW, routing=False))
    assert units_at(plan) == {"denver": -3}


def test_units_that_a_location_did_not_find_are_routed_past_it() -> None:
    placed = planned(plan_order(start(), None, Inputs(supply(denver=5)), NOW)).order
    rejections = [model.Rejection("1", 3, "not_found")]
    rejected = model.reject(placed, "o1.1", rejections, {}, now=NOW, actor="store")
    assert needs(plan_change(placed, rejected, Inputs(), NOW, routing=True)).packs == {"A"}
    inputs = Inputs(supply(denver=5, omaha=3))
    plan = planned(plan_change(placed, rejected, inputs, NOW, routing=True))
    assert units_at(plan) == {"denver": -3, "omaha": 3}


def test_a_plan_leaves_room_for_what_one_transaction_writes() -> None:
    assert planning.TRANSACTION_ITEMS == WRITE_PARTS
