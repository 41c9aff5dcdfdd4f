"""Alarms: the only place that makes them, so that each says what is wrong and what to do first.

Every alarm of every stack notifies the topic of the stage (infra/stacks/alerts.py).
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

Comparison = cloudwatch.ComparisonOperator
Missing = cloudwatch.TreatMissingData


def alarm(
    scope: Construct,
    name: str,
    *,
    problem: str,
    first_step: str,
    metric: cloudwatch.IMetric,
    at_least: float = 1,
    below: float | None = None,
    periods: int = 1,
    of_periods: int | None = None,
    missing_rings: bool = False,
) -> None:
    """An alarm that rings when ``metric`` is ``at_least`` this much (or less than ``below``, when
    that is given) in ``periods`` of the last ``of_periods``; default: in the last ``periods``.

    The message is ``problem: first_step``, where the first step is what whoever is on duty does.
    ``missing_rings`` is for workers whose silence is a fault: a period without data counts as bad.
    """
    cloudwatch.Alarm(
        scope,
        name,
        alarm_description=f"{problem}: {first_step}",
        metric=metric,
        threshold=at_least if below is None else below,
        comparison_operator=Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        if below is None
        else Comparison.LESS_THAN_THRESHOLD,
        evaluation_periods=of_periods or periods,
        datapoints_to_alarm=periods,
        treat_missing_data=Missing.BREACHING if missing_rings else Missing.NOT_BREACHING,
    )


def logged_metric(
    name: str, service: str, statistic: str, minutes: int, **dimensions: str
) -> cloudwatch.Metric:
    """A metric that a function writes into its log (embedded metric format)."""
    return cloudwatch.Metric(
        namespace="NoRain",
        metric_name=name,
        dimensions_map={"service": service, **dimensions},
        statistic=statistic,
        period=Duration.minutes(minutes),
    )
