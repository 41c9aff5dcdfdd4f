"""Orders of somebody who was erased: what law and books need stays, and the person goes."""

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from functions.orders import api
from shared.aws.clients import client
from shared.carriers.model import Label
from shared.customers import store as customers
from shared.customers.store import Act
from shared.locations import store as locations
from shared.orders import buyers, changing, erasing, model, searching, store
from shared.orders.model import Order
from shared.orders.store import labels
from shared.schema import TABLES
from tests.functions.customers.conftest import Jobs
from tests.functions.customers.test_customers_api import call as ask_customers
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
HOME = {"postal_code": "80299", "country": "US", "latitude": 39.73921, "longitude": -104.99031}
ADDRESS = {
    **HOME,
    "name": "Zoe Quill",
    "lines": ["77 Quill Lane"],
    "city": "Denver",
    "region": "CO",
    "phone": "+1 303 555 0177",
    "delivery_note": "freewords77",
}
INVOICE = {name: value for name, value in ADDRESS.items() if name[:2] not in {"la", "lo", "de"}}
CODE = {"postal_code": "80302", "country": "US"}
CUSTOMER = {
    "source": "web",
    "source_id": "account-77",
    "identifiers": {"email": "zoe@shop.test"},
    "attributes": {"given_name": "Zoe", "family_name": "Quill"},
}
TOLD = (
    "39.73921",
    "104.99031",
    "80299",
    "account-77",
    "zoe",
    "quill",
    "pay-77",
    "track-77",
    "freewords77",
)


@pytest.fixture(autouse=True)
def stocked(jobs: Jobs, environment: pytest.MonkeyPatch) -> None:
    environment.setattr("shared.orders.store.decisions.INLINE", 0)
    environment.setattr("shared.orders.store.orders.MOST_IN_ORDER", 500)
    shop.stocked({"A": {"denver": 9, "boulder": 9, "omaha": 9}, "B": {"denver": 9}})


def call(name: str, path: str | None = None, **more: Any) -> tuple[int, Body]:
    if path is not None:
        more["path"] = path
    return answered(api.handler(request(f"orders/{name}", **more), None))


def placed(key: str = "k-1", **more: Any) -> Body:
    body = {
        "order_id": "o-77",
        "customer": CUSTOMER,
        "ship_to": ADDRESS,
        "bill_to": INVOICE,
        "collector": {"name": "Quill Junior"},
        "payment": {"status": "paid", "reference": "pay-77"},
        **more,
    }
    status, order = call("place_order", body=body, headers={"idempotency-key": key})
    assert status == 201, order
    projected(order["order_id"])
    return order


def projected(order_id: str, before: Order | None = None) -> Order:
    """What the stream's worker does."""
    order = store.find(order_id)
    assert order is not None
    store.project_pick_rows(order, before)
    buyers.record_in_timeline(order, before)
    searching.index_order(order, before)
    return order


def step(name: str, fulfillment_id: str, verb: str, **body: Any) -> None:
    before = projected("o-77")
    path = f"/v1/fulfillments/{fulfillment_id}/{verb}"
    status, told = call(name, path, body=body, headers={"idempotency-key": f"{name}-1"})
    assert status == 200, told
    projected("o-77", before)


def lived() -> Body:
    """An order that was shipped, in part taken back, and has outgrown its item."""
    first = placed()
    parts = {part["method"]: part["fulfillment_id"] for part in first["fulfillments"]}
    step("accept_fulfillment", parts["ship"], "accept")
    step("ship_fulfillment", parts["ship"], "ship", carrier="UPS", tracking="TRACK-77")
    before = projected("o-77")
    back = {
        "lines": [{"line_id": "1", "quantity": 1, "condition": "sellable", "reason": "freewords77"}]
    }
    returned = {"location_id": "denver", **back}
    status, told = call("return_order", "/v1/orders/o-77/returns", body=returned)
    assert status == 200, told
    projected("o-77", before)
    return first


