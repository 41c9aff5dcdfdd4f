"""Recommendations: the API of suggestions, and the worker that counts what people buy."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.queue import Queue
from infra.schedule import DAY_MINUTES, Schedule
from infra.stacks.data import Data
from infra.stacks.events import Events
from shared import schema

FOLLOW_SECONDS = 120
BASKETS = 100
"""Events of one batch: what they share is written once."""
WINDOW_SECONDS = 20
FIT_SECONDS = 900
"""The most that Lambda allows. It takes 2 minutes for 5,000 items."""
FIT_MEGABYTES = 1769
"""One whole virtual CPU."""
WORKERS = 2
"""They write the same rows of what is bought most: more would wait for one another."""
EVENTS = (
    "order.placed",
    "order.changed",
    "order.cancelled",
    "order.erased",
    "fulfillment.cancelled",
    "substitution.made",
    "substitution.refused",
    "return.received",
    "return.inspected",
)
"""Those that change which units stay with the shopper, or whose the order is."""


class Recommendations(Stack):
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
            handler="functions.recommendations.api.handler",
            description="the API of recommendations",
        )
        data.let(self.api, schema.RECOMMENDATIONS, *READ, *WRITE)
        data.let(self.api, schema.CUSTOMERS, *READ)
        data.let(self.api, schema.AVAILABILITY, *READ)
        data.let(self.api, schema.CATALOG, *READ)
        data.let(self.api, schema.CONFIG, *READ)
        self._follow_orders(platform, data, events)
        fit = Function(
            self,
            "Fit",
            platform,
            handler="functions.recommendations.fit.handler",
            description="fits what suits whom",
            timeout_seconds=FIT_SECONDS,
            memory=FIT_MEGABYTES,
        )
        data.let(fit, schema.RECOMMENDATIONS, "dynamodb:Scan", "dynamodb:PutItem")
        Schedule(self, "FitDaily", platform, fit, DAY_MINUTES)

    def _follow_orders(self, platform: Platform, data: Data, events: Events) -> None:
        worker = Function(
            self,
            "FollowOrders",
            platform,
            handler="functions.recommendations.follow_orders.handler",
            description="counts what people buy",
            timeout_seconds=FOLLOW_SECONDS,
            memory=1024,
        )
        data.let(worker, schema.RECOMMENDATIONS, *READ, *WRITE)
        data.let(worker, schema.ORDERS, *READ)
        data.let(worker, schema.CATALOG, "dynamodb:BatchGetItem")
        placed = Queue(self, "Placed", platform, worker_timeout_seconds=FOLLOW_SECONDS)
        events.fill(placed, self, "Orders", sources=["norain/orders"], types=EVENTS)
        placed.processed_by(
            worker, batch_size=BASKETS, window_seconds=WINDOW_SECONDS, max_concurrency=WORKERS
        )
