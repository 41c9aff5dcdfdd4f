"""Alarms: what wakes somebody, and what that person does first.

A description says what is wrong, a colon, and the first thing to do: it is what the message says.
Every alarm of every stack tells the topic of the stage (infra/stacks/alerts.py).
"""

import jsii
from aws_cdk import Aspects, Duration, IAspect
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct


def alarm(
    scope: Construct,
    name: str,
    description: str,
    metric: cloudwatch.IMetric,
    *,
    at_least: float = 1,
    periods: int = 1,
    of_periods: int | None = None,
    silence_rings: bool = False,
) -> None:
    """Rings when ``metric`` is ``at_least`` so much in ``periods`` of the last ``of_periods``.
    ``silence_rings`` where a worker that reports nothing is what has to be noticed."""
    missing = cloudwatch.TreatMissingData
    cloudwatch.Alarm(
        scope,
        name,
        alarm_description=description,
        metric=metric,
        threshold=at_least,
        evaluation_periods=of_periods or periods,
        datapoints_to_alarm=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=missing.BREACHING if silence_rings else missing.NOT_BREACHING,
    )


def silence_alarm(
    scope: Construct, name: str, description: str, invocations: cloudwatch.IMetric, *, periods: int
) -> None:
    """Rings when a worker that runs by the clock has not run in any of ``periods``."""
    cloudwatch.Alarm(
        scope,
        name,
        alarm_description=description,
        metric=invocations,
        threshold=1,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )


def own_metric(name: str, service: str, statistic: str, minutes: int) -> cloudwatch.Metric:
    """A metric that a function writes into its log."""
    return cloudwatch.Metric(
        namespace="NoRain",
        metric_name=name,
        dimensions_map={"service": service},
        statistic=statistic,
        period=Duration.minutes(minutes),
    )


def wake(scope: Construct, topic: sns.ITopic) -> None:
    """Every alarm under ``scope`` tells ``topic`` that it rings, and that it is over."""
    Aspects.of(scope).add(_Wakes(topic))


@jsii.implements(IAspect)
class _Wakes:
    def __init__(self, topic: sns.ITopic) -> None:
        self.action = actions.SnsAction(topic)

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, cloudwatch.Alarm):
            node.add_alarm_action(self.action)
            node.add_ok_action(self.action)