def erase(jobs: Jobs, profile_id: str) -> None:
    assert ask_customers("erase", profile_id=profile_id)[0] == 202
    assert jobs.work() == []
    projected("o-77")


def everything() -> str:
    """All tables, with what is packed in them."""
    rows = [row for made in TABLES for row in shop.items(made.name)]
    packed = [
        zlib.decompress(value)
        for row in rows
        for value in (*row.values(), *(row.get("decisions") or ()))
        if isinstance(value, bytes) and "decision" in str(row.keys())
    ]
    return (str(rows) + str(packed)).casefold()


def of_person(profile_id: str) -> list[str]:
    """Where the id stands beside its tombstone, its closed wallet, its job and who has read of the
    person."""
    closed = {f"WALLET#{profile_id} POINTS", f"AGAIN#{profile_id} BOUGHT"}
    rows = [row for made in TABLES for row in shop.items(made.name)]
    return [
        f"{row['pk']} {row['sk']}"
        for row in rows
        if profile_id in str(row).replace(f"PROFILE#{profile_id}', 'sk': 'PROFILE'", "")
        and row["pk"].partition("#")[0] not in {"JOB", "AUDIT"}
        and not ("closed_at" in row and f"{row['pk']} {row['sk']}" in closed)
    ]


def test_an_order_keeps_what_books_need_and_loses_the_person(jobs: Jobs) -> None:
    first = lived()
    before = store.with_past(projected("o-77"))
    assert set(TOLD) <= {value for value in TOLD if value in everything()}
    erase(jobs, first["profile_id"])
    left = everything()
    assert [value for value in TOLD if value in left] == []
    assert of_person(first["profile_id"]) == []
    after = store.with_past(projected("o-77"))
    model.check(after)
    assert after.lines == before.lines
    assert after.placed_at == before.placed_at
    (payment,) = after.payments
    assert (replace(payment, reference="pay-77"),) == before.payments
    assert [found.state for found in after.fulfillments] == [
        found.state for found in before.fulfillments
    ]
    assert [entry.event for entry in after.history] == [
        *(entry.event for entry in before.history),
        "order.erased",
    ]
    assert after.ship_to is not None
    assert (after.ship_to.country, after.ship_to.postal_code) == ("US", "802")
    due = [entry.detail["amount"] for entry in after.history if entry.event == "refund.due"]
    assert due == [
        entry.detail["amount"] for entry in before.history if entry.event == "refund.due"
    ]
    assert due
    shop.laws()


def test_the_ledger_and_its_archive_name_orders_and_nobody(jobs: Jobs) -> None:
    """So they stay as they are, for ever: what an order did to a position goes into both."""
    lived()
    rows = [row for row in shop.items("stock") if "o-77" in str(row)]
    assert rows
    told = str(rows).casefold()
    assert [value for value in TOLD if value in told] == []


def test_all_orders_of_the_person_have_one_pseudonym_that_leads_nowhere(jobs: Jobs) -> None:
    first = placed()
    placed("k-2", order_id="o-78")
    erase(jobs, first["profile_id"])
    names = {order.buyer.profile_id for order in shop.all_orders()}
    (pseudonym,) = names
    assert pseudonym is not None
    assert pseudonym.startswith("erased-")
    assert customers.profile_exists(pseudonym) is None
    others = [row for row in shop.items("customers") if pseudonym in str(row)]
    assert others == []


def test_a_replay_of_a_request_of_the_erased_is_told_the_first_answer_without_them(
    jobs: Jobs,
) -> None:
    first = lived()
    erase(jobs, first["profile_id"])
    again = placed()
    assert again["profile_id"].startswith("erased-")
    assert "reference" not in again["payment"]
    for told in (first, again):
        told.pop("profile_id")
        told["payment"].pop("reference", None)
        told["payments"][0].pop("reference", None)
        for name in ("ship_to", "bill_to", "collector"):
            assert (name in told) == (told is first)
            told.pop(name, None)
    assert again == first


