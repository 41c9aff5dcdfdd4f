"""What the router is asked, and what its answer means, without a table."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.availability.model.pack import Pack, PackRow
from shared.catalog.model import Product
from shared.errors import InvalidRequest
from shared.locations.model import DAYS, CarrierCalendar, ServiceLevel
from shared.orders import model, sourcing
from shared.orders.model import Order
from shared.orders.sourcing import Supply, refusing
from shared.routing.model.decision import Destination
from shared.routing.model.filter import filter_candidates
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.route import replay, route
from shared.stock.model.rules import FloorFacts
from tests.support.places import hours, place
from tests.unit.orders.orders import line, order

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)  # a Friday, 11:00 in Denver
DENVER = Destination(39.7392, -104.9903, "80202", "US")
STORE = place("denver", hours=hours(every="09:00-18:00"))
FAR = place("omaha", latitude=41.2565, longitude=-95.9345)
ZONE = ZoneInfo("America/Denver")
DUE = NOW + timedelta(days=3)


def supply(*, expected: int = 0, **units: int) -> Supply:
    coming = ((int(DUE.timestamp()), expected),) if expected else ()
    rows = {at: PackRow(available, 1, coming) for at, available in units.items()}
    return Supply(
        locations={found.location_id: found for found in (STORE, FAR)},
        packs={"A": Pack("A", rows, NOW)},
        products={"A": Product("A", "The A", 1000, "USD", 0.7)},
        policy=DEFAULT_POLICY,
        destination=DENVER,
    )


def started(*lines: model.Line) -> Order:
    return model.place(order(*lines), NOW, "web").order


def test_what_a_refused_write_has_told_is_newer_than_the_packs() -> None:
    packs = supply(denver=5, omaha=2)
    learnt = packs.with_facts(
        {("denver", "A"): FloorFacts(0, 0), ("omaha", "A"): FloorFacts(-3, 0)}
    )
    assert packs.sellable_locations("A") == {"denver": 5, "omaha": 2}
    assert learnt.sellable_locations("A") == {}
    assert learnt.with_facts({("omaha", "A"): FloorFacts(1, 1)}).sellable_locations("A") == {
        "omaha": 1
    }


def test_units_for_other_channels_are_counted_from_what_is_newer_than_the_packs() -> None:
    packs = supply(denver=5)
    learnt = packs.with_facts({("denver", "A"): FloorFacts(2, 2)})
    (candidate,) = sourcing.problem(started(line("1", "A", 1)), learnt, NOW).candidates
    assert (candidate.stock, candidate.kept) == ({"A": 2}, {})


def test_stock_at_a_place_that_nobody_knows_is_not_sold() -> None:
    assert supply(denver=1, moon=9).sellable_locations("A") == {"denver": 1}


def test_only_what_no_location_holds_is_routed() -> None:
    start = started(line("1", "A", 3), line("2", "A", 2))
    half = replace(start, lines=(start.lines[0], replace(start.lines[1], unassigned=0)))
    asked = sourcing.problem(half, supply(denver=5), NOW)
    assert [(wanted.line_id, wanted.quantity, wanted.kg) for wanted in asked.lines] == [
        ("1", 3, 0.7)
    ]


def test_a_location_that_rejected_is_not_asked_again() -> None:
    start = started(line("1", "A", 1))
    again = replace(start, lines=(replace(start.lines[0], excluded=("denver",)),))
    found = route(sourcing.problem(again, supply(denver=5, omaha=5), NOW))
    assert list(found.plan.units) == ["omaha"]


@pytest.mark.parametrize(
    ("changes", "unable", "days"),
    [
        ({}, None, 0),
        ({"capacity_per_hour": 0}, "no_capacity", 0),
        ({"hours": {"sun": ()}}, "closed", 0),
        ({"lead_time_minutes": 8 * 60}, None, 1),
    ],
)
def test_a_candidate_says_what_it_can_do_in_time(
    changes: dict[str, object], unable: str | None, days: int
) -> None:
    location = replace(STORE, **changes)  # type: ignore[arg-type]
    found = sourcing.candidate(location, {"A": 1}, 1, DENVER, NOW, policy=DEFAULT_POLICY)
    assert (found.unable, found.delay_days) == (unable, days)


CUT_OFF: dict[ServiceLevel, time] = {"standard": time(11, 30), "next_day": time(16)}


@pytest.mark.parametrize(
    ("changes", "unpicked", "days", "why"),
    [
        ({}, 6 * 60 + 58, 0, None),
        ({}, 6 * 60 + 59, 1, "no_capacity"),
        ({"cut_offs": {"standard": time(12)}}, 0, 0, None),
        ({"cut_offs": CUT_OFF}, 0, 1, "cut_off"),
        ({"cut_offs": CUT_OFF, "closed_on": frozenset({date(2026, 11, 21)})}, 0, 2, "cut_off"),
        ({"cut_offs": CUT_OFF}, 6 * 60 + 59, 1, "no_capacity"),
        ({"lead_time_minutes": 8 * 60}, 0, 1, None),
    ],
)
def test_a_parcel_leaves_behind_what_waits_and_with_the_next_carrier(
    changes: dict[str, object], unpicked: int, days: int, why: str | None
) -> None:
    location = replace(STORE, **changes)  # type: ignore[arg-type]
    found = sourcing.candidate(
        location, {"A": 1}, 1, DENVER, NOW, unpicked=unpicked, policy=DEFAULT_POLICY
    )
    assert (found.unable, found.delay_days, found.delayed_by) == (None, days, why)


def test_what_leaves_too_late_for_a_strict_promise_says_why() -> None:
    services = DEFAULT_POLICY.services
    strict = {**services, "standard": replace(services["standard"], promise_days=1, strict=True)}
    late = replace(STORE, cut_offs=CUT_OFF)
    stock = replace(
        supply(denver=5),
        locations={"denver": late},
        policy=replace(DEFAULT_POLICY, services=strict),
    )
    asked = sourcing.problem(started(line("1", "A", 1)), stock, NOW)
    assert filter_candidates(asked, {"A": 1}).refused == {"denver": "cut_off"}
    soon = replace(stock, locations={"denver": STORE})
    assert not filter_candidates(
        sourcing.problem(started(line("1", "A", 1)), soon, NOW), {"A": 1}
    ).refused
    busy = replace(soon, unpicked={"denver": 6 * 60 + 59})
    asked = sourcing.problem(started(line("1", "A", 1)), busy, NOW)
    assert filter_candidates(asked, {"A": 1}).refused == {"denver": "no_capacity"}


@pytest.mark.parametrize(("unpicked", "sent"), [(7, True), (8, False), (30, False)])
def test_where_enough_waits_nothing_more_is_sent_from(unpicked: int, sent: bool) -> None:
    stock = replace(
        supply(denver=5),
        locations={"denver": replace(STORE, most_unpicked=10)},
        unpicked={"denver": unpicked},
    )
    plan = route(sourcing.problem(started(line("1", "A", 3)), stock, NOW)).plan
    assert bool(plan.units) is sent


def test_an_offer_promises_what_lies_behind_those_that_wait() -> None:
    start = started(line("1", "A", 1), line("2", "A", 1, "pickup", location_id="denver"))
    stock = replace(
        supply(denver=5),
        locations={"denver": place("denver", hours=STORE.hours, cut_offs={"standard": time(16)})},
        unpicked={"denver": 119},
    )
    decision = route(sourcing.problem(start, stock, NOW))
    bag, parcel = sourcing.parcels(decision, start, stock, NOW)
    assert bag.ready_by == parcel.ready_by == NOW + timedelta(hours=2)
    assert parcel.deliver_by == datetime(2026, 11, 20, 23, tzinfo=UTC) + timedelta(days=1)


def test_ship_and_pickup_from_one_location_are_two_offers_with_their_own_promise() -> None:
    start = started(line("1", "A", 1), line("2", "A", 1, "pickup", location_id="denver"))
    stock = supply(denver=5)
    decision = route(sourcing.problem(start, stock, NOW))
    bag, parcel = sourcing.parcels(decision, start, stock, NOW)
    assert (bag.method, bag.ready_by, bag.deliver_by) == ("pickup", NOW + timedelta(hours=1), None)
    assert (parcel.method, parcel.deliver_by) == ("ship", NOW + timedelta(hours=1, days=1))
    assert bag.answer_by == NOW + timedelta(minutes=30)


def test_an_offer_made_at_night_is_answered_after_the_doors_open() -> None:
    night = datetime(2026, 11, 21, 4, tzinfo=UTC)
    start = started(line("1", "A", 1))
    stock = supply(denver=5)
    (parcel,) = sourcing.parcels(route(sourcing.problem(start, stock, night)), start, stock, night)
    assert parcel.answer_by == datetime(2026, 11, 21, 16, 30, tzinfo=UTC)


def test_supply_is_promised_where_it_is_expected() -> None:
    wanted = started(line("1", "A", 1), line("2", "A", 1, "pickup", location_id="omaha"))
    assert sourcing.expected_dates(wanted, supply(expected=4, denver=0), NOW) == {"1": DUE}
    assert sourcing.expected_dates(wanted, supply(expected=4, denver=0), DUE) == {}
    assert sourcing.expected_dates(wanted, supply(denver=0), NOW) == {}


def test_a_refusal_names_what_is_short_and_when_more_comes() -> None:
    wanted = started(line("1", "A", 3), line("2", "A", 1, "pickup", location_id="denver"))
    stock = supply(expected=4, denver=0, omaha=2)
    asked = sourcing.problem(wanted, stock, NOW)
    why = refusing.refusal_reasons(asked, {"1": 1, "2": 1})
    assert sourcing.short_lines(wanted, stock, {"1": 1, "2": 1}, NOW, asked, why) == [
        {
            "line_id": "1",
            "sku": "A",
            "wanted": 3,
            "sellable": 2,
            "reason": "out_of_stock",
            "expected_at": "2026-11-23T18:00:00.000Z",
        },
        {
            "line_id": "2",
            "sku": "A",
            "wanted": 1,
            "sellable": 0,
            "reason": "out_of_stock",
            "location_id": "denver",
            "expected_at": "2026-11-23T18:00:00.000Z",
        },
    ]
    (elsewhere,) = sourcing.alternatives(
        wanted, stock, {"2": 1}, NOW, refusing.shipping_locations(asked), why
    )
    assert (elsewhere["location_id"], elsewhere["sellable"]) == ("omaha", 2)
    assert elsewhere["distance_km"] == pytest.approx(780, rel=0.02)


def test_a_line_is_collected_only_where_orders_are_handed_over() -> None:
    closed = replace(supply(denver=1), locations={"denver": replace(STORE, pickup=False)})
    wanted = started(
        line("1", "A", 1, "pickup", location_id="denver"),
        line("2", "A", 1, "pickup", location_id="moon"),
    )
    with pytest.raises(InvalidRequest) as refused:
        sourcing.check_pickup(wanted, closed)
    assert [error["path"] for error in refused.value.data["errors"]] == [
        "$.lines[0].location_id",
        "$.lines[1].location_id",
    ]


WEEKDAYS = CarrierCalendar(frozenset(DAYS[:5]), frozenset(DAYS[:5]), holidays=True)


@pytest.mark.parametrize(
    ("days_on", "rest"),
    [(0, 2), (1, 2), (3, 0), (4, 0), (5, 1), (6, 3)],  # Thanksgiving is November 26
)
def test_days_of_rest_delay_the_decision_and_the_promise_alike(days_on: int, rest: int) -> None:
    now = NOW + timedelta(days=days_on)
    one = started(line("1", "A", 1))
    promised = {}
    for name, calendars in (("every day", {}), ("weekdays", {"standard": WEEKDAYS})):
        at_store = {"denver": place("denver", calendars=calendars)}
        asked = sourcing.problem(one, replace(supply(denver=9), locations=at_store), now)
        decision = route(asked)
        (found,) = asked.candidates
        (offer,) = sourcing.parcels(
            decision, one, replace(supply(denver=9), locations=at_store), now
        )
        assert offer.deliver_by is not None
        days = (offer.deliver_by.astimezone(ZONE).date() - now.astimezone(ZONE).date()).days
        assert days == found.delay_days + 1  # the tariff of the nearest band is one day
        assert replay(decision.to_bytes()).to_bytes() == decision.to_bytes()
        promised[name] = days
    assert promised["weekdays"] - promised["every day"] == rest
