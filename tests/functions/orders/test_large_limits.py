"""Limits that are spread over slots, through the API: orders, cancellations, what is read."""

from typing import Any

import pytest

from functions.pricing import api as pricing_api
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.pricing.model.slots import SLOTS
from shared.pricing.store import codes
from tests.functions.orders.test_limits import buy, counters, offered, promotion
from tests.functions.orders.test_orders_api import call, placed
from tests.functions.orders.test_quoted import ordered, quoted
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
LIMITS = {"uses": 1_000, "per_day": 1_000, "budget": 2_000_000}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 90, "depot": 9}, "B": {"denver": 30, "omaha": 4}})


def totals() -> dict[str, tuple[int, int]]:
    """(uses, spent) of each limit with its slots."""
    found: dict[str, tuple[int, int]] = {}
    for name, (uses, spent) in counters().items():
        pk, sk = name.split()
        limit = f"{'#'.join(pk.split('#')[:2])} {sk}"
        before = found.get(limit, (0, 0))
        found[limit] = (before[0] + uses, before[1] + spent)
    return found


def counter(pk: str, sk: str, uses: int, spent: int = 0) -> None:
    item = to_item({"pk": pk, "sk": sk, "uses": uses, "spent": spent})
    dynamodb().put_item(TableName=table_name("pricing"), Item=item)


def cancel(order: Body, key: str = "c") -> None:
    path = f"/v1/orders/{order['order_id']}/cancel"
    assert call("cancel_order", {"reason": "no"}, path, key=key)[0] == 200


def stored_uses() -> list[Body]:
    (row,) = (row for row in shop.items("orders") if row["sk"] == "ORDER")
    return list(row["quote"]["uses"])


def code_answer() -> Body:
    made = request("pricing/get_code", path="/v1/codes/TEN")
    return answered(pricing_api.handler(made, None))[1]


def test_an_order_counts_in_its_slots_and_gives_back_to_them() -> None:
    offered(promotion("ten", code="required", limits=LIMITS), code="TEN", times=1_000)
    quote = quoted(codes=["ten"])
    off = quote["discounts"][0]["amount"]
    order = placed(ordered(quote["quote_token"]))
    day = quote["at"][:10]
    expected = {
        "LIMIT#ten ALL": (1, off),
        f"LIMIT#ten DAY#{day}": (1, off),
        "CODE#TEN USES": (1, off),
    }
    assert totals() == expected
    (use,) = stored_uses()
    slots = use["slots"]
    assert set(slots) == {"uses", "per_day", "code"}
    after = counters()
    portion = {name: numbers for name, numbers in after.items() if numbers[0] < 0}
    assert set(portion) == {
        f"LIMIT#ten#{slots['uses']} ALL",
        f"LIMIT#ten#{slots['per_day']} DAY#{day}",
        f"CODE#TEN#{slots['code']} USES",
    }
    assert code_answer()["used"] == 1
    assert placed(ordered(quote["quote_token"])) == order
    assert counters() == after, "a replay moves nothing"
    cancel(order)
    assert set(totals().values()) == {(0, 0)}
    assert {name: uses - 1 for name, (uses, _) in portion.items()} == {
        name: uses for name, (uses, _) in counters().items() if uses < 0
    }
    cancel(order)
    assert set(totals().values()) == {(0, 0)}
    assert code_answer()["used"] == 0


@pytest.mark.parametrize(
    ("pk", "sk", "limit"),
    [
        ("LIMIT#ten", "ALL", "uses"),
        ("LIMIT#ten", "DAY#", "per_day"),
        ("CODE#TEN", "USES", "code"),
    ],
)
def test_the_limit_is_reached_when_all_slots_are_empty(pk: str, sk: str, limit: str) -> None:
    """The last use lies in a slot; whose slot it is, is found."""
    limits = {"uses": 1_000, "per_day": 1_000}
    offered(promotion("ten", code="required", limits=limits), code="TEN", times=1_000)
    first, second = quoted(codes=["TEN"]), quoted(codes=["TEN"])
    if limit == "per_day":
        sk = f"DAY#{first['at'][:10]}"
    counter(pk, sk, 1_000)
    counter(f"{pk}#6", sk, -1)
    assert quoted(codes=["TEN"])["discounts"] != []
    assert buy(first["quote_token"], "k1")[0] == 201
    assert stored_uses()[0]["slots"][limit] == 6
    before = counters()
    status, refused = buy(second["quote_token"], "k2")
    assert (status, refused["code"], refused["limit"]) == (409, "code_exhausted", limit)
    assert counters()[f"{pk} {sk}"] == before[f"{pk} {sk}"]
    assert quoted(codes=["TEN"])["discounts"] == []
    assert len([row for row in shop.items("orders") if row["sk"] == "ORDER"]) == 1


def test_a_quote_promises_what_one_slot_can_take_of_a_budget() -> None:
    """The budget has enough left for the cart, but no slot has, and the limit nothing."""
    offered(promotion("ten", limits={"budget": 2_000_000}))
    quote = quoted()
    off = quote["discounts"][0]["amount"]
    counter("LIMIT#ten", "ALL", 0, 2_000_000 - 1)
    for slot in range(SLOTS):
        counter(f"LIMIT#ten#{slot}", "ALL", 0, 2 - off)
    assert quoted()["discounts"] == []
    status, refused = buy(quote["quote_token"], "k1")
    assert (status, refused["code"], refused["limit"]) == (409, "promotion_exhausted", "budget")
    counter("LIMIT#ten#2", "ALL", 0, 1 - off)
    assert quoted()["discounts"][0]["amount"] == off
    assert buy(quote["quote_token"], "k1")[0] == 201
    assert counters()["LIMIT#ten#2 ALL"] == (1, 0)
    assert counters()["LIMIT#ten ALL"] == (0, 2_000_000)


def test_orders_of_before_count_and_give_back_at_the_limit_itself() -> None:
    """A limit that becomes large keeps what it has counted; an order without slots stays right."""
    offered(promotion("ten", limits={"uses": 999}))
    order = placed(ordered(quoted()["quote_token"]))
    assert "slots" not in stored_uses()[0]
    offered(promotion("ten", limits={"uses": 1_000}))
    counter("LIMIT#ten", "ALL", 999)
    token = quoted()["quote_token"]
    assert buy(token, "k2")[0] == 201
    assert totals()["LIMIT#ten ALL"][0] == 1_000
    assert quoted()["discounts"] == []
    cancel(order)
    assert totals()["LIMIT#ten ALL"][0] == 999
    assert buy(token, "k3")[0] == 201


def test_codes_and_slots_are_one_call(environment: pytest.MonkeyPatch) -> None:
    offered(promotion("ten", code="required", limits=LIMITS), code="TEN", times=1_000)
    calls: list[int] = []
    get_many = tables.get_many

    def counting(keys: Any, **more: Any) -> Any:
        wanted = list(keys)
        calls.append(len(wanted))
        return get_many(wanted, **more)

    environment.setattr(tables, "get_many", counting)
    assert codes.find(["TEN", "ELEVEN"])["TEN"][1] == 0
    assert calls == [2 * (2 + SLOTS)]
    calls.clear()
    assert quoted()["discounts"] == []
    without = len(calls)
    calls.clear()
    assert quoted(codes=["TEN"])["discounts"] != []
    assert len(calls) == without + 2, "the codes, and what remains of limits"
