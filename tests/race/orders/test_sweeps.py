"""Several sweeps at once, and people who act at the same moment, on DynamoDB Local."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from functions.orders import sweep
from functions.stock import expire_holds
from shared.errors import InvalidTransition
from shared.orders import changing, model
from shared.orders.model import transfers
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.position import HoldState
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.deadlines import DUE, hold, received, sent, set_clock, transfer
from tests.support.requests import Context
from tests.support.shop import request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
QUEUE = "https://queue.test/portions"
NUMBERS = range(12)


@pytest.fixture
def messages(environment: pytest.MonkeyPatch) -> list[str]:
    """What the sweeps hand out; every run hands out."""
    environment.setenv("NORAIN_SWEEP_QUEUE", QUEUE)
    environment.setenv("NORAIN_EXPIRE_QUEUE", QUEUE)
    environment.setattr(sweep, "MOST", 0)
    environment.setattr(expire_holds, "MOST", 0)
    set_clock(environment, DUE)
    return sent(environment, QUEUE)


def accept(order_id: str) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.advance(found, f"{order_id}.1", "accept", DUE, "associate"),
        DUE,
        request=request(f"accept-{order_id}"),
        answer=answer,
    )


def ship(transfer_id: str) -> str | None:
    return transfers_store.change(
        transfer_id,
        lambda found: transfers.ship(found, DUE, "associate"),
        DUE,
        request=request(f"ship-{transfer_id}"),
        answer=str,
    )


def test_two_sweeps_and_who_accepts_act_on_an_offer_once(messages: list[str]) -> None:
    shop.stocked({"A": {"denver": 40, "boulder": 40}})
    for number in NUMBERS:
        buy(f"o-{number}")
        transfer(f"t-{number}")
    sweep.handler({}, None)
    work_off: list[Any] = [partial(sweep.handler, received(*messages), None) for _ in range(2)]
    people = [partial(accept, f"o-{number}") for number in NUMBERS]
    donors = [partial(ship, f"t-{number}") for number in NUMBERS]
    outcomes = at_once([*work_off, *people, *donors])
    assert outcomes[:2] == [{"batchItemFailures": []}] * 2
    accepted = dict(zip(NUMBERS, outcomes[2:], strict=False))
    for order in shop.all_orders():
        first, *others = order.fulfillments
        told = Counter(entry.event for entry in order.history)
        if isinstance(accepted[int(order.order_id.removeprefix("o-"))], str):
            assert (first.state, others) == ("accepted", [])
            assert told["fulfillment.expired"] == 0
        else:
            assert (first.state, [other.state for other in others]) == ("expired", ["offered"])
            assert told["fulfillment.expired"] == 1
    assert {type(one) for one in accepted.values()} <= {str, InvalidTransition}
    for number in NUMBERS:
        moved = transfers_store.find(f"t-{number}")
        # A reminder and a shipment do not exclude one another; neither happens twice.
        assert moved.state == "shipped"
        assert moved.reminders <= 1
    shop.laws()


def test_two_sweeps_give_the_units_of_a_hold_back_once(messages: list[str]) -> None:
    shop.stocked({"A": {"denver": 20}})
    for number in NUMBERS:
        hold(f"h-{number}")
    assert shop.counts("A", "denver") == (20, 12, 8, 0)
    expire_holds.handler({}, Context())
    releases = [
        partial(stock.release_hold, stock.get_hold(f"h-{number}"), DUE) for number in range(6)
    ]
    sweeps: list[Any] = [
        partial(expire_holds.handler, received(*messages), Context()) for _ in range(2)
    ]
    outcomes = at_once([*sweeps, *releases])
    assert outcomes[:2] == [{"batchItemFailures": []}] * 2
    states = Counter(stock.get_hold(f"h-{number}").state for number in NUMBERS)
    assert states.keys() <= {HoldState.EXPIRED, HoldState.RELEASED}
    assert shop.counts("A", "denver") == (20, 0, 20, 0)
    shop.laws()
