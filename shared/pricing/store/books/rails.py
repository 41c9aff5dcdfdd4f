"""Guard-rails of books and the trial of the draft, table ``pricing``.

pk BOOK   sk guard-rails   {version, document, at, by}: the limits that a published book keeps
          sk trial         the what-if of the draft so far: {revision, days, following?, at,
                           content: the sums before and after, deflated}
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, GuardRailBroken, NotTried, VersionMismatch
from shared.instants import rfc3339
from shared.pricing.model.rails import (
    NO_RAILS,
    Breach,
    Rails,
    broken_by_document,
    broken_by_trial,
)
from shared.pricing.model.what_if import Sums
from shared.pricing.store.books.keys import BOOK

RAILS = "guard-rails"
TRIAL = "trial"
TRIAL_KEPT = timedelta(days=1)
ATTEMPTS = 5

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredRails:
    """The document of the guard-rails; ``version`` 0 has none, and no ``at`` and ``by``."""

    version: int
    document: Document
    at: datetime | None = None
    by: str | None = None

    @property
    def rails(self) -> Rails:
        return Rails.from_json(self.version, self.document)


@dataclass(frozen=True, slots=True)
class Trial:
    """The what-if of a draft's ``revision`` over ``days``, up to the pages requested so far.
    ``against`` says what it is compared with. ``cursor`` requests the next page; None when the
    what-if is complete."""

    revision: int
    days: int
    against: str
    cursor: str | None
    before: Sums
    after: Sums
    at: datetime


def stored_rails() -> StoredRails:
    item = tables.get(table_name("pricing"), BOOK, RAILS, consistent=True)
    if item is None:
        return StoredRails(NO_RAILS.version, {})
    at = datetime.fromisoformat(item["at"])
    return StoredRails(item["version"], json.loads(item["document"]), at, item["by"])


def put_rails(document: Document, version: int | None, at: datetime, by: str) -> StoredRails:
    """Replace the guard-rails. With ``version``, only if the stored ones have it (0: none).

    Raises VersionMismatch when they do not.
    """
    for _ in tables.attempts(ATTEMPTS):
        before = stored_rails()
        if version not in {None, before.version}:
            raise VersionMismatch("the guard-rails have changed since", version=before.version)
        made = StoredRails(before.version + 1, document, at, by)
        condition = Condition()
        # Holds when nobody has written the guard-rails since they were read above.
        if before.version:
            condition.require("version = {}", before.version)
        else:
            condition.require("attribute_not_exists(pk)")
        values = {"version": made.version, "document": json.dumps(document, sort_keys=True)}
        refused = tables.write(
            "put_item",
            TableName=table_name("pricing"),
            Item=to_item({"pk": BOOK, "sk": RAILS, **values, "at": rfc3339(at), "by": by}),
            **condition.arguments(),
        )
        if refused is None:
            return made
    raise Busy("too many planners write the guard-rails at once; try again")


def unchanged_part(version: int) -> tables.Part:
    """The guard-rails are those that were checked: a part of a publication."""
    condition = Condition()
    # Holds while nobody has replaced the guard-rails of ``version``.
    if version:
        condition.require("version = {}", version)
    else:
        condition.require("attribute_not_exists(pk)")
    key = tables.key(BOOK, RAILS)
    return {
        "ConditionCheck": {"TableName": table_name("pricing"), "Key": key, **condition.arguments()}
    }


def check_document(document: Document) -> None:
    """Raises GuardRailBroken for a draft that breaks the guard-rails, whatever is sold."""
    _check(broken_by_document(stored_rails().rails, document))


def check_publication(document: Document, revision: int, at: datetime) -> int:
    """Check a draft against the guard-rails. Returns their version.

    Raises GuardRailBroken when it breaks one, and NotTried when its what-if is missing, incomplete,
    too small or too old. The trial may be read before the transaction: a draft does not change
    within its revision.
    """
    rails = stored_rails().rails
    _check(broken_by_document(rails, document))
    if rails.what_if is None:
        return rails.version
    stored = trial()
    tried = stored if stored is not None and stored.revision == revision else None
    asked = rails.what_if
    if (
        tried is None
        or tried.cursor is not None
        or tried.days < asked.days
        or tried.before.orders < asked.orders
        or at - tried.at > TRIAL_KEPT
    ):
        raise NotTried(
            f"the guard-rails need a complete what-if of this draft over {asked.days} days and at "
            f"least {asked.orders} orders, not older than a day",
            guard_rails={"days": asked.days, "orders": asked.orders},
            found=None
            if tried is None
            else {
                "days": tried.days,
                "orders": tried.before.orders,
                "through": tried.cursor is None,
                "at": rfc3339(tried.at),
            },
        )
    _check(broken_by_trial(rails, document, tried.after))
    return rails.version


def _check(broken: list[Breach]) -> None:
    if broken:
        raise GuardRailBroken(
            "; ".join(breach.sentence for breach in broken[:MOST_TOLD]),
            breaches=[breach.to_json() for breach in broken],
        )


MOST_TOLD = 5
"""Broken guard-rails in the sentence of a refusal; ``breaches`` has all."""


def trial() -> Trial | None:
    item = tables.get(table_name("pricing"), BOOK, TRIAL, consistent=True)
    if item is None:
        return None
    content = json.loads(zlib.decompress(item["content"]))
    return Trial(
        item["revision"],
        item["days"],
        item["against"],
        item.get("following"),
        Sums.from_json(content["before"]),
        Sums.from_json(content["after"]),
        datetime.fromisoformat(item["at"]),
    )


def add_trial_page(page: Trial, cursor: str | None) -> Trial | None:
    """Add one page to the trial: the page that was requested with ``cursor``. None is the first
    page, which starts a new trial.

    Returns None when another request has started a new trial meanwhile, or when the page was
    already added.
    """
    condition = Condition()
    if cursor is not None:
        stored = trial()
        asked = (page.revision, page.days, page.against, cursor)
        if stored is None or asked != (
            stored.revision,
            stored.days,
            stored.against,
            stored.cursor,
        ):
            return None
        stored.before.add(page.before)
        stored.after.add(page.after)
        page = replace(page, before=stored.before, after=stored.after)
        # Holds when the trial still waits for this page, so that no page is counted twice.
        condition.require("revision = {} AND days = {}", page.revision, page.days)
        condition.require("against = {} AND following = {}", page.against, cursor)
    content = {"before": page.before.to_json(), "after": page.after.to_json()}
    text = json.dumps(content, separators=(",", ":")).encode()
    item = {
        "pk": BOOK,
        "sk": TRIAL,
        "revision": page.revision,
        "days": page.days,
        "against": page.against,
        "following": page.cursor,
        "content": zlib.compress(text, level=6),
        "at": rfc3339(page.at),
    }
    refused = tables.write(
        "put_item",
        TableName=table_name("pricing"),
        Item=to_item(item),
        **(condition.arguments() if cursor is not None else {}),
    )
    return page if refused is None else None
