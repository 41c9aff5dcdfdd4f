"""The conflicts of transactions as DynamoDB has them, in front of DynamoDB Local, which has none.

DynamoDB Local carries out one request after the other. DynamoDB refuses a transaction that meets an
item which another request under way is writing, and a plain write that meets one in a transaction:
TransactionConflict. ``contended`` answers so in the client; what is not refused goes to DynamoDB
Local. There the requests of 64 threads wait for each other; in the cloud they would not, so that a
request counts as under way for ``lasts`` seconds at most.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

Lock = tuple[str, str, str]
TRANSACTION = "TransactWriteItems"
PLAIN = ("UpdateItem", "PutItem", "DeleteItem")
LASTS = 0.02
"""Seconds that a transaction takes: two rounds over its items, each written to two zones."""


@dataclass(eq=False, slots=True)
class UnderWay:
    name: str
    locks: list[Lock]
    until: float


class Contention:
    def __init__(self, lasts: float) -> None:
        self.seen: Counter[str] = Counter()
        self._lasts = lasts
        self._guard = threading.Lock()
        self._holders: defaultdict[Lock, list[UnderWay]] = defaultdict(list)
        self._mine = threading.local()

    def asked(self, params: dict[str, Any], **_: Any) -> None:
        if "TransactItems" in params:
            self._mine.locks = [_lock(next(iter(part.items()))) for part in params["TransactItems"]]
        else:
            self._mine.locks = [_lock(("Put" if "Item" in params else "Update", params))]

    def sent(self, model: Any, **_: Any) -> Any:
        now = time.monotonic()
        request = UnderWay(model.name, self._mine.locks, now + self._lasts)
        with self._guard:
            self.seen[request.name] += 1
            met = [self._meets(request, lock, now) for lock in request.locks]
            if any(met):
                self.seen["conflict"] += 1
                return _refusal(request.name, met)
            for lock in request.locks:
                self._holders[lock].append(request)
        self._mine.request = request
        return None

    def answered(self, **_: Any) -> None:
        request: UnderWay | None = getattr(self._mine, "request", None)
        self._mine.request = None
        if request is not None:
            with self._guard:
                for lock in request.locks:
                    self._holders[lock].remove(request)

    def _meets(self, request: UnderWay, lock: Lock, now: float) -> bool:
        return any(
            other.until > now and TRANSACTION in (request.name, other.name)
            for other in self._holders[lock]
        )


@contextmanager
def contended(client: Any, lasts: float = LASTS) -> Iterator[Counter[str]]:
    """While it lasts, conflicts are answered; how many requests were sent, by name, and how many of
    them were in ``conflict``."""
    contention = Contention(lasts)
    handlers = [
        (f"{event}.dynamodb.{name}", handler)
        for name in (TRANSACTION, *PLAIN)
        for event, handler in (
            ("provide-client-params", contention.asked),
            ("before-call", contention.sent),
            ("after-call", contention.answered),
            ("after-call-error", contention.answered),
        )
    ]
    for event, handler in handlers:
        client.meta.events.register(event, handler)
    try:
        yield contention.seen
    finally:
        for event, handler in handlers:
            client.meta.events.unregister(event, handler)


def _lock(part: tuple[str, dict[str, Any]]) -> Lock:
    kind, arguments = part
    key = arguments["Item"] if kind == "Put" else arguments["Key"]
    return arguments["TableName"], key["pk"]["S"], key["sk"]["S"]


def _refusal(name: str, met: list[bool]) -> tuple[AWSResponse, dict[str, Any]]:
    code = "TransactionCanceledException" if name == TRANSACTION else "TransactionConflictException"
    parsed: dict[str, Any] = {
        "Error": {"Code": code, "Message": "in conflict with another request"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RetryAttempts": 0},
    }
    if name == TRANSACTION:
        parsed["CancellationReasons"] = [
            {"Code": "TransactionConflict" if one else "None"} for one in met
        ]
    return AWSResponse("", 400, HTTPHeaders(), None), parsed
