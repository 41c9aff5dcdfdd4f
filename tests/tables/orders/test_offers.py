"""Competing locations, and orders that are routed again before anybody picks them."""

from dataclasses import replace
from functools import partial

import pytest

from shared.errors import Conflict, InvalidTransition
from shared.orders import changing, model, offers, store
from shared.routing.model.policy import DEFAULT_POLICY, Handling
from shared.stock import store as stock
from shared.stock.model.events import Counted
from tests.support import shop
from tests.support.offers import LATER, answer, buy, found, policy, project, wherever
from tests.support.shop import NOW, line, request

pytestmark = pytest.mark.usefixtures("fake_tables")


DEAR_STORES = {**DEFAULT_POLICY.handling, "store": Handling(package=1_500, unit=50)}


def accept(location_id: str | None, name: str = "o-1", key: str = "") -> None:
    changing.change(
        name,
        lambda stored: offers.accept_offer(stored, f"{name}.1", location_id, LATER, "store"),
        LATER,
        request=request(key or f"accept-{location_id}"),
        answer=answer,
    )


def listed(location_id: str) -> list[str]:
    return [pick.fulfillment.fulfillment_id for pick in store.pick_list(location_id).picks]


def test_without_a_policy_nobody_competes() -> None:
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 3}})
    assert buy().rivals == ()


def test_those_that_have_all_of_it_are_asked_the_cheapest_first() -> None:
    policy(rivals=1)
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 1}})
    asked = buy(line("1", "A", 2))
    assert (asked.location_id, asked.rivals) == ("denver", ("boulder",))


def test_the_first_to_accept_has_it_with_its_own_units() -> None:
    policy(wherever(), rivals=2)
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 3}})
    asked = buy(line("1", "A", 2))
    accept("boulder")
    now = found()
    assert (now.location_id, now.state, now.rivals) == ("boulder", "accepted", ())
    assert (now.ready_by, now.deliver_by) == (asked.ready_by, asked.deliver_by)
    assert shop.counts("A", "denver") == (3, 0, 3, 0)
    assert shop.counts("A", "boulder") == (3, 2, 1, 0)
    shop.laws()
    with pytest.raises(InvalidTransition):
        accept("omaha")
    with pytest.raises(InvalidTransition):
        accept(None)
    shop.laws()


def test_who_was_not_asked_cannot_accept() -> None:
    policy(rivals=1)
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 3}})
    buy()
    with pytest.raises(Conflict, match="not offered to omaha"):
        accept("omaha")
    assert found().state == "offered"


def test_a_rival_that_has_sold_its_units_meanwhile_is_refused() -> None:
    policy(rivals=1)
    shop.stocked({"A": {"denver": 3, "boulder": 3}})
    buy(line("1", "A", 2))
    sold = Counted("wms", "c", None, "A", "boulder", 1, LATER)
    known = stock.positions_of([("A", "boulder")])["A", "boulder"]
    assert stock.apply_events([sold], known, (), LATER)
    with pytest.raises(Conflict, match="has not got the units"):
        accept("boulder")
    shop.laws()


def test_who_would_be_later_than_promised_is_not_asked() -> None:
    policy(rivals=3)
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 3, "depot": 3}})
    assert buy().rivals == ("boulder",)


def test_each_sees_it_in_its_list_until_somebody_has_it() -> None:
    policy(wherever(), rivals=2)
    shop.stocked({"A": {"denver": 3, "boulder": 3, "omaha": 3}})
    buy()
    before = project()
    assert listed("denver") == listed("boulder") == listed("omaha") == ["o-1.1"]
    accept("boulder")
    project(before=before)
    assert (listed("denver"), listed("boulder"), listed("omaha")) == ([], ["o-1.1"], [])
    store.project_pick_rows(before, None)  # late
    assert (listed("denver"), listed("boulder"), listed("omaha")) == ([], ["o-1.1"], [])


def test_a_list_of_offers_to_rivals_goes_on_where_its_page_ended() -> None:
    policy(rivals=1)
    shop.stocked({"A": {"denver": 9, "boulder": 9}})
    for number in range(5):
        buy(name=f"o-{number}")
        project(f"o-{number}")
    seen: list[str] = []
    after = None
    while True:
        page = store.pick_list("boulder", limit=2, after=after)
        seen += [pick.order_id for pick in page.picks]
        if (after := page.after) is None:
            break
    assert sorted(seen) == [f"o-{number}" for number in range(5)]


