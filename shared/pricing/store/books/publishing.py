"""Publish the draft: for all shoppers, or as a canary for a share of them."""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch
from shared.instants import rfc3339
from shared.pricing.model.book import NO_PROMOTIONS
from shared.pricing.store.books.active import (
    Canary,
    in_force,
    put_in_force,
    refuse_second_canary,
    start_canary,
)
from shared.pricing.store.books.documents import (
    ATTEMPTS,
    DRAFT,
    Draft,
    Published,
    cut,
    draft,
    published,
    put_part,
    put_parts,
)
from shared.pricing.store.books.keys import BOOK, MAX_VERSION, version_key
from shared.pricing.store.books.rails import check_publication, unchanged_part

DRAFT_PART, ACTIVATION_PART = 0, 2
"""The indexes of the transaction's parts that mark the draft and put the version in force."""


def publish(revision: int | None, at: datetime, by: str, share: int | None = None) -> Published:
    """Publish the draft as the next version and put it in force. With ``share`` (hundredths of a
    percent of the shoppers) it becomes the canary only. Idempotent: publishing a revision again
    returns its version and changes nothing.

    Raises NotFound without a draft, VersionMismatch when ``revision`` is not the draft's, NotTried
    and GuardRailBroken by the guard-rails, Conflict while a canary runs.
    """
    for _ in tables.attempts(ATTEMPTS):
        stored = draft()
        if stored is None:
            raise NotFound("there is no draft")
        if revision not in {None, stored.revision}:
            raise VersionMismatch("the draft has changed since", version=stored.revision)
        if stored.published_as is not None:
            return published(stored.published_as)
        checked = check_publication(stored.document, stored.revision, at)
        version = _newest_version() + 1
        made = Published(version, at, by, len(stored.document.get("promotions", ())))
        refused = tables.transact(publication(stored, made, checked, share))
        if not refused:
            in_force.clear()
            return made
        lost = {row.index for row in refused}
        # A draft that somebody has changed or published meanwhile is read again.
        if ACTIVATION_PART in lost and DRAFT_PART not in lost:
            refuse_second_canary()
    raise Busy("too many planners publish at once; try again")


def publication(
    stored: Draft, made: Published, checked: int, share: int | None = None
) -> list[tables.Part]:
    """``checked`` is the version of the guard-"""
    contents = cut(stored.document)
    header = {
        "pk": BOOK,
        "sk": version_key(made.version),
        "at": rfc3339(made.at),
        "by": made.by,
        "parts": len(contents),
        "promotions": made.promotions,
    }
    now = Canary(made.version, share or 0, made.at, made.by)
    return [
        {
            "Update": {
                "TableName": table_name("pricing"),
                "Key": tables.key(BOOK, DRAFT),
                "UpdateExpression": "SET published_as = :version",
                # Holds when the draft is still the one that was read, and nobody has published it.
                "ConditionExpression": "revision = :revision"
                " AND attribute_not_exists(published_as)",
                "ExpressionAttributeValues": to_item(
                    {":version": made.version, ":revision": stored.revision}
                ),
            }
        },
        # Holds when no other draft was published as this version meanwhile.
        put_part(header, "attribute_not_exists(pk)"),
        put_in_force(now) if share is None else start_canary(now),
        unchanged_part(checked),
        *put_parts(version_key(made.version), contents),
    ]


def _newest_version() -> int:
    result = tables.query_page(
        table_name("pricing"),
        "pk = :book AND sk BETWEEN :first AND :last",
        to_item({":book": BOOK, ":first": version_key(1), ":last": version_key(MAX_VERSION)}),
        1,
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return int(result.items[0]["sk"]) if result.items else NO_PROMOTIONS.version
