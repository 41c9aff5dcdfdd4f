"""What the changes of an order tell of its picks."""

from datetime import timedelta

import pytest

from shared.orders import model
from shared.orders.model import Order, Parcel, Rejection, Taken
from shared.orders.model.picking import Pick, pick_results
from tests.unit.orders.orders import NOW, line, order


def offered(*lines: model.Line) -> Order:
    start = model.place(order(*(lines or (line("1", "A", 3),))), NOW, "web")
    taken = tuple(Taken(row.line_id, row.quantity) for row in start.order.lines)
    parcel = Parcel("denver", "ship", taken, NOW + timedelta(hours=1))
    return model.settle(model.offer(start, [parcel], NOW), NOW).order


def acted(before: Order, action: str, number: int = 1, **units: int) -> Order:
    return model.advance(
        before,
        f"{before.order_id}.{number}",
        action,  # type: ignore[arg-type]
        NOW,
        "store",
        units=units.get("units") and {"1": units["units"]},  # type: ignore[arg-type]
    ).order


def rejected(before: Order, reason: str) -> Order:
    rows = [Rejection("1", 1, reason)]  # type: ignore[arg-type]
    made = model.reject(before, f"{before.order_id}.1", rows, {}, now=NOW, actor="store")
    return model.settle(made, NOW).order


def told(before: Order | None, after: Order) -> list[tuple[str, bool]]:
    return [(pick.sku, pick.found) for pick in pick_results(before, after)]


def test_a_new_order_and_an_acceptance_tell_nothing() -> None:
    made = offered()
    assert told(None, made) == []
    assert told(made, acted(made, "accept")) == []


@pytest.mark.parametrize("action", ["pick", "pack", "ship"])
def test_the_first_step_beyond_acceptance_has_found_each_line(action: str) -> None:
    accepted = acted(offered(line("1", "A", 3), line("2", "B", 1)), "accept")
    done = acted(accepted, action)
    assert told(accepted, done) == [("A", True), ("B", True)]
    if action == "pick":
        assert told(done, acted(done, "pack")) == []


def test_units_handed_over_by_themselves_are_not_another_pick() -> None:
    packed = acted(acted(acted(offered(), "accept"), "pick"), "pack")
    assert told(packed, acted(packed, "ship", units=1)) == []


@pytest.mark.parametrize(
    ("reason", "missed"),
    [("not_found", 1), ("mismatch", 1), ("damaged", 0), ("no_capacity", 0)],
)
def test_only_a_wrong_count_is_a_missed_pick(reason: str, missed: int) -> None:
    made = offered()
    assert told(made, rejected(made, reason)) == [("A", False)] * missed


def test_a_pick_has_one_name_however_often_it_is_told() -> None:
    accepted = acted(offered(), "accept")
    (first,) = pick_results(accepted, acted(accepted, "pick"))
    (again,) = pick_results(accepted, acted(accepted, "pick"))
    assert (
        first
        == again
        == Pick(f"{accepted.order_id}#{accepted.order_id}.1#1", "A", "denver", True, NOW)
    )
    (missed,) = pick_results(accepted, rejected(accepted, "not_found"))
    assert missed.id != first.id
