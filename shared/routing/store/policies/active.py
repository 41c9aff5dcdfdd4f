"""The policy in force, and the canary: a published version that routes a share of the orders.

The process caches ``active`` for KEPT_SECONDS, so a published, promoted or rolled back policy is in
force everywhere after at most that time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.canary import canary_takes
from shared.instants import rfc3339
from shared.routing.model.policy import DEFAULT_POLICY, Policy
from shared.routing.store.policies.published import POLICY, published_policy
from shared.stored import from_row

ACTIVE = "active"
KEPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Canary:
    """The ``version`` that routes ``share`` hundredths of a percent of the orders since ``at``."""

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
    """The policy in force, and the canary that routes ``share`` of the orders."""

    policy: Policy
    canary: Policy | None
    share: int


def _read_in_force() -> InForce:
    now = activation()
    return InForce(
        published_policy(now.version).policy,
        published_policy(now.canary.version).policy if now.canary else None,
        now.canary.share if now.canary else 0,
    )


in_force = Cached(_read_in_force, KEPT_SECONDS)


def active_policy(order_id: str | None = None) -> Policy:
    """The policy that routes the order: the one in force or the canary. Without an order, the one
    in force. At most KEPT_SECONDS old."""
    current = in_force.get()
    canary = current.canary
    if canary and order_id is not None and canary_takes(order_id, canary.version, current.share):
        return canary
    return current.policy


def activation() -> Activation:
    """The version in force and the canary, read consistently."""
    item = tables.get(table_name("config"), POLICY, ACTIVE, consistent=True)
    if item is None:
        return Activation(DEFAULT_POLICY.version)
    row = item.get("canary")
    canary = from_row(Canary, {**row, "at": datetime.fromisoformat(row["at"])}) if row else None
    return Activation(item["version"], canary)


def active_version() -> int:
    return activation().version


def roll_back(version: int, at: datetime, by: str) -> int:
    """Put a published version in force again, at once, and stop the canary. Returns the version
    that was in force before.

    Raises NotFound when there is no such version.
    """
    published_policy(version)
    answer = dynamodb().put_item(
        TableName=table_name("config"),
        Item=active_item(version, at, by),
        ReturnValues="ALL_OLD",
    )
    in_force.clear()
    before = answer.get("Attributes")
    return int(before["version"]["N"]) if before else DEFAULT_POLICY.version


def active_item(version: int, at: datetime | None, by: str | None) -> dict[str, Any]:
    return to_item(
        {"pk": POLICY, "sk": ACTIVE, "version": version, "at": at and rfc3339(at), "by": by}
    )
