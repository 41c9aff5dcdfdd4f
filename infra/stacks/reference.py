"""What changes seldom: locations, products, routing policies; and the service's own routes."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.stacks.data import Data
from shared import schema


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
        data.let(self.locations, schema.CONFIG, *READ, *WRITE)
        self.catalog = Function(
            self,
            "Catalog",
            platform,
            handler="functions.catalog.api.handler",
            description="the API of the products",
        )
        data.let(self.catalog, schema.CATALOG, *READ, *WRITE)
        self.routing = Function(
            self,
            "Routing",
            platform,
            handler="functions.routing.api.handler",
            description="the API of the routing policies",
        )
        data.let(self.routing, schema.CONFIG, *READ, *WRITE)
        self.service = Function(
            self,
            "Service",
            platform,
            handler="functions.service.api.handler",
            description="health and the API document",
        )
