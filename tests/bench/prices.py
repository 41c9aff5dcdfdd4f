"""List prices of AWS, us-east-1, in dollars. The one place that knows them.

DynamoDB on demand (after the cut of November 2024) and Lambda as third parties quoted the public
list in 2025 and 2026; SQS and the HTTP API from memory of the public list, November 2024. What
``make scale`` needs beside them (below CPU_MEGABYTES): the HTTP API, logs and metrics as third
parties quoted the list between July 2025 and February 2026; the rest from memory of the public
list. No free tier, no savings plan, no reserved capacity, no lower tiers of large volumes.
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

MONTH_DAYS = 30
GIGABYTE = 1e9
TABLE_GB_MONTH = 0.25
TABLE_BACKUP_GB_MONTH = 0.20
"""Point-in-time recovery."""
STREAM_READ_BY_LAMBDA = 0.0
"""Lambda's own reads of a DynamoDB stream are free."""
EVENT = 1.00e-6
"""A custom event on an EventBridge bus, of at most 64 KB."""
LOG_GB = 0.50
LOG_GB_MONTH = 0.03
METRIC_MONTH = 0.30
ALARM_MONTH = 0.10
TRACE = 5.00e-6
"""X-Ray, recorded."""
SNAPSHOT_GB_SECOND = 1.5046e-6
"""SnapStart of Python: the cached snapshot of a published version."""
SNAPSHOT_RESTORED_GB = 139.8e-6
OBJECT_GB_MONTH = 0.023
OBJECT_PUT = 5.0e-6
OBJECT_GET = 0.4e-6
TRANSFER_OUT_GB = 0.09


def compute(cpu_seconds: float) -> float:
    """Of what a processor is busy with: time goes up as memory, and with it the share of a
    processor, goes down, so that the memory does not matter. Waiting is not in here."""
    return cpu_seconds * CPU_MEGABYTES / 1024 * LAMBDA_GB_SECOND
