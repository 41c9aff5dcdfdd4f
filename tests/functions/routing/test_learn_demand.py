"""Orders of the last weeks teach the router which shelves the next ones will come from."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.routing import learn_demand
from functions.routing.learn_demand import handler
from shared.availability.store import projection
from shared.aws import dynamodb as tables
from shared.aws import walks
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders import placing, reading, sourcing
from shared.orders.model import DeliveryPlace
from shared.orders.store import demand, read_placement
from shared.routing.model.decision import FutureOrders
from shared.routing.store import future_orders as future_orders_store
from tests.support import shop
from tests.support.events import event
from tests.support.shop import line, order

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime.now(UTC)
OMAHA = DeliveryPlace("68102", "US", 41.2565, -95.9345)


@pytest.fixture(autouse=True)
def bought(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    """Three orders of A to Denver and one to Omaha, on as many days."""
    environment.setattr(learn_demand, "SEGMENTS", 4)
    shop.stocked({"A": {"denver": 9, "omaha": 9}, "B": {"depot": 9}})
    for sku in ("A", "B"):
        product = Product(sku, f"The {sku}", 1000, "USD", 0.5, margin=300, salvage=100)
        catalog.put(product)
    for number in range(4):
        draft = order(f"o{number}", line("1", "A", 1))
        at = NOW - timedelta(days=10 * (number + 1) / 4)
        ship_to = OMAHA if number == 3 else draft.ship_to
        placing.place(
            replace(draft, placed_at=at, ship_to=ship_to),
            shop.request(f"k{number}", draft.order_id),
            "web",
            at,
            lambda _: "{}",
        )
    shop.project("A")


def run(remaining_ms: int = 900_000) -> dict[str, Any]:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: remaining_ms)
    return handler(event("routing/learn_demand"), context)


def pulls_of(sku: str) -> dict[str, FutureOrders]:
    found = tables.get_many([future_orders_store.future_orders_key(sku)])
    (item,) = found.values()
    return dict(future_orders_store.future_orders_of_item(item).by_location)


def test_a_shelf_is_pulled_by_the_orders_it_is_nearest_to() -> None:
    assert run() == {"skus": 2, "complete": True}
    found = pulls_of("A")
    assert set(found) == {"denver", "omaha"}
    assert found["denver"].rate == pytest.approx(0.3, abs=0.01)
    assert found["omaha"].rate == pytest.approx(0.1, abs=0.01)
    assert found["denver"].saving > 0
    assert pulls_of("B") == {}


def test_a_sku_that_lies_in_many_items_is_learnt_once_and_from_all_of_them(
    environment: pytest.MonkeyPatch,
) -> None:
    run()
    before = pulls_of("A")
    projection._spread("A", NOW, 4)
    environment.setattr(learn_demand, "EVERY", timedelta(0))
    assert run() == {"skus": 2, "complete": True}
    after = pulls_of("A")
    assert {place: pull.saving for place, pull in after.items()} == {
        place: pull.saving for place, pull in before.items()
    }
    assert {place: pull.rate for place, pull in after.items()} == pytest.approx(
        {place: pull.rate for place, pull in before.items()}, abs=0.001
    )


def test_the_next_routing_knows_of_them_and_an_old_run_is_forgotten() -> None:
    run()
    draft = order("next", line("1", "A", 1))
    supply = reading.supply_for(draft, read_placement(["A"]), NOW)
    asked = sourcing.problem(
        replace(draft, lines=(replace(draft.lines[0], unassigned=1),)), supply, NOW
    )
    pulls = {row.location_id: row.pulls["A"] for row in asked.candidates}
    assert pulls == pulls_of("A")
    later = NOW + timedelta(days=30)
    assert supply.future_orders("A", "denver", later) is None


def test_one_round_a_day() -> None:
    assert run() == {"skus": 2, "complete": True}
    assert run() == {"skus": 0, "complete": True}
    last = walks.last_round(learn_demand.WALK)
    assert last is not None
    assert last.number == 1


def test_a_run_without_time_left_is_continued_by_the_next(
    environment: pytest.MonkeyPatch,
) -> None:
    assert run(10_000) == {"skus": 0, "complete": False}  # not even a step of the backfill
    assert run(learn_demand.SPARE_MS + 1) == {"skus": 0, "complete": False}  # no day is summed
    assert run() == {"skus": 2, "complete": True}
    environment.setattr(learn_demand, "EVERY", timedelta(0))
    environment.setattr(
        learn_demand, "_learn", lambda round_, *_, **__: walks.progress(round_, NOW)
    )
    assert run() == {"skus": 0, "complete": False}


def test_the_second_backfill_finds_what_older_code_has_taken_meanwhile(
    environment: pytest.MonkeyPatch,
) -> None:
    run()
    draft = replace(order("meanwhile", line("1", "A", 5)), placed_at=NOW, ship_to=OMAHA)
    placing.place(draft, shop.request("meanwhile"), "web", NOW, lambda _: "{}")
    environment.setattr(learn_demand, "EVERY", timedelta(0))
    before = pulls_of("A")["omaha"].rate
    run()
    assert pulls_of("A")["omaha"].rate == pytest.approx(before + 0.5, abs=0.01)
    backfill = walks.last_round(learn_demand.BACKFILL)
    assert backfill is not None
    assert (backfill.number, backfill.ended_at is not None) == (2, True)
    run()
    assert walks.last_round(learn_demand.BACKFILL) == backfill


def test_helpers_work_on_the_round_that_they_are_called_to() -> None:
    run()
    messages = [
        {"messageId": str(number), "body": json.dumps({"walk": walk.name, "round": begun(walk)})}
        for number, walk in enumerate([learn_demand.BACKFILL, learn_demand.WALK])
    ]
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
    assert handler({"Records": messages}, context) == {"batchItemFailures": []}
    for walk in (learn_demand.BACKFILL, learn_demand.WALK):
        last = walks.last_round(walk)
        assert last is not None
        assert last.ended_at is not None


def begun(walk: walks.Walk) -> int:
    """The number of a new round of the walk, with the sums of the one before it."""
    round_ = walks.begin(walk, walks.last_round(walk), 4, NOW)
    assert round_ is not None
    name = learn_demand._sums_name
    sums = demand.read_sums(name(round_.number - 1), {})
    assert sums is not None
    demand.save_sums(name(round_.number), sums, demand.expiry(NOW.date()), {})
    return round_.number


def test_without_any_orders_nothing_is_pulled(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(learn_demand, "WATCHED", timedelta(0))
    assert run()["complete"]
    assert pulls_of("A") == {}
