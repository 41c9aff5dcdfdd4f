"""KPIs: the API, and the worker that counts orders."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import DAY_MINUTES, Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stacks.history import History
from shared import schema

COUNT_SECONDS = 60
COUNTERS = 10
"""Workers at the same time: they write the same sums."""
CHANGES = (
    "order.placed",
    "order.changed",
    "order.cancelled",
    "substitution.made",
    "substitution.agreed",
    "substitution.refused",
    "fulfillment.rejected",
    "fulfillment.expired",
    "fulfillment.short",
    "fulfillment.packed",
    "fulfillment.ready",
    "fulfillment.shipped",
    "fulfillment.collected",
    "fulfillment.lost",
    "fulfillment.received_back",
    "claim.resolved",
    "claim.withdrawn",
    "return.authorized",
    "return.kept",
    "return.scanned",
    "return.arrived",
    "return.inspected",
    "return.received",
)
"""The events after which an order may count as something else."""


class Kpis(Stack):
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
            handler="functions.kpis.api.handler",
            description="the API of KPIs",
            timeout_seconds=20,
            memory=1024,
        )
        data.let(self.api, schema.KPIS, "dynamodb:Query")
        data.let(self.api, schema.CONFIG, "dynamodb:GetItem", "dynamodb:PutItem")

        count_orders = Function(
            self,
            "CountOrders",
            platform,
            handler="functions.kpis.count_orders.handler",
            description="counts orders for the KPIs",
            timeout_seconds=COUNT_SECONDS,
        )
        data.let(count_orders, schema.KPIS, *READ, *WRITE)
        for read in (schema.ORDERS, schema.CATALOG, schema.CONFIG):
            data.let(count_orders, read, *READ)
        orders = Queue(self, "Orders", platform, worker_timeout_seconds=COUNT_SECONDS)
        events.fill(orders, self, "OrderEvents", sources=["norain/orders"], types=CHANGES)
        orders.processed_by(
            count_orders, batch_size=100, window_seconds=5, max_concurrency=COUNTERS
        )
        History(self, "History", platform, data=data)
        self._tell(platform, data, events)

    def _tell(self, platform: Platform, data: Data, events: Events) -> None:
        digests = sns.Topic(self, "Digests", enforce_ssl=True)
        digests.apply_removal_policy(platform.removal_policy)
        if platform.alerts_email:
            digests.add_subscription(subscriptions.EmailSubscription(platform.alerts_email))
        tell_digest = Function(
            self,
            "TellDigest",
            platform,
            handler="functions.kpis.tell_digest.handler",
            description="tells what was earned the day before, what went wrong, and what to do",
            environment={"NORAIN_DIGESTS": digests.topic_arn},
            timeout_seconds=60,
        )
        data.let(tell_digest, schema.KPIS, "dynamodb:Query")
        events.let(tell_digest)
        tell_digest.allow(["sns:Publish"], [digests.topic_arn])
        Schedule(self, "TellEveryDay", platform, tell_digest, DAY_MINUTES)
        CfnOutput(self, "DigestsTopicArn", value=digests.topic_arn)
