"""Where other systems changed, paid back, sent or took back orders wrongly, after they were placed.

Each docstring names a public thread, read on 2026-11-29; those of the first survey, with its
numbers, stand in test_regressions.py. Threads that tests of their areas own:

postnl/postnl-magento2#289   the label keeps the former address: unit/orders/test_revising.py
saleor#19645                 more is refunded than was captured: unit/orders/test_payments.py
spree#14678                  a return is refunded as announced: unit/orders/test_returns.py
spree#14561                  a cancel voids what was captured: race/orders/test_revisions.py
NEARBuilders/nearmerch.com#214   a late report undoes a delivery: race/orders/test_parcels.py
magento/inventory#2676       a pickup where nothing lies: race/test_regressions.py
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.aws import dynamodb as tables
from shared.errors import Conflict, InvalidTransition, OutOfStock
from shared.orders import changing, model, placing
from shared.orders import store as orders
from shared.orders.model import Order, Report, Returned, owed
from shared.orders.model.payments import authorized
from shared.orders.model.revising import LineRevision, Revision, revise
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect
from tests.race.orders.test_races import act, kinds
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

THREADS = 8
LATER = NOW + timedelta(minutes=5)
BOULDER = model.DeliveryPlace("80302", "US", 40.015, -105.2705)


def stored(order_id: str = "o") -> Order:
    found = orders.find(order_id)
    assert found is not None
    return found


def done(key: str, decide: Callable[[Order], Any], order_id: str = "o") -> Any:
    return changing.change(order_id, decide, LATER, request=request(key), answer=answer)


def changed(key: str, revision: Revision, order_id: str = "o") -> Any:
    return done(key, lambda order: revise(order, revision, LATER, "agent"), order_id)


def quantity(units: int, **more: Any) -> Revision:
    return Revision("asked", lines=(LineRevision("1", quantity=units, **more),))


def shipped(key: str, units: int | None = None, number: int = 1) -> Any:
    wanted = None if units is None else {"1": units}
    return done(
        key,
        lambda order: model.advance(order, f"o.{number}", "ship", LATER, "store", units=wanted),
    )


def cancelled(key: str, units: int | None = None) -> Any:
    wanted = None if units is None else {"1": units}
    return done(key, lambda order: model.cancel(order, wanted, "changed", LATER, "web"))


def returned(key: str, units: int, condition: Any = "sellable") -> Any:
    rows = [Returned("1", units, condition, "too small")]
    return done(key, lambda order: model.take_back(order, "denver", rows, LATER, "web"))


def reported(key: str, *reports: Report) -> Any:
    def decide(order: Order) -> Any:
        change = model.OrderChange(order)
        for report in reports:
            change = model.report(change.order, report, LATER, "psp")
        return change

    return done(key, decide)


def refunds(order_id: str = "o") -> int:
    return sum(payment.refund_due for payment in stored(order_id).payments)


def units(order_id: str = "o") -> tuple[int, int, int, int]:
    """open, fulfilled, cancelled, backordered"""
    (bought,) = stored(order_id).lines
    return bought.open, bought.fulfilled, bought.cancelled, bought.backordered


def test_a_change_of_a_price_reserves_nothing_again() -> None:
    """medusa#16406: a new price reserved the whole line again, what was fulfilled among it."""
    shop.stocked({"A": {"denver": 3}})
    buy("o", line("1", "A", 3))
    act("o", "accept", "a")
    shipped("s", 2)
    at_once([partial(changed, f"c-{n}", quantity(3, unit_price=900 - n)) for n in range(THREADS)])
    assert units() == (1, 2, 0, 0)
    assert shop.counts("A", "denver") == (1, 1, 0, 0)
    shop.laws()


def test_units_that_are_added_later_are_reserved_or_refused() -> None:
    """vendure#1210: items added to a placed order touched no stock."""
    shop.stocked({"A": {"denver": 10}})
    buy("o", line("1", "A", 1))
    more = [
        partial(changed, f"c-{n}", Revision("asked", added=(line(f"x{n}", "A", 2),)))
        for n in range(THREADS)
    ]
    outcomes = at_once([*more, *(partial(buy, f"b-{n}") for n in range(THREADS))])
    assert kinds(outcomes).keys() <= {str, OutOfStock}
    sold = sum(each.open for order in shop.all_orders() for each in order.lines)
    assert shop.counts("A", "denver") == (10, sold, 10 - sold, 0)
    assert sold in {9, 10}
    shop.laws()


