"""Refusals of one person at once are counted once."""

from datetime import date
from functools import partial

import pytest

from shared.plans.model.wanted import Cell, LostDemand
from shared.plans.store import lost
from tests.support.buyers import at_once

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

DAY = date(2026, 11, 20)


def test_each_person_is_counted_once() -> None:
    rows = [
        LostDemand(Cell(DAY, "denver", sku), who, units, "web")
        for who in ("a", "b", "c")
        for sku, units in (("A", 2), ("B", 1))
    ]
    at_once([partial(lost.note, rows[first:] + rows[:first]) for first in range(6)] * 4)
    assert lost.lost_units(DAY, DAY) == {
        Cell(DAY, "denver", "A"): (6, 3),
        Cell(DAY, "denver", "B"): (3, 3),
    }
    assert lost.note(rows) == 0
