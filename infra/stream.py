"""A function that follows the changes of a table, and what happens to a change it cannot take."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.function import Function
from infra.platform import Platform
from infra.queue import dead_letter_queue


class Follows(Construct):
    """``worker`` gets the changes of ``table`` whose keys begin as ``keys`` say, and whose new
    image fits the pattern ``image``, in order per item; and those that fit any of
    the patterns ``also``. A stream bears two workers, not more.

    A batch that fails is halved until the poison record is alone; that record's position goes to
    the dead-letter queue, and its neighbours are applied.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        table: dynamodb.Table,
        worker: Function,
        keys: Mapping[str, str],
        batch_size: int = 500,
        also: Sequence[Mapping[str, Any]] = (),
        image: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, name)
        self.dead_letters = dead_letter_queue(self, platform)
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
        worker.alias.add_event_source(
            sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=batch_size,
                bisect_batch_on_error=True,
                retry_attempts=10,
                parallelization_factor=4,
                max_record_age=Duration.hours(23),
                report_batch_item_failures=True,
                on_failure=sources.SqsDlq(self.dead_letters),
                filters=[lambda_.FilterCriteria.filter(dict(one)) for one in (wanted, *also)],
            )
        )
