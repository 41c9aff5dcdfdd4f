"""The event bus for other systems: CloudEvents, routed by their ``detail-type``."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from infra.function import Function
from infra.platform import Platform


class Events(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        self.bus = events.EventBus(self, "Bus", event_bus_name=f"norain-{platform.stage}")
        self.bus.apply_removal_policy(platform.removal_policy)
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)

    def let(self, function: Function) -> None:
        """Allow ``function`` to put events on the bus."""
        function.function.add_environment("NORAIN_EVENT_BUS", self.bus.event_bus_name)
        function.allow(["events:PutEvents"], [self.bus.event_bus_arn])
