"""Publishes CloudEvents 1.0 to an EventBridge bus, in its envelope."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.aws.clients import client
from shared.errors import Busy
from shared.instants import rfc3339

AT_ONCE = 10
"""Events of one call; even with the largest orders they are far below the limit of 256 KB."""
MOST_BYTES = 250_000


def publish(
    bus: str, source: str, kind: str, documents: Iterable[Mapping[str, Any]], at: datetime
) -> None:
    """Publishes one event of type ``kind`` for each of ``documents``, which are its data.

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


def send(
    bus: str, events: Sequence[Mapping[str, Any]], too_late: Callable[[], bool] | None = None
) -> int:
    """Publishes CloudEvents in their order; returns how many of the first ones were certainly
    taken.

    It ends with the first call in which an event is refused: later events overtake that one by at
    most the events of one call. It ends before a call for which it is ``too_late``.
    """
    sent = 0
    for texts in _calls([json.dumps(event, ensure_ascii=False) for event in events]):
        if too_late is not None and too_late():
            return sent
        answer = client("events").put_events(
            Entries=[
                {
                    "EventBusName": bus,
                    "Source": event["source"],
                    "DetailType": event["type"],
                    "Time": datetime.fromisoformat(event["time"]),
                    "Detail": text,
                }
                for event, text in zip(events[sent:], texts, strict=False)
            ]
        )
        if answer["FailedEntryCount"]:
            failed = ["ErrorCode" in entry for entry in answer["Entries"]]
            return sent + failed.index(True)
        sent += len(texts)
    return sent


def _calls(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts of one call after the other, none empty: at most AT_ONCE texts and MOST_BYTES,
    except for a single text that is larger."""
    call: list[str] = []
    size = 0
    for text in texts:
        more = len(text.encode())
        if call and (len(call) == AT_ONCE or size + more > MOST_BYTES):
            yield call
            call, size = [], 0
        call.append(text)
        size += more
    if call:
        yield call
