"""Loyalty: the API of points, tiers and the programme, what orders earn, the ledger and events."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.alarm import alarm, logged_metric
from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import StreamSubscription
from shared import schema
from shared.web.portions import WORKERS

SWEEP_SECONDS = 60
SWEEP_MINUTES = 15
MOST_DUE = 500
"""Due items in every run for two hours."""


class Loyalty(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        platform: Platform,
        *,
        data: Data,
        events: Events,
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        self.api = Function(
            self,
            "Api",
            platform,
            handler="functions.loyalty.api.handler",
            description="the API of points, tiers and the loyalty programme",
        )
        data.let(self.api, schema.LOYALTY, *READ, *WRITE)
        data.let(self.api, schema.CUSTOMERS, *READ, "dynamodb:PutItem")  # the audit of reads
        self._follow_orders(platform, data)
        self._sweep(platform, data)

        record_entries = Function(
            self,
            "RecordEntries",
            platform,
            handler="functions.loyalty.record_entries.handler",
            description="writes the ledger of points",
            timeout_seconds=60,
        )
        data.let(record_entries, schema.LOYALTY, "dynamodb:BatchWriteItem")
        publish_events = Function(
            self,
            "PublishEvents",
            platform,
            handler="functions.loyalty.publish_events.handler",
            description="publishes the events of points and tiers",
            timeout_seconds=60,
        )
        events.let(publish_events)
        for id_, worker, items in (
            ("Written", record_entries, ("POINTS",)),
            ("Told", publish_events, ("POINTS", "TIER")),
        ):
            first, *others = items
            StreamSubscription(
                self,
                id_,
                platform,
                table=data[schema.LOYALTY],
                worker=worker,
                failed=data.failed_records,
                keys={"sk": first},
                also=[{"dynamodb": {"Keys": {"sk": {"S": [other]}}}} for other in others],
                batch_size=100,
            )

    def _follow_orders(self, platform: Platform, data: Data) -> None:
        follow_orders = Function(
            self,
            "FollowOrders",
            platform,
            handler="functions.loyalty.follow_orders.handler",
            description="books the points that orders earn and lose",
            timeout_seconds=60,
        )
        data.let(follow_orders, schema.LOYALTY, *READ, *WRITE)
        StreamSubscription(
            self,
            "Orders",
            platform,
            table=data[schema.ORDERS],
            worker=follow_orders,
            failed=data.failed_records,
            keys={"sk": "ORDER"},
            batch_size=100,
        )

    def _sweep(self, platform: Platform, data: Data) -> None:
        sweep = Function(
            self,
            "Sweep",
            platform,
            handler="functions.loyalty.sweep.handler",
            description="matures and expires points, and reviews tiers",
            timeout_seconds=SWEEP_SECONDS,
            sends_to_itself=True,
        )
        data.let(sweep, schema.LOYALTY, *READ, *WRITE)
        CfnOutput(self, "LoyaltySweep", value=sweep.function.function_name)
        Schedule(self, "SweepOften", platform, sweep, SWEEP_MINUTES)
        portions = Queue(self, "SweepPortions", platform, worker_timeout_seconds=SWEEP_SECONDS)
        portions.feeds_its_sender(sweep, "NORAIN_SWEEP_QUEUE", max_concurrency=WORKERS)
        alarm(
            self,
            "DuePoints",
            problem="points become due faster than they are acted on, or fail",
            first_step="read the log of the sweep: which items fail, how many remain?",
            metric=logged_metric("DuePoints", "loyalty", "Minimum", SWEEP_MINUTES),
            at_least=MOST_DUE,
            periods=8,
        )
