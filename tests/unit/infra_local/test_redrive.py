"""The way back of what was given up: by queue, from the bucket of failed records, by schedule."""

import io
import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.cli import dead_letters
from infra.cli.dead_letters import DeadLetterQueue
from infra.local.cloud import CloudFailed


def aws(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]


class Workers:
    """Lambda, as far as it answers an invocation."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.got: list[tuple[str, Any]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.got.append((FunctionName, json.loads(Payload)))
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


@pytest.fixture
def cloud(environment: pytest.MonkeyPatch) -> Any:
    with mock_aws():
        sqs = boto3.client("sqs")
        for stack, name in [
            ("Stock", "Feed"),
            ("Stock", "Bulk"),
            ("Webhooks", "Deliveries"),
            ("Data", "FailedRecords"),
        ]:
            made = f"norain-dev-{stack}-{name}"
            dead = sqs.create_queue(QueueName=f"{made}DeadLettersB01CC067-8A66")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
            policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 5}
            if stack != "Data":
                sqs.create_queue(
                    QueueName=f"{made}QueueB01CC067-8A66",
                    Attributes={"RedrivePolicy": json.dumps(policy)},
                )
        yield sqs


def place(sqs: Any, name: str) -> DeadLetterQueue:
    (found,) = dead_letters.chosen(dead_letters.queues(sqs, "dev"), [name])
    return found


def test_every_queue_has_a_way_back_by_its_name(cloud: Any) -> None:
    found = dead_letters.queues(cloud, "dev")
    assert [(one.name, one.source is not None) for one in found] == [
        ("data-failedrecords", False),
        ("stock-bulk", True),
        ("stock-feed", True),
        ("webhooks-deliveries", True),
    ]
    assert dead_letters.chosen(found, ["stock"]) == dead_letters.chosen(found, ["stock-feed"])
    with pytest.raises(CloudFailed, match="webhooks-deliveries"):
        dead_letters.chosen(found, ["nonsense"])


@pytest.mark.parametrize("name", ["webhooks-deliveries", "stock-feed", "stock-bulk"])
def test_a_letter_goes_back_to_the_queue_that_it_came_from(cloud: Any, name: str) -> None:
    """Of a file to the queue of files, of a till to that of tills."""
    where = place(cloud, name)
    queue = "".join(word.capitalize() for word in name.split("-")[1:])
    assert where.source
    assert f"-{queue}Queue" in where.source
    cloud.send_message(QueueUrl=where.url, MessageBody='{"webhook_id":"w"}')
    letters = dead_letters.receive(cloud, where.url)
    assert dead_letters.send_back(aws, where, letters, {}) == []
    (message,) = cloud.receive_message(QueueUrl=where.source, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert json.loads(message["Body"]) == {"webhook_id": "w"}
    assert message["MessageAttributes"]["received_at"]["StringValue"] == letters[0].received_at
    assert dead_letters.receive(cloud, where.url) == []


def test_a_letter_keeps_when_its_message_first_came(cloud: Any) -> None:
    """Who was erased since must not come back with it (functions/customers/apply_records.py)."""
    where = place(cloud, "webhooks-deliveries")
    first = {"received_at": {"DataType": "String", "StringValue": "2026-11-26T09:00:00Z"}}
    cloud.send_message(QueueUrl=where.url, MessageBody="{}", MessageAttributes=first)
    letters = dead_letters.receive(cloud, where.url)
    assert [letter.received_at for letter in letters] == ["2026-11-26T09:00:00Z"]
    dead_letters.send_back(aws, where, letters, {})
    (message,) = cloud.receive_message(QueueUrl=where.source, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["MessageAttributes"] == first


@pytest.mark.parametrize("failures", [[], [{"itemIdentifier": "7"}]])
def test_a_failed_record_goes_to_its_worker_and_stays_when_that_fails(
    cloud: Any, failures: list[Any]
) -> None:
    s3, workers = boto3.client("s3"), Workers({"batchItemFailures": failures})
    s3.create_bucket(
        Bucket="failed", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    payload = {"Records": [{"eventID": "e 1"}]}
    kept = {"requestContext": {"functionArn": "project"}, "payload": json.dumps(payload)}
    s3.put_object(Bucket="failed", Key="put-away/project/e 1.json", Body=json.dumps(kept))
    told = {"s3": {"bucket": {"name": "failed"}, "object": {"key": "put-away/project/e+1.json"}}}
    where = place(cloud, "data-failedrecords")
    cloud.send_message(QueueUrl=where.url, MessageBody=json.dumps({"Records": [told]}))
    letters = dead_letters.receive(cloud, where.url)
    assert [(one.code, one.detail) for one in letters] == [
        ("record_failed", "put-away/project/e 1.json")
    ]

    def with_workers(service: str) -> Any:
        return workers if service == "lambda" else aws(service)

    stay = dead_letters.send_back(with_workers, where, letters, {})
    assert workers.got == [("project", payload)]
    assert stay == (letters if failures else [])
    left = s3.list_objects_v2(Bucket="failed").get("Contents", [])
    assert len(left) == len(failures)


def test_the_trial_message_of_a_bucket_is_told_as_such_and_goes(cloud: Any) -> None:
    where = place(cloud, "data-failedrecords")
    cloud.send_message(QueueUrl=where.url, MessageBody='{"Event": "s3:TestEvent"}')
    letters = dead_letters.receive(cloud, where.url)
    assert [letter.code for letter in letters] == ["bucket_set_up"]
    assert dead_letters.send_back(aws, where, letters, {}) == []
