"""A function that processes the changes of a table, and the bucket of records that it failed on."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.alarm import alarm
from infra.bucket import bucket, notify
from infra.function import Function
from infra.platform import Platform
from infra.queue import dead_letter_queue

FOR_EVER = -1
RECORD_AGE = Duration.hours(23)
"""A stream keeps its records for 24 hours."""
KEPT = Duration.days(30)
MOST_AGE_MS = 60_000


class FailedRecords(Construct):
    """Keeps the records that a worker has not taken while the stream had them, or cannot read.

    One object per failure, in the form of Lambda's invocation record, with the worker's event as
    text in ``payload``:

        aws/lambda/<event source>/<shard>/<date>/...   given up by Lambda
        put-away/<worker>/<event id>.json              put away by the worker: unreadable

    Each object causes a message in the dead-letter queue, which rings an alarm. Objects are deleted
    after KEPT, because they may contain personal data.
    """

    def __init__(self, scope: Construct, name: str, platform: Platform) -> None:
        super().__init__(scope, name)
        self.dead_letters = dead_letter_queue(self, platform)
        self.bucket = bucket(self, "Records", platform, rules=[s3.LifecycleRule(expiration=KEPT)])
        notify(self.bucket, self.dead_letters)


@jsii.implements(lambda_.IEventSourceDlq)
class _Destination:
    """CDK's own destination also grants the worker to read and delete the objects."""

    def __init__(self, failed: FailedRecords, worker: Function) -> None:
        self._failed, self._worker = failed, worker

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        kept = self._failed.bucket
        self._worker.allow(["s3:PutObject"], [kept.arn_for_objects("*")])
        self._worker.allow(["s3:ListBucket"], [kept.bucket_arn])
        return lambda_.DlqDestinationConfig(destination=kept.bucket_arn)


class StreamSubscription(Construct):
    """``worker`` receives changes of ``table``, in order per item: those whose keys begin with the
    prefixes in ``keys`` and whose new image matches ``image``, and those that match a pattern in
    ``also``. DynamoDB recommends at most two workers per stream.

    A batch that fails is halved until the failing record is alone, and that record is retried until
    the stream drops it. Later records wait, because most failures pass. The worker itself puts a
    record away at once when it can never succeed (shared/aws/streams.py). ``failed`` keeps both.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        table: dynamodb.Table,
        worker: Function,
        failed: FailedRecords,
        keys: Mapping[str, str],
        batch_size: int = 500,
        also: Sequence[Mapping[str, Any]] = (),
        image: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, name)
        wanted: dict[str, Any] = {
            "dynamodb": {
                "Keys": {
                    attribute: {"S": lambda_.FilterRule.begins_with(prefix)}
                    for attribute, prefix in keys.items()
                }
            }
        }
        if image is not None:
            wanted["dynamodb"]["NewImage"] = dict(image)
        worker.function.add_environment("NORAIN_FAILED_RECORDS", failed.bucket.bucket_name)
        worker.alias.add_event_source(
            sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=batch_size,
                bisect_batch_on_error=True,
                retry_attempts=FOR_EVER,
                # The most that Lambda allows; the changes of one item stay in order.
                parallelization_factor=10,
                max_record_age=RECORD_AGE,
                report_batch_item_failures=True,
                on_failure=_Destination(failed, worker),
                filters=[lambda_.FilterCriteria.filter(dict(one)) for one in (wanted, *also)],
            )
        )
        alarm(
            self,
            "Age",
            problem=f"{worker.handler} does not keep up with the stream of its table",
            first_step="does one record fail in every attempt, or is the function throttled?",
            metric=worker.function.metric(
                "IteratorAge", period=Duration.minutes(1), statistic="Maximum"
            ),
            at_least=MOST_AGE_MS,
            periods=5,
        )