def test_an_edit_takes_units_from_where_they_are() -> None:
    """mercurjs/mercur#1200: the units of an edit were reserved at the first location only."""
    shop.stocked({"A": {"denver": 1, "boulder": 0, "omaha": 2}})
    buy("o", line("1", "A", 1))
    changed("c", quantity(3))
    held = {part.location_id: part.lines[0].quantity for part in stored().fulfillments}
    assert held == {"denver": 1, "omaha": 2}
    shop.laws()


def test_what_was_added_and_never_paid_is_not_refunded_when_it_is_removed() -> None:
    """vendure#4013: an item added and removed again refunded money that nobody had paid."""
    shop.stocked({"A": {"denver": 5}})
    buy("o", line("1", "A", 1))
    changed("more", quantity(3))
    assert model.missing(stored()) == 2000
    at_once([partial(changed, f"less-{n}", quantity(1)) for n in range(THREADS)])
    order = stored()
    assert (refunds(), model.missing(order), order.payment_due_by) == (0, 0, None)
    assert shop.counts("A", "denver") == (5, 1, 4, 0)
    shop.laws()


def test_a_refund_covers_units_that_were_added_and_paid_later() -> None:
    """vendure#4728: only the units of the first placement could be refunded."""
    shop.stocked({"A": {"denver": 5}})
    buy("o", line("1", "A", 1))
    changed("more", quantity(3))
    reported("paid", Report("captured", payment_id="2", amount=2000))
    at_once([partial(cancelled, f"c-{n}") for n in range(THREADS)])
    assert (units(), refunds()) == ((0, 0, 3, 0), 3000)
    assert [payment.refund_due for payment in stored().payments] == [1000, 2000]
    shop.laws()


def test_a_line_is_cancelled_unit_by_unit_until_nothing_is_left() -> None:
    """vendure#2608: after one cancellation of a line there was no second."""
    shop.stocked({"A": {"denver": 3}})
    buy("o", line("1", "A", 3))
    outcomes = at_once([partial(cancelled, f"c-{n}", 1) for n in range(THREADS)])
    assert kinds(outcomes)[str] == 3
    assert {*kinds(outcomes)} == {str, InvalidTransition}
    assert (units(), refunds()) == ((0, 0, 3, 0), 3000)
    assert shop.counts("A", "denver") == (3, 0, 3, 0)
    shop.laws()


def test_refunded_units_are_not_shipped() -> None:
    """magento/magento2#22006, #23437: after a refund of one unit of two, two were shipped."""
    shop.stocked({"A": {"denver": 2}})
    buy("o", line("1", "A", 2))
    act("o", "accept", "a")
    at_once([partial(cancelled, "c", 1), partial(shipped, "s")])
    open_units, fulfilled, gone, _ = units()
    assert open_units == 0
    assert (fulfilled, gone) in {(1, 1), (2, 0)}
    assert refunds() == 1000 * gone
    assert shop.counts("A", "denver") == (2 - fulfilled, 0, 2 - fulfilled, 0)
    shop.laws()


def test_a_partial_shipment_a_cancel_and_a_return_add_up() -> None:
    """magento/inventory#1883: ten ordered, three shipped, cancelled, some back: 102 of 100."""
    shop.stocked({"A": {"denver": 100}})
    buy("o", line("1", "A", 10))
    act("o", "accept", "a")
    shipped("s", 3)
    cancelled("c")
    outcomes = at_once([partial(returned, f"r-{n}", 1) for n in range(THREADS)])
    assert kinds(outcomes) == {str: 3, Conflict: THREADS - 3}
    assert units() == (0, 3, 7, 0)
    assert shop.counts("A", "denver") == (100, 0, 100, 0)
    assert refunds() == 10_000
    shop.laws()


def test_goods_are_refunded_in_parts_after_the_shipping_was() -> None:
    """magento/magento2#2385, #41277: once the shipping was refunded, nothing else could be."""
    shop.stocked({"A": {"denver": 3}})
    draft = shop.order("o", line("1", "A", 3), shipping=500)
    assert draft.payments[0].captured == 3500
    placing.place(draft, request("o"), "web", NOW, answer)
    changed("free", Revision("late", shipping=0))
    assert refunds() == 500
    for n in range(3):
        cancelled(f"c-{n}", 1)
        assert refunds() == 500 + 1000 * (n + 1)
    shop.laws()


