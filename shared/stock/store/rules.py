"""The rules of channel stock, table ``config``.

    pk CHANNEL_STOCK   sk active          the document in force    one read each CACHE_SECONDS
                       sk 00000001, ...   each version; never changed
                       sk told            the announced rules: availability/store/announced.py

Each process caches ``active``, so new rules are in force everywhere within CACHE_SECONDS. Version 0
is the document without rules, and is not stored.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.expression import Condition
from shared.aws.items import Item, to_item
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.errors import Busy, NotFound, VersionMismatch, invalid
from shared.instants import rfc3339
from shared.locations.store import all_locations
from shared.stock.model.rules import (
    ChannelRules,
    ChannelTerms,
    ConfidenceOf,
    PublishedRules,
    Rule,
    from_json,
    to_json,
)

CHANNEL_STOCK = "CHANNEL_STOCK"
ACTIVE = "active"
CACHE_SECONDS = 30
ATTEMPTS = 5
MOST_BYTES = 300_000


NO_RULES = PublishedRules(ChannelRules())


def active_rules() -> ChannelRules:
    """The rules in force, CACHE_SECONDS old at most."""
    return active_cache.get()


active_cache = Cached(lambda: published().rules, CACHE_SECONDS)


def selling(
    channel: str,
    skus: Iterable[str],
    now: datetime,
    confidence: ConfidenceOf,
    products: Mapping[str, Product] | None = None,
    rules: ChannelRules | None = None,
) -> ChannelTerms:
    """The terms of a channel under the rules in force, or under ``rules``. ``products`` are read
    when they are not given and a rule needs them; ``confidence`` gives the confidence in the stock
    of a SKU."""
    rules = active_rules() if rules is None else rules
    if products is None:
        products = catalog.products(skus) if rules.asks_for_products else {}
    locations = all_locations() if rules.asks_for_locations else {}
    return ChannelTerms(rules, channel, now, locations, products, confidence)


def published(version: int | None = None) -> PublishedRules:
    """The document in force as it is stored now, or a version of it (strongly consistent).

    Raises NotFound when the version does not exist.
    """
    if version == NO_RULES.rules.version:
        return NO_RULES
    sk = ACTIVE if version is None else _sk(version)
    item = tables.get(table_name("config"), CHANNEL_STOCK, sk, consistent=True)
    if item is None:
        if version is None:
            return NO_RULES
        raise NotFound(f"the rules have no version {version}", version=version)
    document = json.loads(zlib.decompress(item["rules"]))
    return PublishedRules(
        ChannelRules(item["version"], from_json(document)),
        datetime.fromisoformat(item["at"]),
        item["by"],
    )


def rule_ids_since(since: datetime) -> frozenset[str]:
    """The ids of all rules that have been in force at any time after ``since``: one read per
    document."""
    document, ids = published(), set[str]()
    while True:
        ids |= {rule.rule_id for rule in document.rules.rules}
        if document.at is None or document.at <= since:
            return frozenset(ids)
        document = published(document.rules.version - 1)


def put_rules(
    rules: tuple[Rule, ...], version: int | None, at: datetime, by: str
) -> PublishedRules:
    """Stores ``rules`` as the next version and puts it in force; with ``version`` only when that
    version is in force now. Rules that are in force already change nothing.

    Raises VersionMismatch when another version is in force, InvalidRequest for a document that is
    too long, Busy.
    """
    document = zlib.compress(json.dumps(to_json(rules), separators=(",", ":")).encode(), 9)
    if len(document) > MOST_BYTES:
        raise invalid("$.rules", f"more than {MOST_BYTES} bytes, compressed")
    for _ in tables.attempts(ATTEMPTS):
        before = published()
        active = before.rules.version
        if version not in {None, active}:
            raise VersionMismatch("the rules have changed since", version=active)
        if before.rules.rules == rules:
            return before
        published_rules = PublishedRules(ChannelRules(active + 1, rules), at, by)
        item = to_item(
            {
                "pk": CHANNEL_STOCK,
                "version": published_rules.rules.version,
                "rules": document,
                "at": rfc3339(at),
                "by": by,
            }
        )
        if not tables.transact([_put_active(item, active), _put_version(item, active + 1)]):
            active_cache.clear()
            return published_rules
    raise Busy("too many planners change the rules at once")


def _put_active(item: Item, version: int) -> tables.Part:
    condition = Condition()
    if version:
        # Holds while the version that was read is in force.
        condition.require("version = {}", version)
    else:
        # Holds while no document is in force.
        condition.require("attribute_not_exists(pk)")
    active = {**item, "sk": {"S": ACTIVE}}
    return {"Put": {"TableName": table_name("config"), "Item": active, **condition.arguments()}}


def _put_version(item: Item, version: int) -> tables.Part:
    return {
        "Put": {
            "TableName": table_name("config"),
            "Item": {**item, "sk": {"S": _sk(version)}},
            # Holds while this version does not exist.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _sk(version: int) -> str:
    return f"{version:08d}"
