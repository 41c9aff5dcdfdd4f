"""Labels of returns through the API: bought once, followed, and gone with the person."""

from typing import Any

import pytest

from functions.carriers import api as carriers_api
from functions.orders import api as orders_api
from shared.cards import store as cards
from shared.carriers import port
from shared.carriers.model import Consignment, Label
from shared.locations import store as locations
from shared.orders import erasing
from shared.orders.model.erased import Guest
from shared.orders.store import labels
from tests.functions.carriers import test_carriers_api
from tests.functions.carriers.test_carriers_api import call, document, projected, reported, shipped
from tests.support import shop
from tests.support.cards import issued
from tests.support.places import place
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
stocked = test_carriers_api.stocked
SENDER = {
    "name": "Zoe Quill",
    "lines": ["77 Quill Lane"],
    "city": "Denver",
    "region": "CO",
    "postal_code": "80202",
    "country": "US",
}


@pytest.fixture
def consignments(monkeypatch: pytest.MonkeyPatch) -> list[Consignment]:
    """What the carrier is asked to bring."""
    asked: list[Consignment] = []
    sell = port.label

    def noted(rate_id: str, consignment: Consignment) -> Label:
        asked.append(consignment)
        return sell(rate_id, consignment)

    monkeypatch.setattr(port, "label", noted)
    return asked


def opened(payment: Body | None = None, **more: Any) -> Body:
    name = shipped(payment=payment) if payment else shipped()
    lines = [{"line_id": "1", "quantity": 1, "reason": "too small"}]
    path = f"/v1/orders/{name.rpartition('.')[0]}/returns/authorize"
    body = {"lines": lines, "location_id": "boulder", **more}
    status, order = call("open_return", body, path)
    assert status == 200, order
    each: Body = order["returns"][0]
    return each


def bought(each: Body, body: Body | None = None, key: str = "l-1", **more: Any) -> tuple[int, Body]:
    made = request(
        "orders/buy_return_label",
        body={"sender": SENDER, **(body or {})},
        path=f"/v1/returns/{each['return_id']}/label",
        headers={"idempotency-key": key},
        **more,
    )
    return answered(carriers_api.handler(made, None))


def stored(each: Body) -> Body:
    status, answer = call("get_return", path=f"/v1/returns/{each['return_id']}")
    assert status == 200
    found: Body = answer
    return found


def test_a_label_goes_from_the_shopper_to_the_location_and_is_bought_once(
    consignments: list[Consignment],
) -> None:
    lines = ("2 Pearl St",)
    locations.put(place("boulder", lines=lines, city="Boulder", region="CO", postal_code="80302"))
    each = opened()
    status, answer = bought(each)
    assert status == 200, answer
    assert bought(each) == (status, answer)  # the same request
    assert bought(each, key="l-2") == (status, answer)
    (consignment,) = consignments
    assert consignment.sender.lines == ("77 Quill Lane",)
    assert (consignment.recipient.lines, consignment.recipient.postal_code) == (lines, "80302")
    assert stored(each)["tracking"] == answer["tracking"]
    path, _, query = answer["document_url"].partition("?")
    assert query == "number=1"
    status, content, media = document("get_return_label", path)
    assert (status, media, content[:4]) == (200, "application/pdf", b"%PDF")
    second = bought(each, {"number": 2}, key="l-3")[1]
    assert stored(each)["tracking"] == second["tracking"] != answer["tracking"]


def test_the_carrier_s_reports_scan_the_return() -> None:
    each = opened()
    tracking = bought(each)[1]["tracking"]
    assert reported("in_transit", tracking) == {"applied": 1}
    assert stored(each)["state"] == "scanned"
    assert reported("in_transit", tracking) == {"unchanged": 1}
    assert reported("delivered", tracking) == {"unchanged": 1}
    status, problem = bought(each, {"number": 2}, key="l-2")
    assert (status, problem["code"]) == (409, "invalid_transition")


def test_a_scan_gives_back_to_the_card_what_it_gave(environment: pytest.MonkeyPatch) -> None:
    """The report of the carrier makes the refund due here, so its worker books it on the card."""
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    terms = {"times": [], "returns": {"refund_on": "scan"}}
    policy = request("orders/put_order_policy", body=terms)
    assert answered(orders_api.handler(policy, None))[0] == 200
    card, code = issued(5000)
    tender = {"status": "paid", "card": {"code": code, "subject": "s-1"}, "reference": None}
    each = opened(tender)
    assert cards.find(card.card_id).balance == 3000
    tracking = bought(each)[1]["tracking"]
    assert reported("in_transit", tracking) == {"applied": 1}
    assert cards.find(card.card_id).balance == 4000
    assert reported("in_transit", tracking) == {"unchanged": 1}
    assert cards.find(card.card_id).balance == 4000


def test_a_report_that_came_before_the_label_was_noted_counts() -> None:
    each = opened()
    tracking = local_tracking(each)
    assert reported("in_transit", tracking) == {"kept": 1}
    assert bought(each)[1]["tracking"] == tracking
    projected(f"{each['order_id']}.1")
    assert stored(each)["state"] == "scanned"


def local_tracking(each: Body) -> str:
    """The number that the local carrier will give: that of the same label of another table."""
    made: list[str] = []

    def refused(_: object, label: Label, __: bytes) -> bool:
        made.append(label.tracking)
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "note_label", refused)
        status, problem = bought(each, key="l-0")
    assert (status, problem["code"]) == (503, "busy")
    labels.delete_purchase(labels.reference_of(each["return_id"], 1))
    return made[0]


def test_a_label_needs_an_address_a_location_and_the_channel() -> None:
    each = opened()
    status, problem = bought(each, {"sender": None})
    assert (status, problem["code"], paths(problem)) == (409, "conflict", {"$.sender"})
    scope = "norain/orders:write norain/channel:pos"
    assert bought(each, scope=scope)[0] == 403
    assert document("get_return_label", f"/v1/returns/{each['return_id']}/label")[0] == 404
    unknown = {**each, "return_id": f"{each['order_id']}.R9"}
    assert bought(unknown, key="l-9")[0] == 404


def test_a_return_that_is_expected_nowhere_gets_no_label() -> None:
    status, problem = bought(opened(location_id=None))
    assert (status, problem["code"]) == (409, "conflict")
    assert "names no location" in problem["detail"]


def test_nothing_is_bought_or_left_for_an_erased_person() -> None:
    each = opened()
    answer = bought(each)[1]
    assert erasing.erase(each["order_id"], Guest("erased-1"), shop.NOW)
    rows = str(shop.items("orders"))
    assert answer["tracking"] not in rows
    assert "LABEL#" not in rows
    assert document("get_return_label", f"/v1/returns/{each['return_id']}/label")[0] == 404
    status, problem = bought(each, {"number": 2}, key="l-2")
    assert (status, problem["code"]) == (410, "gone")
    assert "LABEL#" not in str(shop.items("orders"))
    shop.laws()
