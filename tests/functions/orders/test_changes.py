"""Changes of orders, payments and addresses through the API."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.orders import model, store
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request
from tests.support.shop import NOW

Body = dict[str, Any]
ADDRESS = {
    "name": "Bob Miller",
    "lines": ["1437 Bannock St"],
    "city": "Denver",
    "region": "Colorado",
    "postal_code": "80202",
    "country": "US",
    "latitude": 39.7392,
    "longitude": -104.9903,
    "phone": "303 555 0123",
    "delivery_note": "Ring twice.",
}
BOULDER = {
    **ADDRESS,
    "lines": ["1221 Canyon Blvd"],
    "city": "Boulder",
    "postal_code": "80302",
    "latitude": 40.015,
    "longitude": -105.2705,
}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 2, "depot": 9}, "B": {"denver": 1, "omaha": 4}})


def call(
    name: str, path: str | None, body: Body | None, key: str, **headers: str
) -> tuple[int, Body]:
    made = request(
        f"orders/{name}", body=body, path=path, headers={"idempotency-key": key, **headers}
    )
    return answered(api.handler(made, None))


def placed(key: str = "cart-1", **more: Any) -> Body:
    status, answer = call("place_order", None, {"ship_to": ADDRESS, **more}, key)
    assert status == 201, answer
    shop.laws()
    return answer


def changed(order: Body, expected: int = 200, key: str = "c-1", **more: Any) -> Body:
    body = {"reason": "the shopper called", **more}
    version = f'"{order["version"]}"'
    path = f"/v1/orders/{order['order_id']}/changes"
    sample = json.loads(event("orders/change_order")["body"])
    missing = dict.fromkeys(sample.keys() - body.keys())
    status, answer = call("change_order", path, {**missing, **body}, key, **{"if-match": version})
    assert status == expected, answer
    shop.laws()
    return answer


def step(verb: str, part: Body, **body: Any) -> Body:
    name = part["fulfillment_id"]
    path = f"/v1/fulfillments/{name}/{verb}"
    status, answer = call(f"{verb}_fulfillment", path, body or None, f"{verb}-{name}")
    assert status == 200, answer
    return answer


def part(order: Body, method: str = "ship") -> Body:
    found: Body
    (found,) = (
        one
        for one in order["fulfillments"]
        if one["method"] == method and one["state"] not in {"cancelled", "rejected"}
    )
    return found


def units(order: Body) -> Counter[tuple[str, str]]:
    """Units by SKU and location."""
    held: Counter[tuple[str, str]] = Counter()
    for one in order["fulfillments"]:
        if one["state"] != "cancelled":
            for line in one["lines"]:
                held[line["sku"], one["location_id"]] += line["quantity"]
    return held


def test_an_order_names_its_persons_and_what_it_costs() -> None:
    collector = {"name": "Ann Miller", "phone": "+1 303 555 0124"}
    shipping = {
        "price": {"amount": 599, "currency": "USD"},
        "tax": {"amount": 48, "currency": "USD"},
    }
    order = placed(collector=collector, shipping=shipping)
    assert order["ship_to"]["region"] == "CO"
    assert order["ship_to"]["phone"] == "+13035550123"
    assert order["collector"] == {"name": "Ann Miller", "phone": "+13035550124"}
    totals = {name: order["totals"][name] for name in ("lines", "shipping", "tax", "total", "paid")}
    assert {name: money["amount"] for name, money in totals.items()} == {
        "lines": 2500,
        "shipping": 599,
        "tax": 48,
        "total": 3147,
        "paid": 3147,
    }
    assert placed(collector=collector, shipping=shipping) == order


def test_the_persons_of_an_order_lie_beside_it_and_not_in_it() -> None:
    order = placed(collector={"name": "Ann Miller"})
    key = f"ORDER#{order['order_id']}"
    document = tables.get(table_name("orders"), key, "ORDER", consistent=True)
    beside = tables.get(table_name("orders"), key, "CONTACTS", consistent=True)
    for name in ("Bob Miller", "Ann Miller", "Bannock", "5550123", "Ring twice"):
        assert name not in str(document)
        assert name in str(beside)


@pytest.mark.parametrize(
    ("address", "path", "message"),
    [
        ({"postal_code": "1"}, "$.ship_to.postal_code", "no postal code in US looks like this"),
        ({"region": None}, "$.ship_to.region", "an address in US needs it"),
        ({"phone": "12345"}, "$.ship_to.phone", "too short"),
        ({"email": "nobody"}, "$.ship_to.email", "not an email address"),
        ({"lines": None}, "$.ship_to", "give both name and lines"),
    ],
)
def test_an_address_that_its_country_refuses_is_refused_by_its_path(
    address: Body, path: str, message: str
) -> None:
    body = {"ship_to": {**ADDRESS, **address}}
    status, answer = call("place_order", None, body, "cart-1")
    assert (status, answer["code"]) == (422, "invalid_request")
    assert [error["path"] for error in answer["errors"]] == [path]
    assert message in answer["errors"][0]["message"]


def test_a_new_address_routes_what_nobody_has_picked() -> None:
    order = placed()
    assert units(order)["A", "denver"] == 2
    moved = changed(order, ship_to=BOULDER)
    assert moved["ship_to"]["city"] == "Boulder"
    assert units(moved)["A", "boulder"] == 2
    assert units(moved)["B", "denver"] == 1
    assert moved["version"] == order["version"] + 1
    assert changed(order, ship_to=BOULDER) == moved


def test_a_new_name_alone_moves_no_parcel() -> None:
    order = placed()
    renamed = changed(order, ship_to={**ADDRESS, "name": "Ann Miller"})
    assert renamed["fulfillments"] == order["fulfillments"]
    assert renamed["ship_to"]["name"] == "Ann Miller"


def test_a_packed_parcel_is_named_by_the_refusal() -> None:
    order = placed()
    step("accept", part(order))
    packed = step("pack", part(order))
    answer = changed(packed, 409, ship_to=BOULDER)
    (parcel,) = answer["too_far"]
    assert parcel == {"fulfillment_id": part(order)["fulfillment_id"], "state": "packed"}
    fewer = changed(packed, 409, key="c-2", lines=[{"line_id": "1", "quantity": 1}])
    assert fewer["too_far"] == [parcel]


def test_picked_units_stay_and_get_the_dates_of_the_new_address() -> None:
    order = placed()
    step("accept", part(order))
    picked = step("pick", part(order))
    moved = changed(picked, ship_to=BOULDER)
    assert part(moved)["fulfillment_id"] == part(order)["fulfillment_id"]
    assert part(moved)["location_id"] == "denver"


def test_more_units_are_reserved_and_asked_to_be_paid() -> None:
    order = placed()
    more = changed(order, lines=[{"line_id": "1", "quantity": 4}])
    assert sum(found for (sku, _), found in units(more).items() if sku == "A") == 4
    assert more["payment"]["status"] == "pending"
    assert more["totals"]["total"]["amount"] == 4500
    path = f"/v1/orders/{order['order_id']}/payments"
    body = {"kind": "captured", "payment_id": "extra", "amount": None, "reference": "psp-2"}
    status, paid = call("record_payment", path, body, "p-1")
    assert status == 200, paid
    assert paid["payment"]["status"] == "paid"
    assert [one["captured"]["amount"] for one in paid["payments"]] == [2500, 2000]


def test_fewer_units_are_on_sale_again_and_due_back() -> None:
    order = placed()
    fewer = changed(order, lines=[{"line_id": "1", "quantity": 1}, {"line_id": "2", "quantity": 0}])
    assert units(fewer) == {("A", "denver"): 1}
    assert fewer["payments"][0]["refund_due"]["amount"] == 1500
    assert fewer["totals"]["paid"]["amount"] == 1000


def test_a_change_without_stock_is_refused_whole() -> None:
    order = placed()
    answer = changed(order, 409, ship_to=BOULDER, lines=[{"line_id": "1", "quantity": 50}])
    assert answer["code"] == "out_of_stock"
    assert answer["short"][0]["line_id"] == "1"
    stored = store.find(order["order_id"])
    assert stored is not None
    assert (stored.version, stored.ship_to and stored.ship_to.postal_code) == (1, "80202")


def test_a_pickup_becomes_a_parcel_and_a_parcel_a_pickup() -> None:
    order = placed()
    lines = [{"line_id": "2", "method": "ship"}]
    lines += [{"line_id": "1", "method": "pickup", "location_id": "boulder"}]
    swapped = changed(order, lines=lines)
    assert part(swapped)["lines"][0]["line_id"] == "2"
    assert part(swapped, "pickup")["location_id"] == "boulder"
    assert part(swapped, "pickup")["lines"][0]["quantity"] == 2


def test_lines_are_added_and_units_given_to_a_location_by_hand() -> None:
    order = placed()
    line = json.loads(event("orders/place_order")["body"])["lines"][0]
    added = {**line, "line_id": "3", "sku": "B", "quantity": 1}
    move = {"fulfillment_id": part(order)["fulfillment_id"], "location_id": "depot"}
    after = changed(order, add=[added], fulfillments=[move])
    assert units(after)["A", "depot"] == 2
    assert units(after)["B", "omaha"] == 1


def test_a_parcel_is_split_at_its_location() -> None:
    order = placed()
    move = {
        "fulfillment_id": part(order)["fulfillment_id"],
        "lines": [{"line_id": "1", "quantity": 1}],
    }
    after = changed(order, fulfillments=[move])
    held = [one for one in after["fulfillments"] if one["method"] == "ship"]
    assert [(one["location_id"], one["lines"][0]["quantity"]) for one in held] == [
        ("denver", 1),
        ("denver", 1),
    ]


def test_a_location_by_hand_that_has_too_few_is_refused() -> None:
    order = placed()
    move = {"fulfillment_id": part(order)["fulfillment_id"], "location_id": "omaha"}
    answer = changed(order, 409, fulfillments=[move])
    assert (answer["code"], answer["short"][0]["sellable"]) == ("out_of_stock", 0)


def test_a_change_of_what_has_changed_meanwhile_is_refused() -> None:
    order = placed()
    changed(order, lines=[{"line_id": "1", "quantity": 1}])
    answer = changed(order, 412, key="c-2", lines=[{"line_id": "1", "quantity": 3}])
    assert (answer["code"], answer["version"]) == ("version_mismatch", 2)


def test_a_quote_tells_the_difference_and_stores_nothing() -> None:
    order = placed()
    path = f"/v1/orders/{order['order_id']}/changes/quote"
    body = {"reason": "asks", "ship_to": BOULDER, "lines": [{"line_id": "1", "quantity": 3}]}
    status, answer = call("quote_order_change", path, body, "q-1")
    assert status == 200, answer
    assert answer["difference"] == {"amount": 1000, "currency": "USD"}
    assert answer["payment_due"] == {"amount": 1000, "currency": "USD"}
    assert answer["order"]["ship_to"]["city"] == "Boulder"
    status, read = call("get_order", f"/v1/orders/{order['order_id']}", None, "x")
    assert read == order


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"lines": [{"line_id": "9", "quantity": 1}]}, "$.lines[0].line_id"),
        ({"lines": [{"line_id": "2", "method": "ship", "location_id": "x"}]}, None),
        ({"fulfillments": [{"fulfillment_id": "x"}]}, "$.fulfillments[0]"),
        ({}, "$"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_its_path(body: Body, path: str | None) -> None:
    answer = changed(placed(), 422, **body)
    assert answer["code"] == "invalid_request"
    if path is not None:
        assert answer["errors"][0]["path"] == path


def test_an_order_may_keep_the_units_that_it_has() -> None:
    """Nobody else has any: the units that the change gives up are those that it takes again."""
    shop.stocked({"C": {"denver": 2}})
    line = json.loads(event("orders/place_order")["body"])["lines"][0]
    order = placed(lines=[{**line, "sku": "C", "quantity": 2}])
    shop.project("C")
    moved = changed(order, ship_to=BOULDER)
    assert units(moved) == {("C", "denver"): 2}


def test_goods_are_promised_for_a_later_date() -> None:
    """Their units stay reserved, and the location begins in time; the date can be moved again."""
    order = placed()
    first = part(order)["promise"]["deliver_by"]
    assert paths(changed(order, 422, wanted_at=first)) == {"$.wanted_at"}
    wanted_at = datetime.fromisoformat(first) + timedelta(days=9)
    later = changed(order, key="c-2", wanted_at=wanted_at.isoformat())
    (pause,) = later["pauses"]
    assert (pause["kind"], pause["pause_id"]) == ("until", "date")
    assert datetime.fromisoformat(part(later)["promise"]["deliver_by"]) == wanted_at
    assert units(later) == units(order)
    sooner = (wanted_at - timedelta(days=6)).isoformat()
    moved = changed(later, key="c-3", wanted_at=sooner)
    (again,) = moved["pauses"]
    before, after = (datetime.fromisoformat(one["deadline"]) for one in (pause, again))
    assert before - after == timedelta(days=6)
    assert paths(changed(moved, 422, key="c-4", wanted_at=first)) == {"$.wanted_at"}


def test_a_date_in_a_far_year_is_refused() -> None:
    """The units would be kept from everybody else."""
    order = placed()
    refused = changed(order, 422, wanted_at="2199-12-31T23:59:59Z")
    assert paths(refused) == {"$.wanted_at"}
    assert "365 days" in str(refused["errors"])


def test_a_date_is_changed_alone_and_before_the_parcel_is_packed() -> None:
    order = placed()
    wanted = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    refused = changed(order, 422, wanted_at=wanted, service_level="express")
    assert paths(refused) == {"$"}
    step("accept", part(order))
    packed = step("pack", part(order))
    refused = changed(packed, 409, key="c-2", wanted_at=wanted)
    assert refused["too_far"][0]["state"] == "packed"


def test_units_that_are_added_travel_with_an_offer_that_nobody_has_begun() -> None:
    """Two parcels of one location to one shopper would cost twice."""
    price = {"amount": 1000, "currency": "USD"}
    line = {"line_id": "1", "sku": "C", "quantity": 2, "unit_price": price, "method": "ship"}
    shop.stocked({"C": {"depot": 9}})
    order = placed(lines=[line])
    more = changed(order, lines=[{"line_id": "1", "quantity": 3}])
    assert part(more)["fulfillment_id"] == part(order)["fulfillment_id"]
    assert [row["quantity"] for row in part(more)["lines"]] == [3]
    step("accept", part(more))
    picked = step("pick", part(more))
    again = changed(picked, key="c-2", lines=[{"line_id": "1", "quantity": 4}])
    ships = [one for one in again["fulfillments"] if one["method"] == "ship"]
    assert [one["state"] for one in ships] == ["picked", "offered"]


@pytest.mark.parametrize("begun", ["assigned", "labelled"])
def test_nothing_is_added_to_a_parcel_that_somebody_has_begun(begun: str) -> None:
    price = {"amount": 1000, "currency": "USD"}
    line = {"line_id": "1", "sku": "C", "quantity": 2, "unit_price": price, "method": "ship"}
    shop.stocked({"C": {"depot": 9}})
    order = placed(lines=[line])
    found = store.find(order["order_id"])
    assert found is not None
    (before,) = found.fulfillments
    started = replace(before, assignee="ann")
    if begun == "labelled":
        started = replace(before, tracking="1Z9")
    of = model.with_fulfillment(found, started)
    assert store.commit(model.OrderChange(of, cause="test"), NOW, before=found) is None
    more = changed({**order, "version": 2}, lines=[{"line_id": "1", "quantity": 3}])
    assert len(more["fulfillments"]) == 2
