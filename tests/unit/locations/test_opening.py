"""Opening hours: the location's own clock, its changes, nights and holidays."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.locations.model import (
    HORIZON_DAYS,
    Location,
    add_opening_time,
    carrier_pickup,
    is_open,
    next_opening,
    readiness,
    ready_by,
)
from tests.support.places import hours, place
from tests.support.profiles import examples

NINE_TO_SIX = hours(every="09:00-18:00")


def local(text: str, zone: str = "America/Denver", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def test_it_is_open_from_its_opening_until_before_its_closing() -> None:
    store = place(hours=NINE_TO_SIX)
    assert not is_open(store, local("2026-11-23T08:59:59"))
    assert is_open(store, local("2026-11-23T09:00"))
    assert is_open(store, local("2026-11-23T17:59:59"))
    assert not is_open(store, local("2026-11-23T18:00"))


def test_hours_are_of_the_locations_own_time_zone() -> None:
    at = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    assert is_open(place(hours=NINE_TO_SIX, time_zone="Europe/Berlin"), at)
    assert not is_open(place(hours=NINE_TO_SIX, time_zone="Europe/London"), at)


def test_what_opens_in_the_evening_is_open_past_midnight() -> None:
    bar = place(hours=hours(fri="20:00-04:00"))
    assert is_open(bar, local("2026-11-27T23:00"))
    assert is_open(bar, local("2026-11-28T03:59"))
    assert not is_open(bar, local("2026-11-28T04:00"))
    assert not is_open(bar, local("2026-11-27T03:00"))


def test_a_pair_that_ends_where_it_starts_is_a_whole_day() -> None:
    store = place(hours=hours(every="06:00-06:00"))
    assert all(is_open(store, local(f"2026-11-23T{hour:02}:00")) for hour in range(24))


def test_on_a_closed_date_nothing_opens_but_the_night_before_ends() -> None:
    bar = place(hours=hours(every="20:00-04:00"), closed_on=frozenset({date(2026, 12, 25)}))
    assert is_open(bar, local("2026-12-25T03:00"))
    assert not is_open(bar, local("2026-12-25T21:00"))
    assert not is_open(bar, local("2026-12-26T03:00"))
    assert next_opening(bar, local("2026-12-25T12:00")) == local("2026-12-26T20:00")


def test_without_hours_it_is_open_always_but_for_closed_dates() -> None:
    depot = place(closed_on=frozenset({date(2026, 12, 25)}))
    assert is_open(depot, local("2026-12-24T23:59"))
    assert not is_open(depot, local("2026-12-25T12:00"))
    assert is_open(depot, local("2026-12-26T00:00"))
    assert ready_by(depot, local("2026-12-24T23:30")) == local("2026-12-26T00:30")
    assert ready_by(place(), local("2026-12-25T03:00")) == local("2026-12-25T04:00")


def test_a_location_that_never_opens_is_never_ready() -> None:
    store = place(hours=hours(mon=""))
    assert not is_open(store, local("2026-11-23T12:00"))
    assert next_opening(store, local("2026-11-23T12:00")) is None
    assert ready_by(store, local("2026-11-23T12:00")) is None


def test_next_opening_is_now_while_it_is_open() -> None:
    store = place(hours=NINE_TO_SIX)
    assert next_opening(store, local("2026-11-23T12:00")) == local("2026-11-23T12:00")
    assert next_opening(store, local("2026-11-23T18:00")) == local("2026-11-24T09:00")


def test_the_lead_time_stops_while_it_is_closed() -> None:
    store = place(hours=NINE_TO_SIX, lead_time_minutes=120)
    assert ready_by(store, local("2026-11-23T10:00")) == local("2026-11-23T12:00")
    assert ready_by(store, local("2026-11-23T17:00")) == local("2026-11-24T10:00")
    assert ready_by(store, local("2026-11-23T03:00")) == local("2026-11-23T11:00")


def test_what_is_done_at_closing_time_is_ready_when_it_opens_again() -> None:
    store = place(hours=NINE_TO_SIX)
    assert ready_by(store, local("2026-11-23T17:00")) == local("2026-11-24T09:00")


def test_a_lead_time_longer_than_a_day_spans_several() -> None:
    store = place(hours=hours(mon="09:00-12:00 13:00-18:00", wed="09:00-18:00"))
    slow = place(hours=store.hours, lead_time_minutes=10 * 60)
    assert ready_by(slow, local("2026-11-23T09:00")) == local("2026-11-25T11:00")


def test_many_units_take_as_long_as_they_are_picked() -> None:
    store = place(hours=NINE_TO_SIX, lead_time_minutes=60, capacity_per_hour=30)
    assert ready_by(store, local("2026-11-23T10:00"), units=30) == local("2026-11-23T11:00")
    assert ready_by(store, local("2026-11-23T10:00"), units=90) == local("2026-11-23T13:00")
    assert ready_by(place(capacity_per_hour=0), local("2026-11-23T10:00")) is None


@pytest.mark.parametrize(
    ("night", "open_hours"), [("2026-03-07", 7), ("2026-10-31", 9), ("2026-06-06", 8)]
)
def test_a_night_is_as_long_as_the_clock_makes_it(night: str, open_hours: int) -> None:
    start = local(f"{night}T21:00")
    club = place(hours=hours(sat="21:00-05:00"), lead_time_minutes=open_hours * 60 - 1)
    ready = ready_by(club, start)
    assert ready is not None
    assert ready - start.astimezone(UTC) == timedelta(minutes=open_hours * 60 - 1)
    assert not is_open(club, ready + timedelta(minutes=1))


def test_an_hour_that_comes_twice_opens_at_the_first_and_closes_at_the_second() -> None:
    opens = place(hours=hours(sun="01:30-03:00"))
    assert is_open(opens, local("2026-11-01T01:30", fold=0))
    closes = place(hours=hours(sat="22:00-01:30"))
    assert is_open(closes, local("2026-11-01T01:29", fold=1))
    assert not is_open(closes, local("2026-11-01T01:30", fold=1))


def test_hours_wholly_inside_the_skipped_hour_do_not_open() -> None:
    store = place(hours=hours(sun="02:30-03:00"))
    assert next_opening(store, local("2026-03-08T00:00")) == local("2026-03-15T02:30")


CARRIER = place(
    hours=hours(mon="09:00-18:00", fri="09:00-18:00 20:00-02:00", sun="01:00-04:00"),
    cut_offs={"standard": time(17), "same_day": time(2, 30)},
    closed_on=frozenset({date(2026, 11, 27)}),
)


@pytest.mark.parametrize(
    ("ready", "leaves"),
    [
        ("2026-11-23T10:00", "2026-11-23T17:00"),
        ("2026-11-23T17:00", "2026-11-23T17:00"),
        ("2026-11-23T17:01", "2026-11-29T17:00"),  # Friday is a holiday
        ("2026-11-20T23:00", "2026-11-22T17:00"),  # open at night, the carrier called at five
    ],
)
def test_a_parcel_leaves_when_the_carrier_calls_on_a_day_of_opening(
    ready: str, leaves: str
) -> None:
    assert carrier_pickup(CARRIER, local(ready), "standard") == local(leaves)


def test_a_carrier_without_a_cut_off_calls_when_the_parcel_is_ready() -> None:
    assert carrier_pickup(CARRIER, local("2026-11-23T17:01"), "express") == local(
        "2026-11-23T17:01"
    )


def test_a_cut_off_in_the_skipped_hour_and_in_the_one_that_comes_twice() -> None:
    skipped = carrier_pickup(CARRIER, local("2026-03-08T01:30"), "same_day")
    assert skipped == local("2026-03-08T01:30").astimezone(UTC) + timedelta(hours=1)
    twice = place(cut_offs={"standard": time(1, 30)})
    first = carrier_pickup(twice, local("2026-11-01T01:00"), "standard")
    assert first == local("2026-11-01T01:30").astimezone(UTC)
    after = carrier_pickup(twice, local("2026-11-01T01:00", fold=1).astimezone(UTC), "standard")
    assert after == local("2026-11-02T01:30")


def test_where_it_never_opens_no_carrier_calls() -> None:
    shut = place(hours=hours(mon=""), cut_offs={"standard": time(12)})
    assert carrier_pickup(shut, local("2026-11-23T09:00"), "standard") is None


ZONES = st.sampled_from(
    ["America/Denver", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"]
)
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda at: f"{at // 60:02}:{at % 60:02}")
PAIRS = st.lists(st.tuples(MINUTES, MINUTES).map("-".join), max_size=2).map(" ".join)
STORES = st.builds(
    lambda days, zone, lead: place(
        hours=hours(**days), time_zone=zone, lead_time_minutes=lead, capacity_per_hour=1000
    ),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("mon", "wed", "thu", "sat", "sun"), PAIRS)
    ).filter(any),
    ZONES,
    st.integers(0, 600),
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: NEW_YEAR + timedelta(minutes=minutes)
)


def open_minutes(store: Location, at: datetime) -> int:
    """Of the week from ``at`` on."""
    return sum(is_open(store, at + timedelta(minutes=step)) for step in range(7 * 24 * 60))


@examples(60)
@given(STORES, INSTANTS)
@example(
    place(hours=hours(mon="00:00-00:01"), lead_time_minutes=57), datetime(2026, 1, 1, tzinfo=UTC)
)
@example(place(hours=hours(mon=""), lead_time_minutes=5), datetime(2026, 1, 1, tzinfo=UTC))
def test_what_is_ready_was_worked_on_for_the_lead_time_of_open_minutes(
    store: Location, at: datetime
) -> None:
    ready = ready_by(store, at)
    if ready is None:
        # It never opens, or too little: most weeks of the horizon do not add up to the lead time.
        weekly = min(open_minutes(store, at), open_minutes(store, at + timedelta(weeks=2)))
        assert weekly * (HORIZON_DAYS // 7 - 1) <= store.lead_time_minutes
        return
    assert ready >= at
    assert is_open(store, ready)
    if ready - at < timedelta(days=3):
        minutes = int((ready - at) / timedelta(minutes=1))
        worked = sum(is_open(store, at + timedelta(minutes=step)) for step in range(minutes))
        assert worked == store.lead_time_minutes


@examples(150)
@given(STORES, INSTANTS, st.floats(0, 1, exclude_max=True))
def test_readiness_tells_of_every_later_order_until_it_ends(
    store: Location, at: datetime, share: float
) -> None:
    known = readiness(store, at)
    assert known.until > at
    length = min(known.until - at, timedelta(days=40))
    later = at + timedelta(minutes=int(share * (length / timedelta(minutes=1))))
    assert known.when(later) == ready_by(store, later)


@examples(60)
@given(STORES, INSTANTS)
def test_it_is_closed_until_it_opens(store: Location, at: datetime) -> None:
    opens = next_opening(store, at)
    if opens is None:
        assert not is_open(store, at)
        return
    assert is_open(store, opens)
    assert opens == at or not is_open(store, opens - timedelta(minutes=1))
    assert (opens == at) == is_open(store, at)


def test_a_time_of_opening_goes_on_when_it_opens_again() -> None:
    store = place(hours=hours(every="09:00-18:00"), closed_on=frozenset({date(2026, 11, 21)}))
    late = datetime(2026, 11, 21, 0, 50, tzinfo=UTC)  # 17:50 in Denver, on the 20th
    half_an_hour = timedelta(minutes=30)
    assert add_opening_time(store, late, half_an_hour) == datetime(2026, 11, 22, 16, 20, tzinfo=UTC)
    assert add_opening_time(store, late, timedelta(minutes=10)) == late + timedelta(minutes=10)
    assert add_opening_time(place(), late, half_an_hour) == late + half_an_hour
    never = place(hours=hours(mon=""))
    assert add_opening_time(never, late, half_an_hour) is None
