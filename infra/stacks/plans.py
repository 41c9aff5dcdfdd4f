"""Plans: the API, and the worker that counts what orders want."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.stacks.data import Data
from infra.stacks.events import Events
from shared import schema

FOLLOW_SECONDS = 60
FOLLOWERS = 10
"""Workers at the same time: they write the same sums."""
CHANGES = ("order.placed", "order.changed", "order.cancelled")
"""The events after which an order may want something else."""


class Plans(Stack):
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
            handler="functions.plans.api.handler",
            description="the API of plans",
            timeout_seconds=20,
            memory=1024,
        )
        data.let(self.api, schema.PLANS, "dynamodb:Query")
        data.let(self.api, schema.STOCK, "dynamodb:Query")
        for read in (schema.AVAILABILITY, schema.CATALOG, schema.CONFIG):
            data.let(self.api, read, *READ)

        follow_orders = Function(
            self,
            "FollowOrders",
            platform,
            handler="functions.plans.follow_orders.handler",
            description="counts what orders want, by location and day",
            timeout_seconds=FOLLOW_SECONDS,
        )
        data.let(follow_orders, schema.PLANS, *READ, *WRITE)
        for read in (schema.ORDERS, schema.CONFIG):
            data.let(follow_orders, read, *READ)
        orders = Queue(self, "Orders", platform, worker_timeout_seconds=FOLLOW_SECONDS)
        events.fill(orders, self, "OrderEvents", sources=["norain/orders"], types=CHANGES)
        orders.processed_by(
            follow_orders, batch_size=100, window_seconds=5, max_concurrency=FOLLOWERS
        )
