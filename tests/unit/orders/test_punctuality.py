"""What a fulfillment counts as: each count by its definition."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.orders.model import (
    Order,
    Parcel,
    Rejection,
    act_on_deadlines,
    advance,
    cancel,
    follow_parcel,
    new_pause,
    offer,
    pause,
    place,
    reject,
    release,
    settle,
)
from shared.orders.model.fulfilling import accept_as_rival
from shared.orders.model.order import Taken
from shared.orders.model.punctuality import COUNTS, Sums, add, mask, standings
from tests.support.places import place as place_of
from tests.unit.orders.orders import NOW, line, order, parcel, placed

READY = NOW + timedelta(hours=2)
"""As ``parcel`` promises it."""
ANSWER = NOW + timedelta(minutes=30)
LATE = timedelta(seconds=1)
STORES = {
    name: place_of(name, time_zone="America/Denver", cut_offs={"standard": time(17)})
    for name in ("S1", "S2")
}
"""The carrier calls at 17:00, which is midnight in UTC."""
CALL = datetime(2026, 11, 21, tzinfo=UTC)
TODAY = date(2026, 11, 20)


def counted(of: Order, name: str = "o1.1", location_id: str = "S1") -> set[str]:
    return set(standings(of, STORES)[name, location_id].counted)


def stepped(of: Order, *steps: tuple[str, datetime], name: str = "o1.1") -> Order:
    for action, at in steps:
        more = {"carrier": "UPS", "tracking": "1Z"} if action == "ship" else {}
        of = advance(of, name, action, at, "S1", **more).order  # type: ignore[arg-type]
    return of


def offered(method: str = "ship", **more: object) -> Order:
    wanted = replace(parcel("S1", method, l1=3), **more)  # type: ignore[arg-type]
    return placed(order(line("1", "A", 3, method)), wanted).order  # type: ignore[arg-type]


def names(*prefixes: str) -> set[str]:
    return {name for name in COUNTS if name.startswith(prefixes)}


def test_everything_at_the_last_moment_is_in_time() -> None:
    arrives = NOW + timedelta(days=2)
    made = stepped(offered(deliver_by=arrives), ("accept", ANSWER), ("pack", READY), ("ship", CALL))
    change = follow_parcel(made, "o1.1", "delivered", arrives, arrives, "UPS")
    assert change is not None
    everything = names("due", "shipments", "accepted", "packed", "handed_over", "delivered")
    assert counted(change.order) == everything


def test_a_moment_later_is_too_late() -> None:
    arrives = NOW + timedelta(days=2)
    steps = ("accept", ANSWER + LATE), ("pack", READY + LATE), ("ship", CALL + LATE)
    made = stepped(offered(deliver_by=arrives), *steps)
    at = arrives + LATE
    change = follow_parcel(made, "o1.1", "delivered", at, at, "UPS")
    assert change is not None
    done = {"due", "shipments", "accepted", "packed", "handed_over", "delivered"}
    assert counted(change.order) == done


def test_goods_to_collect_are_in_time_when_they_are_ready() -> None:
    made = stepped(offered("pickup"), ("accept", NOW), ("ready", READY))
    expected = names("accepted", "packed") | {"due"}
    assert counted(made) == expected
    assert counted(stepped(made, ("collect", READY + timedelta(days=5)))) == expected


def test_what_was_only_offered_is_due() -> None:
    assert counted(offered()) == {"due", "shipments"}


def test_an_answer_after_a_reminder_is_late_although_there_is_a_new_deadline() -> None:
    change = act_on_deadlines(offered("pickup"), ANSWER + LATE)
    assert change is not None
    made = stepped(change.order, ("accept", ANSWER + 2 * LATE))
    assert counted(made) == {"due", "accepted"}


def test_an_offer_rests_while_its_order_is_paused() -> None:
    review = new_pause("p", "manual", "", "team", NOW)
    resting = pause(offered(), review, NOW + timedelta(minutes=10), "agent").order
    later = NOW + timedelta(hours=1)
    goes_on = release(resting, "p", later, "agent").order
    made = stepped(goes_on, ("accept", later + timedelta(minutes=20)))
    assert "accepted_in_time" in counted(made)
    made = stepped(goes_on, ("accept", later + timedelta(minutes=20) + LATE))
    assert "accepted_in_time" not in counted(made)


def test_a_date_that_was_moved_is_kept_and_the_first_promise_is_not() -> None:
    review = new_pause("p", "manual", "", "team", NOW)
    resting = pause(offered(), review, NOW, "agent").order
    later = READY + timedelta(hours=3)
    renewed = replace(parcel("S1", l1=3), ready_by=later)
    goes_on = release(resting, "p", READY + LATE, "agent", lambda _: renewed).order
    made = stepped(goes_on, ("accept", READY + LATE), ("pack", later))
    assert names("packed") - counted(made) == {"packed_as_promised"}


def test_units_that_are_rejected_or_not_answered_are_counted() -> None:
    some = reject(
        stepped(offered(), ("accept", NOW)),
        "o1.1",
        [Rejection("1", 1, "damaged")],
        {},
        now=NOW,
        actor="S1",
    ).order
    expected = {"due", "shipments", "accepted", "accepted_in_time", "rejected"}
    assert counted(some) == expected
    change = act_on_deadlines(offered(), ANSWER)
    assert change is not None
    assert counted(change.order) == {"due", "shipments", "expired"}


def test_what_was_cancelled_counts_nowhere() -> None:
    assert counted(cancel(offered(), None, "changed my mind", NOW, "web").order) == set()


def test_what_a_rival_accepts_counts_at_the_rival_alone() -> None:
    made = offered(rivals=("S2",))
    after = accept_as_rival(made, "o1.1", "S2", [Taken("1", 3)], NOW, "S2").order
    assert counted(after) == set()
    assert counted(after, location_id="S2") == names("accepted") | {"due", "shipments"}


def test_the_location_of_a_paused_order_has_nothing_to_do_yet() -> None:
    paused = replace(order(), pauses=(new_pause("p", "fraud", "", "risk", NOW),))
    made = settle(offer(place(paused, NOW, "web"), [parcel("S1", l1=3)], NOW), NOW).order
    assert standings(made, STORES) == {}
    goes_on = release(made, "p", NOW + timedelta(hours=1), "agent").order
    assert counted(goes_on) == {"due", "shipments"}


def test_the_rest_of_a_shipment_was_packed_with_it() -> None:
    made = stepped(offered(), ("accept", NOW), ("pack", READY))
    some = advance(made, "o1.1", "ship", READY, "S1", units={"1": 1}).order
    assert counted(some, "o1.2") == names("accepted", "packed") | {"due", "shipments"}
    made = stepped(offered(), ("accept", NOW))
    some = advance(made, "o1.1", "ship", READY, "S1", units={"1": 1}).order
    assert counted(some, "o1.2") == names("accepted") | {"due", "shipments"}


@pytest.mark.parametrize(
    ("ready_by", "day"),
    [
        (datetime(2026, 11, 21, 6, 59, tzinfo=UTC), TODAY),
        (datetime(2026, 11, 21, 7, 0, tzinfo=UTC), date(2026, 11, 21)),
        (None, TODAY),
    ],
)
def test_the_day_is_that_of_the_location(ready_by: datetime | None, day: date) -> None:
    (standing,) = standings(offered(ready_by=ready_by), STORES).values()
    assert standing.day == day


def test_the_day_stays_when_the_date_moves() -> None:
    resting = pause(offered(), new_pause("p", "manual", "", "t", NOW), NOW, "agent").order
    renewed: Parcel = replace(parcel("S1", l1=3), ready_by=READY + timedelta(days=3))
    goes_on = release(resting, "p", READY + LATE, "agent", lambda _: renewed).order
    (standing,) = standings(goes_on, STORES).values()
    assert standing.day == TODAY


def test_sums_count_each_name_once_per_fulfillment() -> None:
    def summed(rows: Iterable[set[str]]) -> dict[str, int]:
        sums: Sums = {}
        for row in rows:
            add(sums, "S1", mask(row))
        return dict(zip(COUNTS, sums.get("S1", (0,) * len(COUNTS)), strict=True))

    counts = summed([{"due", "accepted"}, {"due", "short"}, set()])
    assert {name: count for name, count in counts.items() if count} == {
        "due": 2,
        "accepted": 1,
        "short": 1,
    }
    assert summed([set()])["due"] == 0
