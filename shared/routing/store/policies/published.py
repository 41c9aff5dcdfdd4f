"""Published policies: immutable, numbered from 1."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import NotFound
from shared.instants import rfc3339
from shared.routing.model.decision import canonical_json
from shared.routing.model.policy import DEFAULT_POLICY, Policy

POLICY = "POLICY"
MAX_VERSION = 10**8 - 1


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """A policy with the time of its publication and its planner; both None for DEFAULT."""

    policy: Policy
    at: datetime | None
    by: str | None


DEFAULT = PublishedPolicy(DEFAULT_POLICY, None, None)


@dataclass(frozen=True, slots=True)
class PolicyPage:
    policies: list[PublishedPolicy]
    before: int | None
    """The next page holds the versions below this one."""


def published_policy(version: int) -> PublishedPolicy:
    """Raises NotFound when there is no such version."""
    if version == DEFAULT_POLICY.version:
        return DEFAULT
    item = tables.get(table_name("config"), POLICY, version_key(version), consistent=True)
    if item is None:
        raise NotFound(f"there is no policy version {version}", version=version)
    return policy_of_item(item)


def page(limit: int, before: int | None = None) -> PolicyPage:
    """Published policies, the newest first; version 0 comes last."""
    if before is not None and before <= 1:
        return PolicyPage([DEFAULT], None)
    last = version_key(before - 1 if before is not None else MAX_VERSION)
    result = tables.query_page(
        table_name("config"),
        "pk = :policy AND sk BETWEEN :first AND :last",
        {":policy": {"S": POLICY}, ":first": {"S": version_key(1)}, ":last": {"S": last}},
        limit,
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    policies = [policy_of_item(item) for item in result.items]
    if len(policies) < limit:
        return PolicyPage([*policies, DEFAULT], None)
    return PolicyPage(policies, policies[-1].policy.version)


def newest_version() -> int:
    newest = page(1).policies[0]
    return newest.policy.version


def version_key(version: int) -> str:
    return f"{version:08d}"


def published_item(published: PublishedPolicy) -> dict[str, Any]:
    return to_item(
        {
            "pk": POLICY,
            "sk": version_key(published.policy.version),
            "policy": canonical_json(published.policy.to_json()).decode(),
            "at": published.at and rfc3339(published.at),
            "by": published.by,
        }
    )


def policy_of_item(item: dict[str, Any]) -> PublishedPolicy:
    return PublishedPolicy(
        Policy.from_json(json.loads(item["policy"])),
        datetime.fromisoformat(item["at"]),
        item["by"],
    )
