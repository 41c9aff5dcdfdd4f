"""The what-if of the promotions: past orders priced by the draft, through the API."""

from typing import Any

import pytest

from functions.orders import api as orders
from functions.pricing import api as pricing
from functions.pricing import what_if
from shared.catalog import store as catalog
from shared.catalog.model import PriceRow, Product
from shared.pricing.model.what_if import UNKNOWN
from shared.pricing.store import books
from tests.functions.orders.test_orders_api import placed
from tests.functions.orders.test_quoted import BOOK, ordered, publish, quoted
from tests.support.requests import answered, request
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("fake_tables")

Body = dict[str, Any]


def drafted(*promotions: Body) -> None:
    made = request("pricing/put_promotions_draft", body={**BOOK, "promotions": list(promotions)})
    assert answered(pricing.handler(made, None))[0] == 200


def tried(**body: Any) -> Body:
    made = request("orders/try_promotions_draft", body=body)
    status, answer = answered(orders.handler(made, None))
    assert status == 200, answer
    return answer


def promotion(name: str, effect: Body, **more: Any) -> Body:
    return {"promotion_id": name, "title": name, "does": [effect], **more}


ALL_20 = promotion("all-20", {"kind": "percent_off", "basis_points": 2000})


def test_the_draft_is_compared_with_the_book_in_force(past_orders: list[str]) -> None:
    drafted(ALL_20)
    found = tried(days=1)
    assert (found["draft_revision"], found["compared_with"], found["skipped"]) == (2, 1, 0)
    before, after = found["before"], found["after"]
    # BOOK: 15 % off 3 A and 7.01 off the order; the draft: 20 % off everything.
    assert (before["orders"], before["units"], before["list_total"]) == (2, 8, 11_000)
    assert (before["discounts"], before["sales"]) == (2 * 1151, 11_000 - 2 * 1151)
    assert (after["discounts"], after["sales"]) == (2 * 1100, 11_000 - 2 * 1100)
    # The margin of the 6 A: 2400 of 6000 at list price, less their discounts.
    assert (after["margin"], after["units_with_margin"]) == (2400 - 1200, 6)
    assert before["shipping"] == after["shipping"] == 998
    assert (found["cheaper"], found["dearer"], found["incomplete"]) == (0, 2, 0)
    (effect,) = found["promotions"]
    assert (effect["promotion_id"], effect["amount"], effect["orders"]) == ("all-20", 2200, 2)
    assert (effect["units"], effect["unit_discount"], effect["unit_margin"]) == (8, 2000, 2500)
    assert {row["promotion_id"]: row["amount"] for row in found["replaced"]} == {
        "a-15": 900,
        "seven": 1402,
    }
    assert {row["order_id"] for row in found["differences"]} == set(past_orders)
    assert {row["after"] - row["before"] for row in found["differences"]} == {51}
    assert found["unknown"] == list(UNKNOWN)


@pytest.mark.usefixtures("past_orders")
def test_who_gains_is_told_by_tier_and_channel() -> None:
    gold = {"people": {"tiers": ["gold"]}}
    drafted(promotion("gold-3", {"kind": "order_amount_off", "amount": 1451}, **gold))
    found = tried(days=1)
    assert {row["name"]: (row["orders"], row["amount"]) for row in found["tiers"]} == {
        "gold": (1, 300),
        "none": (1, -1151),
    }
    assert found["channels"] == [{"name": "web", "orders": 2, "amount": 300 - 1151}]
    assert (found["cheaper"], found["dearer"]) == (1, 1)


@pytest.mark.usefixtures("past_orders")
def test_what_was_paid_stays_when_prices_and_books_have_changed_since() -> None:
    publish({**BOOK, "promotions": []})
    catalog.put(Product("A", "A", 5000, "USD", 1.0, prices=(PriceRow(1),), margin=4400))
    drafted(ALL_20)
    then, now = tried(days=1, against="then"), tried(days=1, against="now")
    assert "compared_with" not in then
    assert now["compared_with"] == 2
    assert (then["before"]["discounts"], now["before"]["discounts"]) == (2 * 1151, 0)
    assert then["after"] == now["after"]
    assert then["after"]["list_total"] == 11_000, "at the base prices of that time"
    assert then["after"]["margin"] == 2400 - 1200, "at today's cost of 600"


@pytest.mark.usefixtures("past_orders")
def test_an_order_without_a_quote_is_counted_and_left_out() -> None:
    placed(key="plain")
    drafted(ALL_20)
    found = tried(days=1)
    assert (found["skipped"], found["after"]["orders"]) == (1, 2)


def test_codes_that_were_given_are_given_again(past_orders: list[str]) -> None:
    coded = promotion("friends", {"kind": "order_amount_off", "amount": 2000}, code="required")
    publish({**BOOK, "promotions": [coded]})
    made = request(
        "pricing/make_codes",
        body={"code": "HELLO", "count": None, "prefix": None},
        path="/v1/promotions/friends/codes",
    )
    made["pathParameters"] = {"promotion_id": "friends"}
    status, answer = answered(pricing.handler(made, None))
    assert status == 201, answer
    placed(ordered(quoted(codes=["hello"])["quote_token"]), key="coded")
    drafted({**coded, "does": [{"kind": "order_amount_off", "amount": 2500}]})
    found = tried(days=1)
    assert (found["before"]["discounts"], found["after"]["discounts"]) == (2000, 2500)
    assert found["promotions"][0]["orders"] == 1
    assert len(past_orders) == 2


@pytest.mark.usefixtures("past_orders")
def test_pages_add_up_to_one_what_if_and_none_counts_twice(
    environment: pytest.MonkeyPatch,
) -> None:
    drafted(ALL_20)
    whole = tried(days=1)
    environment.setattr(what_if, "WHAT_IF_ITEMS", 1)
    page = tried(days=1)
    while cursor := page.get("next_cursor"):
        last = cursor
        page = tried(days=1, cursor=cursor)
    assert page["trial"]["through"]
    assert page["trial"]["after"] == whole["after"]
    assert page["trial"]["before"] == whole["before"]
    assert "trial" not in tried(days=1, cursor=last), "the page was added before"
    assert "trial" not in tried(days=1, against="then", cursor=last)
    stored = books.trial()
    assert stored is not None
    assert stored.after.orders == 2


@pytest.mark.usefixtures("past_orders")
def test_a_what_if_is_the_same_each_time_and_changes_nothing_but_its_trial() -> None:
    drafted(ALL_20)
    first = tried(days=1)
    with metered() as cost:
        again = tried(days=1)
    for answer in (first, again):
        answer["trial"].pop("at")
    assert first == again
    assert cost.writes == 1
    assert cost.reads <= 8


def test_without_a_draft_there_is_nothing_to_try() -> None:
    made = request("orders/try_promotions_draft", body={"days": 3})
    assert answered(orders.handler(made, None))[0] == 404
    for body, path in (({"days": 0}, "$.days"), ({"days": 3, "cursor": "x"}, "$.cursor")):
        if "cursor" in body:
            drafted(ALL_20)
        made = request("orders/try_promotions_draft", body=body)
        status, answer = answered(orders.handler(made, None))
        assert (status, answer["errors"][0]["path"]) == (422, path)
