"""Routing policies, table ``config``.

    pk POLICY   sk 00000001, ...   a published policy; never changed     policy, page
                sk draft           the one draft, with its revision      draft
                sk trial           the draft's what-if so far            trial
                sk active          {version, canary: {version, share}?}  active: 0.5 read units

A canary is a published version that routes a share of the orders, by guard.takes.
``active`` is kept by the process for KEPT_SECONDS: what planners publish or roll back is in force
everywhere that much later at most. Version 0 is DEFAULT_POLICY, and not stored.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, Conflict, GuardRailBroken, NotFound, NotTried, VersionMismatch
from shared.instants import rfc3339
from shared.routing.model.decision import canonical
from shared.routing.model.guard import breaches, takes
from shared.routing.model.policy import DEFAULT_POLICY, Policy
from shared.routing.model.whatif import Totals

POLICY = "POLICY"
DRAFT = "draft"
TRIAL = "trial"
ACTIVE = "active"
KEPT_SECONDS = 30
TRIAL_KEPT = timedelta(days=1)
ATTEMPTS = 5
HIGHEST = 10**8 - 1


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
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


DEFAULT = PublishedPolicy(DEFAULT_POLICY, None, None)


@dataclass(frozen=True, slots=True)
class Canary:
    """``share`` hundredths of a percent of the orders, since ``at``."""

    version: int
    share: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Activation:
    version: int
    canary: Canary | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The what-if of a draft's ``revision`` over ``days``, as far as its pages have been asked for:
    ``cursor`` is what the next one is asked with, None when it is through."""

    revision: int
    days: int
    cursor: str | None
    before: Totals
    after: Totals
    at: datetime


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force, and the canary that takes ``share`` of the orders."""

    policy: Policy
    canary: Policy | None
    share: int


def _read_in_force() -> InForce:
    now = activation()
    return InForce(
        published(now.version).policy,
        published(now.canary.version).policy if now.canary else None,
        now.canary.share if now.canary else 0,
    )


in_force = Cached(_read_in_force, KEPT_SECONDS)


def active(order_id: str | None = None) -> Policy:
    """The policy in force, for an order perhaps the canary; KEPT_SECONDS old at most."""
    current = in_force.get()
    canary = current.canary
    if canary and order_id is not None and takes(order_id, canary.version, current.share):
        return canary
    return current.policy


def activation() -> Activation:
    found = tables.get(table_name("config"), POLICY, ACTIVE, consistent=True)
    if found is None:
        return Activation(DEFAULT_POLICY.version)
    row = found.get("canary")
    canary = Canary(**{**row, "at": datetime.fromisoformat(row["at"])}) if row else None
    return Activation(found["version"], canary)


def active_version() -> int:
    return activation().version


def published(version: int) -> PublishedPolicy:
    """Raises NotFound when there is no such version."""
    if version == DEFAULT_POLICY.version:
        return DEFAULT
    found = tables.get(table_name("config"), POLICY, _sk(version), consistent=True)
    if found is None:
        raise NotFound(f"there is no policy version {version}", version=version)
    return published_of_item(found)


@dataclass(frozen=True, slots=True)
class PolicyPage:
    policies: list[PublishedPolicy]
    before: int | None
    """The version to go on below."""


def page(limit: int, before: int | None = None) -> PolicyPage:
    """Published policies, the newest first; version 0 comes last."""
    if before is not None and before <= 1:
        return PolicyPage([DEFAULT], None)
    last = _sk(before - 1 if before is not None else HIGHEST)
    found = tables.query_page(
        table_name("config"),
        "pk = :policy AND sk BETWEEN :first AND :last",
        {":policy": {"S": POLICY}, ":first": {"S": _sk(1)}, ":last": {"S": last}},
        limit,
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    policies = [published_of_item(item) for item in found.items]
    if len(policies) < limit:
        return PolicyPage([*policies, DEFAULT], None)
    return PolicyPage(policies, policies[-1].policy.version)


def draft() -> Draft | None:
    found = tables.get(table_name("config"), POLICY, DRAFT, consistent=True)
    return _draft(found) if found else None


def put_draft(policy: Policy, revision: int | None, at: datetime, by: str) -> Draft:
    """Replace the draft; with ``revision`` only if that is what stands there (0: none).

    Raises VersionMismatch when it is not.
    """
    for _ in tables.attempts(ATTEMPTS):
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
    raise Busy("too many writers on the draft")


def tried(
    revision: int,
    days: int,
    cursor: str | None,
    following: str | None,
    *,
    before: Totals,
    after: Totals,
    at: datetime,
) -> Trial | None:
    """Adds a page to the what-if of a draft: the one asked for with ``cursor``, None for the first,
    which begins anew. None when somebody has begun anew meanwhile, or asks for a page again."""
    values: dict[str, Any] = {":revision": revision, ":days": days, ":cursor": cursor}
    if cursor is not None:
        found = trial()
        if found is None or (found.revision, found.days, found.cursor) != (revision, days, cursor):
            return None
        before, after = found.before.plus(before), found.after.plus(after)
    made = Trial(revision, days, following, before, after, at)
    refused = tables.write(
        "put_item",
        TableName=table_name("config"),
        Item=to_item(
            {
                "pk": POLICY,
                "sk": TRIAL,
                "revision": revision,
                "days": days,
                "following": following,
                "before": canonical(before.to_json()).decode(),
                "after": canonical(after.to_json()).decode(),
                "at": rfc3339(at),
            }
        ),
        # Holds when the page goes on where the what-if stands, so that none is counted twice.
        **(
            {
                "ConditionExpression": "revision = :revision AND days = :days"
                " AND following = :cursor",
                "ExpressionAttributeValues": to_item(values),
            }
            if cursor is not None
            else {}
        ),
    )
    return made if refused is None else None


def trial() -> Trial | None:
    found = tables.get(table_name("config"), POLICY, TRIAL, consistent=True)
    if found is None:
        return None
    return Trial(
        revision=found["revision"],
        days=found["days"],
        cursor=found.get("following"),
        before=Totals.from_json(json.loads(found["before"])),
        after=Totals.from_json(json.loads(found["after"])),
        at=datetime.fromisoformat(found["at"]),
    )


def publish(
    revision: int | None, at: datetime, by: str, share: int | None = None
) -> PublishedPolicy:
    """Make the draft the next version, and active; with ``share``, hundredths of a percent of the
    orders, its canary only. The same revision becomes one version only: publishing it again answers
    that version and changes nothing.

    Raises NotFound without a draft, VersionMismatch when ``revision`` is no longer the draft's,
    NotTried and GuardRailBroken when its guard-rails say so, Conflict while a canary runs.
    """
    for _ in tables.attempts(ATTEMPTS):
        found = draft()
        if found is None:
            raise NotFound("there is no draft")
        if revision not in {None, found.revision}:
            raise VersionMismatch("the draft has changed since", version=found.revision)
        if found.published_as is not None:
            return published(found.published_as)
        check_guard_rails(found, at)
        version = _newest() + 1
        policy = Policy.from_json({**found.policy.to_json(), "version": version})
        refused = tables.transact(_publication(found, PublishedPolicy(policy, at, by), share))
        if not refused:
            in_force.clear()
            return PublishedPolicy(policy, at, by)
        if any(row.index == IN_FORCE for row in refused):
            raise _runs(activation())
    raise Busy("too many planners publish at once")


def check_guard_rails(found: Draft, at: datetime) -> None:
    """Raises NotTried when there is no what-if to measure them by, GuardRailBroken when it has
    found what they forbid. A draft does not change within its revision, and so neither does this.
    """
    rails = found.policy.guard_rails
    if rails is None:
        return
    seen = trial()
    looked = seen if seen is not None and seen.revision == found.revision else None
    if (
        looked is None
        or looked.cursor is not None
        or looked.days < rails.days
        or looked.before.orders < rails.orders
        or at - looked.at > TRIAL_KEPT
    ):
        raise NotTried(
            f"its guard-rails ask for a what-if of this draft over {rails.days} days, through all "
            f"its pages, at {rails.orders} orders at least, not older than a day",
            guard_rails=asdict(rails),
            found=None
            if looked is None
            else {
                "days": looked.days,
                "orders": looked.before.orders,
                "through": looked.cursor is None,
                "at": rfc3339(looked.at),
            },
        )
    if broken := breaches(rails, looked.before, looked.after):
        raise GuardRailBroken(
            "; ".join(row.sentence for row in broken), breaches=[asdict(row) for row in broken]
        )


def _runs(found: Activation) -> Conflict:
    if found.canary is None:
        return Conflict("a canary was running a moment ago; trying again is safe")
    version = found.canary.version
    return Conflict(f"version {version} runs as a canary: promote or stop it first", canary=version)


IN_FORCE = 2
"""The part of a publication that puts it in force."""


def _publication(
    found: Draft, made: PublishedPolicy, share: int | None = None
) -> list[tables.Part]:
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
        _in_force(made) if share is None else _as_canary(made, share),
    ]


def _in_force(made: PublishedPolicy) -> tables.Part:
    return {
        "Put": {
            "TableName": table_name("config"),
            "Item": _active_item(made.policy.version, made.at, made.by),
            # Holds while no canary runs.
            "ConditionExpression": "attribute_not_exists(canary)",
        }
    }


def _as_canary(made: PublishedPolicy, share: int) -> tables.Part:
    canary = {
        "version": made.policy.version,
        "share": share,
        "at": made.at and rfc3339(made.at),
        "by": made.by,
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


def promote(at: datetime, by: str) -> int:
    """Put the canary in force for all orders; the version that was in force before.

    Raises NotFound when no canary runs.
    """
    now = activation()
    found = _running(now)
    refused = tables.write(
        "put_item",
        TableName=table_name("config"),
        Item=_active_item(found.version, at, by),
        # Holds while it is still that canary that runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues={":version": {"N": str(found.version)}},
    )
    if refused is not None:
        raise NotFound(f"version {found.version} no longer runs as a canary")
    in_force.clear()
    return now.version


def stop_canary() -> int:
    """All orders by the policy in force again; the version that was tried.

    Raises NotFound when no canary runs.
    """
    found = _running(activation())
    refused = tables.write(
        "update_item",
        TableName=table_name("config"),
        Key=tables.key(POLICY, ACTIVE),
        UpdateExpression="REMOVE canary",
        # Holds while it is still that canary that runs.
        ConditionExpression="canary.version = :version",
        ExpressionAttributeValues={":version": {"N": str(found.version)}},
    )
    if refused is not None:
        raise NotFound(f"version {found.version} no longer runs as a canary")
    in_force.clear()
    return found.version


def _running(now: Activation) -> Canary:
    if now.canary is None:
        raise NotFound("no canary runs")
    return now.canary


def roll_back(version: int, at: datetime, by: str) -> int:
    """Put a published version in force again, at once, and end the canary; the version that was in
    force before.

    Raises NotFound when there is no such version.
    """
    published(version)
    before = dynamodb().put_item(
        TableName=table_name("config"),
        Item=_active_item(version, at, by),
        ReturnValues="ALL_OLD",
    )
    in_force.clear()
    found = before.get("Attributes")
    return int(found["version"]["N"]) if found else DEFAULT_POLICY.version


def _newest() -> int:
    newest = page(1).policies[0]
    return newest.policy.version


def _sk(version: int) -> str:
    return f"{version:08d}"


def _active_item(version: int, at: datetime | None, by: str | None) -> dict[str, Any]:
    return to_item(
        {"pk": POLICY, "sk": ACTIVE, "version": version, "at": at and rfc3339(at), "by": by}
    )


def _published_item(made: PublishedPolicy) -> dict[str, Any]:
    return to_item(
        {
            "pk": POLICY,
            "sk": _sk(made.policy.version),
            "policy": canonical(made.policy.to_json()).decode(),
            "at": made.at and rfc3339(made.at),
            "by": made.by,
        }
    )


def published_of_item(item: dict[str, Any]) -> PublishedPolicy:
    return PublishedPolicy(
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
