"""Messages to a queue."""

import re
from collections.abc import Mapping

from shared.aws.clients import sqs

MOST_BYTES = 256 * 1024
LONGEST_ATTRIBUTE = 1000
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff]")


def send(queue_url: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """One message; its attributes are cut to LONGEST_ATTRIBUTE printable characters."""
    sqs().send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageAttributes={
            name: {
                "DataType": "String",
                "StringValue": UNPRINTABLE.sub("?", text)[:LONGEST_ATTRIBUTE] or "-",
            }
            for name, text in (attributes or {}).items()
        },
    )
