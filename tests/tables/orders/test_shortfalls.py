"""Units that were promised and are gone: who loses them, and what becomes of the order."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.availability.model.positions import change_of
from shared.availability.store import projection
from shared.orders import changing, model, placing, promising, shortfalls, store
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.contract.promises import PromiseHeld, PromiseHoldInput
from shared.orders.model import Order
from shared.stock import store as stock
from shared.stock.model.events import Counted, Event, Moved
from tests.support import shop
from tests.support.shop import NOW, line, order, request

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_wait(fake_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortfalls, "BEHIND_SECONDS", 0.0)


def buy(name: str, *lines: model.Line, minute: int = 0, **more: Any) -> Order:
    at = NOW + timedelta(minutes=minute)
    placing.place(
        order(name, *lines, **more),
        request(name),
        "web",
        at,
        lambda made: order_answer(made).model_dump_json(),
    )
    return seen(name)


def seen(name: str) -> Order:
    """The order as it stands, once the pick lists know of it."""
    found = store.find(name)
    assert found is not None
    store.project_pick_rows(found, None)
    return found


def fed(event: Event) -> None:
    found = stock.position(event.sku, event.location_id)
    stock.apply_events([event], found, stock.applied_movements([event]), LATER)
    shop.project(event.sku)


def counted(units: int) -> None:
    fed(Counted("wms", f"count-{units}", None, "A", "denver", units, LATER))


def act(name: str, action: Any) -> None:
    changing.change(
        name, lambda found: model.advance(found, f"{name}.1", action, LATER, "store"), LATER
    )
    seen(name)


def open_parts(name: str) -> list[tuple[str, int]]:
    return [
        (part.location_id, sum(held.quantity for held in part.lines))
        for part in seen(name).fulfillments
        if part.is_open
    ]


def test_who_bought_last_is_served_from_elsewhere() -> None:
    shop.stocked({"A": {"denver": 5}})
    for n in range(3):
        buy(f"o-{n}", line("1", "A", 1), minute=n)
    shop.stocked({"A": {"omaha": 1}})
    counted(2)
    assert shop.counts("A", "denver") == (2, 3, -1, 0)
    assert shortfalls.cover("A", "denver", LATER) == 1
    assert [open_parts(f"o-{n}") for n in range(3)] == [[("denver", 1)]] * 2 + [[("omaha", 1)]]
    assert shop.counts("A", "denver") == (2, 2, 0, 0)
    assert shortfalls.cover("A", "denver", LATER) == 0
    shop.laws()


def test_a_pack_that_is_behind_does_not_offer_the_units_to_the_same_place_again() -> None:
    """The order gave its units back and took them again: the position did not change, so that no
    condition was false, and as much was promised as before."""
    shop.stocked({"A": {"denver": 3}})
    buy("o-1", line("1", "A", 3))
    shop.stocked({"A": {"omaha": 3}})
    shop.project("A")
    found = stock.position("A", "denver")
    event = Counted("wms", "recount", None, "A", "denver", 0, LATER)
    stock.apply_events([event], found, {}, LATER)
    # As far as packs know, denver would have them again.
    believed = replace(shop.position("A", "denver"), on_hand=12, available=9)
    projection.project("A", [replace(change_of(believed), at=NOW)])
    assert shortfalls.cover("A", "denver", LATER) == 1
    assert open_parts("o-1") == [("omaha", 3)]
    shop.laws()


def test_what_is_nowhere_else_is_an_exception_that_somebody_owns_and_is_told() -> None:
    shop.stocked({"A": {"denver": 3}})
    buy("o-1", line("1", "A", 3))
    counted(1)
    before = seen("o-1")
    assert shortfalls.cover("A", "denver", LATER) == 1
    after = seen("o-1")
    (row,) = after.lines
    assert (row.open, row.unassigned, row.deadline) == (3, 2, LATER + model.TIME_LIMITS.retry)
    assert (after.state, open_parts("o-1")) == ("exception", [("denver", 1)])
    told = events.of_change(before, after)
    assert [event["type"] for event in told] == ["fulfillment.short", "order.exception"]
    assert told[0]["data"]["lines"] == [{"line_id": "1", "quantity": 2, "reason": "gone"}]
    shop.laws()


def test_what_turns_up_again_goes_to_the_order_that_lost_it() -> None:
    """Unlike a location that has rejected it, one whose stock was corrected is asked again."""
    shop.stocked({"A": {"denver": 3}})
    buy("o-1", line("1", "A", 3))
    act("o-1", "accept")
    counted(1)
    shortfalls.cover("A", "denver", LATER)
    retry = LATER + model.TIME_LIMITS.retry
    after = LATER + timedelta(minutes=1)
    fed(Moved("wms", "back", None, "A", "denver", 2, "receiving", after, "PO-9"))
    assert (
        changing.change("o-1", lambda found: model.act_on_deadlines(found, retry), retry)
        is not None
    )
    assert open_parts("o-1") == [("denver", 1), ("denver", 2)]
    shop.laws()


def test_who_may_wait_waits() -> None:
    shop.stocked({"A": {"denver": 3}})
    buy("o-1", line("1", "A", 3, backorder=True))
    counted(1)
    shortfalls.cover("A", "denver", LATER)
    (row,) = seen("o-1").lines
    assert (row.open, row.backordered) == (1, 2)
    shop.laws()


def test_what_is_picked_stays_with_its_order() -> None:
    shop.stocked({"A": {"denver": 4}})
    buy("o-1", line("1", "A", 2))
    buy("o-2", line("1", "A", 2), minute=5)
    act("o-2", "accept")
    act("o-2", "pick")
    seen("o-2")
    shop.stocked({"A": {"boulder": 9}})
    counted(1)
    assert shortfalls.cover("A", "denver", LATER) == 1
    assert open_parts("o-2") == [("denver", 2)]
    assert open_parts("o-1") == [("boulder", 2)]
    assert shop.counts("A", "denver") == (1, 2, -1, 0)
    shop_laws_but_available()


def test_a_sale_over_the_counter_of_what_was_kept_is_a_shortfall_too() -> None:
    shop.stocked({"A": {"denver": 1, "omaha": 1}})
    buy("o-1", line("1", "A", 1))
    fed(Moved("pos", "sale", None, "A", "denver", -1, "retail_selling", LATER, None))
    assert shortfalls.cover("A", "denver", LATER) == 1
    assert open_parts("o-1") == [("omaha", 1)]
    shop.laws()


def held(units: int) -> PromiseHeld:
    cart = PromiseHoldInput.model_validate(
        {
            "channel": "web",
            "lines": [{"sku": "A", "quantity": units}],
            "ship_to": {
                "postal_code": "80202",
                "country": "US",
                "latitude": 39.7,
                "longitude": -105,
            },
            "option": {"method": "ship", "service_level": "standard"},
            "as_of": NOW.isoformat(),
            "expires_in_seconds": 3000,
        }
    )
    return PromiseHeld.model_validate_json(promising.hold(cart, request("hold"), NOW))


@pytest.mark.parametrize(
    ("elsewhere", "parts"), [(0, [("denver", 1)]), (9, [("denver", 1), ("omaha", 2)])]
)
def test_who_has_paid_for_a_hold_whose_units_are_gone_has_an_order(
    elsewhere: int, parts: list[tuple[str, int]]
) -> None:
    """Paid, then OutOfStock: saleor#14733, vendure#3065."""
    shop.stocked({"A": {"denver": 3}})
    hold = held(3)
    if elsewhere:
        shop.stocked({"A": {"omaha": elsewhere}})
    counted(1)
    placed = buy("o-1", line("1", "A", 3), minute=2, hold_id=hold.hold_id)
    assert open_parts("o-1") == parts
    assert placed.state == ("placed" if elsewhere else "exception")
    assert placed.deadline is not None
    assert "fulfillment.short" in [entry.event for entry in placed.history]
    shop.laws()


def shop_laws_but_available() -> None:
    """Law 6; what is picked may be more than the shelf is counted to hold."""
    for found in shop.all_orders():
        model.check(found)


def test_an_order_that_is_no_more_is_left_alone() -> None:
    shop.stocked({"A": {"denver": 1}})
    buy("o-1", line("1", "A", 1))
    counted(0)
    at: datetime = LATER
    changing.change("o-1", lambda o: model.cancel(o, None, "changed my mind", at, "web"), at)
    assert shortfalls.cover("A", "denver", LATER) == 0
    shop.laws()