def test_a_parcel_that_was_lost_and_sent_again_comes_back_without_a_refund() -> None:
    """medusa#4052: the first parcel of a replaced one could not be received without a refund."""
    shop.stocked({"A": {"denver": 5}})
    buy("o", line("1", "A", 1))
    act("o", "accept", "a")
    act("o", "ship", "s")

    def follow(status: Any) -> Callable[[Order], Any]:
        return lambda order: model.follow_parcel(order, "o.1", status, LATER, LATER, "carrier")

    done("lost", follow("lost"))
    at_once(
        [
            partial(
                done,
                f"resend-{n}",
                lambda order: model.resolve_claim(order, "o.1", "resend", LATER, "agent"),
            )
            for n in range(THREADS)
        ]
    )
    act("o", "accept", "a-2", 2)
    act("o", "ship", "s-2", 2)
    assert done("back", follow("returned_to_sender")) is None
    tables.transact(
        stock.effect_parts(
            [Effect("A", "denver", 1, 0)], Cause("wms", "back", "stock.moved", "returned"), LATER
        )[1]
    )
    assert (units(), refunds()) == ((0, 1, 0, 0), 0)
    assert shop.counts("A", "denver") == (4, 0, 4, 0)
    shop.laws()


def test_units_for_a_pickup_are_not_shipped_to_somebody_else() -> None:
    """magento/inventory#2032: the units of a pickup were chosen for an order to be shipped."""
    shop.stocked({"A": {"denver": 5, "boulder": 4, "omaha": 1}})
    collect = line("1", "A", 4, "pickup", location_id="denver")
    outcomes = at_once(
        [
            *(partial(buy, f"s-{n}", line("1", "A", 2)) for n in range(THREADS)),
            *(partial(buy, f"p-{n}", collect) for n in range(2)),
        ]
    )
    assert kinds(outcomes).keys() <= {str, OutOfStock}
    for order in shop.all_orders():
        if order.order_id.startswith("p-"):
            (part,) = order.fulfillments
            assert (part.location_id, part.lines[0].quantity) == ("denver", 4)
    shop.laws()


def test_what_is_ready_is_collected_where_it_was_made_ready() -> None:
    """magento/inventory#2222: "ready for pickup" took the units from the default source."""
    shop.stocked({"A": {"denver": 3, "boulder": 3}})
    buy("o", line("1", "A", 2, "pickup", location_id="boulder"))
    act("o", "accept", "a")
    at_once([partial(act, "o", "ready", f"r-{n}") for n in range(THREADS)])
    assert shop.counts("A", "boulder") == (3, 2, 1, 0)
    at_once([partial(act, "o", "collect", f"c-{n}") for n in range(THREADS)])
    assert shop.counts("A", "boulder") == (1, 0, 1, 0)
    assert shop.counts("A", "denver") == (3, 0, 3, 0)
    shop.laws()


def test_the_last_units_are_handed_over_by_the_order_that_has_them() -> None:
    """medusa#6500: with all units reserved, the orders that had reserved them could not go on."""
    shop.stocked({"A": {"denver": 4}})
    for n in range(4):
        buy(f"o-{n}")
        act(f"o-{n}", "accept", f"a-{n}")
    assert shop.counts("A", "denver") == (4, 4, 0, 0)
    outcomes = at_once([partial(act, f"o-{n}", "ship", f"s-{n}") for n in range(4)])
    assert kinds(outcomes) == {str: 4}
    assert shop.counts("A", "denver") == (0, 0, 0, 0)
    shop.laws()


