"""Reference data: locations, products, routing policies; and the routes of the service itself."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.concurrency import LEARN_HELPERS
from infra.function import READ, WRITE, Function
from infra.helpers import with_helpers
from infra.platform import Platform
from infra.schedule import Schedule
from infra.stacks.data import Data
from shared import schema

LEARN_MINUTES = 15
"""How often a round is continued, or begun when one is due: every day."""
LEARN_SECONDS = 900


class Reference(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, data: Data, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.locations = Function(
            self,
            "Locations",
            platform,
            handler="functions.locations.api.handler",
            description="the API of the locations",
        )
        data.let(self.locations, schema.CONFIG, *READ, *WRITE, "dynamodb:BatchWriteItem")
        self.catalog = Function(
            self,
            "Catalog",
            platform,
            handler="functions.catalog.api.handler",
            description="the API of the products",
        )
        data.let(self.catalog, schema.CATALOG, *READ, *WRITE)
        data.let(self.catalog, schema.AVAILABILITY, *READ, "dynamodb:UpdateItem")
        self.routing = Function(
            self,
            "Routing",
            platform,
            handler="functions.routing.api.handler",
            description="the API of the routing policies",
        )
        data.let(self.routing, schema.CONFIG, *READ, *WRITE)
        learn_demand = Function(
            self,
            "LearnDemand",
            platform,
            handler="functions.routing.learn_demand.handler",
            description="estimates the demand at each location, for routing",
            timeout_seconds=LEARN_SECONDS,
            sends_to_itself=True,
            memory=1769,  # one whole virtual CPU: it is arithmetic
        )
        with_helpers(self, "LearnHelp", platform, learn_demand, LEARN_HELPERS)
        data.let(learn_demand, schema.CONFIG, *READ, "dynamodb:BatchWriteItem", "dynamodb:PutItem")
        data.let(learn_demand, schema.ORDERS, *READ, "dynamodb:PutItem", "dynamodb:Scan")
        data.let(learn_demand, schema.AVAILABILITY, *READ, "dynamodb:Scan")
        data.let(learn_demand, schema.CATALOG, *READ)
        Schedule(self, "LearnDemandInRounds", platform, learn_demand, LEARN_MINUTES)
        self.service = Function(
            self,
            "Service",
            platform,
            handler="functions.service.api.handler",
            description="health and the API document",
        )
