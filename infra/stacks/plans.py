"""Plans: the API of lost demand."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.function import Function
from infra.platform import Platform
from infra.stacks.data import Data
from infra.stacks.events import Events
from shared import schema


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
