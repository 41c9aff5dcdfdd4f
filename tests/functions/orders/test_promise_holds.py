"""A promise that is held is the order's plan: the same locations, units, dates and cost."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from functions.orders import api
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.catalog import store as catalog
from shared.catalog.model import Life, Product
from shared.orders import store
from shared.routing.model.decision import Decision
from shared.routing.model.policy import DEFAULT_POLICY, Handling
from shared.routing.model.route import replay
from shared.routing.store import policies
from shared.stock import store as stock
from shared.stock.model.events import Announced
from shared.stock.model.position import Cause, Effect
from tests.support import shop
from tests.support.profiles import examples
from tests.support.requests import answered, request

Body = dict[str, Any]
PAID = ("package", "pick", "carrier")


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"omaha": 6}, "B": {"denver": 1, "omaha": 4}})


def call(name: str, body: Body | None = None, key: str | None = None) -> tuple[int, Body]:
    headers = {"idempotency-key": key} if key else {}
    return answered(api.handler(request(f"orders/{name}", body=body, headers=headers), None))


def told(sku: str = "A", quantity: int = 2, service: str | None = "standard") -> Body:
    """The body that holds one of the options of a cart."""
    cart = {"lines": [{"sku": sku, "quantity": quantity}]}
    status, promise = call("promise", cart)
    assert status == 200
    option = next(o for o in promise["options"] if o.get("service_level") == service)
    return {**cart, "as_of": promise["as_of"], "option": option}


def held(body: Body, key: str = "promise-1") -> Body:
    status, answer = call("hold_promise", body, key)
    assert status == 201, answer
    shop.laws()
    return answer


def bought(hold_id: str, sku: str = "A", *quantities: int, **more: Any) -> tuple[int, Body]:
    first = json.loads(api_body("place_order"))["lines"][0]
    lines = [
        {**first, "line_id": str(number), "sku": sku, "quantity": quantity}
        for number, quantity in enumerate(quantities or (2,))
    ]
    return call("place_order", {"lines": lines, "hold_id": hold_id, **more})


def api_body(name: str) -> str:
    return str(request(f"orders/{name}")["body"])


def delivered(sku: str, at: str, units: int) -> None:
    """Units come to a location, and the pack knows."""
    cause = Cause("test", f"came-{sku}-{at}-{units}", "stock.moved", "receiving")
    _, parts = stock.effect_parts([Effect(sku, at, units, 0)], cause, shop.NOW)
    assert tables.transact(parts) == []
    shop.project(sku)


def paid(order_id: str) -> int:
    order = store.find(order_id)
    assert order is not None
    terms = Decision.from_bytes(store.decision(order_id, order.decisions[0])).plan.terms
    return sum(terms.get(name, 0) for name in PAID)


def parts(answer: Body) -> list[tuple[str, int, Mapping[str, str]]]:
    """Where, how many, by when: of a hold, or of an order."""
    rows = answer["parts"] if "parts" in answer else answer["fulfillments"]
    return sorted(
        (row["location_id"], sum(line["quantity"] for line in row["lines"]), row["promise"])
        for row in rows
    )


def test_the_option_that_was_told_is_what_is_held() -> None:
    body = told()
    answer = held(body)
    assert answer["option"] == body["option"]
    assert shop.counts("A", "omaha") == (6, 2, 4, 0)


def test_the_order_is_the_plan_also_when_a_cheaper_one_has_appeared() -> None:
    body = told()
    answer = held(body)
    delivered("A", "denver", 9)
    cheaper = told()
    assert cheaper["option"]["cost"]["amount"] < body["option"]["cost"]["amount"]
    status, order = bought(answer["hold_id"])
    assert status == 201, order
    assert parts(order) == parts(answer)
    assert order["fulfillments"][0]["location_id"] == "omaha"
    assert paid(order["order_id"]) == body["option"]["cost"]["amount"]
    assert shop.counts("A", "denver") == (9, 0, 9, 0)
    assert shop.counts("A", "omaha") == (6, 2, 4, 0)
    shop.laws()
    found = store.find(order["order_id"])
    assert found is not None
    kept = [store.decision(found.order_id, one) for one in found.decisions]
    assert [replay(data).to_bytes() for data in kept] == kept


def test_a_client_is_told_what_its_own_channels_can_have() -> None:
    body = told()
    cart = {"lines": body["lines"], "channel": "pos"}
    assert call("promise", cart)[0] == 403
    assert call("hold_promise", {**body, "channel": "pos"})[0] == 403
    assert call("place_order", {"channel": "pos"})[0] == 403


def test_a_promise_to_be_collected_is_kept_as_well() -> None:
    answer = held(told("B", 1, None))
    line = {"method": "pickup", "location_id": "denver", "quantity": 1, "sku": "B"}
    first = json.loads(api_body("place_order"))["lines"][0]
    body = {"lines": [{**first, **line}], "ship_to": None, "hold_id": answer["hold_id"]}
    status, order = call("place_order", body)
    assert status == 201, order
    assert parts(order) == parts(answer)
    shop.laws()


def test_the_lines_of_the_order_may_cut_the_goods_differently() -> None:
    answer = held(told(quantity=3))
    status, order = bought(answer["hold_id"], "A", 1, 2)
    assert status == 201, order
    assert parts(order) == parts(answer)


def test_a_replay_gets_the_first_answer_and_holds_nothing_more() -> None:
    body = told()
    first = held(body)
    assert held(body) == first
    assert shop.counts("A", "omaha") == (6, 2, 4, 0)
    status, order = bought(first["hold_id"])
    assert status == 201
    assert held(body) == first
    assert bought(first["hold_id"]) == (201, order)
    status, problem = call("hold_promise", {**body, "expires_in_seconds": 60}, "promise-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


def test_an_expired_hold_is_refused_by_its_name_and_frees_the_goods() -> None:
    answer = held(told())
    past = datetime.now(UTC) - timedelta(seconds=1)
    dynamodb().update_item(
        TableName=stock.stock_table(),
        Key=tables.key(f"HOLD#{answer['hold_id']}", "HOLD"),
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues=to_item({":past": past.isoformat(timespec="milliseconds")}),
    )
    status, problem = bought(answer["hold_id"])
    assert (status, problem["code"], problem["state"]) == (409, "hold_closed", "expired")
    assert problem["hold_id"] == answer["hold_id"]
    assert shop.all_orders() == []


@pytest.mark.parametrize(
    ("more", "differs"),
    [
        ({"service_level": "express"}, "service_level"),
        ({"ship_to": {"postal_code": "68102", "country": "US"}}, "ship_to"),
    ],
)
def test_an_order_that_is_to_go_otherwise_is_not_what_was_promised(
    more: Body, differs: str
) -> None:
    status, problem = bought(held(told())["hold_id"], "A", 2, **more)
    assert (status, problem["code"]) == (409, "conflict")
    assert list(problem["promised"]) == [differs]


def test_other_goods_than_the_promised_are_refused_with_what_is_held() -> None:
    answer = held(told())
    status, problem = bought(answer["hold_id"], "A", 3)
    assert (status, problem["code"]) == (409, "conflict")
    assert problem["lines"] == [{"sku": "A", "location_id": "omaha", "quantity": 2}]


def test_an_option_that_has_become_worse_is_refused_with_what_can_be_had() -> None:
    delivered("A", "denver", 2)
    body = told()
    other = held(told(), "somebody-else")
    assert parts(other)[0][0] == "denver"
    shop.project("A")
    status, problem = call("hold_promise", body, "promise-1")
    assert (status, problem["code"]) == (409, "promise_changed")
    assert problem["option"]["cost"]["amount"] > body["option"]["cost"]["amount"]
    again = held({**body, "option": problem["option"]}, "promise-2")
    assert parts(again)[0][0] == "omaha"


def test_a_pack_that_is_behind_makes_it_look_again() -> None:
    """Denver's last units are gone, and the pack does not know yet."""
    delivered("A", "denver", 2)
    held(told(), "somebody-else")
    body = told()
    body["option"] = {"method": "ship", "service_level": "standard"}
    assert parts(held(body, "promise-2"))[0][0] == "omaha"


