"""A row of the stock table that is written every minute, so that a stream worker that has stopped
can be told from a night without sales.

    pk HEARTBEAT   sk HEARTBEAT   updated_at     measured by functions/availability/project.py
"""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339

KEY = "HEARTBEAT"


def beat(at: datetime) -> None:
    """Writes the heartbeat."""
    tables.write(
        "put_item",
        TableName=table_name("stock"),
        Item=to_item({"pk": KEY, "sk": KEY, "updated_at": rfc3339(at)}),
    )
