"""No log names a person: every route and the feed, with values that are searched for afterwards."""

import json
import logging
from typing import Any

import boto3
import pytest

from functions.customers import api, apply_records
from shared.customers import store
from tests.functions.customers.conftest import Jobs
from tests.support.events import event

SEEDED = {
    "email": "zebulon.quillfeather@shop.test",
    "phone": "+14155550199",
    "loyalty_id": "LQUILL77",
    "device_id": "dev-quill-9",
    "payment_token": "tok-quill-3",
}
ATTRIBUTES = {
    "given_name": "Zebulon",
    "family_name": "Quillfeather",
    "birth_date": "1971-02-28",
    "address": {
        "line1": "7 Quill Lane",
        "city": "Quillton",
        "postal_code": "94777",
        "country": "US",
    },
}
TOLD = ("zebulon", "quill", "4155550199", "1971-02-28", "94777")


@pytest.fixture
def quiet(
    jobs: Jobs, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> pytest.LogCaptureFixture:
    client: Any = boto3.client("sqs")
    url = client.create_queue(QueueName="dead-letters")["QueueUrl"]
    environment.setenv("NORAIN_DEAD_LETTERS", url)
    environment.setattr(apply_records, "WRITERS", 1)  # moto is for one thread
    caplog.set_level(logging.INFO)
    return caplog


def logged_by(caplog: pytest.LogCaptureFixture) -> str:
    """Every line with all its fields, and the errors that came with them."""
    return "\n".join((caplog.text, *(repr(vars(line)) for line in caplog.records)))


def ask(name: str, profile_id: str, **body: Any) -> dict[str, Any]:
    made = event(f"customers/{name}")
    http = made["requestContext"]["http"]
    made["rawPath"] = http["path"] = http["path"].replace("/bob", f"/{profile_id}")
    if body:
        made["body"] = json.dumps({**json.loads(made["body"]), **body})
    return api.handler(made, None)


def test_no_log_of_any_route_or_worker_names_a_person(
    quiet: pytest.LogCaptureFixture, jobs: Jobs
) -> None:
    answer = ask("resolve", "", identifiers=SEEDED, attributes=ATTRIBUTES, source_id="quill-1")
    profile_id = json.loads(answer["body"])["profile_id"]
    statuses = [
        ask(name, profile_id)["statusCode"]
        for name in ("get_profile", "get_timeline", "get_cart", "put_cart", "export")
    ]
    assert statuses == [200, 200, 200, 200, 202]
    assert jobs.work() == []
    for asked in ({"email": SEEDED["email"]}, {"phone": "quill"}, {"loyalty_id": "LQUILL77"}):
        api.handler({**event("customers/look_up"), "queryStringParameters": asked}, None)
    ask("note_interaction", profile_id, data={"told": "Zebulon Quillfeather"})
    ask("merge", profile_id, other_profile_id="nobody", reason="Zebulon Quillfeather asked")
    ask("merge_preview", profile_id, other_profile_id="quill")
    ask(
        "unmerge", profile_id, reason="Quillfeather", record={"source": "web", "source_id": "quill"}
    )
    ask("resolve", "", identifiers={"email": "quillfeather", "phone": "quill"})
    ask("resolve", "", identifiers=SEEDED, attributes={"birth_date": "28 quill"})
    feed = event("customers/apply_records")
    for number, record in enumerate(feed["Records"]):
        document = json.loads(record["body"]) if number == 0 else json.loads(record["body"])[0]
        document["data"] |= {"identifiers": SEEDED, "attributes": ATTRIBUTES}
        record["body"] = json.dumps(document if number else [document, {"quill": "Zebulon"}])
    apply_records.handler(feed, None)
    assert ask("erase", profile_id)["statusCode"] == 202
    assert jobs.work() == []
    ask("resolve", "", identifiers=SEEDED, attributes=ATTRIBUTES, source_id="quill-1")
    apply_records.handler(feed, None)
    logged = logged_by(quiet)
    assert "answered" in logged
    assert "an invalid event" in logged
    for told in TOLD:
        assert told not in logged.casefold()


def test_a_crash_of_a_route_is_told_without_its_words(
    quiet: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "no room for Zebulon Quillfeather"

    def breaks(*_: Any) -> None:
        raise RuntimeError(words) from KeyError(words)

    with monkeypatch.context() as broken:
        broken.setattr(store, "resolve", breaks)
        assert ask("resolve", "")["statusCode"] == 500
    logged = logged_by(quiet)
    assert "RuntimeError" in logged
    assert "KeyError" in logged
    assert "quill" not in logged.casefold()


def test_a_crash_on_the_feed_is_told_without_its_words(
    quiet: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "no room for Zebulon Quillfeather"

    def breaks(*_: Any) -> None:
        raise RuntimeError(words)

    with monkeypatch.context() as broken:
        broken.setattr(store, "resolve", breaks)
        failed = apply_records.handler(event("customers/apply_records"), None)
    assert len(failed["batchItemFailures"]) == 2
    logged = logged_by(quiet)
    assert "RuntimeError" in logged
    assert "quillfeather" not in logged.casefold()