def test_what_cannot_be_had_is_not_held() -> None:
    body = told()
    held(told(quantity=5), "somebody-else")
    status, problem = call("hold_promise", body, "promise-1")
    assert (status, problem["code"]) == (409, "out_of_stock")
    shop.laws()


def test_a_hold_ends_before_anything_should_lie_ready() -> None:
    body = {**told(), "expires_in_seconds": 4 * 3600}
    answer = held(body)
    opened = stock.find_hold(answer["hold_id"])
    assert opened is not None
    assert opened.promise is not None
    ready = [row["ready_by"] for row in opened.promise["parcels"]]
    assert answer["expires_at"] <= min(ready)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"ship_to": None}, "$"),
        ({"option": {"method": "pickup"}, "pickup_at": None}, "$"),
        ({"option": {"method": "teleport"}}, "$.option.method"),
    ],
)
def test_an_option_that_is_none_is_named_by_its_path(change: Body, path: str) -> None:
    status, problem = call("hold_promise", {**told(), **change}, "promise-1")
    assert (status, problem["code"]) == (422, "invalid_request")
    assert path in {entry["path"] for entry in problem["errors"]}


def test_what_lies_nearby_is_offered_by_distance_and_can_be_held() -> None:
    shop.stocked({"C": {"boulder": 3, "omaha": 3, "depot": 9}, "D": {"boulder": 1, "omaha": 2}})
    cart = {"lines": [{"sku": "C", "quantity": 2}], "pickup_nearby": 5}
    _, promise = call("promise", cart)
    found = [(o["location_id"], o["distance_km"]) for o in promise["options"] if "distance_km" in o]
    assert [place for place, _ in found] == ["boulder", "omaha"]
    assert 35 < found[0][1] < 45
    assert found[1][1] > 700
    (option, _) = [o for o in promise["options"] if "distance_km" in o]
    answer = held({**cart, "as_of": promise["as_of"], "option": option}, "nearby")
    assert parts(answer)[0][:2] == ("boulder", 2)
    _, few = call("promise", {**cart, "pickup_nearby": 1})
    assert [o["location_id"] for o in few["options"] if "distance_km" in o] == ["boulder"]
    both = [{"sku": "C", "quantity": 1}, {"sku": "D", "quantity": 2}]
    _, whole = call("promise", {"lines": both, "pickup_nearby": 5})
    assert [o["location_id"] for o in whole["options"] if "distance_km" in o] == ["omaha"]


