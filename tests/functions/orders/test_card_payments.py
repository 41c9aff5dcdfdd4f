"""Orders that gift cards and store credit pay: in the transaction of the order, and back to it."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from shared.cards import store as cards
from shared.cards.store import hashing
from shared.orders import store
from tests.functions.orders import test_orders_api
from tests.functions.orders.test_orders_api import call, placed
from tests.functions.orders.test_quoted import BOOK, ordered, publish, quoted
from tests.support import shop
from tests.support.cards import issued
from tests.support.requests import paths, request

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 90}, "B": {"denver": 30}})
    publish(BOOK)


@pytest.fixture(autouse=True)
def seller(environment: pytest.MonkeyPatch) -> None:
    """The sample's client does not read cards."""
    scope = "norain/orders:write norain/customers:read norain/cards:read norain/channel:web"
    environment.setattr(test_orders_api, "request", partial(request, scope=scope))


def tender(code: str, amount: int | None = None, **more: Any) -> Body:
    price = {"amount": {"amount": amount, "currency": "USD"}} if amount is not None else {}
    card = {"code": code, "subject": "session-1", **more}
    return {"status": "paid", "tender": "gift_card", "card": card, **price}


def order_of(*payments: Body) -> Body:
    return ordered(quoted()["quote_token"], payment=None, payments=list(payments))


def balance(card_id: str) -> int:
    return cards.find(card_id).balance


def test_a_card_pays_what_is_on_it_and_gets_back_its_share() -> None:
    """Of a card and a bank card each gets back what it gave: mollie/magento2#873; a refund puts the
    balance back: woocommerce/woocommerce-android#9484."""
    card, code = issued(1000)
    order = placed(order_of(tender(code), {"status": "paid"}))
    total = order["totals"]["total"]["amount"]
    assert [p["captured"]["amount"] for p in order["payments"]] == [1000, total - 1000]
    assert order["payments"][0]["card_suffix"] == card.suffix
    assert balance(card.card_id) == 0
    assert code not in str(shop.items("orders"))
    path = f"/v1/orders/{order['order_id']}/cancel"
    some = {"lines": [{"line_id": "1", "quantity": 1}], "reason": "fewer"}
    status, after = call("cancel_order", some, path, key="c1")
    assert status == 200, after
    share = after["payments"][0]["refunded"]["amount"]
    back = total - after["totals"]["total"]["amount"]
    assert abs(share - back * 1000 / total) <= 1
    assert balance(card.card_id) == share > 0
    assert call("cancel_order", some, path, key="c1")[1] == after
    assert balance(card.card_id) == share
    assert call("cancel_order", {"reason": "all"}, path, key="c2")[0] == 200
    assert balance(card.card_id) == 1000


def test_a_replay_spends_nothing_also_when_the_card_is_empty() -> None:
    card, code = issued(500)
    body = order_of(tender(code), {"status": "paid"})
    first = placed(body, key="once")
    assert (balance(card.card_id), placed(body, key="once")) == (0, first)
    assert balance(card.card_id) == 0


def test_the_order_is_refused_as_a_whole_when_the_card_has_too_little() -> None:
    card, code = issued(500)
    status, refused = call("place_order", order_of(tender(code, 501), {"status": "paid"}))
    assert (status, refused["code"], refused["available"]) == (409, "card_short", 500)
    assert balance(card.card_id) == 500
    assert not [row for row in shop.items("orders") if row["sk"] == "ORDER"]


@pytest.mark.parametrize(
    ("payments", "path"),
    [
        ([{**tender("x"), "status": "authorized"}], "$.payments[0]"),
        ([{**tender("x"), "reference": "psp-1"}], "$.payments[0]"),
        ([{**tender("x"), "tender": "points"}], "$.payments[0]"),
        ([tender("not a code")], "$.payments[0].card.code"),
    ],
)
def test_a_wrong_tender_names_its_path(payments: list[Body], path: str) -> None:
    status, refused = call("place_order", order_of(*payments))
    assert status == 422, refused
    assert path in paths(refused)


def test_a_card_pays_once_and_not_more_than_the_order_needs() -> None:
    card, code = issued(100_000)
    status, refused = call("place_order", order_of(tender(code, 99), tender(code)))
    assert (status, paths(refused)) == (422, {"$.payments"})
    status, refused = call("place_order", order_of(tender(code, 90_000)))
    assert (status, paths(refused)) == (422, {"$.payments[0].amount"})
    assert balance(card.card_id) == 100_000
    order = placed(order_of(tender(code)))
    total = order["totals"]["total"]["amount"]
    assert (order["payment"]["status"], balance(card.card_id)) == ("paid", 100_000 - total)


def test_nobody_reports_what_norain_books_on_a_card() -> None:
    card, code = issued(1000)
    order = placed(order_of(tender(code), {"status": "paid"}))
    path = f"/v1/orders/{order['order_id']}/payments"
    number = order["payments"][0]["payment_id"]
    body = {"kind": "refunded", "payment_id": number, "amount": None}
    status, refused = call("record_payment", body, path, key="r1")
    assert (status, refused["code"]) == (409, "conflict")
    assert balance(card.card_id) == 0