@pytest.mark.parametrize("room", [0, 8])
def test_a_decision_of_the_erased_says_that_it_cannot_be_run_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(erasing, "ROOM", room)
    first = placed()
    status, decision = call("get_decision", "/v1/orders/o-77/decision")
    assert status == 200
    erase(jobs, first["profile_id"])
    status, told = call("get_decision", "/v1/orders/o-77/decision")
    assert (status, told["code"]) == (410, "gone")
    assert told["plan"]["units"] == decision["plan"]["units"]
    assert told["policy_version"] == decision["policy_version"]
    assert [row["sk"] for row in shop.items("orders") if row["sk"].startswith("DECISION")] == []
    assert list(shop.all_orders()[0].decisions) != []


def test_an_open_order_of_the_erased_is_served_and_stays_without_them(jobs: Jobs) -> None:
    first = placed(lines=[request_line("A", 2)])
    erase(jobs, first["profile_id"])
    order = projected("o-77")
    assert order.ship_to is not None
    assert (order.ship_to.latitude, order.ship_to.longitude) == (40.0, -105.0)
    (part,) = order.fulfillments
    lost = [model.Rejection("1", 2, "damaged")]
    changing.change(
        "o-77",
        lambda one: model.reject(one, part.fulfillment_id, lost, {}, now=shop.NOW, actor="store"),
        shop.NOW,
    )
    (open_one,) = [one for one in projected("o-77").fulfillments if one.is_open]
    assert open_one.location_id != part.location_id
    for verb, more in (("accept", {}), ("ship", {"carrier": "UPS", "tracking": "TRACK-77"})):
        step(f"{verb}_fulfillment", open_one.fulfillment_id, verb, **more)
    assert projected("o-77").state == "fulfilled"
    assert [value for value in TOLD if value in everything()] == []
    shop.laws()


def test_an_order_of_a_hold_to_a_postal_code_loses_both(jobs: Jobs) -> None:
    """Its coordinates are the code's, and its plan was promised with the hold."""
    cart = {"lines": [{"sku": "A", "quantity": 2}], "ship_to": CODE}
    _, promise = call("promise", body=cart)
    option = next(one for one in promise["options"] if one.get("service_level") == "standard")
    held = {**cart, "as_of": promise["as_of"], "option": option}
    status, hold = call("hold_promise", body=held, headers={"idempotency-key": "p-1"})
    assert status == 201, hold
    line = [request_line("A", 2)]
    first = placed(hold_id=hold["hold_id"], lines=line, ship_to=CODE, service_level="standard")
    locations.locations_cache.clear()  # another function knows nothing yet
    erase(jobs, first["profile_id"])
    order = projected("o-77")
    assert order.ship_to == model.DeliveryPlace("803", "US", 40.0, -105.0)
    (row,) = [row for row in shop.items("stock") if row["sk"] == "HOLD"]
    assert "promise" not in row
    assert "payment_reference" not in row
    shop.laws()


def request_line(sku: str, quantity: int) -> Body:
    first: Body = json.loads(request("orders/place_order")["body"])["lines"][0]
    return {**first, "sku": sku, "quantity": quantity}


def test_an_order_that_follows_its_record_is_found_under_another_profile(jobs: Jobs) -> None:
    """Placed while the record was with somebody else, and taken out with the record since."""
    first = placed()
    phone = {"phone": "+14155552671"}
    other = {**CUSTOMER, "source_id": "account-5", "identifiers": phone, "attributes": {}}
    second = placed("k-2", order_id="o-78", customer=other)
    merged = customers.merge(
        first["profile_id"],
        second["profile_id"],
        Act("ops", shop.NOW, "one person"),
        shop.request("merge"),
    )
    third = placed("k-3", order_id="o-79", customer=other)
    assert third["profile_id"] == merged.profile_id
    leaves = customers.unmerge(
        merged.profile_id,
        ("web", "account-5"),
        "new",
        Act("ops", shop.NOW, "two"),
        shop.request("u"),
    )[1]
    erase(jobs, leaves)
    kept = {order.order_id: order.buyer.profile_id or "" for order in shop.all_orders()}
    gone = {name for name, buyer in kept.items() if buyer.startswith("erased-")}
    stays = {name for name in kept if name not in gone}
    mine = "o-78" if leaves == second["profile_id"] else "o-77"
    assert mine in gone
    assert "o-79" in (gone if mine == "o-78" else stays)


