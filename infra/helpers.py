"""The helpers of a function that walks over a table (shared/aws/walks.py)."""

from constructs import Construct

from infra.function import Function
from infra.platform import Platform
from infra.queue import Queue

OLDEST_SECONDS = 3600
"""A message stays in the queue while its helper works, and waits while others do."""


def with_helpers(
    scope: Construct, name: str, platform: Platform, function: Function, workers: int
) -> Queue:
    """Lets ``function`` call copies of itself to a round through a queue, at most ``workers``."""
    calls = Queue(scope, name, platform, worker_timeout_seconds=function.timeout_seconds)
    calls.processed_by(
        function,
        batch_size=1,
        window_seconds=0,
        max_concurrency=workers,
        oldest_seconds=OLDEST_SECONDS,
    )
    function.function.add_environment("NORAIN_HELPERS_QUEUE", calls.queue.queue_url)
    function.function.add_environment("NORAIN_HELPERS", str(workers))
    function.allow(["sqs:SendMessage"], [calls.queue.queue_arn])
    return calls
