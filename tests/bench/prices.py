"""List prices of AWS, us-east-1, in dollars. The one place that knows them.

DynamoDB on demand (after the cut of November 2024) and Lambda as third parties quoted the public
list in 2025 and 2026; SQS and the HTTP API from memory of the public list, November 2024. No free
tier, no savings plan. Storage, logs, streams and data transfer are not in here.
"""

DATE = "2024-11, us-east-1"

WRITE_UNIT = 0.625e-6
READ_UNIT = 0.125e-6
SQS_REQUEST = 0.40e-6
"""For each 64 KB of a send or a receive."""
SQS_BYTES = 64 * 1024
HTTP_REQUEST = 1.00e-6
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = 13.3334e-6
"""arm64."""
CPU_MEGABYTES = 1769
"""Lambda's memory that comes with one whole virtual CPU."""


def compute(cpu_seconds: float) -> float:
    """Of what a processor is busy with: time goes up as memory, and with it the share of a
    processor, goes down, so that the memory does not matter. Waiting is not in here."""
    return cpu_seconds * CPU_MEGABYTES / 1024 * LAMBDA_GB_SECOND
