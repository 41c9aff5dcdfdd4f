"""The sweep of orders and transfers: what is due has its turn, in one run or in many portions."""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.orders import sweep
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.orders import backorders, store
from shared.orders.store import transfers
from shared.orders.store.keys import SHARDS, order_due, transfer_due
from shared.web.portions import WHOLE, WORKERS, Portion, checksum
from tests.support import shop
from tests.support.buyers import buy
from tests.support.deadlines import DUE, received, sent, set_clock, transfer

QUEUE = "https://queue.test/sweep"
ORDERS = [f"o-{number}" for number in range(10)]
TRANSFERS = [f"t-{number}" for number in range(4)]


@pytest.fixture(autouse=True)
def due(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    """Ten orders whose only offer waits for an answer, and four transfers that nobody has
    shipped."""
    environment.setenv("NORAIN_SWEEP_QUEUE", QUEUE)
    shop.stocked({"A": {"denver": 40, "boulder": 40}})
    for name in ORDERS:
        buy(name)
    for name in TRANSFERS:
        transfer(name)
    set_clock(environment, DUE)


def expired() -> set[str]:
    """The orders whose first offer has expired."""
    orders = {order.order_id: order.fulfillments[0].state for order in shop.all_orders()}
    return {name for name, state in orders.items() if state == "expired"}


def reminded() -> set[str]:
    return {name for name in TRANSFERS if transfers.find(name).reminders == 1}


def test_a_small_run_acts_on_everything_itself(environment: pytest.MonkeyPatch) -> None:
    messages = sent(environment, QUEUE)
    assert sweep.handler({}, None) == {"acted": 14, "failed": 0}
    assert (expired(), reminded()) == (set(ORDERS), set(TRANSFERS))
    assert messages == []
    assert sweep.handler({}, None) == {"acted": 0, "failed": 0}
    shop.laws()


def test_a_large_run_is_handed_out_in_portions_that_together_are_everything(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(sweep, "MOST", 5)
    messages = sent(environment, QUEUE)
    assert sweep.handler({}, None) == {"portions": WORKERS}
    assert (len(messages), expired()) == (WORKERS, set())
    half = messages[: WORKERS // 2]
    assert sweep.handler(received(*half), None) == {"batchItemFailures": []}
    first = [Portion(number, WORKERS) for number in range(WORKERS // 2)]
    assert expired() == {name for name in ORDERS if any(one.has(name) for one in first)}
    # What was not finished is due again in the next run; a portion that comes twice does no harm.
    sweep.handler(received(*messages), None)
    assert (expired(), reminded()) == (set(ORDERS), set(TRANSFERS))
    versions = {order.order_id: order.version for order in shop.all_orders()}
    sweep.handler(received(*messages), None)
    assert {order.order_id: order.version for order in shop.all_orders()} == versions
    shop.laws()


def test_a_message_that_has_waited_until_the_next_run_does_nothing(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(sweep, "MOST", 5)
    messages = sent(environment, QUEUE)
    sweep.handler({}, None)
    set_clock(environment, DUE + timedelta(minutes=1))
    assert sweep.handler(received(*messages), None) == {"batchItemFailures": []}
    assert (expired(), reminded()) == (set(), set())


def move_to(pk: str, sk: str, deadline_key: str) -> None:
    dynamodb().update_item(
        TableName=store.orders_table(),
        Key=tables.key(pk, sk),
        UpdateExpression="SET deadline_key = :key",
        ExpressionAttributeValues=to_item({":key": deadline_key}),
    )


def test_deadlines_are_spread_and_those_of_older_code_are_swept_too() -> None:
    """Older code had four shards of orders, and one of transfers."""
    assert len({order_due(f"order-{number}") for number in range(500)}) == SHARDS
    assert len({transfer_due(f"transfer-{number}") for number in range(500)}) == SHARDS
    for name in ORDERS:
        move_to(f"ORDER#{name}", "ORDER", f"DUE#{checksum(name) % 4}")
    for name in TRANSFERS:
        move_to(f"TRANSFER#{name}", "TRANSFER", "DUE#TRANSFERS")
    assert len(list(store.reserved_by_open())) == len(ORDERS) + len(TRANSFERS)
    portions = [Portion(number, WORKERS) for number in range(WORKERS)]
    orders = [name for portion in portions for name in store.overdue_orders(DUE, 9, portion)]
    assert sorted(orders) == ORDERS
    moves = [name for portion in portions for name in store.overdue_transfers(DUE, 9, portion)]
    assert sorted(moves) == TRANSFERS
    assert sweep.handler({}, None) == {"acted": 14, "failed": 0}
    for name in TRANSFERS:
        item = tables.get(store.orders_table(), f"TRANSFER#{name}", "TRANSFER")
        assert item is not None
        assert item["deadline_key"] == transfer_due(name)


def test_documents_that_always_fail_take_no_turn_from_the_others_for_long(
    environment: pytest.MonkeyPatch,
) -> None:
    """All that a run has time for, seven orders may be that fail every time."""
    random.seed(7)
    seconds = 0.0
    act = backorders.act_on_deadlines
    failing = set(ORDERS[:7])

    def slow(name: str, *more: Any) -> str | None:
        nonlocal seconds
        seconds += 20
        if name in failing:
            raise RuntimeError("unexpected")
        return act(name, *more)

    environment.setattr(backorders, "act_on_deadlines", slow)
    environment.setattr(sweep, "THREADS", 1)
    environment.setattr(sweep, "AT_ONCE", 1)
    environment.setattr(time, "monotonic", lambda: seconds)
    runs = 0
    while expired() != set(ORDERS) - failing:
        seconds = 0.0
        assert sweep.handler({}, None)["failed"] <= 3
        runs += 1
        assert runs < 30
    assert reminded() == set(TRANSFERS)


def test_kinds_take_turns() -> None:
    orders, moves = [f"o{number}" for number in range(4)], ["t0", "t1"]
    assert list(sweep.in_turn([orders, moves])) == ["o0", "t0", "o1", "t1", "o2", "o3"]
    assert list(sweep.in_turn([[], moves])) == moves


@pytest.fixture
def calls(environment: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    made = Counter[str]()

    def note(model: Any, **_: Any) -> None:
        made[model.name] += 1

    dynamodb().meta.events.register("before-call.dynamodb", note)
    return lambda: made


def test_a_due_document_costs_two_calls_and_its_share_of_a_read(
    calls: Callable[[], Counter[str]],
) -> None:
    listed, _ = sweep.list_due(DUE, WHOLE, 100)
    before = Counter(calls())
    done = sweep.act_on(listed, DUE, float("inf"))
    assert done["acted"] == 14
    made = calls() - before
    # One read of the packs and one transaction an order; one transaction a transfer; two reads of
    # documents (25 at once), and some reads of what a process keeps: locations, policy, rules.
    assert made["TransactWriteItems"] == 14
    assert made["BatchGetItem"] <= 10 + 2 + 3
    assert made["GetItem"] + made["Query"] <= 6
