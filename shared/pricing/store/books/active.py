"""The book in force, and the canary: a published version that prices for a share of the shoppers.

The process caches ``active`` for KEPT_SECONDS, so a published, promoted or rolled back book is in
force everywhere after at most that time.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.canary import canary_takes
from shared.errors import Conflict, NotFound
from shared.instants import rfc3339
from shared.pricing.model.book import NO_PROMOTIONS, Book
from shared.pricing.store.books.documents import book, published
from shared.pricing.store.books.keys import BOOK
from shared.stored import from_row

ACTIVE = "active"
KEPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Canary:
    """The ``version`` that prices for ``share`` hundredths of a percent of the shoppers since
    ``at``."""

    version: int
    share: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Activation:
    version: int
    canary: Canary | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The book in force, and the canary that prices for ``share`` of the shoppers."""

    book: Book
    canary: Book | None = None
    share: int = 0

    def of(self, shopper: str | None) -> Book:
        """The book of a shopper: always the same one while both are in force, in every channel.
        Somebody of whom nothing lasting is known (None) never gets the canary."""
        canary = self.canary
        if canary and shopper is not None and canary_takes(shopper, canary.version, self.share):
            return canary
        return self.book

    @property
    def all(self) -> tuple[Book, ...]:
        return (self.book, self.canary) if self.canary else (self.book,)


def activation() -> Activation:
    """The version in force and the canary, read consistently."""
    item = tables.get(table_name("pricing"), BOOK, ACTIVE, consistent=True)
    if item is None:
        return Activation(NO_PROMOTIONS.version)
    row = item.get("canary")
    canary = from_row(Canary, {**row, "at": datetime.fromisoformat(row["at"])}) if row else None
    return Activation(item["version"], canary)


def active_version() -> int:
    return activation().version


@lru_cache(maxsize=4)
def _kept_book(_client: Any, version: int) -> Book:
    """A version never changes, so that it is read once per process, and once per client in tests,
    where each has its own tables."""
    return book(version)


def _read_in_force() -> InForce:
    now = activation()
    active = _kept_book(dynamodb(), now.version)
    if now.canary is None:
        return InForce(active)
    return InForce(active, _kept_book(dynamodb(), now.canary.version), now.canary.share)


in_force: Cached[InForce] = Cached(_read_in_force, KEPT_SECONDS)
"""At most KEPT_SECONDS old; 0.5 read units, and one read more for a version that is new here."""


def roll_back(version: int, at: datetime, by: str) -> int:
    """Put a published version in force again, at once, and stop the canary; 0 is the book without
    promotions. Returns the version that was in force before.

    Raises NotFound when there is no such version.
    """
    if version != NO_PROMOTIONS.version:
        published(version)
    answer = dynamodb().put_item(
        TableName=table_name("pricing"),
        Item=_active_item(version, at, by),
        ReturnValues="ALL_OLD",
    )
    in_force.clear()
    before = answer.get("Attributes")
    return int(before["version"]["N"]) if before else NO_PROMOTIONS.version


def promote(at: datetime, by: str) -> int:
    """Put the canary in force for all shoppers. Returns the version that was in force before.

    Raises NotFound when no canary runs.
    """
    now = activation()
    canary = _running(now)
    refused = tables.write(
        "put_item",
        TableName=table_name("pricing"),
        Item=_active_item(canary.version, at, by),
        # Holds while this canary still runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues=to_item({":version": canary.version}),
    )
    _check_still_running(canary, refused)
    return now.version


def stop_canary() -> int:
    """Price for all shoppers by the book in force again. Returns the version of the canary.

    Raises NotFound when no canary runs.
    """
    canary = _running(activation())
    refused = tables.write(
        "update_item",
        TableName=table_name("pricing"),
        Key=tables.key(BOOK, ACTIVE),
        UpdateExpression="REMOVE canary",
        # Holds while this canary still runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues=to_item({":version": canary.version}),
    )
    _check_still_running(canary, refused)
    return canary.version


def _running(now: Activation) -> Canary:
    if now.canary is None:
        raise NotFound("no canary runs")
    return now.canary


def _check_still_running(canary: Canary, refused: tables.Refused | None) -> None:
    if refused is not None:
        raise NotFound(f"version {canary.version} no longer runs as a canary")
    in_force.clear()


def put_in_force(made: Canary) -> tables.Part:
    """The version for all shoppers: a part of its publication."""
    return {
        "Put": {
            "TableName": table_name("pricing"),
            "Item": _active_item(made.version, made.at, made.by),
            # Holds while no canary runs.
            "ConditionExpression": "attribute_not_exists(canary)",
        }
    }


def start_canary(made: Canary) -> tables.Part:
    """The version for a share of the shoppers: a part of its publication."""
    row = {"version": made.version, "share": made.share, "at": rfc3339(made.at), "by": made.by}
    return {
        "Update": {
            "TableName": table_name("pricing"),
            "Key": tables.key(BOOK, ACTIVE),
            "UpdateExpression": "SET canary = :canary, version = if_not_exists(version, :first)",
            # Holds while no canary runs.
            "ConditionExpression": "attribute_not_exists(canary)",
            "ExpressionAttributeValues": to_item({":canary": row, ":first": NO_PROMOTIONS.version}),
        }
    }


def refuse_second_canary() -> None:
    """Raises Conflict: nothing is published while a canary runs."""
    now = activation()
    if now.canary is None:
        raise Conflict("a canary was running a moment ago; trying again is safe")
    version = now.canary.version
    raise Conflict(f"version {version} runs as a canary: promote or stop it first", canary=version)


def _active_item(version: int, at: datetime, by: str) -> dict[str, Any]:
    return to_item({"pk": BOOK, "sk": ACTIVE, "version": version, "at": rfc3339(at), "by": by})
