"""Where other systems oversold, double-counted or lost stock: each story as a race of 32 threads.

The numbers are those of the threads in the survey of open order systems that NoRain was designed
from; each docstring names the public thread. What happens to orders after they were placed:
test_order_regressions.py. Tests of the same survey stand beside their areas:

1, 6, 11            the last unit, and two lines of one SKU: race/orders/test_races.py
3                   a reconciler that names drift and mends it: functions/stock/test_audit.py
7, 8                a hold becomes one order; reports come in any order: race/orders/test_races.py,
                    unit/orders/test_delivering.py
9                   a paid line that nothing is found for: tables/orders/test_orders_table.py
10, 17              one SKU from several locations (vendure#3588 cannot): race/orders/test_races.py
13                  a hold becomes the order at its locations: tables/orders/test_orders_table.py
15                  two locations for one SKU (solidus#583, #1594): race/orders/test_races.py;
                    parcels that are taken apart: unit/orders/test_delivering.py
12, 18              no lost movement; late and repeated counts: race/stock/test_races.py
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from functions.availability.project import handler as project
from shared.availability.store import packs as availability
from shared.aws import clients
from shared.aws import dynamodb as tables
from shared.errors import Busy, Conflict, HoldClosed, InvalidTransition, OutOfStock
from shared.orders import changing, model, placing
from shared.orders import store as orders
from shared.orders.model import Rejection
from shared.stock import store as stock
from shared.stock.model.events import Counted
from shared.stock.model.position import Cause, Effect, Hold, HoldLine, HoldState
from tests.race.orders.test_races import act, cancel, kinds
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request
from tests.support.stock_laws import Follower

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

THREADS = 32
LATER = NOW + timedelta(minutes=5)


def held(name: str, *lines: HoldLine, minutes: int = 15, channel: str = "web") -> Hold:
    end = NOW + timedelta(minutes=minutes)
    hold = Hold(name, lines, channel, HoldState.OPEN, NOW, end, "digest", "{}")
    return stock.open_hold(hold)


def test_two_bundles_that_share_a_component_are_one_demand() -> None:
    """11, medusa#16502: each bundle is checked alone, both pass, available is negative."""
    shop.stocked({"LENS": {"denver": 33}, "BODY": {"denver": 40}, "BAG": {"denver": 40}})
    bundles = (
        line("1", "BODY", 1),
        line("2", "LENS", 1),
        line("3", "BAG", 1),
        line("4", "LENS", 1),
    )
    outcomes = at_once([partial(buy, f"o-{n}", *bundles) for n in range(THREADS)])
    assert kinds(outcomes) == {str: 16, OutOfStock: 16}
    assert shop.counts("LENS", "denver") == (33, 32, 1, 0)
    shop.laws()


def test_enough_in_sum_and_in_no_single_place_is_split_or_refused_whole() -> None:
    """10, medusa#14987, #15132: confirmed on the sum, reserved at the first location."""
    shop.stocked({"A": {"denver": 1, "boulder": 1, "omaha": 2, "depot": 1}})
    outcomes = at_once([partial(buy, f"o-{n}", line("1", "A", 2)) for n in range(THREADS)])
    assert kinds(outcomes) == {str: 2, OutOfStock: 30}
    for found in shop.all_orders():
        taken = [held.quantity for part in found.fulfillments for held in part.lines]
        assert sum(taken) == 2
    shop.laws()


def test_a_pickup_of_more_than_its_store_has_is_refused_though_others_have_it() -> None:
    """10, medusa#10561: the promise is the plan."""
    shop.stocked({"A": {"denver": 1, "boulder": 9}})
    wanted = line("1", "A", 2, "pickup", location_id="denver")
    outcomes = at_once([partial(buy, f"o-{n}", wanted) for n in range(THREADS)])
    assert kinds(outcomes) == {OutOfStock: THREADS}
    alternatives = outcomes[0].data["alternatives"]
    assert [row["location_id"] for row in alternatives] == ["boulder"]
    assert shop.counts("A", "denver") == (1, 0, 1, 0)
    shop.laws()


def test_two_channels_over_one_source_sell_it_once_and_see_the_same() -> None:
    """2, magento/inventory#2727: store X sells 15, store Y still shows 5."""
    shop.stocked({"A": {"denver": 12, "boulder": 8}})

    def web(n: int) -> Any:
        return buy(f"web-{n}", line("1", "A", 1))

    def till(n: int) -> Any:
        return held(f"pos-{n}", HoldLine("A", "denver" if n % 2 else "boulder", 1), channel="pos")

    outcomes = at_once([partial((web, till)[n % 2], n) for n in range(48)])
    sold = [outcome for outcome in outcomes if not isinstance(outcome, OutOfStock)]
    assert len(sold) == 20
    shop.laws()
    shop.project("A")
    pack = availability.packs(["A"])["A"]
    assert {place: row.available for place, row in pack.rows.items()} == {
        "denver": 0,
        "boulder": 0,
    }


