"""The metric of failed look-ups, from which the alarm on clients that try codes is made."""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.errors import CardNotUsable


def measure(refusal: CardNotUsable) -> None:
    """Logs how often the client has failed in this quarter of an hour. Its maximum is that of one
    client, so the alarm rings for one client and not for many that fail a little."""
    with single_metric(
        namespace="NoRain", name="CardTriesFailed", unit=MetricUnit.Count, value=refusal.failures
    ) as metric:
        metric.add_dimension("service", "cards")
