"""A what-if as `norain what-if` puts it together and draws it; the API itself answers the pages."""

import json
import re
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest
from rich.console import Console

from functions.orders.api import handler as orders
from functions.routing import run_what_if
from functions.routing.api import handler as routing
from infra.cli import what_if as command
from infra.cli.what_if import drawn, start, together, watched
from infra.local.target import Refused
from shared.aws.settings import setting
from shared.orders import what_ifs
from tests.support.past_orders import DEAR
from tests.support.requests import request

pytestmark = pytest.mark.usefixtures("placed")


class Gateway(httpx.BaseTransport):
    """The functions themselves, as the gateway would call them. The workers of what-ifs do one
    step before each answer about the progress."""

    def handle_request(self, sent: httpx.Request) -> httpx.Response:
        path = sent.url.path
        named = {
            "/v1/routing/policies/draft": "routing/put_draft",
            "/v1/routing/what-ifs": "orders/start_what_if",
        }
        kind = "list_differences" if path.endswith("differences") else "get_what_if"
        made = request(named.get(path, f"orders/{kind}"), path=path)
        made["body"] = sent.content.decode()
        made["headers"]["idempotency-key"] = str(uuid.uuid4())
        made["queryStringParameters"] = dict(sent.url.params)
        made["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] += " norain/policy:read"
        if path not in named:
            made["pathParameters"] = {"what_if_id": path.split("/")[4]}
            work()
        answered = (routing if path.endswith("draft") else orders)(made, None)
        return httpx.Response(answered["statusCode"], content=answered["body"])


def work() -> None:
    """One step for one message of the queue."""
    url, sqs = setting("what_if_queue"), boto3.client("sqs")
    looks = iter([300_000, 300_000])
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: next(looks, 0))
    for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        record = {"messageId": message["MessageId"], "body": message["Body"]}
        assert run_what_if.handler({"Records": [record]}, context) == {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def queue(placed: None, environment: pytest.MonkeyPatch) -> None:
    made = boto3.client("sqs").create_queue(QueueName="what-ifs")
    environment.setenv("NORAIN_WHAT_IF_QUEUE", made["QueueUrl"])
    environment.setenv("NORAIN_HELPERS_QUEUE", made["QueueUrl"])
    environment.setattr(what_ifs, "SEGMENTS", 3)
    environment.setattr(command, "PAUSE_SECONDS", 0)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(base_url="http://norain", transport=Gateway()) as client:
        yield client


def policy(**changes: Any) -> str:
    return json.dumps({**json.loads(request("routing/put_draft")["body"]), **changes})


def told(parts: list[Any]) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


class Notes:
    """A step that keeps what it shows."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def run(http: httpx.Client, draft: str | None, notes: Notes | None = None) -> dict[str, Any]:
    step: Any = notes or Notes()
    return together(watched(http, start(http, 2, draft)["status_url"], step))


def test_a_draft_from_a_file_is_tried_and_its_progress_is_shown(http: httpx.Client) -> None:
    handling = {kind: {"package": row.package, "unit": row.unit} for kind, row in DEAR.items()}
    rails = {"days": 2, "orders": 1, "splits": 0.5}
    notes = Notes()
    found = run(http, policy(handling=handling, split=0, guard_rails=rails), notes)
    assert (found["through"], found["before"]["orders"], len(found["differences"])) == (True, 4, 4)
    assert found["after"]["load"] == {"boulder": 4, "denver": 4}
    assert [row["guard_rail"] for row in found["broken"]] == ["splits"]
    assert any(re.match(r"\d of ~\d", text) for text in notes.texts)
    text = told(drawn(found))
    assert "4, of which 4 would come from elsewhere" in text
    assert "1.000 additional parcels per order; the limit is 0.5" in text
    assert "depot" in text


def test_without_a_file_the_draft_there_is_is_tried(http: httpx.Client) -> None:
    with pytest.raises(Refused) as refused:
        run(http, None)
    assert refused.value.status == 404
    run(http, policy())
    again = run(http, None)
    assert (again["draft_revision"], again["through"]) == (1, True)


def test_what_does_not_fit_the_schema_is_told_by_its_place(http: httpx.Client) -> None:
    with pytest.raises(Refused) as refused:
        run(http, policy(split=-1))
    assert "$.split" in str(refused.value)


def test_a_what_if_that_another_has_replaced_says_so(http: httpx.Client) -> None:
    first = start(http, 2, policy())
    start(http, 2, None)
    step: Any = Notes()
    found = together(watched(http, first["status_url"], step))
    assert (found["through"], found["broken"]) == (False, [])
    assert "begin again" in told(drawn(found))
