"""What is routed again and stays where it is, is left as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from shared.aws import dynamodb as tables
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.locations import store as locations
from shared.orders import changing, model, offers, sourcing, store
from shared.orders.model import Order
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect
from tests.support import shop
from tests.support.offers import buy, found, policy, project, wherever
from tests.support.shop import NOW, line
from tests.tables.orders.test_offers import accept

pytestmark = pytest.mark.usefixtures("fake_tables")


def stored() -> Order:
    there = store.find("o-1")
    assert there is not None
    return there


@contextmanager
def unchanged() -> Iterator[None]:
    before = stored()
    yield
    assert stored() == before
    shop.laws()


def with_demand(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    """Each shelf sells ``rate`` units a day of what earns 900 each."""
    catalog.put(Product("A", "The A", 1000, "USD", 0.5, margin=900, salvage=0))
    monkeypatch.setattr(sourcing.Supply, "sale_rate", lambda self, sku, place, now: rate)


def test_what_stays_is_not_priced_as_the_last_unit_of_its_shelf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At every run an accepted order was withdrawn, and offered to the same place again."""
    policy(saving=1)
    shop.stocked({"A": {"denver": 9, "omaha": 1}})
    with_demand(monkeypatch, 0.1)
    buy()
    accept(None)
    for _ in range(3):
        with unchanged():
            assert offers.move_where_cheaper("o-1", NOW) is None
    assert found().state == "accepted"


def test_the_line_that_stays_keeps_its_state_when_the_other_moves() -> None:
    policy(saving=1)
    shop.stocked({"A": {"omaha": 2}, "B": {"omaha": 2}})
    catalog.put(Product("A", "The heavy A", 1000, "USD", 40))
    buy(line("1", "A", 2), line("2", "B", 2))
    accept(None)
    position = stock.position("A", "denver")
    assert position is None
    more = [Effect("A", "denver", 9, 0)]
    _, parts = stock.effect_parts(more, Cause("test", "c", "stock.counted", "stock_taking"), NOW)
    assert tables.transact(parts) == []
    shop.project("A")
    before = stored()
    assert offers.move_where_cheaper("o-1", NOW) is not None
    shop.laws()
    after = stored()
    assert [
        (part.location_id, part.state, [held.line_id for held in part.lines])
        for part in after.fulfillments
    ] == [("omaha", "accepted", ["2"]), ("denver", "offered", ["1"])]
    told = after.history[len(before.history) :]
    assert [entry.event for entry in told] == ["fulfillment.withdrawn", "fulfillment.offered"]
    assert told[0].detail["lines"] == [{"line_id": "1", "quantity": 2}]
    for _ in range(2):
        with unchanged():
            assert offers.move_where_cheaper("o-1", NOW) is None


def test_a_place_is_not_too_full_for_what_it_holds_already() -> None:
    policy(wherever(), saving=1)
    shop.stocked({"A": {"denver": 9, "omaha": 9}})
    locations.put(replace(shop.PLACES["denver"], most_unpicked=2))
    buy(line("1", "A", 2))
    project()
    with unchanged():
        assert offers.move_where_cheaper("o-1", NOW) is None


def test_a_place_that_has_rejected_some_units_keeps_those_that_it_accepted() -> None:
    policy(saving=1)
    shop.stocked({"A": {"denver": 3, "omaha": 9}})
    buy(line("1", "A", 3))
    reject = [model.Rejection("1", 1, "damaged")]
    changing.change(
        "o-1",
        lambda order: model.reject(order, "o-1.1", reject, {}, now=NOW, actor="store"),
        NOW,
    )
    accept(None)
    assert [part.location_id for part in stored().fulfillments] == ["denver", "omaha"]
    with unchanged():
        assert offers.move_where_cheaper("o-1", NOW) is None


def test_lines_of_one_sku_do_not_change_places() -> None:
    policy(saving=1)
    shop.stocked({"A": {"denver": 1, "omaha": 1}})
    buy(line("1", "A", 1), line("2", "A", 1))
    shop.project("A")
    with unchanged():
        assert offers.move_where_cheaper("o-1", NOW) is None
