"""Each law, broken on purpose: the message says which clause is broken, with its numbers."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.stock.model.events import Counted
from shared.stock.model.position import HoldLine
from tests.support import buyers, shop, stock_laws, supplies
from tests.support.holds import hold
from tests.support.laws.laws import PLACES, Own
from tests.support.laws.machine import Machine
from tests.support.shop import NOW, line
from tests.support.stock_laws import Follower

DENVER = ("A", "denver")


@pytest.fixture(autouse=True)
def retailer(local_tables: None) -> None:
    """A at denver: 9 units, 2 held and 3 ordered."""
    shop.stocked({"A": {"denver": 9}})
    hold(HoldLine(*DENVER, 2))
    buyers.buy("o-1", line("1", "A", 3))


def change(name: str, pk: str, sk: str, **values: int) -> None:
    """Counts of an item that nothing but this test has written."""
    tables.write(
        "update_item",
        TableName=table_name(name),
        Key=tables.key(pk, sk),
        UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in values),
        ExpressionAttributeNames={f"#{field}": field for field in values},
        ExpressionAttributeValues={f":{field}": {"N": str(n)} for field, n in values.items()},
    )


def position(**values: int) -> None:
    change("stock", "SKU#A", "LOC#denver", **values)


def broken(law: Callable[[], Any], message: str) -> None:
    with pytest.raises(AssertionError, match=rf"^{re.escape(message)}"):
        law()


RESERVED = "A at denver: reserved 7 != 2 (open holds) + 3 (open order lines)"
AVAILABLE = "A at denver: available 5 != 9 (on hand) - 5 (reserved)"


def held_to_orders() -> Any:
    return stock_laws.assert_laws({DENVER: 3})


@pytest.mark.parametrize("law", [shop.laws, held_to_orders])
def test_unbroken_laws_hold(law: Callable[[], Any]) -> None:
    law()


@pytest.mark.parametrize("law", [shop.laws, held_to_orders])
def test_law_1_says_what_is_reserved_and_for_what(law: Callable[[], Any]) -> None:
    position(reserved=7, available=2)
    broken(law, RESERVED)


@pytest.mark.parametrize("law", [shop.laws, held_to_orders])
def test_law_1_says_what_is_available_and_of_what(law: Callable[[], Any]) -> None:
    position(available=5)
    broken(law, AVAILABLE)


def test_a_promise_at_a_place_without_stock_is_named() -> None:
    broken(
        lambda: stock_laws.assert_laws({DENVER: 3, ("B", "omaha"): 1}),
        "B at omaha: reserved 0 != 0 (open holds) + 1 (open order lines)",
    )


def test_an_oversold_position_is_named() -> None:
    position(on_hand=4, available=-1)
    broken(shop.laws, "A at denver: available -1 < 0")


def test_a_ledger_with_a_gap_names_the_missing_version() -> None:
    follower = Follower()
    stock_laws.assert_laws({DENVER: 3}, follower)
    (row,) = (row for row in stock_laws.items() if row["sk"] == "MOVE#denver#000000000002")
    tables.write("delete_item", TableName=table_name("stock"), Key=tables.key(row["pk"], row["sk"]))
    broken(
        lambda: stock_laws.assert_laws({DENVER: 3}, follower),
        "ledger of A at denver: versions [1, 3], missing [2], position is at 3",
    )


def test_a_ledger_that_leads_elsewhere_gives_its_rows() -> None:
    follower = Follower()
    stock_laws.assert_laws({DENVER: 3}, follower)
    change("stock", "SKU#A", "MOVE#denver#000000000001", delta=8)
    broken(
        lambda: stock_laws.assert_laws({DENVER: 3}, follower),
        "ledger of A at denver: on_hand 9 != 8 (version 1) + 0 (version 2) + 0 (version 3)",
    )


def test_law_2_says_which_supply_is_promised_and_claimed_by_how_much() -> None:
    shop.stocked({"A": {}})
    supplies.announced("PO-1", 9, 10)
    position(on_hand=5, available=0)
    supplies.bought("o-2", 2)
    (row,) = (row for row in shop.items("orders") if row["pk"].startswith("SUPPLY#"))
    change("orders", row["pk"], row["sk"], quantity=1)
    broken(shop.laws, "supply PO-1 of A at depot: queued 1 != 2 (claimed by order lines)")


@pytest.fixture
def machine(local_tables: None) -> Iterator[Machine]:
    """The law machine at its start: A at denver counted as 6."""
    made = Machine()
    made.deliver([Counted("wms", "c0", None, *DENVER, 6, NOW - timedelta(hours=5))])
    made.laws_hold()
    yield made
    made.patch.undo()


def test_the_machine_says_what_is_reserved_and_for_what(machine: Machine) -> None:
    position(reserved=1, available=5)
    broken(machine.laws_hold, "A at denver: reserved 1 != 0 (open holds) + 0 (open order lines)")


def test_the_machine_says_what_is_available_and_of_what(machine: Machine) -> None:
    position(available=5)
    broken(machine.laws_hold, "A at denver: available 5 != 6 (on hand) - 0 (reserved)")


def test_the_machine_says_what_was_oversold(machine: Machine) -> None:
    machine.mine = True
    position(on_hand=-1, available=-1)
    broken(machine.laws_hold, "oversold: A at denver: available -1 < 0")


def test_the_machine_says_how_the_truth_adds_up(machine: Machine) -> None:
    machine.truth[PLACES[0]].own.append(Own(NOW, 1, -2, 0))
    broken(
        machine.laws_hold,
        "A at denver: on_hand 6 != 6 (newest count) + 0 (movements after it)"
        " - 2 (own orders after it)",
    )


def test_the_machine_says_how_a_net_count_adds_up(machine: Machine) -> None:
    through = NOW - timedelta(hours=4)
    machine.deliver([Counted("erp", "c1", None, *DENVER, 4, through, through)])
    machine.laws_hold()
    machine.truth[PLACES[0]].own.append(Own(NOW, 1, 0, 1))
    broken(
        machine.laws_hold,
        f"A at denver: available 4 != 4 (newest count, net of orders through {through})"
        " + 0 (movements after it) - 1 (own orders and holds after it)",
    )


def test_the_machine_names_a_permission_that_a_role_lacks(machine: Machine) -> None:
    machine.weather.denied.append(("functions.stock.api.handler", "stock", "Scan"))
    broken(
        machine.no_role_lacks_a_permission,
        "denied by policies.json: [('functions.stock.api.handler', 'stock', 'Scan')]",
    )


def test_the_machine_says_what_the_ledger_lacks(machine: Machine) -> None:
    machine.ledger_follows()
    machine.every_ledger_is_whole()
    change("stock", "SKU#A", "MOVE#denver#000000000001", delta=5)
    broken(machine.every_ledger_is_whole, "ledger of A at denver: on_hand 6 != 5 (version 1)")