def test_a_cheaper_place_takes_what_nobody_has_begun_to_pick() -> None:
    policy(saving=1)
    shop.stocked({"A": {"omaha": 3}})
    assert buy(line("1", "A", 2)).location_id == "omaha"
    shop.stocked({"A": {"denver": 5}})
    assert offers.move_where_cheaper("o-1", LATER) is not None
    assert found().state == "cancelled"
    moved = found(number=2)
    assert (moved.location_id, moved.state) == ("denver", "offered")
    assert shop.counts("A", "omaha") == (3, 0, 3, 0)
    assert shop.counts("A", "denver") == (5, 2, 3, 0)
    shop.laws()
    stored = store.find("o-1")
    assert stored is not None
    told = [entry.event for entry in stored.history]
    assert told[-2:] == ["fulfillment.withdrawn", "fulfillment.offered"]
    assert offers.move_where_cheaper("o-1", LATER) is None


def test_a_cheaper_place_that_is_later_than_promised_does_not_take_it() -> None:
    """The promise is the plan, whatever would cost less."""
    policy(replace(DEFAULT_POLICY, handling=DEAR_STORES), saving=1)
    shop.stocked({"A": {"denver": 3}})
    promised = buy()
    shop.stocked({"A": {"depot": 5}})
    assert offers.move_where_cheaper("o-1", LATER) is None
    assert found() == promised
    shop.laws()


def test_a_cheaper_place_that_is_as_soon_takes_it() -> None:
    policy(wherever(replace(DEFAULT_POLICY, handling=DEAR_STORES)), saving=1)
    shop.stocked({"A": {"denver": 3}})
    promised = buy()
    shop.stocked({"A": {"depot": 5}})
    assert offers.move_where_cheaper("o-1", NOW) is not None
    moved = found(number=2)
    assert moved.location_id == "depot"
    assert moved.deliver_by is not None
    assert promised.deliver_by is not None
    assert moved.deliver_by <= promised.deliver_by
    shop.laws()


def test_of_two_lines_one_may_move_and_the_other_stay() -> None:
    policy(saving=1)
    shop.stocked({"A": {"omaha": 2}, "B": {"omaha": 2}})
    buy(line("1", "A", 2), line("2", "B", 2))
    shop.stocked({"A": {"denver": 9}})
    offers.move_where_cheaper("o-1", LATER)
    shop.laws()
    stored = store.find("o-1")
    assert stored is not None
    open_ones = [part for part in stored.fulfillments if part.is_open]
    assert sum(held.quantity for part in open_ones for held in part.lines) == 4
    assert shop.counts("B", "omaha") == (2, 2, 0, 0)


@pytest.mark.parametrize(("saving", "why"), [(None, "no policy"), (1_000_000, "saves too little")])
def test_it_stays_when_the_policy_does_not_ask_or_it_saves_too_little(
    saving: int | None, why: str
) -> None:
    policy(saving=saving)
    shop.stocked({"A": {"omaha": 3}})
    buy()
    shop.stocked({"A": {"denver": 5}})
    assert offers.move_where_cheaper("o-1", LATER) is None, why
    assert found().location_id == "omaha"
    shop.laws()


def test_what_is_being_picked_stays() -> None:
    policy(saving=1)
    shop.stocked({"A": {"omaha": 3}})
    buy()
    accept(None)
    changing.change(
        "o-1", lambda stored: model.advance(stored, "o-1.1", "pick", LATER, "store"), LATER
    )
    shop.stocked({"A": {"denver": 5}})
    assert offers.move_where_cheaper("o-1", LATER) is None


def test_the_units_it_holds_itself_are_no_reason_to_move() -> None:
    """All that the best place has is reserved for this very order."""
    policy(saving=1)
    shop.stocked({"A": {"denver": 2, "omaha": 9}})
    assert buy(line("1", "A", 2)).location_id == "denver"
    shop.project("A")
    assert offers.move_where_cheaper("o-1", LATER) is None


def test_unpicked_orders_are_found_once_each() -> None:
    shop.stocked({"A": {"denver": 9}, "B": {"denver": 1, "boulder": 9}})
    buy(line("1", "A", 1), line("2", "B", 5), name="o-1")
    buy(name="o-2")
    list(map(partial(project), ["o-1", "o-2"]))
    names = list(store.unpicked_orders(["boulder", "denver"], model.UNPICKED))
    assert sorted(names) == ["o-1", "o-2"]
