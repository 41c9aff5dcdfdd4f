"""Changes of an order against picking, payment and each other, on DynamoDB Local."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.errors import Conflict, InvalidTransition, OutOfStock, Refusal, VersionMismatch
from shared.orders import changing, model, placing, store
from shared.orders.model import Order, Report
from shared.orders.model.payments import authorized
from shared.orders.model.revising import LineRevision, Revised, Revision, revise
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
LATER = NOW + timedelta(minutes=5)
BOULDER = model.DeliveryPlace("80302", "US", 40.015, -105.2705)


def stored(name: str) -> Order:
    order = store.find(name)
    assert order is not None
    return order


def acted(order_id: str, key: str, decide: Callable[[Order], Any]) -> str | None:
    return changing.change(order_id, decide, LATER, request=request(key), answer=answer)


def changed(order_id: str, key: str, revision: Revision, version: int | None = None) -> Any:
    def decide(order: Order) -> Revised:
        if version is not None and order.version != version:
            raise VersionMismatch("changed meanwhile", version=order.version)
        return revise(order, revision, LATER, key)

    return acted(order_id, key, decide)


def quantity(units: int) -> Revision:
    return Revision("asked", lines=(LineRevision("1", quantity=units),))


def advanced(order_id: str, action: Any, key: str) -> Any:
    return acted(
        order_id, key, lambda order: model.advance(order, f"{order_id}.1", action, LATER, key)
    )


def kinds(outcomes: list[Any]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def test_a_change_that_meets_the_packer_comes_before_the_parcel_is_packed_or_not_at_all() -> None:
    """The label of a parcel that was packed for the old address would take it there."""
    for n in range(6):
        shop.stocked({f"A{n}": {"denver": 2, "boulder": 2}})
        buy(f"o-{n}", line("1", f"A{n}", 1))
        advanced(f"o-{n}", "accept", f"a-{n}")
        move = Revision("moved", ship_to=BOULDER)
        outcomes = at_once(
            [
                partial(advanced, f"o-{n}", "pack", f"p-{n}"),
                partial(changed, f"o-{n}", f"c-{n}", move),
            ]
        )
        order = stored(f"o-{n}")
        packed = [part for part in order.fulfillments if part.state == "packed"]
        if isinstance(outcomes[1], Conflict):
            assert [part.fulfillment_id for part in packed] == [f"o-{n}.1"]
            assert order.ship_to == shop.SHIP_TO
        else:
            assert isinstance(outcomes[0], InvalidTransition)
            assert not packed
            assert order.ship_to == BOULDER
        shop.laws()


def test_two_agents_who_read_one_version_change_it_once() -> None:
    shop.stocked({"A": {"denver": 50}})
    buy("o-1", line("1", "A", 1))
    outcomes = at_once([partial(changed, "o-1", f"c-{n}", quantity(2 + n), 1) for n in range(16)])
    assert kinds(outcomes) == {str: 1, VersionMismatch: 15}
    (winner,) = (n for n, outcome in enumerate(outcomes) if isinstance(outcome, str))
    assert stored("o-1").lines[0].quantity == 2 + winner
    shop.laws()


def test_buyers_and_changes_at_once_sell_what_is_there_and_no_more() -> None:
    shop.stocked({"A": {"denver": 10}})
    for n in range(4):
        buy(f"o-{n}", line("1", "A", 1))
    acts = [partial(changed, f"o-{n}", f"c-{n}", quantity(3)) for n in range(4)]
    outcomes = at_once([*acts, *(partial(buy, f"b-{n}") for n in range(8))])
    assert kinds(outcomes).keys() <= {str, OutOfStock}
    sold = sum(entry.open for order in shop.all_orders() for entry in order.lines)
    assert shop.counts("A", "denver")[1] == sold
    assert sold in {9, 10}
    shop.laws()


def test_a_capture_that_meets_a_cancellation_is_due_back() -> None:
    """Whoever comes first: nothing is kept of an order that is cancelled, and nothing is refunded
    that was not captured."""
    for n in range(8):
        shop.stocked({f"A{n}": {"denver": 1}})
        draft = shop.order(f"o-{n}", line("1", f"A{n}", 1))
        held = replace(draft, payments=(authorized(1000),))
        placing.place(held, request(f"o-{n}"), "web", NOW, answer)
        outcomes = at_once(
            [
                partial(
                    acted,
                    f"o-{n}",
                    f"cancel-{n}",
                    lambda order: model.cancel(order, None, "changed my mind", LATER, "web"),
                ),
                partial(
                    acted,
                    f"o-{n}",
                    f"capture-{n}",
                    lambda order: model.report(order, Report("captured"), LATER, "psp"),
                ),
            ]
        )
        assert not any(isinstance(outcome, Refusal) for outcome in outcomes)
        (payment,) = stored(f"o-{n}").payments
        assert payment.kept == 0
        assert payment.refund_due == payment.captured
        shop.laws()


def test_a_repeated_change_is_made_once() -> None:
    shop.stocked({"A": {"denver": 50}})
    buy("o-1", line("1", "A", 1))
    outcomes = at_once([partial(changed, "o-1", "c", quantity(4), 1) for _ in range(16)])
    assert kinds(outcomes) == {str: 16}
    assert len(set(outcomes)) == 1
    assert shop.counts("A", "denver")[1] == 4
    shop.laws()
