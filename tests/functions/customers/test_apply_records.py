"""The customer feed's worker, with whole SQS events: each event once, the bad ones away alone."""

import json
from datetime import datetime
from typing import Any

import boto3
import pytest

from functions.customers import apply_records
from functions.customers.apply_records import handler
from shared.aws.clients import dynamodb
from shared.aws.settings import table_name
from shared.customers import store
from shared.customers.store import Act
from shared.errors import Busy
from tests.conftest import event
from tests.erasure import erase
from tests.unit.customers.people import NOON

DONE: dict[str, list[Any]] = {"batchItemFailures": []}


class DeadLetters:
    def __init__(self, url: str) -> None:
        self.url = url

    def messages(self) -> list[dict[str, Any]]:
        client: Any = boto3.client("sqs")
        found: list[dict[str, Any]] = client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return found


@pytest.fixture(autouse=True)
def dead_letters(fake_tables: None, environment: pytest.MonkeyPatch) -> DeadLetters:
    client: Any = boto3.client("sqs")
    url = client.create_queue(QueueName="dead-letters")["QueueUrl"]
    environment.setenv("NORAIN_DEAD_LETTERS", url)
    environment.setattr(apply_records, "WRITERS", 1)  # moto is for one thread
    return DeadLetters(url)


def items() -> list[dict[str, Any]]:
    found = dynamodb().scan(TableName=table_name("customers"))["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def bob() -> str:
    (profile,) = store.find_by("email", "bob@shop.test")
    return profile.profile_id


def test_records_of_a_batch_become_one_person(dead_letters: DeadLetters) -> None:
    assert handler(event("customers/apply_records"), None) == DONE
    assert {held.record.source for held in store.find(bob()).records} == {"crm", "pos"}
    assert dead_letters.messages() == []


def test_the_same_messages_again_change_nothing() -> None:
    handler(event("customers/apply_records"), None)
    before = items()
    assert handler(event("customers/apply_records"), None) == DONE
    assert items() == before


def test_each_bad_event_goes_away_alone_with_its_reason(dead_letters: DeadLetters) -> None:
    assert handler(event("customers/apply_records.poison"), None) == DONE
    assert bob()
    reasons = [
        letter["MessageAttributes"]["code"]["StringValue"]
        + " "
        + letter["MessageAttributes"]["detail"]["StringValue"]
        for letter in dead_letters.messages()
    ]
    assert len(reasons) == 4
    for place in ("$.data.identifiers.email", "$.type", "not an object", "not JSON"):
        assert sum(place in reason for reason in reasons) == 1
    assert not any("bob" in reason for reason in reasons)


def test_a_mended_event_is_taken_when_it_comes_back(dead_letters: DeadLetters) -> None:
    handler(event("customers/apply_records.poison"), None)
    letters = [
        json.loads(found["Body"]) for found in dead_letters.messages() if "crm-2" in found["Body"]
    ]
    letters[0]["data"]["identifiers"] = {"email": "ann@shop.test"}
    letters[0]["data"]["source_id"] = "c-18"
    again = event("customers/apply_records")
    again["Records"] = again["Records"][:1]
    again["Records"][0]["body"] = json.dumps(letters[0])
    assert handler(again, None) == DONE
    assert len(store.find_by("email", "ann@shop.test")) == 1


def test_an_id_for_other_content_is_refused(dead_letters: DeadLetters) -> None:
    handler(event("customers/apply_records"), None)
    again = event("customers/apply_records")
    document = json.loads(again["Records"][0]["body"])
    document["data"]["attributes"]["given_name"] = "Rob"
    again["Records"][0]["body"] = json.dumps(document)
    assert handler(again, None) == DONE
    (letter,) = dead_letters.messages()
    assert letter["MessageAttributes"]["code"]["StringValue"] == "idempotency_key_reused"


def test_what_is_told_of_the_erased_is_forgotten_and_lies_in_no_queue(
    dead_letters: DeadLetters,
) -> None:
    handler(event("customers/apply_records"), None)
    erase(bob(), Act("ops", NOON.replace(year=2027), "asked for"))
    before = items()
    assert handler(event("customers/apply_records"), None) == DONE
    assert items() == before
    assert dead_letters.messages() == []


def sent(at: str, received_at: str | None = None, **data: Any) -> dict[str, Any]:
    """One message of the sample that the queue took at ``at``, in the words of its first event."""
    made = event("customers/apply_records")
    (record, _) = made["Records"]
    document = json.loads(record["body"])
    document["data"] |= data
    document["id"] = f"e-{at}-{data}"
    record["body"] = json.dumps(document)
    record["attributes"]["SentTimestamp"] = str(int(datetime.fromisoformat(at).timestamp() * 1000))
    if received_at is not None:
        record["messageAttributes"] = {"received_at": {"stringValue": received_at}}
    return {"Records": [record]}


BEFORE, AFTER = "2026-11-26T09:00:00Z", "2026-11-27T09:00:00Z"
NEW = {"occurred_at": "2026-11-21T17:00:00Z"}


@pytest.mark.parametrize(
    ("message", "comes_back"),
    [
        (sent(BEFORE, **NEW), False),
        (sent(AFTER, **NEW), True),
        (sent(AFTER), False),
        (sent(AFTER, BEFORE, **NEW), False),
        (sent(BEFORE, AFTER, **NEW), False),
        (sent(AFTER, "yesterday", **NEW), True),
    ],
    ids=[
        "waited in the queue since before",
        "said and sent after it, of another day",
        "the very words that were taken before",
        "comes back from the dead letters, or from a file of before",
        "says of itself that it came later",
        "says nothing that can be read",
    ],
)
def test_what_came_before_the_erasure_brings_nobody_back(
    message: dict[str, Any], comes_back: bool, dead_letters: DeadLetters
) -> None:
    """Compared is when the queue took it, and not the date that the source has given it."""
    handler(event("customers/apply_records"), None)
    at = datetime.fromisoformat("2026-11-26T18:00:00Z")
    erase(bob(), Act("ops", at, "asked for"))
    assert handler(message, None) == DONE
    assert len(store.find_by("email", "bob@shop.test")) == comes_back
    assert dead_letters.messages() == []


def test_a_bad_event_keeps_when_it_came_on_its_way_through_the_dead_letters(
    dead_letters: DeadLetters,
) -> None:
    handler(sent(BEFORE, identifiers={"email": "no address"}), None)
    (letter,) = dead_letters.messages()
    came = letter["MessageAttributes"]["received_at"]["StringValue"]
    assert datetime.fromisoformat(came) == datetime.fromisoformat(BEFORE)


def test_a_message_that_could_not_be_resolved_now_comes_again(
    monkeypatch: pytest.MonkeyPatch, dead_letters: DeadLetters
) -> None:
    resolve = store.resolve

    def busy(record: Any, *more: Any) -> Any:
        if record.source == "pos":
            raise Busy("too many writers on the same person")
        return resolve(record, *more)

    with monkeypatch.context() as crowded:
        crowded.setattr(store, "resolve", busy)
        failed = handler(event("customers/apply_records"), None)["batchItemFailures"]
    assert failed == [
        {"itemIdentifier": event("customers/apply_records")["Records"][1]["messageId"]}
    ]
    assert dead_letters.messages() == []
    assert handler(event("customers/apply_records"), None) == DONE
    assert len(store.find(bob()).records) == 2
