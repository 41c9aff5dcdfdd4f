"""Availability: the projection of the stock, and the API that reads it."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.function import READ, WRITE, Function
from infra.platform import Platform
from infra.stacks.data import Data
from infra.stacks.events import Events
from infra.stream import Follows
from shared import schema


class Availability(Stack):
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
        project = Function(
            self,
            "Project",
            platform,
            handler="functions.availability.project.handler",
            description="folds the changes of the positions into one item per SKU",
            timeout_seconds=60,
        )
        data.let(project, schema.AVAILABILITY, *READ, *WRITE)
        Follows(
            self,
            "Positions",
            platform,
            table=data[schema.STOCK],
            worker=project,
            keys={"sk": "LOC#"},
        )

        publish_events = Function(
            self,
            "PublishEvents",
            platform,
            handler="functions.availability.publish_events.handler",
            description="tells the bus that a status has crossed a threshold",
            timeout_seconds=60,
        )
        events.let(publish_events)
        Follows(
            self,
            "Told",
            platform,
            table=data[schema.AVAILABILITY],
            worker=publish_events,
            keys={"sk": "PACK#"},
            batch_size=100,
        )

        rebuild = Function(
            self,
            "Rebuild",
            platform,
            handler="functions.availability.rebuild.handler",
            description="makes packs again from the positions, when told to",
            timeout_seconds=60,
            memory=1769,  # one whole virtual CPU: it parses what it reads
        )
        data.let(rebuild, schema.AVAILABILITY, *READ, *WRITE, "dynamodb:Scan")
        data.let(rebuild, schema.STOCK, *READ, "dynamodb:Scan")
        CfnOutput(self, "AvailabilityRebuild", value=rebuild.function.function_name)

        self.query = Function(
            self,
            "Query",
            platform,
            handler="functions.availability.query.handler",
            description="answers what is available",
            memory=1024,
        )
        data.let(self.query, schema.AVAILABILITY, *READ)
        data.let(self.query, schema.CONFIG, *READ)
        data.let(self.query, schema.CATALOG, *READ)
