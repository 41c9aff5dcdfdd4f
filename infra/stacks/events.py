"""The event bus for other systems: CloudEvents, routed by their ``detail-type``."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.function import Function
from infra.platform import Platform
from infra.queue import Queue

MOST_RETRIES = 185
MOST_AGE = Duration.hours(24)
"""The most that EventBridge offers."""


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

    def fill(
        self,
        queue: Queue,
        scope: Construct,
        name: str,
        *,
        sources: Sequence[str],
        types: Sequence[str] | None = None,
    ) -> None:
        """Send the events of ``sources``, of these ``types`` or of all, to ``queue``: at least
        once, and in no order."""
        events.Rule(
            scope,
            name,
            event_bus=self.bus,
            event_pattern=events.EventPattern(
                source=list(sources), detail_type=list(types) if types else None
            ),
            targets=[
                targets.SqsQueue(
                    queue.queue,
                    dead_letter_queue=queue.dead_letters,
                    retry_attempts=MOST_RETRIES,
                    max_event_age=MOST_AGE,
                )
            ],
        )
