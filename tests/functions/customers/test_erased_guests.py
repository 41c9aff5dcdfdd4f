"""Orders of guests: the person is erased from one order, as customers are from theirs."""

from typing import Any

import pytest

from functions.orders import api
from shared.aws.clients import client
from shared.carriers.model import Label
from shared.orders import erasing, model, store
from shared.orders.contract.events import of_change
from shared.orders.store import labels
from tests.functions.customers import test_erased_orders as profiles
from tests.functions.customers.conftest import Jobs
from tests.functions.customers.test_erased_orders import TOLD, call, everything, projected, step
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
PATH = "/v1/orders/o-77/erase"
ERASES = "norain/channel:web norain/customers:erase"
TOLD_BY_A_GUEST = tuple(word for word in TOLD if word != "account-77")


@pytest.fixture(autouse=True)
def stocked(jobs: Jobs, environment: pytest.MonkeyPatch) -> None:
    environment.setattr("shared.orders.store.decisions.INLINE", 0)
    environment.setattr("shared.orders.store.orders.MOST_IN_ORDER", 500)
    shop.stocked({"A": {"denver": 9, "boulder": 9, "omaha": 9}, "B": {"denver": 9}})
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="labels", CreateBucketConfiguration=where)


def placed(**more: Any) -> Body:
    return profiles.placed(customer=None, **more)


def lived() -> Body:
    """An order with a pause, a note, a label, a parcel and a return."""
    pause = {"kind": "manual", "reason": "FreeWords77", "owner": "risk team"}
    first = placed(pauses=[pause])
    path = f"/v1/orders/o-77/pauses/{first['pauses'][0]['pause_id']}/release"
    assert call("release_pause", path, headers={"idempotency-key": "pr"})[0] == 200
    note = {"text": "FreeWords77 of Zoe"}
    assert call("record_note", "/v1/orders/o-77/notes", body=note)[0] == 200
    parts = {part["method"]: part["fulfillment_id"] for part in first["fulfillments"]}
    step("accept_fulfillment", parts["ship"], "accept")
    labelled(parts["ship"])
    step("ship_fulfillment", parts["ship"], "ship", carrier="UPS", tracking="TRACK-77")
    back = {"line_id": "1", "quantity": 1, "reason": "freewords77"}
    body = {"lines": [back], "photos": ["https://photos.example/quill.jpg"]}
    status, told = call("open_return", "/v1/orders/o-77/returns/authorize", body=body)
    assert status == 200, told
    projected("o-77")
    return first


def labelled(fulfillment_id: str) -> str:
    reference = labels.reference_of(fulfillment_id, 1)
    begun = labels.begin(reference, shop.NOW, None)
    assert begun is not None
    label = Label("l-1", "UPS", "track-77", 770, "USD", b"")
    assert labels.note_label(begun, label, b"%PDF Zoe Quill")
    return reference


def erase(expected: int = 200, scope: str = ERASES) -> Body:
    made = request("orders/erase_order", path=PATH, scope=scope)
    status, answer = answered(api.handler(made, None))
    assert status == expected, answer
    return answer


def left() -> list[str]:
    stored = everything()
    return [value for value in TOLD_BY_A_GUEST if value in stored]


def test_an_order_keeps_what_books_need_and_loses_the_guest() -> None:
    first = lived()
    before = store.with_past(projected("o-77"))
    assert left() == list(TOLD_BY_A_GUEST)
    reference = labels.reference_of(before.fulfillments[0].fulfillment_id, 1)
    answer = erase()
    after = store.with_past(projected("o-77"))
    assert left() == []
    assert "quill" not in everything()
    assert not [row for row in shop.items("orders") if row["sk"].startswith("LABEL#")]
    assert labels.document(reference) is None
    model.check(after)
    assert after.lines == before.lines
    assert [entry.event for entry in after.history] == [
        *(entry.event for entry in before.history),
        "order.erased",
    ]
    assert after.history[-1].actor == "web-client"
    assert after.ship_to is not None
    assert (after.ship_to.country, after.ship_to.postal_code) == ("US", "802")
    assert answer["profile_id"].startswith("erased-")
    assert answer == {
        "order_id": "o-77",
        "profile_id": after.buyer.profile_id,
        "version": after.version,
    }
    rows = [row for row in shop.items("search") if row["sk"].startswith(("CONTACT#", "PAYMENT#"))]
    assert len(rows) == 2
    assert not [row for row in rows if "term" in row]
    again = placed(pauses=[{"kind": "manual", "reason": "FreeWords77", "owner": "risk team"}])
    assert not {"ship_to", "bill_to", "collector"} & again.keys()
    assert again["lines"] == first["lines"]
    shop.laws()


def test_a_repeated_erasure_changes_nothing() -> None:
    placed()
    first = erase()
    stored = shop.items("orders")
    assert erase() == first
    assert shop.items("orders") == stored


def test_an_erasure_that_broke_off_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    placed()
    with monkeypatch.context() as broken:
        broken.setattr(erasing, "_order_part", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erasing.erase_guest("o-77", lambda _: None, shop.NOW, "ops")
    assert left() != []
    erase()
    projected("o-77")
    assert left() == []


def test_an_open_order_of_a_guest_is_served_and_stays_without_the_guest() -> None:
    first = placed(lines=[profiles.request_line("A", 2)])
    erase()
    (part,) = first["fulfillments"]
    for verb, more in (("accept", {}), ("ship", {"carrier": "UPS", "tracking": "TRACK-77"})):
        step(f"{verb}_fulfillment", part["fulfillment_id"], verb, **more)
    assert projected("o-77").state == "fulfilled"
    assert left() == []
    shop.laws()


def test_other_systems_are_told() -> None:
    placed()
    before = projected("o-77")
    answer = erase()
    (event,) = of_change(before, projected("o-77"))
    assert (event["type"], event["data"]["profile_id"]) == ("order.erased", answer["profile_id"])
    assert event["data"]["actor"] == "web-client"


def test_only_an_order_of_a_guest_is_erased_alone_and_by_who_may() -> None:
    assert erase(404)["code"] == "not_found"
    order = profiles.placed()
    problem = erase(409)
    assert (problem["code"], problem["profile_id"]) == ("conflict", order["profile_id"])
    assert erase(403, "norain/channel:pos norain/customers:erase")["code"] == "forbidden"
    assert projected("o-77").buyer.profile_id == order["profile_id"]
