"""EPCIS events: what they do to stock, and which of them say nothing that is understood."""

import copy
import json
from typing import Any

import pytest

from shared.errors import Refusal
from shared.stock.intake.epcis import events_of
from tests.conftest import EVENTS

LIST = json.loads((EVENTS / "stock/epcis.json").read_text())["epcisBody"]["eventList"]
COUNT, RECEIVED, SOLD, RETURNED, SHIPPED, _ = LIST


def changed(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    new = copy.deepcopy(event) | more
    return {name: value for name, value in new.items() if value is not None}


def only(event: dict[str, Any]) -> dict[str, Any]:
    (found,) = events_of(event)
    return found


def test_an_id_is_the_events_own_and_without_one_its_content() -> None:
    assert only(SOLD)["id"].startswith("urn:uuid:6a1f2f6e-0001-4d2a-9f5a-000000000003/")
    assert only(RETURNED)["id"] == only(copy.deepcopy(RETURNED))["id"]
    assert only(RETURNED)["id"] == only(changed(RETURNED, recordTime="2026-03-02T00:00:00Z"))["id"]
    assert only(RETURNED)["id"] != only(changed(RETURNED, eventTime="2026-03-02T00:00:00Z"))["id"]
    assert len(only(changed(SOLD, eventID="x" * 400))["id"]) <= 128


def test_each_gtin_of_an_event_is_an_event() -> None:
    event = changed(SOLD, epcList=[*SOLD["epcList"], "urn:epc:id:sgtin:4012345.098765.1"])
    assert {e["data"]["sku"]: e["data"]["delta"] for e in events_of(event)} == {
        "gtin:10614141123459": -2,
        "gtin:04012345987652": -1,
    }


@pytest.mark.parametrize(
    ("step", "disposition", "delta", "reason"),
    [
        ("inspecting", "damaged", -4, "damaged"),
        (None, "damaged", -4, "damaged"),
        (None, "returned", 4, "returned"),
        ("accepting", "returned", 4, "returned"),
        ("shipping", "returned", -4, "shipping"),
        ("accepting", None, 4, "receiving"),
        ("departing", "in_transit", -4, "shipping"),
    ],
)
def test_step_and_disposition_say_what_becomes_of_the_units(
    step: str | None, disposition: str | None, delta: int, reason: str
) -> None:
    found = only(changed(RECEIVED, bizStep=step, disposition=disposition))["data"]
    assert (found["delta"], found["reason"]) == (delta, reason)


@pytest.mark.parametrize(
    ("place", "location_id"),
    [
        ("urn:epc:id:sgln:0614141.00777.12", "gln:0614141007776"),
        ("https://id.gs1.org/414/0614141007776", "gln:0614141007776"),
        ("store-12", "store-12"),
        ("https://example.com/locations/store-12/", "store-12"),
        ("urn:example:store-12", "store-12"),
    ],
)
def test_a_place_is_a_gln_or_the_last_part_of_its_name(place: str, location_id: str) -> None:
    found = only(changed(COUNT, bizLocation={"id": place}))
    assert found["data"]["location_id"] == location_id


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "TransformationEvent"}, "$.type"),
        ({"errorDeclaration": {}}, "$.errorDeclaration"),
        ({"bizStep": "commissioning"}, "$.bizStep"),
        ({"bizStep": 5}, "$.bizStep"),
        ({"disposition": "damaged"}, "$.disposition"),
        ({"disposition": "recalled"}, "$.disposition"),
        ({"readPoint": None}, "$.bizLocation"),
        ({"readPoint": {"id": "urn:epc:id:sgtin:0614141.112345.1"}}, "$.readPoint.id"),
        ({"quantityList": None}, "$.quantityList"),
        ({"quantityList": {}}, "$.quantityList"),
        ({"quantityList": [7]}, "$.quantityList[0]"),
        ({"epcList": ["urn:epc:id:sscc:0614141.1234567890"]}, "$.epcList[0]"),
        ({"epcList": ["https://id.gs1.org/00/106141412345678908"]}, "$.epcList[0]"),
        ({"epcList": ["urn:epc:id:sgtin:0614141.12345.1"]}, "$.epcList[0]"),
        ({"epcList": [None]}, "$.epcList[0]"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(Refusal) as refused:
        events_of(changed(RECEIVED, **change))
    assert [error["path"] for error in refused.value.data["errors"]] == [path]


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"quantity": 2.5}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({}, "quantity"),
        ({"quantity": 2, "uom": "KGM"}, "uom"),
        ({"quantity": 2, "epcClass": 7}, "epcClass"),
    ],
)
def test_units_are_whole_and_of_a_trade_item(entry: dict[str, Any], path: str) -> None:
    whole = {"epcClass": "https://id.gs1.org/01/10614141123459"} | entry
    with pytest.raises(Refusal) as refused:
        events_of(changed(RECEIVED, quantityList=[whole]))
    assert refused.value.data["errors"][0]["path"] == f"$.quantityList[0].{path}"


def test_a_long_reference_is_cut_and_the_first_is_taken() -> None:
    entries = [{"bizTransaction": "x" * 200}, {"bizTransaction": "y"}]
    assert only(changed(RECEIVED, bizTransactionList=entries))["data"]["reference"] == "x" * 128
    assert "reference" not in only(SHIPPED)["data"]
