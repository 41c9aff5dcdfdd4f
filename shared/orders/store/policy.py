"""The retailer's terms for orders, table ``config``.

    pk ORDER_POLICY   sk active          the policy in force    one read each CACHE_SECONDS
                      sk 00000001, ...   each version; never changed

Each process caches ``active``, so a new policy is in force everywhere within CACHE_SECONDS. Version
0 is the policy without rules, and is not stored.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch
from shared.instants import rfc3339
from shared.orders.model.policy import NO_RULES, OrderPolicy, TimeRule
from shared.orders.model.restocking import RestockRule
from shared.orders.model.return_terms import RETURN_TERMS, ReturnTerms
from shared.stored import from_row

ORDER_POLICY = "ORDER_POLICY"
ACTIVE = "active"
CACHE_SECONDS = 30
ATTEMPTS = 5
MATCHES = ("location_types", "location_groups", "location_ids", "service_levels")


def active_policy() -> OrderPolicy:
    """The policy in force, CACHE_SECONDS old at most."""
    return active_cache.get()


def published(version: int | None = None) -> OrderPolicy:
    """The policy in force as it is stored now, or a version of it (strongly consistent).

    Raises NotFound when the version does not exist.
    """
    if version == 0:
        return NO_RULES
    sk = ACTIVE if version is None else f"{version:08d}"
    item = tables.get(table_name("config"), ORDER_POLICY, sk, consistent=True)
    if item is not None:
        return policy_of_item(item)
    if version is None:
        return NO_RULES
    raise NotFound(f"the order policy has no version {version}", version=version)


active_cache = Cached(published, CACHE_SECONDS)


def policy_of_item(item: dict[str, Any]) -> OrderPolicy:
    return OrderPolicy(
        version=item["version"],
        times=tuple(
            TimeRule(
                minutes=row["minutes"],
                **{name: frozenset(row.get(name, ())) for name in MATCHES},
            )
            for row in item["times"]
        ),
        returns=_terms(item.get("returns", {})),
        code_required=item.get("code_required", False),
    )


DAYS = ("window", "arrive", "inspect", "refurbish")
SETS = ("location_types", "location_groups", "location_ids", "reasons", "product_groups")


def _terms(row: dict[str, Any]) -> ReturnTerms:
    given: dict[str, Any] = {**row}
    given |= {name: timedelta(minutes=row[name]) for name in DAYS if name in row}
    given |= {name: frozenset(row[name]) for name in ("reasons", "free_reasons") if name in row}
    if "restock" in row:
        given["restock"] = tuple(map(_restock_rule, row["restock"]))
    return from_row(ReturnTerms, given)


def _restock_rule(row: dict[str, Any]) -> RestockRule:
    given: dict[str, Any] = {**row, "transit": timedelta(minutes=row["transit"])}
    return RestockRule(**{**given, **{name: frozenset(row.get(name, ())) for name in SETS}})


def _restock_row(rule: RestockRule) -> dict[str, Any]:
    """A rule without what it does not give; ``transit`` in minutes."""
    row: dict[str, Any] = {"transit": int(rule.transit.total_seconds() // 60)}
    row |= {name: sorted(getattr(rule, name)) for name in SETS if getattr(rule, name)}
    others = ("action", "price_from", "price_below", "to_location_id", "owner")
    row |= {name: getattr(rule, name) for name in others if getattr(rule, name) is not None}
    return row


def _returns_row(terms: ReturnTerms) -> dict[str, Any]:
    """The terms that differ from the built-in ones; durations in minutes."""
    row: dict[str, Any] = {}
    for name in ReturnTerms.__dataclass_fields__:
        value = getattr(terms, name)
        if value == getattr(RETURN_TERMS, name):
            continue
        match value:
            case timedelta():
                row[name] = int(value.total_seconds() // 60)
            case frozenset():
                row[name] = sorted(value)
            case tuple():
                row[name] = [_restock_row(rule) for rule in value]
            case _:
                row[name] = value
    return row


def put_policy(wanted: OrderPolicy, version: int | None, at: datetime, by: str) -> OrderPolicy:
    """Store ``wanted`` as the next version and put it in force; with ``version`` only when that
    version is in force now. What is in force already changes nothing.

    Raises VersionMismatch when another version is in force, Busy.
    """
    for _ in tables.attempts(ATTEMPTS):
        before = published()
        if version not in {None, before.version}:
            raise VersionMismatch("the order policy has changed since", version=before.version)
        policy = replace(wanted, version=before.version)
        if policy == before:
            return before
        policy = replace(wanted, version=before.version + 1)
        document = {
            "pk": ORDER_POLICY,
            "version": policy.version,
            "times": [_row(rule) for rule in policy.times],
            "returns": _returns_row(policy.returns),
            "code_required": policy.code_required,
            "at": rfc3339(at),
            "by": by,
        }
        if not tables.transact([_active_part(document, before.version), _version_part(document)]):
            active_cache.clear()
            return policy
    raise Busy("too many planners change the order policy at once")


def _row(rule: TimeRule) -> dict[str, Any]:
    matches = {name: sorted(getattr(rule, name)) for name in MATCHES if getattr(rule, name)}
    return {"minutes": dict(rule.minutes), **matches}


def _active_part(document: dict[str, Any], before: int) -> tables.Part:
    condition = Condition()
    # Holds while nobody has put another version in force.
    if before:
        condition.require("version = {}", before)
    else:
        condition.require("attribute_not_exists(pk)")
    item = to_item({**document, "sk": ACTIVE})
    return {"Put": {"TableName": table_name("config"), "Item": item, **condition.arguments()}}


def _version_part(document: dict[str, Any]) -> tables.Part:
    condition = Condition()
    # Holds when the version was never stored.
    condition.require("attribute_not_exists(pk)")
    item = to_item({**document, "sk": f"{document['version']:08d}"})
    return {"Put": {"TableName": table_name("config"), "Item": item, **condition.arguments()}}
