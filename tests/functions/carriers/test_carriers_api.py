"""Labels, documents, and what carriers report, through the API: from an order to its claim."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.carriers import api as carriers_api
from functions.orders import api, project_fulfillments
from shared.aws.clients import client
from shared.aws.items import to_item
from shared.carriers.model import local
from shared.instants import rfc3339
from shared.locations import store as locations
from shared.orders import store
from shared.orders.store import labels
from tests.support import shop
from tests.support.carriers import (
    KEYS,
    easypost_message,
    easypost_shipment,
    provider,
    signed,
)
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
SELLER = "norain/orders:write norain/cards:read norain/channel:web"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="labels", CreateBucketConfiguration=where)
    shop.stocked({"A": {"denver": 5, "boulder": 5}})


def call(name: str, body: Body | None = None, path: str | None = None, **more: Any) -> Any:
    area, _, _ = name.partition("/")
    handler = carriers_api if area == "carriers" else api
    name = name if "/" in name else f"orders/{name}"
    return answered(handler.handler(request(name, body=body, path=path, **more), None))


def document(name: str, path: str | None = None, **more: Any) -> tuple[int, bytes, str]:
    made = carriers_api.handler(request(f"orders/{name}", path=path, **more), None)
    content = base64.b64decode(made["body"]) if made.get("isBase64Encoded") else made["body"]
    return int(made["statusCode"]), content, made["headers"]["Content-Type"]


def accepted(units: int = 2, **more: Any) -> str:
    """The id of a fulfillment that a location has accepted."""
    line = {
        "line_id": "1",
        "sku": "A",
        "quantity": units,
        "unit_price": {"amount": 1000, "currency": "USD"},
        "method": "ship",
    }
    status, order = call("place_order", {"lines": [line], **more}, scope=SELLER)
    assert status == 201, order
    (part,) = order["fulfillments"]
    acted(part["fulfillment_id"], "accept")
    name: str = part["fulfillment_id"]
    return name


def acted(name: str, action: str, body: Body | None = None, event: str | None = None) -> Body:
    path = f"/v1/fulfillments/{name}/{action}"
    headers = {"idempotency-key": f"{action}-{name}"}
    event = event or f"{action}_fulfillment"
    status, answer = call(event, body, path, headers=headers)
    assert status == 200, answer
    shop.laws()
    order: Body = answer
    return order


def shipped(tracking: str = "1Z999", **more: Any) -> str:
    name = accepted(**more)
    acted(name, "ship", {"carrier": "UPS", "tracking": tracking})
    return name


def bought(name: str, body: Body | None = None, key: str = "label") -> tuple[int, Body]:
    made = request(
        "orders/buy_label",
        body=body,
        path=f"/v1/fulfillments/{name}/label",
        headers={"idempotency-key": key},
    )
    return answered(carriers_api.handler(made, None))


def reported(status: str, tracking: str = "1Z999", at: datetime | None = None) -> Body:
    row = {
        "id": f"{tracking}-{status}",
        "tracking": tracking,
        "carrier": "UPS",
        "status": status,
        "at": rfc3339(at or datetime.now(UTC)),
    }
    code, answer = call("carriers/report_parcels", {"events": [row]})
    assert code == 200, answer
    shop.laws()
    counts: Body = answer
    return {name: count for name, count in counts.items() if count}


def part(name: str) -> Body:
    order_id = store.order_of_fulfillment(name)
    _, order = call("get_order", path=f"/v1/orders/{order_id}")
    return next(row for row in order["fulfillments"] if row["fulfillment_id"] == name)


def projected(name: str) -> None:
    """The stream of the order whose fulfillment it is, as its worker reads it."""
    order_id = store.order_of_fulfillment(name)
    documents = [row for row in shop.items("orders") if row["sk"] == "ORDER"]
    (row,) = [row for row in documents if row["order_id"] == order_id]
    record = {
        "eventID": order_id,
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
            "NewImage": to_item(row),
            "SequenceNumber": "1",
        },
    }
    assert project_fulfillments.handler({"Records": [record]}, None) == {"batchItemFailures": []}


def test_a_label_is_bought_stored_and_printed() -> None:
    name = accepted()
    status, answer = bought(name)
    assert status == 200, answer
    assert local.is_tracking_number(answer["tracking"])
    assert answer["cost"]["currency"] == "USD"
    assert (part(name)["carrier"], part(name)["tracking"]) == ("Local", answer["tracking"])
    path, _, query = answer["document_url"].partition("?")
    assert query == "number=1"
    status, content, media = document("get_label", path, query={"number": "1"})
    assert (status, media) == (200, "application/pdf")
    assert content.startswith(b"%PDF")
    assert len(content) < 60_000
    # A parcel with a label is shipped without naming it again.
    order = acted(name, "ship", {"carrier": None, "tracking": None})
    assert order["fulfillments"][0]["tracking"] == answer["tracking"]
    assert reported("delivered", answer["tracking"].lower()) == {"applied": 1}


def test_a_label_is_bought_once() -> None:
    name = accepted()
    first = bought(name)
    assert bought(name) == first  # the same request
    assert bought(name, key="another")[1] == first[1]
    second = bought(name, {"number": 2}, key="second")[1]
    assert second["tracking"] != first[1]["tracking"]
    assert part(name)["tracking"] == second["tracking"]


def test_a_purchase_that_broke_off_is_looked_up() -> None:
    """EasyPost sold the label, and its answer was lost."""
    name = accepted()
    lost = OSError("the connection was lost")
    with provider("easypost", (201, easypost_shipment()), lost) as asked:
        status, problem = bought(name)
        assert (status, problem["code"]) == (503, "carrier_unavailable")
    assert asked.asked[0].body["shipment"]["reference"] == f"{name}.1"
    script = ((200, easypost_shipment(bought=True)), (200, b"%PDF-1.4 label"))
    with provider("easypost", *script) as asked:
        status, answer = bought(name)
        assert (status, answer["tracking"]) == (200, "9400100000000000000001")
        assert asked.routes == [
            "GET api.easypost.com/v2/shipments/shp_1",
            "GET files.example.com/1.pdf",
        ]
        assert document("get_label", f"/v1/fulfillments/{name}/label")[1] == b"%PDF-1.4 label"


def test_a_purchase_under_way_is_not_made_twice() -> None:
    name = accepted()
    now = datetime.now(UTC)
    reference = labels.reference_of(name, 1)
    begun = labels.begin(reference, now, None)
    assert begun is not None
    assert labels.begin(reference, now, None) is None
    status, problem = bought(name)
    assert (status, problem["code"]) == (503, "busy")
    later = now + timedelta(minutes=3)
    found = labels.find_purchase(reference)
    assert labels.is_free(found, later)
    assert labels.begin(reference, later, found) is not None
    assert not labels.note_rate(begun, "late")  # the first buyer has lost the lease


def test_what_the_carrier_refuses_may_be_tried_again() -> None:
    name = accepted()
    refused = (422, {"error": {"message": "Invalid to_address"}})
    with provider("easypost", refused):
        status, problem = bought(name)
        assert (status, problem["code"]) == (409, "carrier_refused")
        assert problem["detail"] == "Invalid to_address"
    script = ((201, easypost_shipment()), (200, easypost_shipment(bought=True)), (200, b"%PDF"))
    with provider("easypost", *script):
        assert bought(name)[0] == 200


def test_a_parcel_that_is_too_heavy_is_refused() -> None:
    package = {"grams": 30_001, "length_mm": 300, "width_mm": 200, "height_mm": 100}
    status, problem = bought(accepted(), {"package": package})
    assert (status, problem["code"]) == (409, "carrier_refused")


def test_a_label_needs_a_state_and_an_address() -> None:
    name = accepted()
    status, problem = bought(name, {"recipient": None})
    assert (status, problem["code"]) == (409, "conflict")
    assert paths(problem) == {"$.recipient"}
    acted(name, "ship", {"carrier": "UPS", "tracking": "1Z999"})
    status, problem = bought(name)
    assert (status, problem["code"]) == (409, "invalid_transition")
    status, problem = bought("o-none.1")
    assert status == 404


def test_shipping_without_a_label_names_the_carrier() -> None:
    name = accepted()
    path = f"/v1/fulfillments/{name}/ship"
    status, problem = call("ship_fulfillment", {"tracking": None}, path)
    assert (status, paths(problem)) == (422, {"$.tracking"})


def test_labels_are_read_at_their_location() -> None:
    name = accepted()
    bought(name)
    path = f"/v1/fulfillments/{name}/label"
    status, _, _ = document("get_label", path, query={"number": "2"})
    assert status == 404
    scope = "norain/channel:all norain/fulfillments:read"
    assert document("get_label", path, scope=scope)[0] == 403
    labels.delete_documents([labels.reference_of(name, 1)])
    assert document("get_label", path)[0] == 410


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_slips_and_lists_are_printed_in_the_language_of_the_location(language: str) -> None:
    name = accepted()
    location = part(name)["location_id"]
    locations.put(replace(shop.PLACES[location], language=language))  # type: ignore[arg-type]
    status, slip, media = document("get_packing_slip", f"/v1/fulfillments/{name}/packing-slip")
    assert (status, media) == (200, "application/pdf")
    projected(name)
    query = {"location_id": location}
    status, picks, media = document("print_pick_list", query=query)
    assert (status, media) == (200, "application/pdf")
    empty = document("print_pick_list", query={**query, "state": "packed"})[1]
    for content in (slip, picks, empty):
        assert content.startswith(b"%PDF")
        assert len(content) < 60_000
        assert f"/Lang ({language})".encode() in content
    assert len(picks) > len(empty)


def test_a_lost_parcel_is_sent_again() -> None:
    name = shipped()
    assert reported("in_transit") == {"applied": 1}
    assert reported("lost") == {"applied": 1}
    found = part(name)
    assert (found["state"], found["allowed"]) == ("lost", ["claim"])
    assert found["claim"]["owner"] == "customer_service"
    order = acted(name, "claim", {"resolution": "resend"}, "resolve_claim")
    lost, again = order["fulfillments"]
    assert (lost["state"], again["state"]) == ("resent", "offered")
    assert order["lines"][0]["open"] == 2
    assert reported("delivered") == {"unchanged": 1}


def test_a_lost_parcel_is_refunded() -> None:
    name = shipped()
    reported("lost")
    order = acted(name, "claim", {"resolution": "refund"}, "resolve_claim")
    assert order["lines"][0]["cancelled"] == 2
    status, problem = call(
        "resolve_claim",
        {"resolution": "resend"},
        f"/v1/fulfillments/{name}/claim",
        headers={"idempotency-key": "second agent"},
    )
    assert (status, problem["code"], problem["state"]) == (409, "invalid_transition", "refunded")


def test_a_returned_parcel_comes_back_to_the_shelf() -> None:
    name = shipped()
    location = part(name)["location_id"]
    assert reported("returned_to_sender") == {"applied": 1}
    assert part(name)["allowed"] == ["receive"]
    acted(name, "receive", event="receive_parcel")
    assert shop.counts("A", location) == (4, 0, 4, 1)
    order = acted(name, "claim", {"resolution": "refund"}, "resolve_claim")
    assert order["state"] == "cancelled"


def test_an_event_before_our_own_shipment_is_kept() -> None:
    assert reported("delivered", "1Z1") == {"kept": 1}
    assert reported("delivered", "1Z1") == {"kept": 1}
    name = shipped("1Z1")
    projected(name)
    assert part(name)["state"] == "delivered"
    rows = [row for row in shop.items("orders") if row["sk"].startswith("EARLY#")]
    assert rows == []
    assert reported("delivered", "1z-1") == {"unchanged": 1}
    assert not any("1Z1" in row["pk"] for row in shop.items("orders"))


def test_a_report_is_not_dated_ahead() -> None:
    row = {
        "id": "1",
        "tracking": "1Z",
        "carrier": "UPS",
        "status": "lost",
        "at": rfc3339(datetime.now(UTC) + timedelta(hours=1)),
    }
    status, problem = call("carriers/report_parcels", {"events": [row]})
    assert (status, problem["code"]) == (422, "from_the_future")
    scope = "norain/channel:web norain/parcels:write"
    row["at"] = rfc3339(datetime.now(UTC))
    assert call("carriers/report_parcels", {"events": [row]}, scope=scope)[0] == 403


def heard(message: Body, headers: dict[str, str]) -> tuple[int, Body]:
    made = request("carriers/hear_provider", headers=headers)
    made["body"] = json.dumps(message)
    return answered(carriers_api.handler(made, None))


def test_a_provider_reports_by_its_webhook() -> None:
    name = shipped("9400100000000000000001")
    message = easypost_message("delivered", "2026-11-23T15:04:00Z")
    headers, body = signed(message)
    with provider("easypost"):
        status, problem = heard(message, {})
        assert (status, problem["code"]) == (401, "unsigned")
        assert part(name)["state"] == "shipped"
        assert heard(message, headers) == (200, {"applied": 1, "unchanged": 0, "kept": 0})
        assert heard(message, headers) == (200, {"applied": 0, "unchanged": 1, "kept": 0})
        made = request("carriers/hear_provider", headers=headers)
        made |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        assert carriers_api.handler(made, None)["statusCode"] == 200
    assert part(name)["state"] == "delivered"
    assert heard(message, headers)[0] == 404  # the local carrier sends no messages


def test_the_carrier_is_asked_when_a_report_is_missing() -> None:
    name = accepted()
    path = f"/v1/fulfillments/{name}/track"
    made = request("orders/track_parcel", path=path)
    assert answered(carriers_api.handler(made, None))[0] == 409
    acted(name, "ship", {"carrier": "USPS", "tracking": "9400100000000000000001"})
    tracker = easypost_message("delivered", "2026-11-23T15:04:00Z")["result"]
    with provider("easypost", (200, {"trackers": [tracker]}), (200, {"trackers": []})):
        made = request("orders/track_parcel", path=path)
        assert answered(carriers_api.handler(made, None)) == (
            200,
            {"applied": 1, "unchanged": 0, "kept": 0},
        )
        made = request("orders/track_parcel", path=path)
        assert answered(carriers_api.handler(made, None))[1]["applied"] == 0
    assert part(name)["state"] == "delivered"


def test_the_secret_of_the_webhook_is_not_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with provider("easypost", (401, {"error": {"message": "wrong key"}})):
        bought(accepted())
        heard({}, {})
    text = "".join(str(record.__dict__) for record in caplog.records)
    assert "answered" in text
    for secret in KEYS.values():
        assert secret not in text
