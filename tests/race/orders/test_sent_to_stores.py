"""Transfers of an order to the store where it is collected, and its cancel, on DynamoDB Local."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.errors import InvalidTransition
from shared.orders import backorders, changing, model, sending, store
from shared.orders.model import Order, transfers
from shared.orders.model.transfers import Transfer
from shared.orders.store import transfers as stored_transfers
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
LATER = NOW + timedelta(minutes=5)
STOCK = 20


def stored(name: str) -> Order:
    order = store.find(name)
    assert order is not None
    return order


def bought(name: str) -> Transfer:
    """Two units to collect in Denver, which has none; Boulder sends them."""
    buy(name, line("1", "A", 2, "pickup", location_id="denver", ship_to_store=True))
    (claim,) = stored(name).lines[0].claims
    return stored_transfers.find(claim.reference)


def cancel(name: str) -> Any:
    """Cancel the order, then do what the worker of the stream does."""
    before = stored(name)
    done = changing.change(
        name,
        lambda order: model.cancel(order, None, "changed my mind", LATER, "web"),
        LATER,
        request=request(f"cancel-{name}"),
        answer=answer,
    )
    for _ in range(2):
        sending.release_unclaimed(stored(name), before, LATER)
    return done


def move(transfer: Transfer, verb: str, decide: Callable[[Transfer], Any]) -> Any:
    made = request(f"{verb}-{transfer.transfer_id}")
    return stored_transfers.change(
        transfer.transfer_id, decide, LATER, request=made, answer=lambda one: one.state
    )


def drop(transfer: Transfer) -> Any:
    """Cancel the transfer, then do what the worker of the stream does."""
    done = move(
        transfer, "cancel", lambda each: transfers.cancel(each, "no units", LATER, "boulder")
    )
    backorders.review_supplies("A", "denver", LATER)
    return done


def test_a_transfer_and_its_order_are_cancelled_at_once_and_nothing_stays_reserved() -> None:
    shop.stocked({"A": {"boulder": STOCK}})
    for n in range(6):
        transfer = bought(f"o-{n}")
        assert shop.counts("A", "boulder")[1] == 2
        at_once([partial(drop, transfer), partial(cancel, f"o-{n}")])
        order = stored(f"o-{n}")
        assert order.state == "cancelled"
        assert order.lines[0].claims == ()
        assert stored_transfers.find(transfer.transfer_id).state == "cancelled"
        assert [payment.refund_due for payment in order.payments] == [2000]
        assert shop.counts("A", "boulder") == (STOCK, 0, STOCK, 0)
        shop.laws()


def test_units_that_left_before_the_cancel_arrive_and_are_on_sale() -> None:
    """They are shipped or stay, and are promised to nobody."""
    shop.stocked({"A": {"boulder": STOCK}})
    arrived = 0
    for n in range(6):
        transfer = bought(f"o-{n}")
        shipped, _ = at_once(
            [
                partial(
                    move, transfer, "ship", lambda each: transfers.ship(each, LATER, "boulder")
                ),
                partial(cancel, f"o-{n}"),
            ]
        )
        assert stored(f"o-{n}").state == "cancelled"
        if isinstance(shipped, InvalidTransition):
            assert stored_transfers.find(transfer.transfer_id).state == "cancelled"
            continue
        came = partial(
            move, transfer, "receive", lambda each: transfers.receive(each, None, LATER, "denver")
        )
        assert len({*at_once([came] * 4)}) == 1
        arrived += 2
        shop.laws()
    assert shop.counts("A", "boulder") == (STOCK - arrived, 0, STOCK - arrived, 0)
    if arrived:
        assert shop.counts("A", "denver") == (arrived, 0, arrived, 0)
    shop.laws()
