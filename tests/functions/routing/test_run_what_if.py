"""A what-if as a job of several workers gives what the pages of the synchronous one give."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from functions.orders import api
from functions.routing import run_what_if
from shared.aws import walks
from shared.orders import what_ifs as what_ifs_verb
from shared.orders.store import what_ifs
from shared.routing.model.policy import DEFAULT_POLICY, GuardRails
from shared.routing.store import policies
from tests.support import shop
from tests.support.past_orders import DEAR, NOW, place
from tests.support.requests import answered, request

pytestmark = pytest.mark.usefixtures("placed")
Json = dict[str, Any]
RAILS = GuardRails(days=2, orders=4, paid_increase=0.1, splits=0.5)
TORN = replace(DEFAULT_POLICY, handling=DEAR, split=0, guard_rails=RAILS)


@pytest.fixture(autouse=True)
def queue(placed: None, environment: pytest.MonkeyPatch) -> str:
    made: Any = boto3.client("sqs").create_queue(QueueName="what-ifs")
    url: str = made["QueueUrl"]
    environment.setenv("NORAIN_WHAT_IF_QUEUE", url)
    environment.setenv("NORAIN_HELPERS_QUEUE", url)
    environment.setenv("NORAIN_HELPERS", "2")
    environment.setattr(what_ifs_verb, "SEGMENTS", 3)
    return url


def started(days: int = 2, key: str = "k") -> Json:
    made = request("orders/start_what_if", body={"days": days}, headers={"idempotency-key": key})
    status, found = answered(api.handler(made, None))
    assert status == 202
    return found


def read(job: Json, more: str = "", **changes: Any) -> tuple[int, Json]:
    name = "orders/list_differences" if more else "orders/get_what_if"
    made = request(name, path=job["status_url"] + more, **changes)
    made["pathParameters"] = {"what_if_id": job["what_if_id"]}
    return answered(api.handler(made, None))


def messages(url: str) -> list[Json]:
    """What is in the queue, taken out of it."""
    found: list[Json] = []
    while True:
        received: Any = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        if "Messages" not in received:
            return found
        for message in received["Messages"]:
            boto3.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append({"messageId": message["MessageId"], "body": message["Body"]})


def context(*remaining: int) -> Any:
    """The milliseconds that remain, look after look; the last one for ever."""
    looks = itertools.chain(remaining, itertools.repeat(remaining[-1]))
    return SimpleNamespace(get_remaining_time_in_millis=lambda: next(looks))


def work(records: list[Json], *remaining: int) -> None:
    answer = run_what_if.handler({"Records": records}, context(*(remaining or (300_000,))))
    assert answer == {"batchItemFailures": []}


def synchronous(days: int) -> Json:
    made = request("orders/try_draft", body={"days": days})
    status, found = answered(api.handler(made, None))
    assert status == 200
    return found


def test_the_result_is_that_of_the_synchronous_what_if(queue: str) -> None:
    policies.put_draft(TORN, None, NOW, "planner")
    expected = synchronous(2)
    job = started()
    assert read(job)[1]["state"] == "running"
    assert read(job, "/differences")[1]["code"] == "conflict"
    work(messages(queue))
    status, found = read(job)
    assert (status, found["state"], found["progress"]["orders_done"]) == (200, "done", 4)
    assert found["progress"]["orders_expected"] == 4
    assert (found["before"], found["after"]) == (expected["before"], expected["after"])
    assert found["broken"] == expected["trial"]["broken"]
    assert found["differences"] == 4
    assert read(job, "/differences")[1] == {"differences": expected["differences"]}


def test_workers_share_the_orders_whatever_fails_or_comes_twice(
    queue: str, environment: pytest.MonkeyPatch
) -> None:
    """Steps of one page each. Workers run out of time, crash after they have stored a piece, and
    get their messages twice; their leases end."""
    for number in range(4, 14):
        place(f"o{number}")
    policies.put_draft(TORN, None, NOW, "planner")
    expected = synchronous(2)
    environment.setattr(run_what_if, "PAGE", 2)
    environment.setattr(run_what_if, "STEP_SECONDS", -1)
    environment.setattr(walks, "ALONE_SECONDS", -1)
    job = started()
    put_piece, crashes = what_ifs.put_piece, itertools.count()

    def crash(*arguments: Any) -> None:
        put_piece(*arguments)
        if next(crashes) in {1, 4}:
            raise RuntimeError("the worker dies")

    environment.setattr(what_ifs, "put_piece", crash)
    pending, done, figures = messages(queue), 0, []
    first = list(pending)
    while pending and done < 60:
        record = pending.pop()
        answer = run_what_if.handler({"Records": [record, record]}, context(300_000, 300_000, 10))
        pending = [record] * len(answer["batchItemFailures"][:1]) + messages(queue) + pending
        figures.append(read(job)[1]["progress"]["orders_done"])
        done += 1
    assert figures == sorted(figures)
    assert len(set(figures)) > 2
    work(first)
    found = read(job)[1]
    assert (found["state"], found["progress"]["orders_done"]) == ("done", 14)
    for name in ("before", "after"):
        assert found[name] == expected[name]
    assert read(job, "/differences")[1]["differences"] == expected["differences"]


def test_a_repeated_request_starts_nothing_and_a_new_one_replaces_it(queue: str) -> None:
    policies.put_draft(TORN, None, NOW, "planner")
    job = started()
    assert started() == job
    assert len(messages(queue)) == 1
    other = request("orders/start_what_if", body={"days": 3}, headers={"idempotency-key": "k"})
    assert answered(api.handler(other, None))[1]["code"] == "idempotency_key_reused"
    later = started(3, "another")
    assert read(job)[1]["state"] == "replaced"
    assert "before" not in read(job)[1]
    assert started() == job
    work(messages(queue))
    assert read(later)[1]["state"] == "done"
    assert read(job)[1]["state"] == "replaced"
    latest = started(4, "the latest")
    assert read(later)[1]["state"] == "done"
    assert read(latest)[1]["state"] == "running"


def test_a_start_whose_message_was_lost_is_made_good_by_its_repetition(
    queue: str, environment: pytest.MonkeyPatch
) -> None:
    policies.put_draft(TORN, None, NOW, "planner")

    def fail(*_: Any) -> None:
        raise OSError("the queue is away")

    made = request("orders/start_what_if", body={"days": 2}, headers={"idempotency-key": "k"})
    with environment.context() as away:
        away.setattr(what_ifs_verb, "send", fail)
        assert answered(api.handler(made, None))[0] == 500
    job = started()
    (message,) = messages(queue)
    work([message])
    assert read(job)[1]["state"] == "done"


def test_it_is_the_draft_of_the_start_that_is_tried(queue: str) -> None:
    policies.put_draft(TORN, None, NOW, "planner")
    expected = synchronous(2)
    job = started()
    policies.put_draft(DEFAULT_POLICY, None, NOW, "planner")
    work(messages(queue))
    found = read(job)[1]
    assert (found["draft_revision"], found["after"]) == (1, expected["after"])


def test_its_result_opens_the_way_to_the_publication(queue: str) -> None:
    allowed = replace(DEFAULT_POLICY, late_day=390, guard_rails=RAILS)
    policies.put_draft(allowed, None, NOW, "planner")
    started()
    work(messages(queue))
    assert policies.publish(None, NOW + timedelta(seconds=1), "planner").policy.version == 1


def test_differences_come_in_pages(queue: str, environment: pytest.MonkeyPatch) -> None:
    policies.put_draft(TORN, None, NOW, "planner")
    environment.setattr(what_ifs, "DIFFERENCES_PAGE", 3)
    environment.setattr("functions.routing.what_if.DIFFERENCES_PAGE", 3)
    job = started()
    work(messages(queue))
    first = read(job, "/differences")[1]
    query = {"cursor": first["next_cursor"]}
    last = read(job, "/differences", query=query)[1]
    rows = first["differences"] + last["differences"]
    assert [row["order_id"] for row in rows] == ["o0", "o1", "o2", "o3"]
    assert "next_cursor" not in last
    assert read(job, "/differences", query={"cursor": "eA"})[0] == 422


def test_what_is_refused() -> None:
    made = request("orders/start_what_if")
    assert answered(api.handler(made, None))[1]["code"] == "not_found"  # there is no draft
    scope = "norain/policy:read norain/channel:web"
    for name in ("start_what_if", "get_what_if", "list_differences"):
        assert answered(api.handler(request(f"orders/{name}", scope=scope), None))[0] == 403
    assert answered(api.handler(request("orders/get_what_if"), None))[0] == 404
    made = request("orders/start_what_if", body={"days": 0})
    assert answered(api.handler(made, None))[1]["errors"][0]["path"] == "$.days"


def test_everything_that_it_stores_beside_its_progress_expires(queue: str) -> None:
    policies.put_draft(TORN, None, NOW, "planner")
    started()
    work(messages(queue))
    rows = [row for row in shop.items("orders") if row["pk"].startswith("WHAT_IF#")]
    assert {row["sk"].partition("#")[0] for row in rows} == {"WHAT_IF", "PIECE", "DIFFERENCES"}
    assert all(row["ttl"] > NOW.timestamp() for row in rows)
    assert max(len(json.dumps(row, default=repr)) for row in rows) < 10_000