def test_the_last_unit_is_sold_once_whatever_the_entry() -> None:
    """16, spree#13978: holds guarded one entry point; 1, magento2#25653: both buyers succeed."""
    shop.stocked({"A": {"denver": 1}})

    def order(n: int) -> Any:
        return buy(f"o-{n}")

    def hold(n: int) -> Any:
        return held(f"h-{n}", HoldLine("A", "denver", 1))

    def move(n: int) -> Any:
        cause = Cause("norain/orders", f"t-{n}", "transfer.shipped", "shipping")
        _, parts = stock.effect_parts([Effect("A", "denver", -1, 0, floor=0)], cause, NOW)
        return OutOfStock([]) if tables.transact(parts) else "moved"

    outcomes = at_once([partial((order, hold, move)[n % 3], n) for n in range(36)])
    assert sum(not isinstance(outcome, OutOfStock) for outcome in outcomes) == 1
    assert shop.position("A", "denver").available == 0
    shop.laws()


def test_a_hold_that_expires_during_payment_is_the_orders_or_nobodys() -> None:
    """7, saleor#14733, #15246: paid, then out of stock; the order is stuck between the two."""
    shop.stocked({"A": {"denver": 40}})
    for n in range(16):
        held(f"h-{n}", HoldLine("A", "denver", 1), minutes=1)
    at_expiry = NOW + timedelta(minutes=1)

    def pay(n: int) -> Any:
        draft = shop.order(f"o-{n}", line("1", "A", 1), hold_id=f"h-{n}")
        return placing.place(draft, request(f"o-{n}"), "web", NOW, answer)

    def sweep(n: int) -> Any:
        return stock.expire_hold(stock.get_hold(f"h-{n}"), at_expiry)

    acts = [partial(what, n) for n in range(16) for what in (pay, sweep)]
    random.Random(3).shuffle(acts)
    at_once(acts)
    placed = {found.order_id for found in shop.all_orders()}
    for n in range(16):
        state = stock.get_hold(f"h-{n}").state
        assert state is (HoldState.CONVERTED if f"o-{n}" in placed else HoldState.EXPIRED)
    assert shop.counts("A", "denver")[1] == len(placed)
    shop.laws()


def test_a_hold_bound_to_a_payment_outlives_it_and_is_taken_by_it_alone() -> None:
    """8, vendure#3065: two payments for one item; the loser is charged and gets nothing."""
    shop.stocked({"A": {"denver": 1}})
    hold = held("h", HoldLine("A", "denver", 1), minutes=1)
    stock.bind_hold(hold, "pay-1", NOW + timedelta(minutes=30), NOW)
    late = NOW + timedelta(minutes=20)

    def pay(n: int) -> Any:
        mine = "pay-1" if n == 7 else f"pay-{n + 100}"
        draft = shop.order(f"o-{n}", line("1", "A", 1), hold_id="h", reference=mine)
        return placing.place(draft, request(f"o-{n}"), "web", late, answer)

    def sweep(n: int) -> Any:
        return stock.expire_hold(hold, late)

    outcomes = at_once(
        [partial(pay, n) for n in range(THREADS)] + [partial(sweep, n) for n in range(8)]
    )
    assert kinds(outcomes) == {str: 1, bool: 8, **kinds(refused_of(outcomes))}
    assert not any(outcomes[THREADS:])
    assert {type(refused) for refused in refused_of(outcomes)} <= {Conflict, HoldClosed}
    assert [found.order_id for found in shop.all_orders()] == ["o-7"]
    shop.laws()


def refused_of(outcomes: list[Any]) -> list[Any]:
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def test_who_paid_and_is_short_is_refused_at_once_or_told_by_a_deadline() -> None:
    """9, vendure#1738, #1355, #3508: a paid order without stock, and nobody is told."""
    shop.stocked({"A": {"denver": 1}})
    outcomes = at_once([partial(buy, f"o-{n}") for n in range(THREADS)])
    assert kinds(outcomes) == {str: 1, OutOfStock: 31}
    (found,) = shop.all_orders()
    at_once([partial(rejecting, found.order_id, "not_found", f"r-{n}") for n in range(THREADS)])
    (found,) = shop.all_orders()
    assert (found.state, found.deadline) == ("exception", LATER + timedelta(minutes=30))
    end = LATER + timedelta(days=3)
    at_once(
        [
            partial(
                changing.change,
                found.order_id,
                lambda order: model.act_on_deadlines(order, end),
                end,
            )
            for _ in range(THREADS)
        ]
    )
    (found,) = shop.all_orders()
    assert found.state == "cancelled"
    assert [entry.event for entry in found.history].count("refund.due") == 1
    shop.laws()


