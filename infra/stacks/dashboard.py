"""The dashboard of operations: what callers notice, then what causes it.

Its graphs search for metrics by the names of the deployment, so that a new function, queue or table
is on it without a change here.
"""

from collections.abc import Sequence

from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.platform import Platform

MINUTES = 5
HALF, WHOLE = 12, 24
HEIGHT = 6


class Dashboard(Stack):
    def __init__(
        self, scope: Construct, name: str, platform: Platform, *, env: Environment
    ) -> None:
        super().__init__(scope, name, env=env)
        prefix = f"norain-{platform.stage}"

        def graph(title: str, *metrics: tuple[str, str, str], width: int = HALF) -> None:
            made.append(
                cloudwatch.GraphWidget(
                    title=title,
                    left=[_search(*metric, prefix) for metric in metrics],
                    width=width,
                    height=HEIGHT,
                )
            )

        made: list[cloudwatch.IWidget] = []
        graph("API: requests", ("AWS/ApiGateway,ApiId", "Count", "Sum"))
        graph(
            "API: refused and failed",
            ("AWS/ApiGateway,ApiId", "4xx", "Sum"),
            ("AWS/ApiGateway,ApiId", "5xx", "Sum"),
        )
        graph(
            "API: latency",
            ("AWS/ApiGateway,ApiId", "Latency", "p50"),
            ("AWS/ApiGateway,ApiId", "Latency", "p99"),
            width=WHOLE,
        )
        function = "AWS/Lambda,FunctionName"
        graph("functions: errors", (function, "Errors", "Sum"))
        graph("functions: throttles", (function, "Throttles", "Sum"))
        graph("functions: p99 of the duration", (function, "Duration", "p99"))
        graph("streams: age of what is processed", (function, "IteratorAge", "Maximum"))
        queue = "AWS/SQS,QueueName"
        graph(
            "queues: age of the oldest message", (queue, "ApproximateAgeOfOldestMessage", "Maximum")
        )
        graph("queues: messages", (queue, "ApproximateNumberOfMessagesVisible", "Maximum"))
        table = "AWS/DynamoDB,TableName"
        graph("tables: write units", (table, "ConsumedWriteCapacityUnits", "Sum"))
        graph("tables: read units", (table, "ConsumedReadCapacityUnits", "Sum"))
        graph("tables: throttled", ("AWS/DynamoDB,TableName,Operation", "ThrottledRequests", "Sum"))
        graph("transactions in conflict", (table, "TransactionConflict", "Sum"))
        graph("what the functions report", ("NoRain,service", "", "Maximum"), width=WHOLE)
        board = cloudwatch.Dashboard(
            self,
            "Operations",
            dashboard_name=f"{prefix}-operations",
            default_interval=Duration.hours(3),
        )
        for row in _rows(made):
            board.add_widgets(*row)


def _search(dimensions: str, metric: str, statistic: str, prefix: str) -> cloudwatch.MathExpression:
    """All metrics of this name. APIs are searched by their ids, which nobody knows here, and the
    reports of functions by their namespace alone."""
    named = f'MetricName="{metric}"' if metric else ""
    scope = "" if dimensions.endswith("ApiId") or dimensions.startswith("NoRain") else f'"{prefix}"'
    wanted = " ".join(part for part in (named, scope) if part)
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{{{dimensions}}} {wanted}', '{statistic}', {MINUTES * 60})",
        label=f"{metric} {statistic}".strip(),
        period=Duration.minutes(MINUTES),
        using_metrics={},
    )


def _rows(widgets: Sequence[cloudwatch.IWidget]) -> list[list[cloudwatch.IWidget]]:
    rows: list[list[cloudwatch.IWidget]] = []
    free = 0
    for widget in widgets:
        if widget.width > free:
            rows.append([])
            free = WHOLE
        rows[-1].append(widget)
        free -= int(widget.width)
    return rows
