"""What it costs to find what can be returned, on DynamoDB Local."""

from functools import partial
from typing import Any

import pytest

from shared.orders import candidates, changing, model, searching, store
from shared.orders.contract.search import Criteria
from shared.orders.model.return_terms import RETURN_TERMS
from tests.support import shop
from tests.support.buyers import answer, buy
from tests.support.shop import NOW, line, request
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("local_tables")


def act(name: str, action: Any) -> None:
    changing.change(
        name,
        lambda order: model.advance(order, f"{name}.1", action, NOW, "store"),
        NOW,
        request=request(f"{action}-{name}"),
        answer=answer,
    )


def shipped(name: str) -> None:
    buy(name, line("1", "A", 2), reference="pay-7")
    act(name, "accept")
    act(name, "ship")
    order = store.find(name)
    assert order is not None
    searching.index_order(order, None)


def test_a_page_is_one_query_and_one_read_of_the_orders() -> None:
    shop.stocked({"A": {"denver": 20}})
    for number in range(3):
        shipped(f"o-{number}")
    find = partial(
        candidates.of_reference,
        Criteria("payment", "pay-7"),
        lambda _: True,
        RETURN_TERMS,
        limit=2,
        now=NOW,
        actor="till",
    )
    with metered() as units:
        first, after = find(after=None)
    assert (units.reads, units.writes) == (2, 0)
    assert units.read <= 3
    second, end = find(after=after)
    found = [each.order.order_id for each in (*first, *second)]
    assert (found, end) == (["o-2", "o-1", "o-0"], None)
    assert {each.units for each in first} == {2}


def test_the_orders_of_channels_that_the_caller_does_not_see_are_not_read() -> None:
    shop.stocked({"A": {"denver": 20}})
    shipped("o-1")
    sought = Criteria("payment", "pay-7")
    with metered() as units:
        found, _ = candidates.of_reference(
            sought, lambda _: False, RETURN_TERMS, 5, None, NOW, "till"
        )
    assert (found, units.reads) == ((), 1)