def rejecting(order_id: str, reason: Any, key: str, quantity: int = 1) -> Any:
    def decide(order: model.Order) -> model.OrderChange:
        rows = [Rejection("1", quantity, reason)]
        shelf = changing.believed_available(order, f"{order_id}.1", rows)
        return model.reject(order, f"{order_id}.1", rows, shelf, now=LATER, actor="store")

    return changing.change(order_id, decide, LATER, request=request(key), answer=answer)


REJECTED = {  # on_hand, reserved, available, damaged of 6 units, 2 of them sold and rejected
    "not_found": (4, 0, 4, 0),
    "damaged": (4, 0, 4, 2),
    "mismatch": (4, 0, 4, 0),
    "no_capacity": (6, 0, 6, 0),
}


@pytest.mark.parametrize("reason", REJECTED)
def test_a_store_rejects_once_and_its_stock_says_why(reason: str) -> None:
    """9, vendure#4930: a shortfall must correct the stock, and do so once."""
    shop.stocked({"A": {"denver": 6, "boulder": 2}})
    buy("o", line("1", "A", 2))
    first = orders.find("o")
    assert first is not None
    assert [part.location_id for part in first.fulfillments] == ["denver"]
    outcomes = at_once([partial(rejecting, "o", reason, f"r-{n}", 2) for n in range(THREADS)])
    assert kinds(outcomes)[str] == 1
    assert shop.counts("A", "denver") == REJECTED[reason]
    assert shop.counts("A", "boulder")[:3] == (2, 2, 0)
    found = orders.find("o")
    assert found is not None
    assert [(part.location_id, part.state) for part in found.fulfillments] == [
        ("denver", "rejected"),
        ("boulder", "offered"),
    ]
    shop.laws()


def test_a_hand_over_takes_the_units_of_the_location_that_reserved_them() -> None:
    """13, medusa#16338: fulfilled from elsewhere, both locations are silently wrong."""
    shop.stocked({"A": {"denver": 1, "boulder": 1, "omaha": 1, "depot": 50}})
    buy("o", line("1", "A", 1, "pickup", location_id="denver"), line("2", "A", 1))
    found = orders.find("o")
    assert found is not None
    part = {one.method: number for number, one in enumerate(found.fulfillments, 1)}
    reserved = {one.location_id for one in found.fulfillments}
    assert len(reserved) == 2
    for number in part.values():
        act("o", "accept", f"a-{number}", number)
    act("o", "ready", "r", part["pickup"])
    at_once(
        [partial(act, "o", "collect", f"c-{n}", part["pickup"]) for n in range(16)]
        + [partial(act, "o", "ship", f"s-{n}", part["ship"]) for n in range(16)]
    )
    before = {"denver": 1, "boulder": 1, "omaha": 1, "depot": 50}
    for place, quantity in before.items():
        left = quantity - (place in reserved)
        assert shop.counts("A", place) == (left, 0, left, 0)
    shop.laws()


def ship_some(order_id: str, quantity: int, key: str) -> Any:
    return changing.change(
        order_id,
        lambda order: model.advance(
            order, f"{order_id}.1", "ship", LATER, "store", units={"1": quantity}
        ),
        LATER,
        request=request(key),
        answer=answer,
    )


def test_a_cancel_after_a_partial_shipment_gives_back_what_has_not_left() -> None:
    """15, solidus#5669: splitting a shipment moves units that were not there."""
    shop.stocked({"A": {"denver": 5}})
    buy("o", line("1", "A", 5))
    act("o", "accept", "a")
    outcomes = at_once(
        [partial(ship_some, "o", 2, f"s-{n}") for n in range(16)]
        + [partial(cancel, "o", f"c-{n}") for n in range(16)]
    )
    found = orders.find("o")
    assert found is not None
    (bought,) = found.lines
    assert bought.open == 0
    assert (bought.fulfilled, bought.cancelled) in {(2, 3), (0, 5)}
    assert shop.counts("A", "denver") == (5 - bought.fulfilled, 0, 5 - bought.fulfilled, 0)
    assert {type(outcome) for outcome in outcomes} <= {str, InvalidTransition, Busy}
    shop.laws()


def test_a_split_keeps_what_is_backordered_backordered() -> None:
    """15, solidus#3020, #6319: splitting turned backordered units on-hand."""
    shop.stocked({"A": {"denver": 3}})
    buy("o", line("1", "A", 5, backorder=True))
    act("o", "accept", "a")
    at_once([partial(ship_some, "o", 1, f"s-{n}") for n in range(THREADS)])
    found = orders.find("o")
    assert found is not None
    (bought,) = found.lines
    assert (bought.fulfilled, bought.open, bought.backordered) == (1, 2, 2)
    assert shop.counts("A", "denver") == (2, 2, 0, 0)
    assert Counter(part.state for part in found.fulfillments) == {"shipped": 1, "accepted": 1}
    shop.laws()


