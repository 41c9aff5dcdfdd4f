"""What is asked of a provider, and what its answers mean. The provider answers from a script."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3

from shared.carriers import port
from shared.carriers.model import Label, Rate
from shared.errors import CarrierRefused, CarrierUnavailable, InvalidRequest, NotFound, Unsigned
from tests.support.carriers import (
    CONSIGNMENT,
    KEYS,
    easypost_message,
    easypost_shipment,
    provider,
    shippo_message,
    shippo_rate,
    shippo_transaction,
    signed,
)

LOST = urllib3.exceptions.ProtocolError("the connection was lost")
AT = datetime(2026, 11, 23, 15, 4, tzinfo=UTC)


def test_easypost_rates_a_shipment_with_our_reference() -> None:
    with provider("easypost", (201, easypost_shipment())) as asked:
        rates = port.rate(CONSIGNMENT)
    assert rates[0] == Rate("shp_1/rate_1", "USPS", "Priority", 733, "USD", days=2)
    assert rates[1].amount == 2640
    ((method, url, body, headers),) = asked.asked
    assert (method, url) == ("POST", "https://api.easypost.com/v2/shipments")
    assert headers["authorization"] == "Basic a2V5LWZvci10ZXN0czo="  # the key as the user
    shipment = body["shipment"]
    assert shipment["reference"] == "o-1.1.1"
    assert shipment["parcel"] == {"weight": 42.3, "length": 11.8, "width": 7.9, "height": 3.9}
    assert shipment["to_address"] == {
        "name": "Ana Núñez",
        "street1": "9 Elm St",
        "street2": "Apt 4",
        "city": "Omaha",
        "state": "NE",
        "zip": "68102",
        "country": "US",
        "phone": "+14025550100",
    }


def test_easypost_sells_a_label() -> None:
    with provider("easypost", (200, easypost_shipment(bought=True))) as asked:
        made = port.label("shp_1/rate_1", CONSIGNMENT)
    assert made == Label(
        "pl_1",
        "USPS",
        "9400100000000000000001",
        733,
        "USD",
        "https://files.example.com/1.pdf",
        service="Priority",
        tracking_url="https://track.example.com/1",
    )
    assert asked.routes == ["POST api.easypost.com/v2/shipments/shp_1/buy"]
    assert asked.asked[0].body == {"rate": {"id": "rate_1"}}


def test_a_second_purchase_at_easypost_gets_the_first_label() -> None:
    refused = {"error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "Postage already exists"}}
    with provider("easypost", (422, refused), (200, easypost_shipment(bought=True))) as asked:
        assert port.label("shp_1/rate_1", CONSIGNMENT).tracking == "9400100000000000000001"
    assert asked.routes[1] == "GET api.easypost.com/v2/shipments/shp_1"


def test_shippo_rates_and_sells_with_our_reference() -> None:
    script = (
        (201, {"rates": [shippo_rate()], "messages": []}),
        (201, shippo_transaction()),
        (200, shippo_rate()),
    )
    with provider("shippo", *script) as asked:
        (rate,) = port.rate(CONSIGNMENT)
        made = port.label(rate.rate_id, CONSIGNMENT)
    assert rate == Rate("rate-1", "UPS", "ups_ground", 850, "USD", days=3)
    assert (made.carrier, made.tracking, made.amount) == ("UPS", "1Z0000000000000001", 850)
    assert asked.asked[0].headers["authorization"] == "ShippoToken key-for-tests"
    assert asked.asked[0].body["parcels"][0]["weight"] == "1200"
    assert asked.asked[1].body == {
        "rate": "rate-1",
        "label_file_type": "PDF_4x6",
        "metadata": "o-1.1.1",
        "async": False,
    }


def test_what_was_bought_of_shippo_is_looked_up_by_its_rate() -> None:
    failed = {"results": [shippo_transaction("ERROR")]}
    done = {"results": [shippo_transaction("ERROR"), shippo_transaction()]}
    under_way = {"results": [shippo_transaction("QUEUED")]}
    script = ((200, failed), (200, done), (200, shippo_rate()), (200, under_way))
    with provider("shippo", *script) as asked:
        assert port.bought("rate-1", CONSIGNMENT) is None
        found = port.bought("rate-1", CONSIGNMENT)
        assert found is not None
        assert found.label_id == "tra-1"
        with pytest.raises(CarrierUnavailable):
            port.bought("rate-1", CONSIGNMENT)
    assert asked.routes[0] == "GET api.goshippo.com/transactions/?rate=rate-1"


def test_what_was_bought_of_easypost_is_looked_up_by_its_shipment() -> None:
    with provider("easypost", (200, easypost_shipment())):
        assert port.bought("shp_1/rate_1", CONSIGNMENT) is None


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("easypost", (422, {"error": {"message": "Invalid to_address"}}), "Invalid to_address"),
        ("easypost", (201, easypost_shipment(rates=[], messages=[{"message": "too big"}])), "big"),
        ("shippo", (400, {"detail": "no such token"}), "no such token"),
        ("shippo", (201, {"rates": [], "messages": [{"text": "no service"}]}), "no service"),
    ],
)
def test_a_refusal_has_the_words_of_the_carrier(
    name: str, answer: tuple[int, Any], words: str
) -> None:
    with provider(name, answer), pytest.raises(CarrierRefused, match=words) as error:
        port.rate(CONSIGNMENT)
    assert error.value.data == {"carrier": name}


@pytest.mark.parametrize("fault", [LOST, (503, {}), (429, {}), (200, b"<html>")])
def test_what_may_be_repeated_is_asked_again(fault: tuple[int, Any] | Exception) -> None:
    with provider("easypost", fault, fault, (201, easypost_shipment())):
        assert len(port.rate(CONSIGNMENT)) == 2
    with provider("easypost", fault, fault, fault), pytest.raises(CarrierUnavailable):
        port.rate(CONSIGNMENT)


@pytest.mark.parametrize("name", ["easypost", "shippo"])
def test_a_purchase_is_asked_once(name: str) -> None:
    with provider(name, LOST) as asked, pytest.raises(CarrierUnavailable):
        port.label("shp_1/rate_1", CONSIGNMENT)
    assert len(asked.asked) == 1


def test_the_document_is_downloaded_over_https_only() -> None:
    label = Label("1", "UPS", "1Z", 1, "USD", "https://files.example.com/2.pdf")
    with provider("shippo", (500, b""), (200, b"%PDF-1.4")):
        assert port.document_of(label) == b"%PDF-1.4"
    with provider("shippo"), pytest.raises(CarrierUnavailable):
        port.document_of(Label("1", "UPS", "1Z", 1, "USD", "http://169.254.169.254/"))


def test_a_signed_message_of_easypost_is_read() -> None:
    headers, body = signed(easypost_message("delivered", "2026-11-23T15:04:00Z"))
    with provider("easypost"):
        (event,) = port.events_of("easypost", headers, {}, body)
    assert (event.status, event.at, event.tracking) == ("delivered", AT, "9400100000000000000001")


def test_a_lost_parcel_is_told_by_the_detail() -> None:
    headers, body = signed(easypost_message("failure", "2026-11-23T15:04:00Z", "lost"))
    with provider("easypost"):
        assert port.events_of("easypost", headers, {}, body)[0].status == "lost"
    message = json.dumps(shippo_message("FAILURE", "2026-11-23T15:04:00Z", "package_lost"))
    with provider("shippo"):
        query = {"token": KEYS["webhook_secret"]}
        (event,) = port.events_of("shippo", {}, query, message.encode())
    assert (event.status, event.place) == ("lost", "Omaha")


def test_shippo_may_sign_instead() -> None:
    body = json.dumps(shippo_message("RETURNED", "2026-11-23T15:04:00Z")).encode()
    secret = KEYS["webhook_secret"].encode()
    digest = hmac.new(secret, b"1700000000." + body, hashlib.sha256).hexdigest()
    headers = {"shippo-auth-signature": f"t=1700000000,v1={digest}"}
    with provider("shippo"):
        (event,) = port.events_of("shippo", headers, {}, body)
        assert event.status == "returned_to_sender"
        with pytest.raises(Unsigned):
            port.events_of("shippo", headers, {"token": KEYS["webhook_secret"]}, body + b" ")


MESSAGE = easypost_message("delivered", "2026-11-23T15:04:00Z")


@pytest.mark.parametrize(
    ("name", "headers", "query"),
    [
        ("easypost", {}, {}),
        ("easypost", {"x-hmac-signature": "hmac-sha256-hex=00"}, {}),
        ("easypost", signed(MESSAGE, "another secret")[0], {}),
        ("easypost", {"x-hmac-signature": "é"}, {}),
        ("shippo", {}, {}),
        ("shippo", {}, {"token": ""}),
        ("shippo", {}, {"token": "wrong"}),
        ("shippo", {"shippo-auth-signature": "t=1"}, {"token": KEYS["webhook_secret"]}),
    ],
)
def test_a_message_that_is_not_signed_is_refused(
    name: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> None:
    with provider(name), pytest.raises(Unsigned):
        port.events_of(name, headers, query, json.dumps(MESSAGE).encode())


def test_no_message_is_signed_with_an_empty_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KEYS, "webhook_secret", "")
    headers, body = signed(MESSAGE, "")
    with provider("easypost"), pytest.raises(Unsigned):
        port.events_of("easypost", headers, {}, body)


def test_only_the_configured_provider_is_heard() -> None:
    headers, body = signed(MESSAGE)
    for configured in ("shippo", "local"):
        with provider(configured), pytest.raises(NotFound):
            port.events_of("easypost", headers, {}, body)
    with provider("local"), pytest.raises(NotFound):
        port.events_of("local", {}, {}, body)


@pytest.mark.parametrize(
    "message", [[], {"result": {"object": "Tracker", "tracking_details": 3}}, {"result": [1]}, "x"]
)
def test_a_signed_message_that_is_no_event_is_refused(message: object) -> None:
    headers, body = signed(message)
    with provider("easypost"), pytest.raises(InvalidRequest):
        port.events_of("easypost", headers, {}, body)


def test_tracking_is_asked_for() -> None:
    tracker = easypost_message("in_transit", "2026-11-23T15:04:00Z")["result"]
    with provider("easypost", (200, {"trackers": [tracker]})) as asked:
        (event,) = port.track("USPS", "9400100000000000000001")
    assert event.status == "in_transit"
    assert "tracking_code=9400100000000000000001" in asked.routes[0]
    track = shippo_message("TRANSIT", "2026-11-23T15:04:00Z", "out_for_delivery")["data"]
    with provider("shippo", (200, track)) as asked:
        (event,) = port.track("UPS", "1Z 1")
    assert event.status == "out_for_delivery"
    assert asked.routes == ["GET api.goshippo.com/tracks/ups/1Z%201"]


def test_the_local_carrier_answers_the_same_each_time() -> None:
    with provider("local"):
        first, *_ = port.rate(CONSIGNMENT)
        made = port.label(first.rate_id, CONSIGNMENT)
        assert port.bought(first.rate_id, CONSIGNMENT) == made
        assert port.track("Local", made.tracking) == ()
        document = port.document_of(made)
    assert document.startswith(b"%PDF")
    assert len(document) < 60_000
