"""Locations, agents and carriers at once about one return, on DynamoDB Local."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from shared.aws import s3
from shared.carriers import port
from shared.carriers.model import Consignment, Label
from shared.errors import Busy, InvalidTransition
from shared.orders import changing, model, store
from shared.orders.model import Order, OrderChange, ReturnLine, returns
from shared.orders.model.refurbishing import refurbished
from shared.orders.model.restocking import Restocking, RestockRule
from shared.orders.model.return_terms import ReturnRequest
from shared.orders.return_labels import ReturnLabelWish, buy_return_label
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.carriers import CONSIGNMENT, RECIPIENT
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
SEND = Restocking((RestockRule("send_to", to_location_id="depot"),))
HOLD = Restocking((RestockRule("hold_back", owner="quality"),))


def stored(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def change(name: str, key: str, decide: Any) -> str | None:
    return changing.change(name, decide, NOW, request=request(f"{key}-{name}"), answer=answer)


def authorized(name: str) -> None:
    """Two units are expected back."""
    buy(name, line("1", "A", 2))
    asked = ReturnRequest((ReturnLine("1", 2, "too small"),), location_id="denver")
    for key, decide in (
        ("accept", lambda o: model.advance(o, f"{name}.1", "accept", NOW, "store")),
        ("ship", lambda o: model.advance(o, f"{name}.1", "ship", NOW, "store")),
        ("open", lambda o: returns.authorize(o, asked, NOW, "web")),
    ):
        change(name, key, decide)


def received(name: str) -> None:
    """Two units came back, and wait for an inspection."""
    authorized(name)
    change(name, "receive", lambda o: returns.receive(o, f"{name}.R1", "denver", NOW, "store"))


def inspect(name: str, who: str, restocking: Restocking) -> str:
    def decide(order: Order) -> OrderChange:
        outcomes: list[Any] = [("1", 2, "sellable")]
        return returns.inspect(order, f"{name}.R1", outcomes, NOW, who, restocking=restocking)

    try:
        change(name, who, decide)
    except InvalidTransition:
        return "refused"
    return "inspected"


def put_on_sale(name: str, who: str) -> str:
    def decide(order: Order) -> OrderChange:
        return refurbished(order, f"{name}.R1", [("1", 2, "sellable")], NOW, who)

    try:
        change(name, who, decide)
    except InvalidTransition:
        return "refused"
    return "on sale"


def transfers_of(name: str) -> list[dict[str, Any]]:
    (told,) = [entry.detail for entry in stored(name).history if entry.event == "return.inspected"]
    ids = {row.get("transfer_id") for row in told["outcomes"]}
    return [
        row for row in shop.items("orders") if row["sk"] == "TRANSFER" and row["transfer_id"] in ids
    ]


def test_of_two_inspections_one_counts_and_requests_one_transfer() -> None:
    shop.stocked({"A": {"denver": 40}})
    before = shop.counts("A", "denver")
    for n in range(6):
        name = f"o-{n}"
        received(name)
        outcomes = at_once([partial(inspect, name, who, SEND) for who in ("a", "b", "c")])
        assert Counter(outcomes) == {"inspected": 1, "refused": 2}
        (transfer,) = transfers_of(name)
        assert [row["open"] for row in transfer["lines"]] == [2]
        refunds = [e.detail["amount"] for e in stored(name).history if e.event == "refund.due"]
        assert refunds == [2000]
        shop.laws()
    on_hand, reserved, available, damaged = shop.counts("A", "denver")
    assert (on_hand, reserved, damaged) == (before[0], 12, 0)
    assert available == before[0] - 12
    assert len([row for row in shop.items("orders") if row["sk"] == "TRANSFER"]) == 6


def test_units_that_were_held_back_are_put_on_sale_once() -> None:
    shop.stocked({"A": {"denver": 40}})
    for n in range(6):
        name = f"o-{n}"
        received(name)
        assert inspect(name, "a", HOLD) == "inspected"
        outcomes = at_once([partial(put_on_sale, name, who) for who in ("b", "c")])
        assert Counter(outcomes) == {"on sale": 1, "refused": 1}
        assert shop.counts("A", "denver") == (40, 0, 40, 0)
    shop.laws()


def test_a_label_that_many_ask_for_is_bought_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop.stocked({"A": {"denver": 20}})
    monkeypatch.setattr(s3, "put", lambda *_, **__: None)
    bought: list[str] = []
    sell = port.label

    def noted(rate_id: str, consignment: Consignment) -> Label:
        bought.append(consignment.reference)
        return sell(rate_id, consignment)

    monkeypatch.setattr(port, "label", noted)
    wish = ReturnLabelWish(CONSIGNMENT.package, sender=RECIPIENT)

    def buy_one(name: str, clerk: int) -> str:
        return buy_return_label(
            f"{name}.R1",
            wish,
            lambda _: None,
            lambda label, _: label.tracking,
            NOW,
            f"clerk {clerk}",
            request(f"label-{name}-{clerk}"),
        )

    for n in range(3):
        name = f"o-{n}"
        authorized(name)
        answers = at_once([partial(buy_one, name, clerk) for clerk in range(6)])
        told = {answer for answer in answers if isinstance(answer, str)}
        (each,) = stored(name).returns
        assert told == {each.tracking}
        assert {type(answer) for answer in answers} <= {str, Busy}
    assert sorted(bought) == ["o-0.R1.1", "o-1.R1.1", "o-2.R1.1"]
