"""Items of the customers table: keys, writes, retries and idempotent requests."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from shared.aws.dynamodb import Part, attempts, get, key, query, transact
from shared.aws.items import to_item
from shared.aws.secrets import secret
from shared.aws.settings import table_name
from shared.customers.model.keys import keyed_hash
from shared.customers.model.person import RecordKey
from shared.errors import Busy
from shared.web.idempotency import KEPT_SECONDS, Request

T = TypeVar("T")

ROUNDS = 40
WRITE_PARTS = 100


@dataclass(frozen=True, slots=True)
class Act:
    """A manual action: who, when, and the reason given."""

    actor: str
    at: datetime
    reason: str


def table() -> str:
    return table_name("customers")


def identity_key() -> bytes:
    return secret("identity_key")


def new_id() -> str:
    """48 bits of time and 80 random bits, in hex, so that ids of one moment are adjacent."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def profile_at(profile_id: str) -> tuple[str, str]:
    return f"PROFILE#{profile_id}", "PROFILE"


def head_at(name: RecordKey) -> tuple[str, str]:
    return f"RECORD#{name}", "HEAD"


def put(
    pk: str,
    sk: str,
    item: Mapping[str, Any],
    *,
    condition: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Part:
    arguments: dict[str, Any] = {
        "TableName": table(),
        "Item": to_item({"pk": pk, "sk": sk, **item}),
    }
    if condition is not None:
        arguments["ConditionExpression"] = condition
    if values:
        arguments["ExpressionAttributeValues"] = to_item(values)
    return {"Put": arguments}


def update(
    pk: str,
    sk: str,
    expression: str,
    *,
    values: Mapping[str, Any],
    condition: str | None = None,
) -> Part:
    arguments: dict[str, Any] = {
        "TableName": table(),
        "Key": key(pk, sk),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": to_item(values),
    }
    if condition is not None:
        arguments["ConditionExpression"] = condition
    return {"Update": arguments}


def delete(pk: str, sk: str) -> Part:
    return {"Delete": {"TableName": table(), "Key": key(pk, sk)}}


def rows(pk: str) -> Iterator[dict[str, Any]]:
    return query(table(), "pk = :pk", to_item({":pk": pk}), ConsistentRead=True)


def write_all(parts: Sequence[Part]) -> None:
    for start in range(0, len(parts), 100):
        transact(parts[start : start + 100])


def retry_until_written(once: Callable[[], T | None]) -> T:
    """Call ``once`` until it returns a value. Each call reads, decides and tries to write; None
    means that a condition failed. Raises Busy after ROUNDS calls."""
    for _ in attempts(ROUNDS, slower=2):
        try:
            result = once()
        except Busy:
            result = None
        if result is not None:
            return result
    raise Busy("too many requests change this person at once; try again")


def stored_answer(request: Request) -> dict[str, Any] | None:
    """The answer to an earlier, identical request; None for a new one. Raises KeyReused."""
    item = get(table(), f"IDEM#{request.name}", "IDEM", consistent=True)
    return answer_of(item, request) if item is not None else None


def answer_of(item: Mapping[str, Any], request: Request) -> dict[str, Any]:
    request.check(item["digest"])
    answer: dict[str, Any] = json.loads(item["answer"])
    return answer


def answer_put(
    request: Request,
    answer: Mapping[str, Any],
    at: datetime,
    instead: Mapping[str, Any] | None = None,
) -> Part:
    """The write that stores the answer. ``instead`` is a stored answer to replace, about somebody
    who was erased since."""
    return put(
        f"IDEM#{request.name}",
        "IDEM",
        {
            "digest": request.digest,
            "answer": json.dumps(answer, separators=(",", ":")),
            "ttl": int(at.timestamp()) + KEPT_SECONDS,
        },
        # Holds when the request has no answer yet, or still the one that was read.
        condition="answer = :was" if instead else "attribute_not_exists(pk)",
        values={":was": instead["answer"]} if instead else None,
    )


def request_reference_put(name: RecordKey, request: Request, at: datetime) -> Part:
    """The write that notes a request under the record, for as long as its answer is kept, so that
    an erasure finds the answer."""
    ttl = int(at.timestamp()) + KEPT_SECONDS
    return put(f"RECORD#{name}", f"ASKED#{request.name}", {"request": request.name, "ttl": ttl})


def erased_statement_at(name: RecordKey, statement: str) -> tuple[str, str]:
    """The key of the item that marks an erased statement; ``statement`` was its sort key."""
    return f"RECORD#{name}", f"GONE#{keyed_hash(identity_key(), 'statement', statement)}"