def test_who_may_not_look_cards_up_pays_with_none(environment: pytest.MonkeyPatch) -> None:
    """It could try codes by placing orders."""
    environment.setattr(test_orders_api, "request", request)
    card, code = issued(1000)
    status, refused = call("place_order", order_of(tender(code), {"status": "paid"}))
    assert (status, paths(refused)) == (403, {"$.payments[0]"})
    assert balance(card.card_id) == 1000


def test_a_failure_is_measured_for_the_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    _, code = issued(1000)
    unknown = order_of(tender(hashing.new_code("nobody", "d")), {"status": "paid"})
    status, refused = call("place_order", unknown)
    assert (status, refused["code"]) == (409, "card_not_usable")
    assert "CardTriesFailed" in capsys.readouterr().out
    assert code


def test_a_replay_behind_a_lagging_read_gets_the_first_answer(
    environment: pytest.MonkeyPatch,
) -> None:
    """Law 11: the card is empty because the first request has spent it."""
    card, code = issued(500)
    body = order_of(tender(code, 500), {"status": "paid"})
    first = placed(body, key="once")
    read = store.read_placement

    def lagging(*args: Any, **more: Any) -> store.PlacementInputs:
        return replace(read(*args, **more), lookup=store.OrderLookup(None, None))

    environment.setattr(store, "read_placement", lagging)
    assert placed(body, key="once") == first
    assert balance(card.card_id) == 0


def test_a_card_pays_what_a_pending_order_waits_for() -> None:
    """A shopper who finds a card in the pocket: what it has, then the bank card."""
    card, code = issued(700, pin="271828")
    order = placed(order_of({"status": "pending"}))
    total, path = order["totals"]["total"]["amount"], f"/v1/orders/{order['order_id']}/payments"
    report = {"kind": "captured", "card": {"code": code, "subject": "s", "pin": "271828"}}
    empty = {"payment_id": None, "reference": None, "amount": None, "tender": None}
    body = {**empty, "expires_at": None, **report}
    status, paid = call("record_payment", body, path, key="p1")
    assert status == 200, paid
    assert paid["payment"]["status"] == "pending"
    assert paid["payments"][1]["captured"]["amount"] == 700
    assert balance(card.card_id) == 0
    assert call("record_payment", body, path, key="p1")[1] == paid, "a replay takes nothing"
    status, refused = call("record_payment", body, path, key="p2")
    assert (status, refused["code"]) == (409, "card_short")
    rest = {
        "kind": "captured",
        "payment_id": "1",
        "amount": {"amount": total - 700, "currency": "USD"},
    }
    assert call("record_payment", {**empty, **rest}, path, key="p3")[0] == 200
    status, refused = call("record_payment", body, path, key="p4")
    assert (status, refused["code"]) == (409, "invalid_transition")


def test_a_repeated_change_behind_a_lagging_read_gets_the_first_answer(
    environment: pytest.MonkeyPatch,
) -> None:
    """Law 11: order and answer are two items; one may be read before the change, one after."""
    _, code = issued(700)
    order = placed(order_of({"status": "pending"}))
    path = f"/v1/orders/{order['order_id']}/payments"
    empty = {"payment_id": None, "reference": None, "amount": None, "tender": None}
    body = {**empty, "kind": "captured", "card": {"code": code, "subject": "s"}}
    first = call("record_payment", body, path, key="p1")
    assert first[0] == 200
    look_up = store.look_up
    lagging = iter([True])

    def lags(order_id: str, asked: Any) -> store.OrderLookup:
        found = look_up(order_id, asked)
        return replace(found, answered=None) if next(lagging, False) else found

    environment.setattr(store, "look_up", lags)
    assert call("record_payment", body, path, key="p1") == first
    assert next(lagging, None) is None, "the read has lagged"


def test_a_card_that_pays_already_pays_more() -> None:
    """A transaction changes a card once: two payments with it could not be refunded together."""
    card, code = issued(900)
    order = placed(order_of(tender(code, 200), {"status": "pending"}))
    path = f"/v1/orders/{order['order_id']}/payments"
    empty = {"payment_id": None, "reference": None, "amount": None, "tender": None}
    report = {"kind": "captured", "card": {"code": code, "subject": "s"}}
    status, paid = call("record_payment", {**empty, **report}, path, key="p1")
    assert status == 200, paid
    assert paid["payments"][0]["captured"]["amount"] == 900
    assert balance(card.card_id) == 0
    cancel = f"/v1/orders/{order['order_id']}/cancel"
    assert call("cancel_order", {"reason": "all of it"}, cancel, key="c")[0] == 200
    assert balance(card.card_id) == 900


def test_a_wrong_pin_pays_nothing_later_either() -> None:
    card, code = issued(700, pin="271828")
    order = placed(order_of({"status": "pending"}))
    path = f"/v1/orders/{order['order_id']}/payments"
    empty = {"payment_id": None, "reference": None, "amount": None, "tender": None}
    wrong = {"kind": "captured", "card": {"code": code, "subject": "s", "pin": "000000"}}
    status, refused = call("record_payment", {**empty, **wrong}, path, key="p1")
    assert (status, refused["code"]) == (409, "card_not_usable")
    assert balance(card.card_id) == 700
    mixed = {**empty, **wrong, "kind": "refunded"}
    assert call("record_payment", mixed, path, key="p2")[0] == 422
