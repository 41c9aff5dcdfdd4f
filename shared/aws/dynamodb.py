"""Calls to DynamoDB that every table needs: complete queries, complete batch reads, transactions.

A transaction is a list of ``Part``s. When DynamoDB cancels it, the reason of each part is returned
at the part's index, with the stored item, so that the caller can tell which condition failed.

Every call may raise Throttled (shared/aws/clients.py), a subclass of Busy; calls that write handle
it and retry.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.clients import THROTTLED, dynamodb
from shared.aws.items import Item, from_item, to_item
from shared.errors import Busy, Throttled

Part = Mapping[str, Any]
"""One entry of TransactItems: {"Put": {...}} | {"Update": {...}} | {"ConditionCheck": {...}}."""

ATTEMPTS = 8
READ_KEYS = 100
WRITE_PARTS = 100
PUT_ITEMS = 25


@dataclass(frozen=True, slots=True)
class Refused:
    """The condition of part ``index`` was false; ``item`` is the stored item, or None."""

    index: int
    item: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one attempt: written, or the refused conditions, or the parts in conflict with
    another writer (or throttled), which may be retried. At most one of ``refused`` and ``busy`` is
    not empty."""

    refused: Sequence[Refused] = ()
    busy: Sequence[int] = ()

    @property
    def written(self) -> bool:
        return not self.refused and not self.busy


def attempt(parts: Sequence[Part], token: str | None = None) -> Tried:
    """One attempt to write all parts or none, for callers that do not repeat it unchanged.

    When a condition is false and another part is in conflict, only the condition is reported.
    """
    request: dict[str, Any] = {"TransactItems": [_with_old(part) for part in parts]}
    if token is not None:
        request["ClientRequestToken"] = token
    try:
        dynamodb().transact_write_items(**request)
    except Throttled:
        return Tried(busy=range(len(parts)))
    except ClientError as error:
        # by its code: the client of another thread has exception classes of its own
        match error.response["Error"]["Code"]:
            case "TransactionCanceledException":
                return _cancelled(error, len(parts))
            case code if code in CONFLICTS:
                return Tried(busy=range(len(parts)))
        raise
    return Tried()


def _cancelled(error: ClientError, parts: int) -> Tried:
    response: Any = error.response
    reasons = response.get("CancellationReasons", [])
    refused = [
        Refused(index, _item(reason.get("Item")))
        for index, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    ]
    if refused:
        return Tried(refused=refused)
    codes = [reason.get("Code", "None") for reason in reasons]
    if not _passing(codes):
        raise error
    busy = [index for index, code in enumerate(codes) if code != "None"]
    return Tried(busy=busy or range(parts))


def transact(parts: Sequence[Part], token: str | None = None) -> list[Refused]:
    """Writes all parts or none; returns the refused conditions, empty when everything was written.

    A conflict with another transaction is retried with full jitter, at most ATTEMPTS times (about
    1.5 s). A false condition is final and not retried.

    Raises Busy when the conflicts do not end.
    """
    for _ in attempts():
        tried = attempt(parts, token)
        if not tried.busy:
            return list(tried.refused)
    raise Busy("too many writers on the same items")


def _item(found: Any) -> dict[str, Any] | None:
    return from_item(found) if found else None


CONFLICTS = frozenset(
    {"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"}
)


def _passing(codes: Iterable[str]) -> bool:
    return all(code in CONFLICTS or code in THROTTLED or code == "None" for code in codes)


def attempts(most: int = ATTEMPTS, slower: int = 0) -> Iterator[int]:
    """Numbers the rounds of a loop that reads, decides, and writes on condition of what it read.

    Pauses before each round but the first; ``slower`` doublings make the pauses longer. The loop's
    owner returns after a successful write, and raises Busy after the loop.
    """
    for number in range(most):
        if number:
            pause(number - 1 + slower)
        yield number


def pause(attempt: int) -> None:
    """Waits a random time below 10 ms doubled ``attempt`` times, 400 ms at most."""
    time.sleep(random.uniform(0, min(0.4, 0.01 * 2**attempt)))


