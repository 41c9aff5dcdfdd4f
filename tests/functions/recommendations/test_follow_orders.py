"""What the worker of orders counts of real orders."""

from datetime import timedelta
from typing import Any

import pytest

from functions.recommendations import follow_orders
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders import changing, model, placing
from shared.orders.buyers import FoundBuyer
from shared.orders.following import orders_now
from shared.orders.model import Buyer, Returned
from shared.recommendations.following import follow
from shared.recommendations.model.counters import EVERYWHERE, share
from shared.recommendations.store import rows
from tests.support import shop, tastes
from tests.support.buyers import answer
from tests.support.shop import NOW, line
from tests.support.tastes import again, baskets, partners, told

pytestmark = pytest.mark.usefixtures("fake_tables")


@pytest.fixture(autouse=True)
def shelves(fake_tables: None) -> None:
    shop.stocked({sku: {"denver": 99} for sku in ("A", "B", "C")})
    catalog.put(Product("B", "The B", 1000, "USD", 0.5, attributes={"department": "dairy"}))


def place(name: str, *skus: str, home: str | None = "bob", method: Any = "ship") -> None:
    lines = [
        line(str(number), sku, 2, method, location_id="denver" if method == "pickup" else None)
        for number, sku in enumerate(skus, 1)
    ]
    buyer = Buyer(home, home) if home else Buyer()
    draft = shop.order(name, *lines)
    placing.place(draft, shop.request(name, name), "web", NOW, answer, lambda: FoundBuyer(buyer))


def change(name: str, key: str, decide: Any) -> None:
    changing.change(name, decide, NOW, request=shop.request(f"{key}-{name}"), answer=answer)


def test_an_order_is_counted_once_however_often_it_is_told() -> None:
    place("o-1", "A", "B")
    for _ in range(3):
        told("o-1", "o-1")
    assert again("bob") == {"A": 1, "B": 1}
    assert partners("A") == {"B": share(2)}
    assert baskets("B") == 1
    dairy = rows.popular_of(tastes.row(rows.popular_key((EVERYWHERE, "dairy"))))
    assert list(dairy.items) == ["B"]


def test_orders_of_a_batch_share_their_rows() -> None:
    for number in range(12):
        place(f"o-{number}", "A", home="bob" if number % 2 else "eve")
    told(*(f"o-{number}" for number in range(12)))
    assert baskets("A") == 12
    assert again("bob") == again("eve") == {"A": 6}


def test_what_is_collected_counts_at_its_location() -> None:
    place("o-1", "A", method="pickup")
    place("o-2", "B")
    told("o-1", "o-2")
    here = rows.popular_of(tastes.row(rows.popular_key(("denver", ""))))
    assert list(here.items) == ["A"]


def test_cancelled_lines_are_subtracted() -> None:
    place("o-1", "A", "B")
    told("o-1")
    change("o-1", "cancel", lambda o: model.cancel(o, {"1": 2}, "changed my mind", NOW, "x"))
    told("o-1")
    assert again("bob") == {"B": 1}
    assert partners("B") == {}
    assert baskets("A") == 0
    told("o-1")
    assert baskets("B") == 1


def test_an_item_of_which_units_stay_is_still_bought() -> None:
    place("o-1", "A")
    for action in ("accept", "ship"):
        change("o-1", action, lambda o, a=action: model.advance(o, "o-1.1", a, NOW, "x"))

    def back(units: int, key: str) -> None:
        units_back = [Returned("1", units, "sellable", "too small")]
        change("o-1", key, lambda o: model.take_back(o, "denver", units_back, NOW, "x"))
        told("o-1")

    back(1, "one")
    assert again("bob") == {"A": 1}
    back(1, "other")
    assert again("bob") == {}
    assert baskets("A") == 0


def test_a_guest_has_no_home() -> None:
    place("o-1", "A", home=None)
    told("o-1")
    assert baskets("A") == 1
    assert not [item for item in shop.items("recommendations") if item["pk"].startswith("AGAIN#")]


def test_an_older_version_changes_nothing() -> None:
    place("o-1", "A", "B")
    before = orders_now(["o-1"])[0]
    change("o-1", "cancel", lambda o: model.cancel(o, {"1": 2}, "changed my mind", NOW, "x"))
    told("o-1")
    assert follow([before], NOW) == 0
    assert again("bob") == {"B": 1}


def test_an_order_that_was_cancelled_whole_before_it_was_counted_stays_uncounted() -> None:
    place("o-1", "A")
    before = orders_now(["o-1"])[0]
    change("o-1", "cancel", lambda o: model.cancel(o, {"1": 2}, "changed my mind", NOW, "x"))
    told("o-1")
    assert follow([before], NOW) == 0
    assert baskets("A") == 0


def test_a_very_old_order_is_left_out() -> None:
    place("o-1", "A")
    assert follow([orders_now(["o-1"])[0]], NOW + timedelta(days=500)) == 0


def test_messages_that_cannot_be_read_come_again() -> None:
    place("o-1", "A")
    messages = [
        {"messageId": "bad", "body": "{"},
        {"messageId": "good", "body": '{"detail": {"data": {"order_id": "o-1"}}}'},
    ]
    answered = follow_orders.handler({"Records": messages}, None)
    assert answered == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert baskets("A") == 1


def test_a_batch_with_more_items_than_a_transaction_holds_is_counted() -> None:
    for number in range(9):
        tastes.bought(
            *(f"sku-{20 * number + place}" for place in range(20)), name=f"o-{number}", home="bob"
        )
    counted = [baskets(f"sku-{number}") for number in range(180)]
    assert counted == [1] * 180
