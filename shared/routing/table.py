"""Routing policies, table ``config``.

    pk POLICY   sk 00000001, ...   a published policy; never changed     policy, page
                sk draft           the one draft, with its revision      draft
                sk active          {version}: the one in force           active: 0.5 read units

``active`` is kept by the process for KEPT_SECONDS: what planners publish or roll back is in force
everywhere that much later at most. Version 0 is DEFAULT_POLICY, and not stored.
"""

import json
import time as clock
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch
from shared.instants import rfc3339
from shared.routing.model import DEFAULT_POLICY, Policy, canonical

POLICY = "POLICY"
DRAFT = "draft"
ACTIVE = "active"
KEPT_SECONDS = 30
ATTEMPTS = 5
HIGHEST = 10**8 - 1


@dataclass(frozen=True, slots=True)
class Published:
    policy: Policy
    at: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """``published_as`` is the version that this revision has become; the policy's own is 0."""

    policy: Policy
    revision: int
    at: datetime
    by: str
    published_as: int | None


DEFAULT = Published(DEFAULT_POLICY, None, None)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The active policy as read with ``client``; another client knows nothing of it."""

    client: Any
    until: float
    policy: Policy


_kept: _Kept | None = None


def active() -> Policy:
    """The policy in force; KEPT_SECONDS old at most."""
    global _kept  # noqa: PLW0603
    if _kept is None or _kept.client is not dynamodb() or _kept.until < clock.monotonic():
        found = published(active_version())
        _kept = _Kept(dynamodb(), clock.monotonic() + KEPT_SECONDS, found.policy)
    return _kept.policy


def active_version() -> int:
    found = tables.get(table_name("config"), POLICY, ACTIVE, consistent=True)
    return found["version"] if found else DEFAULT_POLICY.version


def published(version: int) -> Published:
    """Raises NotFound when there is no such version."""
    if version == DEFAULT_POLICY.version:
        return DEFAULT
    found = tables.get(table_name("config"), POLICY, _sk(version), consistent=True)
    if found is None:
        raise NotFound(f"there is no policy version {version}", version=version)
    return _published(found)


@dataclass(frozen=True, slots=True)
class Page:
    policies: list[Published]
    before: int | None
    """The version to go on below."""


def page(limit: int, before: int | None = None) -> Page:
    """Published policies, the newest first; version 0 comes last."""
    if before is not None and before <= 1:
        return Page([DEFAULT], None)
    last = _sk(before - 1 if before is not None else HIGHEST)
    found = tables.query_page(
        table_name("config"),
        "pk = :policy AND sk BETWEEN :first AND :last",
        {":policy": {"S": POLICY}, ":first": {"S": _sk(1)}, ":last": {"S": last}},
        limit,
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    policies = [_published(item) for item in found.items]
    if len(policies) < limit:
        return Page([*policies, DEFAULT], None)
    return Page(policies, policies[-1].policy.version)


def draft() -> Draft | None:
    found = tables.get(table_name("config"), POLICY, DRAFT, consistent=True)
    return _draft(found) if found else None


def put_draft(policy: Policy, revision: int | None, at: datetime, by: str) -> Draft:
    """Replace the draft; with ``revision`` only if that is what stands there (0: none).

    Raises VersionMismatch when it is not.
    """
    for attempt in range(ATTEMPTS):
        before = draft()
        found = before.revision if before else 0
        if revision not in {None, found}:
            raise VersionMismatch("the draft has changed since", version=found)
        made = Draft(policy, found + 1, at, by, None)
        refused = tables.write(
            "put_item",
            TableName=table_name("config"),
            Item=_draft_item(made),
            # Holds when nobody has written the draft since it was read above.
            ConditionExpression="revision = :found" if before else "attribute_not_exists(pk)",
            **({"ExpressionAttributeValues": {":found": {"N": str(found)}}} if before else {}),
        )
        if refused is None:
            return made
        tables.pause(attempt)
    raise Busy("too many writers on the draft")


def publish(revision: int | None, at: datetime, by: str) -> Published:
    """Make the draft the next version, and active. The same revision becomes one version only:
    publishing it again answers that version and changes nothing.

    Raises NotFound without a draft, VersionMismatch when ``revision`` is no longer the draft's.
    """
    for attempt in range(ATTEMPTS):
        found = draft()
        if found is None:
            raise NotFound("there is no draft")
        if revision not in {None, found.revision}:
            raise VersionMismatch("the draft has changed since", version=found.revision)
        if found.published_as is not None:
            return published(found.published_as)
        version = _newest() + 1
        policy = Policy.from_json({**found.policy.to_json(), "version": version})
        if not tables.transact(_publication(found, Published(policy, at, by))):
            _forget()
            return Published(policy, at, by)
        tables.pause(attempt)
    raise Busy("too many planners publish at once")


def _publication(found: Draft, made: Published) -> list[tables.Part]:
    name, version = table_name("config"), made.policy.version
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
                    ":revision": {"N": str(found.revision)},
                },
            }
        },
        {
            "Put": {
                "TableName": name,
                "Item": _published_item(made),
                # Holds when no other draft has become this version meanwhile.
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        },
        {"Put": {"TableName": name, "Item": _active_item(version, made.at, made.by)}},
    ]


def roll_back(version: int, at: datetime, by: str) -> int:
    """Put a published version in force again, at once; the version that was in force before.

    Raises NotFound when there is no such version.
    """
    published(version)
    before = dynamodb().put_item(
        TableName=table_name("config"),
        Item=_active_item(version, at, by),
        ReturnValues="ALL_OLD",
    )
    _forget()
    found = before.get("Attributes")
    return int(found["version"]["N"]) if found else DEFAULT_POLICY.version


def _newest() -> int:
    newest = page(1).policies[0]
    return newest.policy.version


def _forget() -> None:
    global _kept  # noqa: PLW0603
    _kept = None


def _sk(version: int) -> str:
    return f"{version:08d}"


def _active_item(version: int, at: datetime | None, by: str | None) -> dict[str, Any]:
    return to_item(
        {"pk": POLICY, "sk": ACTIVE, "version": version, "at": at and rfc3339(at), "by": by}
    )


def _published_item(made: Published) -> dict[str, Any]:
    return to_item(
        {
            "pk": POLICY,
            "sk": _sk(made.policy.version),
            "policy": canonical(made.policy.to_json()).decode(),
            "at": made.at and rfc3339(made.at),
            "by": made.by,
        }
    )


def _published(item: dict[str, Any]) -> Published:
    return Published(
        Policy.from_json(json.loads(item["policy"])),
        datetime.fromisoformat(item["at"]),
        item["by"],
    )


def _draft_item(made: Draft) -> dict[str, Any]:
    return to_item(
        {
            "pk": POLICY,
            "sk": DRAFT,
            "policy": canonical(made.policy.to_json()).decode(),
            "revision": made.revision,
            "at": rfc3339(made.at),
            "by": made.by,
        }
    )


def _draft(item: dict[str, Any]) -> Draft:
    return Draft(
        Policy.from_json(json.loads(item["policy"])),
        item["revision"],
        datetime.fromisoformat(item["at"]),
        item["by"],
        item.get("published_as"),
    )