def _with_old(part: Part) -> dict[str, Any]:
    ((kind, arguments),) = part.items()
    return {kind: {**arguments, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}


def write(kind: str, **arguments: Any) -> Refused | None:
    """One conditional ``put_item``, ``update_item`` or ``delete_item``; Refused when the condition
    is false.

    A conflict with a transaction that is under way is retried like a conflict of two transactions.
    """
    for _ in attempts():
        try:
            getattr(dynamodb(), kind)(**arguments, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except Throttled:
            pass
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return Refused(0, _item(error.response.get("Item")))
            if code not in CONFLICTS:
                raise
        else:
            return None
    raise Busy("too many writers on the same item")


def add(table: str, pk: str, sk: str, ttl: int) -> int:
    """Adds one to ``units`` of an item, which is created when missing; returns the new number.

    ``ttl`` (epoch seconds) is when the item may expire.
    """
    answer = dynamodb().update_item(
        TableName=table,
        Key=key(pk, sk),
        UpdateExpression="SET #ttl = :ttl ADD units :one",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues=to_item({":ttl": ttl, ":one": 1}),
        ReturnValues="UPDATED_NEW",
    )
    return int(from_item(answer["Attributes"])["units"])


def add_below(table: str, pk: str, sk: str, most: int) -> int | None:
    """Adds one to ``units`` of an item, which is created when missing, while they are fewer than
    ``most``; returns the new number, or None when they are not."""
    try:
        answer = dynamodb().update_item(
            TableName=table,
            Key=key(pk, sk),
            UpdateExpression="ADD units :one",
            ConditionExpression="attribute_not_exists(units) OR units < :most",
            ExpressionAttributeValues=to_item({":one": 1, ":most": most}),
            ReturnValues="UPDATED_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
    return int(from_item(answer["Attributes"])["units"])


def put_many(table: str, items: Sequence[Item]) -> None:
    """Puts typed items over existing ones, 25 per call; their keys must differ.

    Raises Busy when the table does not take them all.
    """
    _write_many(table, [{"PutRequest": {"Item": item}} for item in items])


def delete_many(table: str, keys: Iterable[tuple[str, str]]) -> None:
    """Deletes the items of each (pk, sk), 25 per call. Raises Busy like ``put_many``."""
    unique = dict.fromkeys(keys)
    _write_many(table, [{"DeleteRequest": {"Key": key(pk, sk)}} for pk, sk in unique])


def _write_many(table: str, requests: Sequence[Any]) -> None:
    left = list(requests)
    attempt = 0
    while left:
        now, left = left[:PUT_ITEMS], left[PUT_ITEMS:]
        answer: Any = dynamodb().batch_write_item(RequestItems={table: now})
        if unwritten := answer.get("UnprocessedItems", {}).get(table):
            attempt += 1
            if attempt == ATTEMPTS:
                raise Busy("writes are throttled")
            left += unwritten
            pause(attempt)


def get(table: str, pk: str, sk: str, *, consistent: bool = False) -> dict[str, Any] | None:
    """One item, or None."""
    item = (
        dynamodb().get_item(TableName=table, Key=key(pk, sk), ConsistentRead=consistent).get("Item")
    )
    return from_item(item) if item else None


@dataclass(frozen=True, slots=True, order=True)
class Key:
    table: str
    pk: str
    sk: str


def get_many(
    keys: Iterable[Key], *, consistent: bool = False, only: Sequence[str] = ()
) -> dict[Key, dict[str, Any]]:
    """The items that exist among ``keys``, of any tables: one call per 100 keys.

    ``only`` names the attributes to read beside the key; without it all attributes are read.
    """
    wanted = list(dict.fromkeys(keys))
    found: dict[Key, dict[str, Any]] = {}
    attempt = 0
    while wanted:
        asked, wanted = wanted[:READ_KEYS], wanted[READ_KEYS:]
        answer = dynamodb().batch_get_item(
            RequestItems=_by_table(asked, only, consistent=consistent)
        )
        for table, items in answer["Responses"].items():
            for item in items:
                values = from_item(item)
                found[Key(table, values["pk"], values["sk"])] = values
        if unread := answer.get("UnprocessedKeys"):
            attempt += 1
            if attempt == ATTEMPTS:
                raise Busy("reads are throttled")
            wanted += [key for key in asked if key not in found and key.table in unread]
            pause(attempt)
    return found


def _by_table(keys: Iterable[Key], only: Sequence[str], *, consistent: bool) -> Any:
    names = {f"#{index}": name for index, name in enumerate(("pk", "sk", *only))}
    projection = {
        "ProjectionExpression": ", ".join(names),
        "ExpressionAttributeNames": names,
    }
    tables: dict[str, Any] = {}
    for wanted in keys:
        rows = tables.setdefault(
            wanted.table,
            {"Keys": [], "ConsistentRead": consistent, **(projection if only else {})},
        )
        rows["Keys"].append(key(wanted.pk, wanted.sk))
    return tables


def query(
    table: str, condition: str, values: Mapping[str, Any], **more: Any
) -> Iterator[dict[str, Any]]:
    """Every item of a query, page by page. ``values`` are typed attributes."""
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": dict(values),
        **more,
    }
    while True:
        page = dynamodb().query(**request)
        for item in page["Items"]:
            yield from_item(item)
        last = page.get("LastEvaluatedKey")
        if last is None:
            return
        request["ExclusiveStartKey"] = last


@dataclass(frozen=True, slots=True)
class Page:
    items: list[dict[str, Any]]
    last: Item | None


def query_page(
    table: str, condition: str, values: Mapping[str, Any], limit: int, **more: Any
) -> Page:
    """One page of at most ``limit`` items, and the key to continue after."""
    answer = dynamodb().query(
        TableName=table,
        KeyConditionExpression=condition,
        ExpressionAttributeValues=dict(values),
        Limit=limit,
        **more,
    )
    last: Any = answer.get("LastEvaluatedKey")
    return Page([from_item(item) for item in answer["Items"]], last)


def scan_page(table: str, limit: int, after: Item | None = None, **more: Any) -> Page:
    """One page of a scan, behind the key ``after``, and the key to continue after."""
    if after is not None:
        more["ExclusiveStartKey"] = after
    answer = dynamodb().scan(TableName=table, Limit=limit, **more)
    last: Any = answer.get("LastEvaluatedKey")
    return Page([from_item(item) for item in answer["Items"]], last)


def key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
