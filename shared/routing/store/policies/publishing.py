"""Publish the draft: for all orders, or as a canary for a share of them."""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, Conflict, NotFound, VersionMismatch
from shared.instants import rfc3339
from shared.routing.model.drafts import Draft
from shared.routing.model.policy import DEFAULT_POLICY, Policy
from shared.routing.store.policies.active import (
    ACTIVE,
    Activation,
    activation,
    active_item,
    in_force,
)
from shared.routing.store.policies.drafts import ATTEMPTS, DRAFT, draft
from shared.routing.store.policies.published import (
    POLICY,
    PublishedPolicy,
    newest_version,
    published_item,
    published_policy,
)
from shared.routing.store.policies.trials import check_guard_rails

ACTIVATION_PART = 2
"""The index of the transaction's part that puts the version in force."""


def publish(
    revision: int | None, at: datetime, by: str, share: int | None = None
) -> PublishedPolicy:
    """Publish the draft as the next version and put it in force. With ``share`` (hundredths of a
    percent of the orders) it becomes the canary only. Idempotent: publishing a revision again
    returns its version and changes nothing.

    Raises NotFound without a draft, VersionMismatch when ``revision`` is not the draft's, NotTried
    and GuardRailBroken by its guard rails, Conflict while a canary runs.
    """
    for _ in tables.attempts(ATTEMPTS):
        stored = draft()
        if stored is None:
            raise NotFound("there is no draft")
        if revision not in {None, stored.revision}:
            raise VersionMismatch("the draft has changed since", version=stored.revision)
        if stored.published_as is not None:
            return published_policy(stored.published_as)
        check_guard_rails(stored, at)
        version = newest_version() + 1
        policy = Policy.from_json({**stored.policy.to_json(), "version": version})
        refused = tables.transact(publication(stored, PublishedPolicy(policy, at, by), share))
        if not refused:
            in_force.clear()
            return PublishedPolicy(policy, at, by)
        if any(row.index == ACTIVATION_PART for row in refused):
            raise _canary_conflict(activation())
    raise Busy("too many planners publish at once; try again")


def _canary_conflict(now: Activation) -> Conflict:
    if now.canary is None:
        return Conflict("a canary was running a moment ago; trying again is safe")
    version = now.canary.version
    return Conflict(f"version {version} runs as a canary: promote or stop it first", canary=version)


def publication(
    draft: Draft, published: PublishedPolicy, share: int | None = None
) -> list[tables.Part]:
    """The transaction that publishes the draft."""
    name, version = table_name("config"), published.policy.version
    return [
        {
            "Update": {
                "TableName": name,
                "Key": tables.key(POLICY, DRAFT),
                "UpdateExpression": "SET published_as = :version",
                # Holds when the draft is still the one that was read, and nobody has published it.
                "ConditionExpression": "revision = :revision"
                " AND attribute_not_exists(published_as)",
                "ExpressionAttributeValues": {
                    ":version": {"N": str(version)},
                    ":revision": {"N": str(draft.revision)},
                },
            }
        },
        {
            "Put": {
                "TableName": name,
                "Item": published_item(published),
                # Holds when no other draft was published as this version meanwhile.
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        },
        _put_in_force(published) if share is None else _start_canary(published, share),
    ]


def _put_in_force(published: PublishedPolicy) -> tables.Part:
    return {
        "Put": {
            "TableName": table_name("config"),
            "Item": active_item(published.policy.version, published.at, published.by),
            # Holds while no canary runs.
            "ConditionExpression": "attribute_not_exists(canary)",
        }
    }


def _start_canary(published: PublishedPolicy, share: int) -> tables.Part:
    canary = {
        "version": published.policy.version,
        "share": share,
        "at": published.at and rfc3339(published.at),
        "by": published.by,
    }
    return {
        "Update": {
            "TableName": table_name("config"),
            "Key": tables.key(POLICY, ACTIVE),
            "UpdateExpression": "SET canary = :canary, version = if_not_exists(version, :default)",
            # Holds while no canary runs.
            "ConditionExpression": "attribute_not_exists(canary)",
            "ExpressionAttributeValues": to_item(
                {":canary": canary, ":default": DEFAULT_POLICY.version}
            ),
        }
    }
