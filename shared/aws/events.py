"""Events to the bus: CloudEvents 1.0 in the envelope of EventBridge."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws.clients import client
from shared.errors import Busy
from shared.instants import rfc3339

AT_ONCE = 10


def publish(
    bus: str, source: str, kind: str, documents: Iterable[Mapping[str, Any]], at: datetime
) -> None:
    """One event of type ``kind`` for each of ``documents``, which are its data.

    Raises Busy when the bus does not take them all.
    """
    entries = [
        {
            "EventBusName": bus,
            "Source": source,
            "DetailType": kind,
            "Time": at,
            "Detail": json.dumps(
                {
                    "specversion": "1.0",
                    "id": str(uuid.uuid4()),
                    "source": source,
                    "type": kind,
                    "time": rfc3339(at),
                    "datacontenttype": "application/json",
                    "data": document,
                }
            ),
        }
        for document in documents
    ]
    for start in range(0, len(entries), AT_ONCE):
        answer = client("events").put_events(Entries=entries[start : start + AT_ONCE])
        if failed := answer["FailedEntryCount"]:
            raise Busy(f"{failed} events did not reach the bus {bus}")
