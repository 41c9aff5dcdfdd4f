"""An erasure of a guest while others work on the order, on DynamoDB Local."""

from dataclasses import replace
from functools import partial

import pytest

from shared.orders import changing, erasing, model, store
from shared.orders.model import Contacts, Order, OrderChange, serving
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.carriers import RECIPIENT
from tests.support.shop import NOW, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
WORDS = ("Ana Núñez", "9 Elm St", "+14025550100", "freewords77", "pay-77")


def anybody(_: Order) -> None:
    """Everybody may erase."""


def moves(order: Order) -> OrderChange:
    """The guest has another address."""
    contacts = replace(order.contacts, ship_to=replace(RECIPIENT, lines=("9 Elm St", "Apt 5")))
    return OrderChange(replace(order, contacts=contacts), cause="order.changed")


def test_nothing_of_a_guest_is_left_whatever_is_done_meanwhile() -> None:
    shop.stocked({"A": {"denver": 20}})
    for n in range(8):
        name = f"o-{n}"
        buy(name, contacts=Contacts(ship_to=RECIPIENT), reference="pay-77")

        def change(key: str, decide: object, name: str = name) -> None:
            key = f"{key}-{name}"
            changing.change(name, decide, NOW, request=request(key), answer=answer)  # type: ignore[arg-type]

        at_once(
            [
                partial(erasing.erase_guest, name, anybody, NOW, "ops"),
                partial(change, "note", lambda o: serving.note(o, "freewords77", NOW, "x")),
                partial(change, "move", moves),
                partial(
                    change,
                    "accept",
                    lambda o: model.advance(
                        o, o.fulfillments[0].fulfillment_id, "accept", NOW, "x"
                    ),
                ),
                partial(erasing.erase_guest, name, anybody, NOW, "ops"),
            ]
        )
        erased = erasing.erase_guest(name, anybody, NOW, "ops")
        assert [entry.event for entry in erased.history].count("order.erased") == 1
        assert erased.contacts == Contacts()
        found = store.find(name)
        assert found is not None
        assert found.contact_keys == ()
        rows = str([row for row in shop.items("orders") if name in str(row)])
        assert [word for word in WORDS if word in rows] == []
    shop.laws()