@contextmanager
def failing(operation: str, one_in: int) -> Iterator[Counter[str]]:
    """Every ``one_in``-th request of that kind is lost on its way, before it has done anything."""
    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def lose(model: Any, **_: Any) -> None:
        with guard:
            seen[model.name] += 1
            lost = seen[model.name] % one_in == 0
        if lost:
            raise Busy("lost on the way")

    events = clients.dynamodb().meta.events
    name = f"before-call.dynamodb.{operation}"
    events.register(name, lose)
    try:
        yield seen
    finally:
        events.unregister(name, lose)


def test_a_projection_that_fails_half_way_loses_nothing_and_is_made_good() -> None:
    """4, magento/inventory#3462, #2933: delete, then insert; in between products are gone."""
    skus = [f"S{n}" for n in range(8)]
    shop.stocked({sku: {"denver": 5, "boulder": 5} for sku in skus})
    for n, sku in enumerate(skus * 4):
        held(f"h-{n}", HoldLine(sku, ("denver", "boulder")[n % 2], 1))
    records = changes_of(Follower())
    gone: list[str] = []

    def run(number: int) -> int:
        mine = records[number::4]
        for _ in range(20):
            failed = project({"Records": mine}, None)["batchItemFailures"]
            gone.extend({*skus} - availability.packs(skus).keys())
            if not failed:
                return len(mine)
            first = failed[0]["itemIdentifier"]
            numbers = [record["dynamodb"]["SequenceNumber"] for record in mine]
            mine = mine[numbers.index(first) :]
        raise AssertionError("it never came to an end")

    with failing("BatchExecuteStatement", one_in=2) as calls, failing("PutItem", one_in=2) as puts:
        at_once([partial(run, n % 4) for n in range(THREADS)])
    assert calls["BatchExecuteStatement"] > 3
    assert puts["PutItem"] > 3
    assert gone == []
    for sku, pack in availability.packs(skus).items():
        expected = {row.location_id: row.available for row in stock.positions(sku)}
        assert {place: row.available for place, row in pack.rows.items()} == expected


def changes_of(follower: Follower) -> list[dict[str, Any]]:
    """The changes of positions in the stream, as Lambda gets them."""
    found: list[dict[str, Any]] = []
    streams = follower._streams
    for shard in streams.describe_stream(StreamArn=follower._arn)["StreamDescription"]["Shards"]:
        place = streams.get_shard_iterator(
            StreamArn=follower._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while place:
            page = streams.get_records(ShardIterator=place)
            found += [
                record
                for record in page["Records"]
                if record["dynamodb"]["Keys"]["sk"]["S"].startswith("LOC#")
            ]
            place = page.get("NextShardIterator") if page["Records"] else None
    for record in found:
        record["dynamodb"].pop("ApproximateCreationDateTime", None)
    return found


def test_a_net_count_that_is_late_or_repeated_subtracts_no_order_twice() -> None:
    """18, magento2-module-noreservations: merchants switch reservations off, because the ERP's
    counts are net of orders already."""
    start = NOW - timedelta(hours=2)
    shop.stocked({})
    stock.apply_events(
        [Counted("erp", "c-0", None, "A", "denver", 50, start, start)], None, (), start
    )
    shop.project("A")
    counts = [
        Counted(
            "erp",
            f"c-{n}",
            None,
            "A",
            "denver",
            60 + n,
            start + timedelta(minutes=n),
            start + timedelta(minutes=n),
        )
        for n in range(1, 9)
    ]
    follower = Follower()

    def count(event: Counted) -> Any:
        for _ in range(60):
            found = stock.positions_of([("A", "denver")]).get(("A", "denver"))
            try:
                return stock.apply_events([event], found, (), NOW)
            except Busy:
                with guard:
                    follower.follow()
        raise AssertionError("the ledger never came")

    guard = threading.Lock()
    shuffled: list[Callable[[], Any]] = [partial(count, event) for event in counts * 2]
    shuffled += [partial(buy, f"o-{n}") for n in range(16)]
    random.Random(5).shuffle(shuffled)
    outcomes = at_once(shuffled)
    sold = sum(isinstance(outcome, str) for outcome in outcomes)
    assert sold == 16
    found = shop.position("A", "denver")
    # The newest count knew nothing of the orders, which came after it.
    assert (found.available, found.reserved, found.on_hand) == (68 - 16, 16, 68)
    shop.laws()
    late = Counted("erp", "c-late", None, "A", "denver", 52, LATER, LATER + timedelta(minutes=1))
    follower.follow()
    outcomes = at_once([partial(count, late)] * THREADS)
    found = shop.position("A", "denver")
    # This one has all of them subtracted.
    assert (found.available, found.reserved, found.on_hand) == (52, 16, 68)
    shop.laws()
