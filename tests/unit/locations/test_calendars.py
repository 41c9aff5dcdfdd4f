"""The days of carriers: weekends and public holidays count in the dates of a promise."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.holidays import public_holidays
from shared.locations.model import DAYS, CarrierCalendar, Location, carrier_pickup, delivery
from shared.locations.store.items import attributes_of, location_of_item
from tests.support.places import place

WEEKDAYS = frozenset(DAYS[:5])
DENVER = ZoneInfo("America/Denver")


def location(**calendar: Any) -> Location:
    return replace(place("denver"), calendars={"standard": CarrierCalendar(**calendar)})


def at(day: int, hour: int = 12, month: int = 11) -> datetime:
    """An instant of 2026 in Denver; November 20 is a Friday."""
    return datetime(2026, month, day, hour, tzinfo=DENVER).astimezone(UTC)


def test_without_a_calendar_every_day_counts() -> None:
    there = place("denver")
    assert carrier_pickup(there, at(21), "standard") == at(21)
    assert delivery(there, at(20), 2, "standard") == at(22)
    weekdays = location(collects=WEEKDAYS, delivers=WEEKDAYS)
    assert delivery(weekdays, at(20), 2, "express") == at(22)


@pytest.mark.parametrize(("days", "arrives"), [(0, 20), (1, 23), (2, 24), (5, 27), (6, 30)])
def test_days_of_delivery_are_counted_in_days_on_which_the_carrier_delivers(
    days: int, arrives: int
) -> None:
    weekdays = location(delivers=WEEKDAYS)
    assert delivery(weekdays, at(20), days, "standard") == at(arrives)


def test_a_parcel_that_leaves_at_the_weekend_arrives_on_a_day_of_delivery() -> None:
    assert delivery(location(delivers=WEEKDAYS), at(21), 0, "standard") == at(23)
    assert delivery(location(delivers=WEEKDAYS), at(21), 1, "standard") == at(23)


def test_the_carrier_collects_on_its_days() -> None:
    weekdays = location(collects=WEEKDAYS)
    assert carrier_pickup(weekdays, at(20), "standard") == at(20)
    assert carrier_pickup(weekdays, at(21), "standard") == at(23, 0)
    cut_off = replace(weekdays, cut_offs={"standard": time(15)}, hours={})
    assert carrier_pickup(cut_off, at(20), "standard") == at(20, 15)
    assert carrier_pickup(cut_off, at(20, 16), "standard") == at(23, 15)


def test_public_holidays_count() -> None:
    """Thanksgiving is November 26, 2026."""
    assert date(2026, 11, 26) in public_holidays("US", 2026)
    rests = location(collects=WEEKDAYS, delivers=WEEKDAYS, holidays=True)
    assert carrier_pickup(rests, at(26), "standard") == at(27, 0)
    assert delivery(rests, at(25), 1, "standard") == at(27)
    assert delivery(rests, at(25), 1, "standard", "DE") == at(26)  # no holiday in Germany
    assert delivery(rests, at(24, month=12), 1, "standard", "DE") == at(28, month=12)
    assert public_holidays("XX", 2026) == frozenset()


@given(
    st.frozensets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 10),
    st.integers(1, 28),
    st.booleans(),
)
def test_a_parcel_arrives_on_a_day_of_delivery_and_not_before(
    delivers: frozenset[str], days: int, day: int, holidays: bool
) -> None:
    there = location(delivers=delivers, holidays=holidays)
    leaves = at(day)
    arrives = delivery(there, leaves, days, "standard")
    calendar = there.calendars["standard"]
    local = arrives.astimezone(DENVER).date()
    assert calendar.delivers_on(local, "US")
    assert (local - leaves.astimezone(DENVER).date()).days >= days
    if days:
        assert arrives > leaves
        assert delivery(there, leaves, days - 1, "standard") < arrives or days == 1


def test_a_calendar_is_stored() -> None:
    there = location(collects=WEEKDAYS, holidays=True)
    assert location_of_item(attributes_of(there)) == there
    assert attributes_of(place("denver"))["calendars"] is None
