"""End a canary: promote it to all orders, or stop it."""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.errors import NotFound
from shared.routing.store.policies.active import (
    ACTIVE,
    Activation,
    Canary,
    activation,
    active_item,
    in_force,
)
from shared.routing.store.policies.published import POLICY


def promote(at: datetime, by: str) -> int:
    """Put the canary in force for all orders. Returns the version that was in force before.

    Raises NotFound when no canary runs.
    """
    now = activation()
    canary = _running_canary(now)
    refused = tables.write(
        "put_item",
        TableName=table_name("config"),
        Item=active_item(canary.version, at, by),
        # Holds while this canary still runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues={":version": {"N": str(canary.version)}},
    )
    if refused is not None:
        raise NotFound(f"version {canary.version} no longer runs as a canary")
    in_force.clear()
    return now.version


def stop_canary() -> int:
    """Route all orders by the policy in force again. Returns the version of the canary.

    Raises NotFound when no canary runs.
    """
    canary = _running_canary(activation())
    refused = tables.write(
        "update_item",
        TableName=table_name("config"),
        Key=tables.key(POLICY, ACTIVE),
        UpdateExpression="REMOVE canary",
        # Holds while this canary still runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues={":version": {"N": str(canary.version)}},
    )
    if refused is not None:
        raise NotFound(f"version {canary.version} no longer runs as a canary")
    in_force.clear()
    return canary.version


def _running_canary(now: Activation) -> Canary:
    if now.canary is None:
        raise NotFound("no canary runs")
    return now.canary