def test_the_account_of_the_erased_buys_again(jobs: Jobs) -> None:
    """It was refused for ever."""
    first = placed()
    erase(jobs, first["profile_id"])
    again = placed("k-2", order_id="o-78")
    assert again["profile_id"] != first["profile_id"]
    assert customers.find(again["profile_id"]).records[0].record.source_id == "account-77"
    status, told = call(
        "place_order",
        body={"customer": {"profile_id": first["profile_id"]}},
        headers={"idempotency-key": "k-3"},
    )
    assert (status, told["code"]) == (410, "gone")


def test_an_order_that_is_not_stored_before_the_erasure_is_refused_and_placed_anew(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is erased between the look at who it is and the order's transaction: nothing is
    stored under the old profile, and the same request once more is of a new account."""
    first = placed()
    commit = store.commit

    def erased_before(*args: Any, **more: Any) -> Any:
        ask_customers("erase", profile_id=first["profile_id"])
        return commit(*args, **more)

    headers = {"idempotency-key": "k-2"}
    body = {"order_id": "o-78", "customer": CUSTOMER, "ship_to": HOME}
    with monkeypatch.context() as raced:
        raced.setattr(store, "commit", erased_before)
        status, told = call("place_order", body=body, headers=headers)
    assert (status, told["code"]) == (410, "gone")
    assert [order.order_id for order in shop.all_orders()] == ["o-77"]
    for done in (False, True):
        status, second = call("place_order", body=body, headers=headers)
        assert status == 201
        assert second["profile_id"] != first["profile_id"]
        if not done:
            assert jobs.work() == []
    assert customers.profile_exists(second["profile_id"]) == second["profile_id"]
    shop.laws()


def test_a_label_is_erased_with_its_document(jobs: Jobs) -> None:
    order = placed()
    (part, *_) = order["fulfillments"]
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="labels", CreateBucketConfiguration=where)
    reference = labels.reference_of(part["fulfillment_id"], 1)
    begun = labels.begin(reference, shop.NOW, None)
    assert begun is not None
    label = Label("l-1", "UPS", "track-77", 770, "USD", b"")
    assert labels.note_label(begun, label, b"%PDF Zoe Quill")
    assert labels.document(reference) == b"%PDF Zoe Quill"
    erase(jobs, order["profile_id"])
    assert labels.document(reference) is None
    assert not [row for row in shop.items("orders") if row["sk"].startswith("LABEL#")]
    # A buyer who is still at work leaves nothing behind.
    assert not labels.note_label(begun, label, b"%PDF Zoe Quill")
    assert labels.document(reference) is None


def test_a_paused_order_loses_the_words_of_its_pauses_and_is_found_by_no_contact(
    jobs: Jobs,
) -> None:
    pause = {"kind": "fraud", "reason": "FreeWords77", "owner": "risk team"}
    first = placed(pauses=[pause])
    assert first["pauses"][0]["reason"] == "FreeWords77"
    contacts = [row for row in shop.items("search") if row["sk"].startswith("CONTACT#")]
    assert len(contacts) == 2
    before = projected("o-77")
    assert before.buyer_keys
    erase(jobs, first["profile_id"])
    after = projected("o-77", before)
    assert (after.buyer_keys, after.contact_keys, after.is_paused) == ((), (), True)
    assert after.pauses[0].owner == "risk team"
    left = everything()
    assert [value for value in TOLD if value in left] == []
    assert of_person(first["profile_id"]) == []
    assert not [
        row for row in shop.items("search") if row["sk"][:8] == "CONTACT#" and "term" in row
    ]
    assert before.buyer_keys[0] not in str(shop.items("search") + shop.items("orders"))
