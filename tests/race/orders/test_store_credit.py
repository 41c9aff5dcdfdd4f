"""Returns for store credit at once, on DynamoDB Local: no credit is made twice or lost."""

from functools import partial
from typing import Any

import pytest

from shared.cards import store as cards
from shared.errors import Conflict
from shared.orders import changing, crediting, model, store
from shared.orders.model import Order, OrderChange, Returned
from shared.orders.model.payments import Refund, StoreCredit
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.cards import issued
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
THREADS = 8


@pytest.fixture(autouse=True)
def stocked(local_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 99}})


def advanced(part: str, action: Any, order: Order) -> OrderChange:
    return model.advance(order, part, action, NOW, "store")


def delivered(name: str, units: int) -> None:
    buy(name, line("1", "A", units))
    for action in ("accept", "ship"):
        advance: Any = partial(advanced, f"{name}.1", action)
        changing.change(name, advance, NOW, request=request(f"{action}-{name}"), answer=answer)


def give_back(name: str, key: str, units: int, credit: StoreCredit) -> str | None:
    rows = [Returned("1", units, "sellable", "too big")]

    def decide(order: Order) -> OrderChange:
        refund = Refund("store_credit", credit)
        return model.take_back(order, "denver", rows, NOW, "store", refund=refund)

    return changing.change(name, decide, NOW, request=request(key), answer=answer)


def order_of(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def test_a_request_that_comes_many_times_at_once_issues_one_card() -> None:
    delivered("o-1", 3)
    code = crediting.code_for(request("r"), "till", "r")
    credit = crediting.new_credit(code)
    answers = at_once([partial(give_back, "o-1", "r", 2, credit)] * THREADS)
    assert len(set(map(str, answers))) == 1
    assert cards.find(credit.card_id).balance == 2000 == order_of("o-1").credits[0].amount
    shop.laws()


def test_of_two_cards_for_the_same_units_one_is_issued() -> None:
    delivered("o-1", 2)
    offered = [
        crediting.new_credit(crediting.code_for(request(f"r{number}"), "till", f"r{number}"))
        for number in range(THREADS)
    ]
    results = at_once(
        [
            partial(give_back, "o-1", f"r{number}", 2, credit)
            for number, credit in enumerate(offered)
        ]
    )
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == THREADS - 1
    (made,) = order_of("o-1").credits
    assert cards.find(made.card_id).balance == made.amount == 2000
    shop.laws()


def test_many_orders_give_their_refunds_to_one_card() -> None:
    card, _ = issued(500)
    names = [f"o-{number}" for number in range(THREADS)]
    for name in names:
        delivered(name, 2)
    credit = StoreCredit(card.card_id, card.suffix)
    at_once([partial(give_back, name, f"r-{name}", 1, credit) for name in names])
    assert cards.find(card.card_id).balance == 500 + THREADS * 1000
    assert all(order_of(name).credits[0].amount == 1000 for name in names)
    shop.laws()
