"""Orders of the last weeks teach the router which shelves the next ones will come from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.routing import learn_demand
from functions.routing.learn_demand import handler
from shared.availability.store import projection
from shared.aws import dynamodb as tables
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders import placing, reading, sourcing
from shared.orders.model import DeliveryPlace
from shared.orders.store import read_placement
from shared.routing.model.decision import FutureOrders
from shared.routing.store import future_orders as future_orders_store
from tests.support import shop
from tests.support.events import event
from tests.support.requests import Context
from tests.support.shop import line, order

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime.now(UTC)
OMAHA = DeliveryPlace("68102", "US", 41.2565, -95.9345)


@pytest.fixture(autouse=True)
def bought(fake_tables: None) -> None:
    """Three orders of A to Denver and one to Omaha, on as many days."""
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


def pulls_of(sku: str) -> dict[str, FutureOrders]:
    found = tables.get_many([future_orders_store.future_orders_key(sku)])
    (item,) = found.values()
    return dict(future_orders_store.future_orders_of_item(item).by_location)


def test_a_shelf_is_pulled_by_the_orders_it_is_nearest_to() -> None:
    assert handler(event("routing/learn_demand"), Context()) == {"skus": 2, "complete": True}
    found = pulls_of("A")
    assert set(found) == {"denver", "omaha"}
    assert found["denver"].rate == pytest.approx(0.3, abs=0.01)
    assert found["omaha"].rate == pytest.approx(0.1, abs=0.01)
    assert found["denver"].saving > 0
    assert pulls_of("B") == {}


def test_a_sku_that_lies_in_many_items_is_learnt_once_and_from_all_of_them() -> None:
    handler(event("routing/learn_demand"), Context())
    before = pulls_of("A")
    projection._spread("A", NOW, 4)
    assert handler(event("routing/learn_demand"), Context()) == {"skus": 2, "complete": True}
    assert pulls_of("A") == before


def test_the_next_routing_knows_of_them_and_an_old_run_is_forgotten() -> None:
    handler(event("routing/learn_demand"), Context())
    draft = order("next", line("1", "A", 1))
    supply = reading.supply_for(draft, read_placement(["A"]), NOW)
    asked = sourcing.problem(
        replace(draft, lines=(replace(draft.lines[0], unassigned=1),)), supply, NOW
    )
    pulls = {row.location_id: row.pulls["A"] for row in asked.candidates}
    assert pulls == pulls_of("A")
    later = NOW + timedelta(days=30)
    assert supply.online_demand("denver", ["A"], later) == {}


def test_a_run_without_time_left_is_gone_on_with(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(learn_demand, "PAGE", 1)
    environment.setattr(learn_demand, "SPARE_MS", 10**9)
    runs = [handler(event("routing/learn_demand"), Context()) for _ in range(4)]
    assert sum(run["skus"] for run in runs[:2]) == 2
    assert any(run["complete"] for run in runs)
    assert pulls_of("A")
    assert pulls_of("B") == {}


def test_without_any_orders_nothing_is_pulled(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(learn_demand, "WATCHED", timedelta(0))
    assert handler(event("routing/learn_demand"), Context())["complete"]
    assert pulls_of("A") == {}
