"""A row of the stock table that changes every minute, so that a stream worker that has fallen
silent is told from a night without sales.

    pk HEARTBEAT   sk HEARTBEAT   updated_at     beat; functions/availability/project.py measures
"""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339

KEY = "HEARTBEAT"


def beat(at: datetime) -> None:
    tables.write(
        "put_item",
        TableName=table_name("stock"),
        Item=to_item({"pk": KEY, "sk": KEY, "updated_at": rfc3339(at)}),
    )