def test_one_parcel_instead_of_two_is_an_option_of_its_own_and_is_held() -> None:
    shop.stocked({"C": {"denver": 1, "depot": 9}, "D": {"boulder": 3, "depot": 9}})
    dear = {**DEFAULT_POLICY.handling, "warehouse": Handling(package=900, unit=35)}
    policies.put_draft(replace(DEFAULT_POLICY, handling=dear), None, shop.NOW, "planner")
    policies.publish(None, shop.NOW, "planner")
    cart = {"lines": [{"sku": "C", "quantity": 1}, {"sku": "D", "quantity": 1}]}
    _, promise = call("promise", cart)
    split, whole = [o for o in promise["options"] if o.get("service_level") == "standard"]
    assert (split["splits"], whole["splits"]) == (1, 0)
    assert whole["cost"]["amount"] > split["cost"]["amount"]
    answer = held({**cart, "as_of": promise["as_of"], "option": whole}, "whole")
    assert [row[:2] for row in parts(answer)] == [("depot", 2)]


def announced(units: int, days: float, at: str = "depot", reference: str = "PO-1") -> str:
    """When they come, as it is told."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    event = Announced("erp", reference, None, "A", at, shop.NOW, units, due, reference)
    stock.apply_events([event], stock.position("A", at), (), shop.NOW)
    shop.project("A")
    return due.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_what_is_short_says_when_more_of_it_comes() -> None:
    expected = announced(2, days=3)
    _, promise = call("promise", {"lines": [{"sku": "A", "quantity": 9}]})
    assert promise["options"] == []
    assert promise["short"] == [{"sku": "A", "wanted": 9, "sellable": 6, "expected_at": expected}]


def test_who_can_wait_is_told_for_what_and_until_when_and_the_order_does_it() -> None:
    first, second = announced(2, 3), announced(9, 5, "omaha", "PO-2")
    cart = {"lines": [{"sku": "A", "quantity": 9}]}
    _, promise = call("promise", cart)
    assert [row["sku"] for row in promise["short"]] == ["A"]
    option = next(o for o in promise["options"] if o["service_level"] == "standard")
    assert option["waits"] == [
        {"sku": "A", "quantity": 2, "location_id": "depot", "expected_at": first},
        {"sku": "A", "quantity": 1, "location_id": "omaha", "expected_at": second},
    ]
    assert option["splits"] == 2
    assert option["deliver_by"] > second
    line = {**json.loads(api_body("place_order"))["lines"][0], "sku": "A", "quantity": 9}
    status, order = call("place_order", {"lines": [{**line, "backorder": True}]})
    assert status == 201
    (row,) = order["lines"]
    assert (row["open"], row["backordered"], row["expected_at"]) == (6, 3, second)
    found = store.find(order["order_id"])
    assert found is not None
    claims = [(c.location_id, c.quantity) for c in found.lines[0].claims]
    assert claims == [("depot", 2), ("omaha", 1)]
    shop.project("A")
    _, later = call("promise", cart)
    assert (later["options"], later["short"][0]["sellable"]) == ([], 0)
    shop.laws()


def test_nobody_waits_for_more_of_a_discontinued_product() -> None:
    announced(9, 3)
    catalog.put(Product("A", "The A", 1000, "USD", 0.5, life=Life(discontinued=True)))
    _, promise = call("promise", {"lines": [{"sku": "A", "quantity": 9}]})
    assert promise["options"] == []
    assert promise["short"] == [{"sku": "A", "wanted": 9, "sellable": 6}]
    line = {**json.loads(api_body("place_order"))["lines"][0], "sku": "A", "backorder": True}
    status, problem = call("place_order", {"lines": [{**line, "quantity": 9}]})
    assert (status, problem["code"]) == (409, "out_of_stock")
    assert "expected_at" not in problem["short"][0]
    assert call("place_order", {"lines": [{**line, "quantity": 6}]}, "what is left")[0] == 201
    shop.laws()


def test_an_option_that_waits_cannot_be_held() -> None:
    announced(9, 3)
    cart = {"lines": [{"sku": "A", "quantity": 9}]}
    _, promise = call("promise", cart)
    body = {**cart, "as_of": promise["as_of"], "option": promise["options"][0]}
    status, problem = call("hold_promise", body, "promise-1")
    assert (status, problem["code"]) == (422, "invalid_request")
    assert {entry["path"] for entry in problem["errors"]} == {"$.option.waits"}


def test_who_collects_waits_for_what_comes_there() -> None:
    announced(9, 3, "denver")
    cart = {"lines": [{"sku": "A", "quantity": 8}]}
    _, promise = call("promise", cart)
    pickup = next(o for o in promise["options"] if o["method"] == "pickup")
    assert (pickup["location_id"], len(pickup["waits"])) == ("denver", 1)
    assert pickup["ready_by"] > pickup["waits"][0]["expected_at"]
    assert "deliver_by" not in pickup


PLACES = st.sampled_from(["denver", "boulder", "omaha", "depot"])


@given(
    before=st.dictionaries(PLACES, st.integers(1, 5), min_size=1),
    after=st.dictionaries(PLACES, st.integers(1, 5)),
    quantity=st.integers(1, 8),
    chosen=st.integers(0, 3),
)
@examples(
    10,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_promise_is_the_plan(
    before: dict[str, int], after: dict[str, int], quantity: int, chosen: int
) -> None:
    """Law 3: of any stock and any option, whatever comes between the hold and the order."""
    sku = f"S{len(shop.items('stock'))}-{len(shop.items('catalog'))}"
    shop.stocked({sku: before})
    cart = {"lines": [{"sku": sku, "quantity": quantity}]}
    _, promise = call("promise", cart)
    options = [option for option in promise["options"] if option["method"] == "ship"]
    if not options:
        return
    option = options[chosen % len(options)]
    answer = held({**cart, "as_of": promise["as_of"], "option": option}, sku)
    assert answer["option"] == option
    for at, units in after.items():
        delivered(sku, at, units)
    first = json.loads(api_body("place_order"))["lines"][0]
    body = {
        "lines": [{**first, "sku": sku, "quantity": quantity}],
        "service_level": option["service_level"],
        "hold_id": answer["hold_id"],
    }
    status, order = call("place_order", body, f"order-{sku}")
    assert status == 201, order
    assert parts(order) == parts(answer)
    assert paid(order["order_id"]) == option["cost"]["amount"]
    shop.laws()
