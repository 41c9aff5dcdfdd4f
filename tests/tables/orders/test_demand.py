"""What orders ship is counted once, whatever comes twice, late, or from a backfill."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from functions.routing.learn_demand import Demand, demand_of
from shared.aws import walks
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.aws.walks import Walk
from shared.locations import store as locations
from shared.orders import demand
from shared.orders.model import DeliveryPlace, Order
from shared.orders.model.demand import Sums
from shared.orders.reading import destination
from shared.orders.store import demand as demand_store
from shared.orders.store.items import to_plain
from shared.routing.model.future_orders import demand_cells
from tests.support import shop
from tests.support.shop import line, order

pytestmark = pytest.mark.usefixtures("fake_tables")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
LATER = NOON + timedelta(days=3)
WATCHED = [TODAY - timedelta(days=number) for number in range(4)]


def random_order(rng: random.Random, number: int) -> Order:
    lines = [
        line(
            str(at), rng.choice("ABCDE"), rng.randint(1, 5), rng.choice(("ship", "ship", "pickup"))
        )
        for at in range(rng.randint(1, 4))
    ]
    place = DeliveryPlace("80202", "US", rng.uniform(25, 48), rng.uniform(-120, -70))
    placed_at = NOON - timedelta(minutes=rng.randint(0, 3 * 24 * 60))
    return replace(
        order(f"o{number}", *lines),
        placed_at=placed_at.replace(microsecond=0),
        ship_to=rng.choice((place, place, DeliveryPlace("unknown", "US"), None)),
        version=1,
    )


def as_the_scan_did(orders: list[Order], now: datetime) -> Demand:
    """The demand as it was computed from a scan of all orders, before there were rows."""
    units: Counter[str] = Counter()
    points: Counter[tuple[float, float]] = Counter()
    lines = single_lines = 0
    first = now
    for each in orders:
        wanted: Counter[str] = Counter()
        for row in each.lines:
            if row.method == "ship":
                wanted[row.sku] += row.quantity
        if each.ship_to is None or not wanted:
            continue
        units.update(wanted)
        lines += len(wanted)
        single_lines += len(wanted) == 1
        first = min(first, each.placed_at)
        if (point := destination(each.ship_to)) is not None:
            points[point.latitude, point.longitude] += wanted.total()
    days = max(7.0, (now - first).total_seconds() / 86_400)
    return Demand(
        {sku: count / days for sku, count in units.items()},
        demand_cells(points),
        single_lines / lines if lines else 1.0,
    )


def learnt(now: datetime) -> Demand:
    sums = Sums()
    for day in WATCHED:
        sums.add_all(demand_store.sums_of_day(day, now))
    return demand_of(sums, now)


def stored(each: Order) -> None:
    """As the table has it."""
    item = {
        **to_plain(each),
        "pk": f"ORDER#{each.order_id}",
        "sk": "ORDER",
        "fulfillments": [],
        "history": [],
        "decisions": [],
        "past": None,
        "ship_to": to_plain(each.ship_to) if each.ship_to else None,
    }
    dynamodb().put_item(TableName=table_name("orders"), Item=to_item(item))


def backfill(now: datetime) -> None:
    walk = Walk("config", "backfill")
    round_ = walks.begin(walk, walks.last_round(walk), 3, now)
    assert round_ is not None
    while True:
        segment = walks.claim(round_, now)
        if segment is None or segment.is_closing:
            return
        orders, after = demand_store.orders_page(segment, NOON - timedelta(days=30))
        demand.record_orders(orders, now)
        walks.advance(segment, walks.Step(after), now)


def same(one: Demand, other: Demand) -> None:
    assert one.rates == pytest.approx(other.rates)
    assert one.alone == pytest.approx(other.alone)
    assert len(one.cells) == len(other.cells)
    for cell, expected in zip(one.cells, other.cells, strict=True):
        assert cell.latitude == pytest.approx(expected.latitude)
        assert cell.longitude == pytest.approx(expected.longitude)
        assert cell.share == pytest.approx(expected.share)


@pytest.mark.parametrize("seed", range(12))
def test_the_sums_give_what_a_scan_of_the_same_orders_gave(seed: int) -> None:
    """The stream repeats changes and brings some of them days late. Orders are cancelled, and
    buyers are erased. Backfills run, and sums are made, at any time."""
    rng = random.Random(seed)
    locations.put(shop.PLACES["denver"])
    changes: list[tuple[Order, Order | None]] = []
    current: list[Order] = []
    for number in range(25):
        new = random_order(rng, number)
        versions: list[Order] = [new]
        if rng.random() < 0.4:
            cancelled = tuple(replace(row, cancelled=row.quantity) for row in new.lines)
            versions.append(replace(new, lines=cancelled, version=2))
        if rng.random() < 0.3 and new.ship_to is not None:
            region = DeliveryPlace("80", "US", 40.0, -100.0)
            versions.append(replace(versions[-1], ship_to=region, version=3))
        current.append(versions[-1])
        stored(versions[-1])
        changes += zip(versions, [None, *versions], strict=False)
    if rng.random() < 0.3:
        backfill(NOON)
        same(learnt(NOON), as_the_scan_did(current, NOON))
    delivered, now = 0, NOON
    while delivered < len(changes):
        now = min(LATER, now + timedelta(hours=rng.choice((0, 0, 0, 6, 40))))
        again = rng.randint(0, delivered)  # a batch that failed comes again from its beginning
        end = min(len(changes), delivered + rng.randint(1, 10))
        for after, before in changes[again:end]:
            demand.record_order(after, before, now)
        delivered = end
        if rng.random() < 0.2:
            learnt(now)
        if rng.random() < 0.1:
            backfill(now)
    same(learnt(LATER), as_the_scan_did(current, LATER))
    same(learnt(LATER), as_the_scan_did(current, LATER))  # from stored sums


def test_settled_days_are_read_from_their_sums_until_an_order_comes_late() -> None:
    day = datetime.combine(TODAY, time(8), UTC)
    demand.record_order(replace(order("o1"), placed_at=day, version=1), None, NOON)
    assert demand_store.sums_of_day(TODAY, LATER).orders == 1
    rows = [row for row in shop.items("orders") if row["sk"] == "ORDER#o1"]
    assert len(rows) == 1
    dynamodb().delete_item(
        TableName=table_name("orders"),
        Key=to_item({"pk": rows[0]["pk"], "sk": rows[0]["sk"]}),
    )
    assert demand_store.sums_of_day(TODAY, LATER).orders == 1  # the rows are not read
    demand.record_order(replace(order("o2"), placed_at=day, version=1), None, LATER)
    assert demand_store.sums_of_day(TODAY, LATER).units == {"A": 1}
    assert demand_store.sums_of_day(TODAY - timedelta(days=1), LATER).orders == 0


def test_a_day_that_is_not_over_is_summed_anew() -> None:
    demand.record_order(replace(order("o1"), placed_at=NOON, version=1), None, NOON)
    assert demand_store.sums_of_day(TODAY, NOON).orders == 1
    demand.record_order(replace(order("o2"), placed_at=NOON, version=1), None, NOON)
    assert demand_store.sums_of_day(TODAY, NOON).orders == 2


def test_sums_of_many_skus_lie_in_several_items_that_expire() -> None:
    rng = random.Random(1)
    sums = Sums(units=Counter({f"sku-{rng.random()}": 1 for _ in range(60_000)}))
    demand_store.save_sums("2026-11-20", sums, demand_store.expiry(TODAY), {})
    assert demand_store.read_sums("2026-11-20", {}) == sums
    parts = [row for row in shop.items("orders") if "data" in row]
    assert len(parts) > 1
    assert all(len(bytes(row["data"])) <= demand_store.PART for row in parts)
    assert {row["ttl"] for row in shop.items("orders")} == {demand_store.expiry(TODAY)}


def test_an_order_costs_one_write_and_none_when_it_only_changes() -> None:
    calls: list[str] = []
    dynamodb().meta.events.register(
        "provide-client-params.dynamodb", lambda model, **_: calls.append(model.name)
    )
    new = replace(order("o1"), placed_at=NOON, version=1)
    demand.record_order(new, None, NOON)
    demand.record_order(replace(new, version=2), new, NOON)
    assert calls == ["PutItem"]
    (row,) = shop.items("orders")
    assert len(str(row)) < 400
    demand.record_order(replace(new, placed_at=NOON - timedelta(days=60)), None, NOON)
    assert len(shop.items("orders")) == 1
