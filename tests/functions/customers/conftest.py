"""What the customers' functions have around them: the queue of their jobs, a bus that listens, a
bucket; and whoever works the jobs off."""

import json
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from functions.customers import work_off_jobs
from shared.aws import events
from shared.aws.clients import client

Json = dict[str, Any]


@dataclass
class Jobs:
    """The queue, and what the bus has heard. ``refuses`` is a bus that takes nothing."""

    url: str
    heard: list[Json] = field(default_factory=list)
    refuses: bool = False

    def put_events(self, **request: Any) -> Json:
        entries = request["Entries"]
        if self.refuses:
            return {
                "FailedEntryCount": len(entries),
                "Entries": [{"ErrorCode": "Throttled"} for _ in entries],
            }
        self.heard += [json.loads(entry["Detail"]) for entry in entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in entries]}

    def waiting(self) -> list[Json]:
        """The messages in the queue as a worker gets them; they are gone from it."""
        sqs: Any = boto3.client("sqs")
        found = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [{"messageId": one["MessageId"], "body": one["Body"]} for one in found]

    def work(self) -> list[str]:
        """Until the queue is empty; the messages that failed."""
        failed: list[str] = []
        while messages := self.waiting():
            answer = work_off_jobs.handler({"Records": messages}, None)
            failed += [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        return failed


@pytest.fixture
def jobs(fake_tables: None, environment: pytest.MonkeyPatch) -> Jobs:
    made = Jobs(client("sqs").create_queue(QueueName="jobs")["QueueUrl"])
    environment.setenv("NORAIN_JOBS_QUEUE", made.url)
    environment.setenv("NORAIN_PERSON_EXPORTS", "person-exports")
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="person-exports", CreateBucketConfiguration=where)
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    environment.setenv("NORAIN_INDEX_LAG_SECONDS", "0")
    environment.setattr(events, "client", lambda _: made)
    return made
