"""Law 6 and law 1 over random lives of an order, and the words in which they are broken."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck

from shared.orders.model import (
    OrderChange,
)
from shared.stock.model.position import Effect
from tests.support.profiles import examples
from tests.unit.orders.life import Life

Life.TestCase.settings = examples(
    60, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
TestLife = Life.TestCase


@pytest.fixture
def life() -> Life:
    """An order of 2 units of A, paid, which S1 is asked for."""
    made = Life()
    made.placing([2], ["ship"] * 3, backorder=False, payment="paid")
    for law in (
        made.reserved_is_what_open_fulfillments_hold,
        made.what_is_kept_is_what_stayed_with_the_shopper,
        made.what_was_handed_over_is_fulfilled,
        made.somebody_owns_what_is_not_done,
    ):
        law()
    return made


def broken(law: Callable[[], None], message: str) -> None:
    with pytest.raises(AssertionError, match=rf"^{re.escape(message)}"):
        law()


def of_line(life: Life, **changes: Any) -> None:
    life.order = replace(life.order, lines=(replace(life.order.lines[0], **changes),))


def test_a_wrong_reservation_is_named_with_its_numbers(life: Life) -> None:
    life.reserved["A", "S1"] += 1
    broken(
        life.reserved_is_what_open_fulfillments_hold,
        "A at S1: reserved 3 != 2 (open fulfillments)",
    )


def test_a_wrong_refund_is_named_with_its_numbers(life: Life) -> None:
    of_line(life, cancelled=2)
    broken(life.what_is_kept_is_what_stayed_with_the_shopper, "kept 2000 > 0")
    of_line(life, cancelled=0)
    (payment,) = life.order.payments
    life.order = replace(life.order, payments=(replace(payment, refund_due=500),))
    broken(
        life.what_is_kept_is_what_stayed_with_the_shopper,
        "payments: kept 1500 != 2000 (captured and not due back)",
    )


def test_what_was_handed_over_is_named_with_its_numbers(life: Life) -> None:
    of_line(life, fulfilled=1)
    broken(life.what_was_handed_over_is_fulfilled, "order: handed over 0 != 1 (line 0)")


def test_units_that_nobody_owns_are_named(life: Life) -> None:
    of_line(life, open=0)
    broken(life.somebody_owns_what_is_not_done, "deadline 2026-")


def test_a_floor_that_is_not_kept_is_named_with_its_numbers(life: Life) -> None:
    effect = Effect("A", "S1", 0, 9, floor=0)
    change = OrderChange(life.order, (effect,))
    broken(lambda: life.commit(change), "A at S1: available -5 < 0")


def test_two_effects_of_one_change_on_a_place_are_named(life: Life) -> None:
    change = OrderChange(life.order, (Effect("A", "S2", 1, 0), Effect("A", "S2", 1, 0)))
    broken(lambda: life.commit(change), "several effects of one change on [('A', 'S2')]")
