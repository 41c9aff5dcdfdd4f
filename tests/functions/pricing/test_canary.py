"""A book that prices for a share of the shoppers, through the API."""

from typing import Any

import pytest

from functions.pricing import api
from functions.pricing.api import handler
from shared.canary import canary_takes
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.pricing.store import books
from tests.support.requests import answered, request
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("fake_tables")

Body = dict[str, Any]
ALL = "norain/prices:read norain/channel:all"
SHOPPERS = [f"shopper-{number}" for number in range(40)]


def call(name: str, **changes: Any) -> tuple[int, Body]:
    return answered(handler(request(f"pricing/{name}", **changes), None))


def drafted(points: int) -> None:
    promotion = {
        "promotion_id": "milk",
        "title": "Milk",
        "does": [{"kind": "percent_off", "basis_points": points}],
    }
    body = {"currency": "USD", "promotions": [promotion], "taxes": None}
    assert call("put_promotions_draft", body=body)[0] == 200


@pytest.fixture
def milk(fake_tables: None) -> None:
    """A book of 10 % off in force, and a draft of 50 % off."""
    catalog.put(Product("milk-1", "Milk", 1000, "USD", 1.0))
    drafted(1000)
    assert call("publish_promotions")[0] == 200
    drafted(5000)


def priced(session: str | None, channel: str = "web") -> tuple[int, int]:
    body = {
        "channel": channel,
        "customer": {"session": session} if session else {},
        "lines": [{"line_id": "1", "sku": "milk-1", "quantity": 1}],
        "shipping": None,
    }
    status, answer = call("quote_prices", body=body, scope=ALL)
    assert status == 200, answer
    return answer["book"], answer["totals"]["net"]


@pytest.mark.usefixtures("milk")
def test_a_canary_prices_for_its_share_and_for_the_same_people_everywhere() -> None:
    status, made = call("start_promotions_canary", body={"percent": 40})
    assert (status, made["version"], made["active"]) == (200, 2, False)
    seen = {shopper: priced(shopper) for shopper in SHOPPERS}
    for shopper, price in seen.items():
        taken = canary_takes(shopper, 2, 4000)
        assert price == ((2, 500) if taken else (1, 900))
        assert priced(shopper, "pos") == price, "one answer in every channel"
    assert set(seen.values()) == {(2, 500), (1, 900)}
    assert priced(None) == (1, 900), "somebody of whom nothing is known"
    canary = call("get_promotions")[1]["canary"]
    assert (canary["version"], canary["percent"], canary["by"]) == (2, 40.0, "planner-client")


@pytest.mark.usefixtures("milk")
def test_only_one_canary_runs_and_nothing_is_published_beside_it() -> None:
    assert call("start_promotions_canary", body={"percent": 40})[1]["version"] == 2
    assert call("start_promotions_canary", body={"percent": 90})[1]["version"] == 2, "a replay"
    drafted(2000)
    for name, body in (("publish_promotions", None), ("start_promotions_canary", {"percent": 1})):
        status, answer = call(name, body=body)
        assert (status, answer["code"], answer["canary"]) == (409, "conflict", 2)
    assert call("stop_promotions_canary") == (200, {"active": 1, "before": 2})
    assert {priced(shopper) for shopper in SHOPPERS} == {(1, 900)}
    assert call("publish_promotions")[1]["version"] == 3


@pytest.mark.usefixtures("milk")
def test_a_canary_is_promoted_to_everybody() -> None:
    call("start_promotions_canary", body={"percent": 1})
    assert call("promote_promotions_canary") == (200, {"active": 2, "before": 1})
    assert {priced(shopper) for shopper in [*SHOPPERS, None]} == {(2, 500)}
    for name in ("promote_promotions_canary", "stop_promotions_canary"):
        assert call(name)[0] == 404
    assert "canary" not in call("get_promotions")[1]


@pytest.mark.usefixtures("milk")
def test_a_roll_back_ends_the_canary() -> None:
    call("start_promotions_canary", body={"percent": 50})
    assert call("roll_back_promotions", path="/v1/promotions/0/rollback")[0] == 200
    assert {priced(shopper) for shopper in SHOPPERS} == {(0, 1000)}


def test_the_first_book_may_be_a_canary() -> None:
    catalog.put(Product("milk-1", "Milk", 1000, "USD", 1.0))
    drafted(5000)
    call("start_promotions_canary", body={"percent": 50})
    assert {priced(shopper) for shopper in SHOPPERS} == {(0, 1000), (1, 500)}
    assert call("get_promotions")[0] == 404


@pytest.mark.usefixtures("milk")
def test_the_canary_costs_no_read_within_30_seconds() -> None:
    books.in_force.get()
    call("start_promotions_canary", body={"percent": 50})
    with metered() as first:
        books.in_force.get()
    with metered() as then:
        books.in_force.get()
    books.in_force.clear()
    with metered() as later:
        books.in_force.get()
    assert (first.reads, then.reads, later.reads) == (2, 0, 1)


@pytest.mark.usefixtures("milk")
def test_a_canary_needs_a_share_and_keeps_the_guard_rails() -> None:
    status, body = call("start_promotions_canary", body={"percent": 100})
    assert (status, body["errors"][0]["path"]) == (422, "$.percent")
    limits = {"unit_discount": 4000, "unit_margin": None, "what_if": None}
    assert call("put_promotions_guard_rails", body=limits)[0] == 200
    assert call("start_promotions_canary")[1]["code"] == "guard_rail"


@pytest.mark.usefixtures("milk")
def test_codes_are_made_of_a_promotion_of_the_canary() -> None:
    call("start_promotions_canary", body={"percent": 50})
    drafted(100)
    made = request(
        "pricing/make_codes",
        body={"count": 1},
        path="/v1/promotions/milk/codes",
    )
    made["pathParameters"] = {"promotion_id": "milk"}
    assert answered(api.handler(made, None))[0] == 201
