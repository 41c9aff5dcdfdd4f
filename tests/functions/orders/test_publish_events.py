"""What the bus is told, from the images of the stream to the calls of the bus."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.orders import publish_events
from infra import asyncapi
from shared.aws import events
from shared.aws.items import to_item
from shared.orders import changing, placing, store
from shared.orders.model import Rejection, advance, cancel, reject
from tests.support import shop
from tests.support.shop import NOW, line, order, request
from tests.support.tables import Kept

Json = dict[str, Any]


@dataclass
class Bus:
    """EventBridge, as far as its answers go: of each call it takes all but what ``refuses`` names
    by the number of the call and the place in it."""

    calls: list[list[Json]] = field(default_factory=list)
    refuses: tuple[int, int] | None = None

    def put_events(self, **request: Any) -> Json:
        entries = request["Entries"]
        self.calls.append(entries)
        places = [(len(self.calls), place) for place in range(len(entries))]
        return {
            "FailedEntryCount": sum(place == self.refuses for place in places),
            "Entries": [
                {"ErrorCode": "ThrottlingException"} if place == self.refuses else {"EventId": "x"}
                for place in places
            ],
        }

    def heard(self) -> list[Json]:
        found = []
        for entry in [entry for entries in self.calls for entry in entries]:
            event = json.loads(entry["Detail"])
            assert entry["EventBusName"] == "norain-test"
            assert (entry["Source"], entry["DetailType"]) == (event["source"], event["type"])
            found.append(event)
        return found


@pytest.fixture
def bus(fake_tables: None, environment: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    environment.setattr(events, "client", lambda _: made)
    shop.stocked({"A": {"denver": 5, "boulder": 2}})
    return made


def image(order_id: str = "o1") -> Json:
    (row,) = (row for row in shop.items("orders") if row["pk"] == f"ORDER#{order_id}")
    return to_item(row)


def record(number: int, new: Json | None, old: Json | None = None) -> Json:
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventID": str(number),
        "dynamodb": {
            "Keys": {"pk": {"S": "ORDER#o1"}, "sk": {"S": "ORDER"}},
            "SequenceNumber": str(number),
            **{name: content for name, content in images.items() if content is not None},
        },
    }


def told(*records: Json) -> list[str]:
    answer = publish_events.handler({"Records": list(records)}, None)
    return [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]


def place(*lines: Any) -> None:
    draft = order("o1", *(lines or (line("1", "A", 3),)))
    placing.place(draft, request("k"), "web-client", NOW, lambda _: "{}")


def change(decide: Any) -> None:
    changing.change("o1", decide, NOW)


def test_each_change_of_state_reaches_the_listener_once_in_order_and_as_documented(
    bus: Bus,
) -> None:
    place()
    images = [image()]
    first = store.find("o1")
    assert first is not None
    name = first.fulfillments[0].fulfillment_id
    steps = [
        lambda found: advance(found, name, "accept", NOW, "store"),
        lambda found: reject(
            found, name, [Rejection("1", 1, "damaged")], {}, now=NOW, actor="store"
        ),
        lambda found: advance(found, name, "ship", NOW, "store", carrier="UPS", tracking="1Z"),
        lambda found: cancel(found, None, "changed my mind", NOW, "web"),
    ]
    for step in steps:
        change(step)
        images.append(image())
    pairs = zip(images, [None, *images], strict=False)
    assert told(*(record(n, new, old) for n, (new, old) in enumerate(pairs))) == []
    heard = bus.heard()
    assert [event["type"] for event in sorted(heard, key=lambda event: event["sequence"])] == [
        "order.placed",
        "fulfillment.offered",
        "fulfillment.accepted",
        "fulfillment.rejected",
        "fulfillment.offered",
        "fulfillment.shipped",
        "fulfillment.cancelled",
        "order.cancelled",
        "refund.due",
    ]
    assert [event["data"]["order_version"] for event in heard] == [1, 1, 2, 3, 3, 4, 5, 5, 5]
    assert heard[-1]["data"]["refund"] == {"amount": 1000, "currency": "USD"}
    document = asyncapi.document()
    for event in heard:
        payload = document["components"]["messages"][event["type"]]["payload"]
        schema = {**payload, "components": document["components"]}
        Draft202012Validator(schema).validate(event)


def test_a_repeated_record_tells_the_same_events_again(bus: Bus) -> None:
    place()
    assert told(record(1, image())) == told(record(1, image())) == []
    heard = bus.heard()
    assert len(heard) == 4
    assert len({event["id"] for event in heard}) == 2


def test_what_is_no_order_is_put_away_and_its_neighbours_are_told(
    bus: Bus, failed_records: Kept
) -> None:
    place()
    broken = image()
    del broken["history"]
    assert told(record(1, image()), record(2, broken), record(3, image())) == []
    assert len(bus.heard()) == 4
    (kept,) = failed_records()
    (away,) = json.loads(kept["payload"])["Records"]
    assert (away["eventID"], away["dynamodb"]["SequenceNumber"]) == ("2", "2")
    assert told(record(4, None, image())) == []
    assert len(bus.heard()) == 4


def test_an_event_that_is_not_taken_comes_again_with_all_that_follow(bus: Bus) -> None:
    place()
    bus.refuses = (2, 0)
    assert told(*(record(number, image()) for number in range(20))) == ["5"]
    assert [len(entries) for entries in bus.calls] == [10, 10]


def test_nothing_is_told_when_the_history_has_not_grown(bus: Bus) -> None:
    place()
    assert told(record(1, image(), image())) == []
    assert bus.heard() == []
