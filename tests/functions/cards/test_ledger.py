"""The worker of the ledger and the audit: entries once, events without codes, drift found."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from moto import mock_aws

from functions.cards import audit
from functions.cards.record_entries import handler
from infra import asyncapi
from shared.aws import dynamodb as tables
from shared.aws.clients import client
from shared.aws.items import to_item
from shared.cards import changing, issuing, store
from shared.cards.model import card as model
from shared.cards.store import entries, hashing, parts
from tests.support.cards import (
    CAUSE,
    NOW,
    asked,
    assert_laws,
    issued,
    spend_of,
    stream_records,
    written,
)
from tests.support.requests import Context

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def bus(local_tables: None, environment: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Json]]]:
    """The bus; what was put on it since it was asked before."""
    told: list[Json] = []

    def note(params: Any, **_: Any) -> None:
        told.extend(json.loads(entry["Detail"]) for entry in params["Entries"])

    def since() -> list[Json]:
        found = [*told]
        told.clear()
        return found

    with mock_aws():
        client("events").create_event_bus(Name="bus")
        client("events").meta.events.register("provide-client-params.events.PutEvents", note)
        environment.setenv("NORAIN_EVENT_BUS", "bus")
        yield since


def history() -> tuple[str, str]:
    """A card with one change of each kind; its id and its code."""
    card, code = issued(5000, state="inactive")
    card_id = card.card_id
    changing.change(
        card_id,
        lambda one: model.load(one, 1000, "USD", NOW),
        "loaded",
        CAUSE,
        asked(),
        lambda _: "",
        NOW,
    )
    assert not written(parts.activate_part(card_id, CAUSE, NOW))
    assert not written(parts.spend_part(spend_of(card, 700), CAUSE, NOW))
    assert not written(parts.hold_part(spend_of(card, 300), CAUSE, NOW))
    assert not written(parts.spend_held_part(card_id, 200, CAUSE, NOW))
    assert not written(parts.release_part(card_id, 100, CAUSE, NOW))
    assert not written(parts.refund_part(card_id, 50, CAUSE, NOW))
    return card_id, code


def test_each_change_is_one_entry_and_one_event_without_code(
    bus: Callable[[], list[Json]],
) -> None:
    card_id, code = history()
    request = asked()
    new = issuing.new_card(
        hashing.new_code(request.name, request.digest), "gift_card", "", 0, NOW, pin="736251"
    )
    issuing.replace_card(card_id, new, CAUSE, request, NOW)
    records = stream_records()
    for _ in range(2):
        assert handler({"Records": records}, None) == {"batchItemFailures": []}
    found = bus()
    told, again = found[: len(found) // 2], found[len(found) // 2 :]
    assert told == again, "repeated events keep their ids"
    of_old = [one for one in told if one["subject"] == card_id]
    assert [one["type"].removeprefix("card.") for one in of_old] == [
        "issued",
        "loaded",
        "activated",
        "spent",
        "spent",
        "refunded",
        "replaced",
    ]
    assert [one["data"]["delta"] for one in of_old] == [5000, 1000, 0, -700, -200, 50, -5150]
    assert [one["data"]["available"] for one in of_old][3:6] == [5300, 5000, 5150]
    assert of_old[3]["data"]["order_id"] == "order-1"
    assert of_old[-1]["data"]["other_card_id"] == new.card_id
    assert len({one["id"] for one in told}) == len(told) == 8
    text = json.dumps(told).upper()
    for secret in (code, code.replace("-", ""), "736251", str(new.pin_hash).upper()):
        assert secret not in text
    document = asyncapi.document()
    for one in told:
        shape = document["components"]["messages"][one["type"]]["payload"]
        Draft202012Validator({**shape, "components": document["components"]}).validate(one)
    rows = entries.of_card(card_id)
    assert [row.kind for row in rows] == [
        "issued",
        "loaded",
        "activated",
        "spent",
        "held",
        "spent",
        "released",
        "refunded",
        "replaced",
    ]
    assert rows[3].cause == CAUSE
    assert assert_laws() == {"USD": 5150}


def test_other_items_and_repairs_are_no_changes(bus: Callable[[], list[Json]]) -> None:
    card, _ = issued()
    (record,) = stream_records()
    keys = {"pk": {"S": "TRIES#x"}, "sk": {"S": "SUBJECT"}}
    images = record["dynamodb"]
    others = [
        {"dynamodb": {"SequenceNumber": "1", "Keys": keys, "NewImage": keys}},
        {"dynamodb": {"SequenceNumber": "2", "Keys": images["Keys"]}},
        {"dynamodb": {**images, "OldImage": images["NewImage"]}},
    ]
    assert handler({"Records": others}, None) == {"batchItemFailures": []}
    assert (bus(), entries.of_card(card.card_id)) == ([], [])


def test_the_audit_finds_a_changed_balance_and_tells_it(
    bus: Callable[[], list[Json]], environment: pytest.MonkeyPatch
) -> None:
    card_id, _ = history()
    issued(100)
    handler({"Records": stream_records()}, None)
    bus()
    answer = audit.handler({}, _Long())
    assert (answer["cards"], answer["drifts"], bus()) == (2, [], [])
    item = tables.get(store.cards_table(), f"CARD#{card_id}", "CARD")
    assert item is not None
    tables.write(
        "put_item",
        TableName=store.cards_table(),
        Item=to_item({**item, "balance": 9999, "available": 1}),
    )
    assert audit.handler({}, _Long())["cards"] == 0, "the round rests"
    environment.setattr(audit, "REST", timedelta(0))
    answer = audit.handler({}, _Long())
    assert {(one["kind"], one["stands"], one["should"]) for one in answer["drifts"]} == {
        ("available", 1, 9999),
        ("balance", 9999, 5150),
    }
    (event,) = bus()
    assert (event["type"], len(event["data"]["cards"])) == ("card.drift", 2)
    asked_for = {"audit": {"card_id": card_id, "repair": True}}
    assert audit.handler(asked_for, Context())["mended"] == [card_id]
    again = audit.handler(asked_for, Context())
    assert [one["kind"] for one in again["drifts"]] == ["balance"], "money is for a person"


def test_the_audit_writes_entries_that_were_lost(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(audit, "_now", lambda: NOW + timedelta(hours=1))
    card_id, _ = history()
    handler({"Records": stream_records()}, None)
    rows = entries.of_card(card_id)
    for lost in (rows[3], rows[-1]):
        tables.delete_many(store.cards_table(), [(f"CARD#{card_id}", f"ENTRY#{lost.version:010d}")])
    answer = audit.handler({"audit": {"card_id": card_id, "repair": True}}, Context())
    assert [one["kind"] for one in answer["drifts"]] == ["ledger"]
    assert answer["mended"] == [card_id]
    mended = entries.of_card(card_id)
    assert [row.delta for row in mended] == [row.delta for row in rows]
    assert mended[-1] == rows[-1]
    assert audit.handler({"audit": {"card_id": card_id}}, Context())["drifts"] == []


class _Long(Context):
    def get_remaining_time_in_millis(self) -> int:
        return 900_000