def test_a_fulfillment_is_cancelled_where_a_count_left_too_few() -> None:
    """medusa#12796: with negative stock a fulfillment could not be cancelled."""
    shop.stocked({"A": {"denver": 2}})
    buy("o", line("1", "A", 2))
    act("o", "accept", "a")
    act("o", "pick", "p")
    gone = Cause("wms", "count", "stock.moved", "stock_taking")
    tables.transact(stock.effect_parts([Effect("A", "denver", -2, 0)], gone, LATER)[1])
    assert shop.counts("A", "denver") == (0, 2, -2, 0)
    outcomes = at_once(
        [
            partial(
                done,
                f"c-{n}",
                lambda order: model.cancel_fulfillment(order, "o.1", "gone", LATER, "store"),
            )
            for n in range(THREADS)
        ]
    )
    assert kinds(outcomes)[str] == 1
    assert shop.counts("A", "denver") == (0, 0, 0, 0)
    assert refunds() == 2000
    shop.laws()


def test_a_fulfillment_that_is_given_back_is_reserved_elsewhere_at_once() -> None:
    """vendure#1198, #1250: a cancelled fulfillment left its units neither sold nor reserved."""
    shop.stocked({"A": {"denver": 1, "boulder": 1}})
    buy("o", line("1", "A", 1))
    first = stored().fulfillments[0].location_id
    rows = [model.Rejection("1", 1, "no_capacity")]
    outcomes = at_once(
        [
            partial(
                done,
                f"r-{n}",
                lambda order: model.reject(order, "o.1", rows, {}, now=LATER, actor="store"),
            )
            for n in range(THREADS)
        ]
    )
    assert kinds(outcomes)[str] == 1
    (second,) = (part.location_id for part in stored().fulfillments if part.is_open)
    assert {first, second} == {"denver", "boulder"}
    assert shop.counts("A", first) == (1, 0, 1, 0)
    assert shop.counts("A", second) == (1, 1, 0, 0)
    shop.laws()


def test_a_capture_that_is_reported_many_times_is_one_capture() -> None:
    """medusa#13301, mollie/magento2#978: the answer and the webhook captured twice."""
    shop.stocked({"A": {"denver": 1}})
    draft = shop.order("o", line("1", "A", 1))
    placing.place(replace(draft, payments=(authorized(1000),)), request("o"), "web", NOW, answer)
    capture = Report("captured", payment_id="1", amount=1000, reference="ch_1")
    outcomes = at_once([partial(reported, "webhook", capture)] * THREADS)
    assert len({*outcomes}) == 1
    (payment,) = stored().payments
    assert (payment.authorized, payment.captured, payment.refund_due) == (1000, 1000, 0)
    shop.laws()


def test_an_exchange_takes_the_stock_of_the_goods_that_are_sent() -> None:
    """solidus#3527: the exchange for another size took the stock of the first size."""
    shop.stocked({"A": {"denver": 1}, "B": {"denver": 1}})
    buy("o", line("1", "A", 1))
    act("o", "accept", "a")
    act("o", "ship", "s")
    outcomes = at_once([partial(buy, f"x-{n}", line("1", "B", 1)) for n in range(THREADS)])
    assert kinds(outcomes) == {str: 1, OutOfStock: THREADS - 1}
    (exchange,) = (each.order_id for each in shop.all_orders() if each.order_id != "o")
    rows = [Returned("1", 1, "sellable", "too small")]
    done("r", lambda order: model.take_back(order, "denver", rows, LATER, "web", exchange))
    assert shop.counts("A", "denver") == (1, 0, 1, 0)
    assert shop.counts("B", "denver") == (1, 1, 0, 0)
    due = [entry.detail for entry in stored().history if entry.event == "refund.due"]
    assert [row["exchange_order_id"] for row in due] == [exchange]
    shop.laws()


def test_an_address_changes_for_every_parcel_or_for_none() -> None:
    """postnl/postnl-magento2#94, #289: a parcel went to the address of before the change."""
    shop.stocked({"A": {"denver": 1, "boulder": 1}})
    buy("o", line("1", "A", 2))
    for number in (1, 2):
        act("o", "accept", f"a-{number}", number)
    moved = Revision("moved", ship_to=BOULDER)
    outcomes = at_once(
        [partial(act, "o", "pack", "p"), *(partial(changed, f"c-{n}", moved) for n in range(4))]
    )
    order = stored()
    if order.ship_to == BOULDER:
        assert all(part.state == "offered" for part in order.fulfillments if part.is_open)
    else:
        assert kinds(outcomes) == {str: 1, Conflict: 4}
        assert Counter(part.state for part in order.fulfillments) == {"packed": 1, "accepted": 1}
    assert owed(order) == 2000
    shop.laws()
