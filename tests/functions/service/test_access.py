"""Who may do what: how far a scope reaches, by the channels, locations and sources of a token."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.customers import api as customers_api
from functions.customers import apply_records
from functions.orders import api as orders_api
from infra.stacks.access import CLIENTS
from shared.customers import store as customers
from shared.instants import rfc3339
from shared.web.auth import RESOURCE_SERVER, Caller, caller
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 20, "boulder": 20}, "B": {"denver": 9, "omaha": 4}})


def scopes(client: str, *more: str) -> str:
    return " ".join(f"{RESOURCE_SERVER}/{name}" for name in (*CLIENTS[client], *more))


def call(
    area: str,
    name: str,
    scope: str,
    body: Body | None = None,
    claims: Mapping[str, str] | None = None,
    **more: Any,
) -> tuple[int, Body]:
    made = request(f"{area}/{name}", body=body, scope=scope, **more)
    made["requestContext"]["authorizer"]["jwt"]["claims"] |= claims or {}
    handler = {"orders": orders_api, "customers": customers_api}[area].handler
    return answered(handler(made, None))


def ordered(client: str = "web", **more: Any) -> Body:
    status, order = call("orders", "place_order", scopes(client), more)
    assert status == 201, order
    return order


ACTIONS = ("accept", "reject", "pick", "pack", "ready", "ship", "collect", "cancel")


def act(action: str, order: Body, scope: str, **claims: str) -> int:
    (part, *_) = order["fulfillments"]
    path = f"/v1/fulfillments/{part['fulfillment_id']}/{action}"
    headers = {"idempotency-key": f"{action}{sorted(claims.items())}"}
    return call(
        "orders", f"{action}_fulfillment", scope, claims=claims, path=path, headers=headers
    )[0]


@pytest.mark.parametrize("client", ["web", "marketplace", "planner"])
def test_who_places_orders_does_not_fulfil_them(client: str) -> None:
    """A marketplace had placed an order, rejected it, and emptied the shelf for everybody."""
    order = ordered()
    assert "fulfillments:write" not in CLIENTS[client]
    for action in ACTIONS:
        assert act(action, order, scopes(client, "channel:all")) == 403
    shop.laws()


def test_a_person_fulfils_at_the_locations_of_the_claim_only() -> None:
    order = ordered()
    (part, *_) = order["fulfillments"]
    scope = scopes("associate")
    for action in ACTIONS:
        assert act(action, order, scope, location="nowhere elsewhere") == 403
        assert act(action, order, scope, location="") == 403
    assert act("accept", order, scope, location=f"elsewhere {part['location_id']}") == 200
    assert act("pick", order, scope, location="*") == 200


def test_the_claim_of_a_person_goes_before_the_scope_of_the_client() -> None:
    everywhere = frozenset({"location:all"})
    assert Caller("pos", everywhere).works_at("denver")
    assert not Caller("pos", everywhere, "sub-1", "boulder").works_at("denver")
    assert not Caller("pos", frozenset()).works_at("denver")


def test_a_pick_list_is_read_where_one_works() -> None:
    ordered()
    query = {"location_id": "denver"}
    read = scopes("associate")
    mine = call("orders", "list_fulfillments", read, query=query, claims={"location": "denver"})
    assert mine[0] == 200
    other = call("orders", "list_fulfillments", read, query=query, claims={"location": "omaha"})
    assert (other[0], other[1]["code"]) == (403, "forbidden")


def test_a_rival_is_accepted_for_where_one_works() -> None:
    order = ordered()
    (part, *_) = order["fulfillments"]
    path = f"/v1/fulfillments/{part['fulfillment_id']}/accept"
    status, problem = call(
        "orders",
        "accept_fulfillment",
        scopes("associate"),
        {"location_id": "omaha"},
        {"location": part["location_id"]},
        path=path,
    )
    assert (status, problem["location_ids"]) == (403, ["omaha"])


def test_costs_are_shown_to_those_who_read_policies() -> None:
    order = ordered()
    path = f"/v1/orders/{order['order_id']}/decision"
    web, ops = (call("orders", "get_decision", scopes(who), path=path)[1] for who in ("web", "ops"))
    assert ops["plan"]["cost"]["currency"] in ops["summary"]
    for place in (web["plan"], *web["candidates"]):
        assert not {"cost", "terms", "lower_bound"} & place.keys()
    assert "USD" not in json.dumps(web)
    assert [row["reason"] for row in web["candidates"]] == [
        row["reason"] for row in ops["candidates"]
    ]
    quoted = call("orders", "quote_order", scopes("web"))[1]
    assert "cost" not in quoted["plan"]


# Sources

CRM: Body = {
    "source": "crm",
    "source_id": "c-1",
    "identifiers": {"email": "bob@shop.test"},
    "attributes": {"given_name": "Mallory"},
    "verified": ["email", "given_name"],
    "consents": [],
}
GRANT: Body = {
    "channel": "email",
    "purpose": "marketing",
    "contact": "bob@shop.test",
    "status": "granted",
    "at": "2026-11-20T17:00:00Z",
}


@pytest.mark.parametrize("client", ["web", "pos", "marketplace", "associate"])
def test_a_client_speaks_for_its_own_sources_only(client: str) -> None:
    """A marketplace that called itself the CRM renamed a person."""
    status, problem = call(
        "orders", "place_order", scopes(client, "channel:web"), {"customer": CRM}
    )
    assert (status, paths(problem)) == (403, {"$.customer.source"})
    stated = {**CRM, "occurred_at": "2026-11-20T17:00:00Z"}
    status, problem = call("customers", "resolve", scopes(client), stated)
    assert (status, paths(problem)) == (403, {"$.source"})


def test_who_may_not_read_profiles_names_none_in_an_order() -> None:
    """A marketplace had put its orders on the timeline of whomever it liked."""
    profile_id = ordered(customer={**CRM, "source": "web"})["profile_id"]
    body = {"channel": "marketplace", "customer": {"profile_id": profile_id}}
    headers = {"idempotency-key": "somebody"}
    status, problem = call("orders", "place_order", scopes("marketplace"), body, headers=headers)
    assert (status, paths(problem)) == (403, {"$.customer.profile_id"})
    # The same answer for one that does not exist: nobody finds out who does.
    body = {"channel": "marketplace", "customer": {"profile_id": "nobody"}}
    headers = {"idempotency-key": "nobody"}
    status, problem = call("orders", "place_order", scopes("marketplace"), body, headers=headers)
    assert (status, paths(problem)) == (403, {"$.customer.profile_id"})


def test_what_a_source_is_not_trusted_with_does_not_count() -> None:
    stated = {**CRM, "source": "marketplace", "consents": [GRANT]}
    body = {**stated, "occurred_at": "2026-11-20T17:00:00Z"}
    scope = scopes("marketplace", "customers:write", "customers:read")
    status, found = call("customers", "resolve", scope, body)
    assert (status, found["not_counted"]) == (201, ["verified", "consents"])
    profile = customers.find(found["profile_id"])
    (held,) = profile.records
    assert not any(field.verified for field in held.record.fields.values())
    assert held.record.consents == ()
    status, found = call(
        "customers", "resolve", scopes("ops"), body, headers={"idempotency-key": "trusted"}
    )
    assert (status, found.get("not_counted")) == (200, None)
    (held,) = customers.find(found["profile_id"]).records
    assert held.record.fields["email"].verified
    assert [consent.status for consent in held.record.consents] == ["granted"]


def test_the_customer_feed_speaks_for_the_sources_of_its_deployment(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("NORAIN_CUSTOMER_FEED_SOURCES", "crm:trusted shop")
    (crm, till) = (
        {
            "specversion": "1.0",
            "id": source,
            "source": source,
            "type": "customer.observed",
            "time": "2026-11-20T17:00:00Z",
            "data": {**CRM, "source": source, "occurred_at": "2026-11-20T17:00:00Z"},
        }
        for source in ("crm", "till")
    )
    record = {**event("customers/apply_records")["Records"][0], "body": json.dumps([crm, till])}
    read = apply_records._read(record, datetime.now(UTC))
    assert [one.record.source for one in read.records] == ["crm"]
    ((text, refusal),) = read.invalid
    assert json.loads(text)["data"]["source"] == "till"
    assert refusal.data["errors"][0]["path"] == "$.data.source"


# Clocks


def ahead(**more: float) -> str:
    return rfc3339(datetime.now(UTC) + timedelta(**more))


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"occurred_at": ahead(hours=1)}, "$.occurred_at"),
        ({"consents": [{**GRANT, "at": "2199-01-01T00:00:00Z"}]}, "$.consents[0].at"),
    ],
)
def test_no_statement_is_dated_ahead(field: Body, path: str) -> None:
    """A consent of 2199 outlived every denial."""
    body = {**CRM, "occurred_at": "2026-11-20T17:00:00Z", **field}
    status, problem = call("customers", "resolve", scopes("ops"), body)
    assert (status, problem["code"], paths(problem)) == (422, "from_the_future", {path})
    assert problem["now"]


def test_no_consent_of_an_order_is_dated_ahead() -> None:
    customer = {**CRM, "source": "web", "consents": [{**GRANT, "at": ahead(minutes=6)}]}
    status, problem = call("orders", "place_order", scopes("web"), {"customer": customer})
    assert (status, problem["code"]) == (422, "from_the_future")
    assert paths(problem) == {"$.customer.consents[0].at"}


def test_no_interaction_is_dated_ahead() -> None:
    status, problem = call(
        "customers", "note_interaction", scopes("ops"), {"occurred_at": ahead(minutes=6)}
    )
    assert (status, problem["code"], paths(problem)) == (
        422,
        "from_the_future",
        {"$.occurred_at"},
    )


# Persons


def test_the_actor_is_the_person_who_is_signed_in() -> None:
    claims = {"client_id": "console", "sub": "person-17"}
    made = event("orders/place_order")
    made["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
    assert caller(made).actor == "person-17"
    order = answered(orders_api.handler(made, None))[1]
    path = f"/v1/orders/{order['order_id']}/history"
    history = call("orders", "get_history", scopes("ops"), path=path)[1]
    assert history["entries"][0]["actor"] == "person-17"


def test_two_persons_of_one_client_share_no_idempotency_key() -> None:
    orders = set()
    for person in ("person-1", "person-2"):
        made = event("orders/place_order")
        claims = made["requestContext"]["authorizer"]["jwt"]["claims"]
        claims |= {"client_id": "console", "sub": person}
        orders.add(answered(orders_api.handler(made, None))[1]["order_id"])
    assert len(orders) == 2


def test_orders_of_a_person_and_the_cart_are_read_under_audit() -> None:
    profile_id = ordered(customer={**CRM, "source": "web"})["profile_id"]
    query = {"profile_id": profile_id}
    assert call("orders", "list_orders", scopes("ops"), query=query)[0] == 200
    path = f"/v1/customers/{profile_id}/cart"
    assert call("customers", "get_cart", scopes("ops"), path=path)[0] == 200
    seen, _ = customers.read_log(profile_id, 10, None)
    assert {row["what"] for row in seen} == {"orders", "cart"}


def test_whoever_asks_for_the_orders_of_nobody_leaves_no_trace() -> None:
    query = {"profile_id": "nobody"}
    assert call("orders", "list_orders", scopes("ops"), query=query)[1]["orders"] == []
    assert list(customers.read_log("nobody", 10, None)[0]) == []


@pytest.mark.parametrize(
    ("area", "name"),
    [("orders", "get_order"), ("customers", "get_profile"), ("orders", "place_order")],
)
def test_what_is_of_persons_is_stored_by_no_cache(area: str, name: str) -> None:
    made = request(f"{area}/{name}", scope=scopes("ops"))
    handler = {"orders": orders_api, "customers": customers_api}[area].handler
    assert handler(made, None)["headers"]["Cache-Control"] == "no-store"
