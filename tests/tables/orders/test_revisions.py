"""What a change of an order, and an order with everything that it can have, costs the tables."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.addresses import Address
from shared.aws.clients import dynamodb
from shared.aws.settings import table_name
from shared.orders import changing, placing, store
from shared.orders.model import Contacts, DeliveryPlace
from shared.orders.model.contacts import Collector
from shared.orders.model.revising import LineRevision, Revision, revise
from tests.support import shop
from tests.support.buyers import answer
from tests.support.shop import NOW, line, request

MOST_BYTES = 8 * 1024
"""The budget of the document of an order of 3 lines."""
HOME = Address(
    "Bob Miller", ("1437 Bannock St",), "Denver", "80202", "US", "CO", phone="+13035550123"
)
CONTACTS = Contacts(HOME, HOME, Collector("Ann Miller"), "Ring twice.", "Happy birthday")
BOULDER = DeliveryPlace("80302", "US", 40.015, -105.2705)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({sku: {"denver": 9, "boulder": 9} for sku in "ABC"})


@pytest.fixture
def calls() -> Iterator[list[str]]:
    made: list[str] = []
    client: Any = dynamodb()

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    client.meta.events.register("before-call.dynamodb", note)
    yield made
    client.meta.events.unregister("before-call.dynamodb", note)


def placed() -> None:
    lines = [line(str(number), sku, 2) for number, sku in enumerate("ABC", 1)]
    draft = replace(shop.order("o-1", *lines), contacts=CONTACTS, shipping=599)
    placing.place(draft, request("k", "o-1"), "web", NOW, answer)


def changed(revision: Revision) -> None:
    changing.change(
        "o-1",
        lambda order: revise(order, revision, NOW, "agent"),
        NOW,
        request=request("c"),
        answer=answer,
    )
    shop.laws()


def test_an_order_with_addresses_is_one_read_and_one_transaction(calls: list[str]) -> None:
    placed()
    calls.clear()
    lines = [line(str(number), sku, 2) for number, sku in enumerate("ABC", 1)]
    draft = replace(shop.order("o-2", *lines), contacts=CONTACTS)
    placing.place(draft, request("k-2", "o-2"), "web", NOW, answer)
    assert calls == ["BatchGetItem", "TransactWriteItems"]


def test_a_change_without_routing_is_one_read_and_one_transaction(calls: list[str]) -> None:
    placed()
    calls.clear()
    changed(Revision("fewer", contacts=CONTACTS, lines=(LineRevision("1", quantity=1),)))
    assert calls[:2] == ["BatchGetItem", "TransactWriteItems"]


def test_a_change_that_moves_units_reads_their_packs_as_well(calls: list[str]) -> None:
    placed()
    calls.clear()
    changed(Revision("moved", ship_to=BOULDER))
    assert calls[:3] == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]


def test_the_document_of_an_order_of_three_lines_is_small() -> None:
    placed()
    item: Any = dynamodb().get_item(
        TableName=table_name("orders"), Key={"pk": {"S": "ORDER#o-1"}, "sk": {"S": "ORDER"}}
    )["Item"]
    size = len(str(item).encode())
    print(f"{size} bytes, as text with its types")
    assert size < MOST_BYTES
    order = store.find("o-1")
    assert order is not None
    assert order.contacts == CONTACTS
