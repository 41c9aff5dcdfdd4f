"""Locations that compete for one parcel, on DynamoDB Local."""

from collections import Counter
from functools import partial

import pytest

from shared.errors import Conflict, InvalidTransition
from shared.orders import changing, offers
from shared.orders import store as orders_store
from tests.race.orders.test_races import LATER, kinds
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.offers import policy, wherever
from tests.support.shop import line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

STORES = ("denver", "boulder", "omaha", "depot")


def accept(order_id: str, location_id: str, thread: int) -> str:
    changing.change(
        order_id,
        lambda found: offers.accept_offer(found, f"{order_id}.1", location_id, LATER, location_id),
        LATER,
        request=request(f"{order_id}-{location_id}-{thread}"),
        answer=answer,
    )
    return location_id


def test_of_many_stores_that_claim_at_once_one_has_it() -> None:
    policy(wherever(), rivals=3)
    shop.stocked({"A": dict.fromkeys(STORES, 4)})
    for n in range(3):
        buy(f"o-{n}", line("1", "A", 2))
        claims = [partial(accept, f"o-{n}", STORES[thread % 4], thread) for thread in range(32)]
        outcomes = at_once(claims)
        told = kinds(outcomes)
        assert told[str] == 1
        assert set(told) <= {str, InvalidTransition, Conflict}
        stored = orders_store.find(f"o-{n}")
        assert stored is not None
        (won,) = [name for name in outcomes if isinstance(name, str)]
        assert stored.fulfillment(f"o-{n}.1").location_id == won
        shop.laws()
    held = Counter({store: shop.counts("A", store)[1] for store in STORES})
    assert sum(held.values()) == 6
