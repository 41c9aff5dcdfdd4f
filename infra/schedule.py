"""A function that runs by the clock."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.function import Function


def every_minute(scope: Construct, name: str, function: Function) -> None:
    every(1, scope, name, function)


def every(minutes: int, scope: Construct, name: str, function: Function) -> None:
    """A missed run is not made up for: the next one finds the same work."""
    events.Rule(
        scope,
        name,
        schedule=events.Schedule.rate(Duration.minutes(minutes)),
        targets=[targets.LambdaFunction(function.alias, retry_attempts=0)],
    )
