"""Books, table ``pricing``.

    pk BOOK             sk 00000001, ...   a published book: {at, by, parts, promotions}   published
                        sk draft           the only draft: {revision, at, by, parts}       draft
                        sk active          {version}                       active: 0.5 read units
    pk BOOK#<version>   sk PART#<n>        its document, deflated and cut; immutable       in_force
    pk BOOK#draft       sk PART#<n>        that of the draft, with the draft's revision    draft

A book of 500 promotions is one part of some 25 KB. Version 0 is NO_PROMOTIONS and is not stored.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch, invalid
from shared.instants import rfc3339
from shared.pricing.model.book import NO_PROMOTIONS, Book

BOOK = "BOOK"
DRAFT = "draft"
ACTIVE = "active"
KEPT_SECONDS = 30
"""A published book, or one that is rolled back to, is in force everywhere after this time."""
ATTEMPTS = 5
PART_BYTES = 300_000
MOST_PARTS = 4
MAX_VERSION = 10**8 - 1

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """``published_as`` is the version that this revision was published as."""

    document: Document
    revision: int
    at: datetime
    by: str
    published_as: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of a published book without reading its document."""

    version: int
    at: datetime
    by: str
    promotions: int


def draft() -> Draft | None:
    """Raises Busy while the draft changes faster than its parts can be read."""
    for _ in tables.attempts(ATTEMPTS):
        item = tables.get(table_name("pricing"), BOOK, DRAFT, consistent=True)
        if item is None:
            return None
        parts = [part for part in _parts(DRAFT) if part["revision"] == item["revision"]]
        if len(parts) == item["parts"]:
            return Draft(
                _joined(parts),
                item["revision"],
                datetime.fromisoformat(item["at"]),
                item["by"],
                item.get("published_as"),
            )
    raise Busy("the draft changes all the time; try again")


def put_draft(document: Document, revision: int | None, at: datetime, by: str) -> Draft:
    """Replace the draft. With ``revision``, only if the stored draft has it (0: no draft).

    Raises VersionMismatch when it does not, InvalidRequest when the book is too large.
    """
    contents = _cut(document)
    for _ in tables.attempts(ATTEMPTS):
        before = tables.get(table_name("pricing"), BOOK, DRAFT, consistent=True)
        stored_revision = before["revision"] if before else 0
        if revision not in {None, stored_revision}:
            raise VersionMismatch("the draft has changed since", version=stored_revision)
        replacement = Draft(document, stored_revision + 1, at, by)
        header = {
            "pk": BOOK,
            "sk": DRAFT,
            "revision": replacement.revision,
            "at": rfc3339(at),
            "by": by,
            "parts": len(contents),
        }
        # Holds when nobody has written the draft since it was read above.
        condition = "revision = :revision" if before else "attribute_not_exists(pk)"
        values = {":revision": stored_revision} if before else None
        refused = tables.transact(
            [
                _put(header, condition, values),
                *_put_parts(DRAFT, contents, revision=replacement.revision),
            ]
        )
        if not refused:
            return replacement
    raise Busy("too many planners write the draft at once; try again")


def publish(revision: int | None, at: datetime, by: str) -> Published:
    """Publish the draft as the next version and put it in force. Idempotent: publishing a revision
    again returns its version and changes nothing.

    Raises NotFound without a draft, VersionMismatch when ``revision`` is not the draft's.
    """
    for _ in tables.attempts(ATTEMPTS):
        stored = draft()
        if stored is None:
            raise NotFound("there is no draft")
        if revision not in {None, stored.revision}:
            raise VersionMismatch("the draft has changed since", version=stored.revision)
        if stored.published_as is not None:
            return published(stored.published_as)
        version = _newest_version() + 1
        made = Published(version, at, by, len(stored.document.get("promotions", ())))
        if not tables.transact(_publication(stored, made)):
            in_force.clear()
            return made
    raise Busy("too many planners publish at once; try again")


def _publication(stored: Draft, made: Published) -> list[tables.Part]:
    contents = _cut(stored.document)
    header = {
        "pk": BOOK,
        "sk": _version_key(made.version),
        "at": rfc3339(made.at),
        "by": made.by,
        "parts": len(contents),
        "promotions": made.promotions,
    }
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
        _put(header, "attribute_not_exists(pk)"),
        *_put_parts(_version_key(made.version), contents),
        _put(_active_item(made.version, made.at, made.by)),
    ]


def published(version: int) -> Published:
    """Raises NotFound when there is no such version; version 0 is not stored."""
    item = tables.get(table_name("pricing"), BOOK, _version_key(version), consistent=True)
    if item is None:
        raise NotFound(f"there is no book version {version}", version=version)
    at = datetime.fromisoformat(item["at"])
    return Published(version, at, item["by"], item["promotions"])


def roll_back(version: int, at: datetime, by: str) -> int:
    """Put a published version in force again; 0 is the book without promotions. Returns the version
    that was in force before.

    Raises NotFound when there is no such version.
    """
    if version != NO_PROMOTIONS.version:
        published(version)
    answer = dynamodb().put_item(
        TableName=table_name("pricing"),
        Item=to_item(_active_item(version, at, by)),
        ReturnValues="ALL_OLD",
    )
    in_force.clear()
    before = answer.get("Attributes")
    return int(before["version"]["N"]) if before else NO_PROMOTIONS.version


def active_version() -> int:
    item = tables.get(table_name("pricing"), BOOK, ACTIVE, consistent=True)
    return item["version"] if item else NO_PROMOTIONS.version


def book(version: int) -> Book:
    """A published book. Raises NotFound when there is no such version."""
    if version == NO_PROMOTIONS.version:
        return NO_PROMOTIONS
    return Book.from_json(version, document(version))


def document(version: int) -> Document:
    """The document of a published book. Raises NotFound when there is no such version."""
    parts = _parts(_version_key(version))
    if not parts:
        raise NotFound(f"there is no book version {version}", version=version)
    return _joined(parts)


@lru_cache(maxsize=2)
def _kept_book(_client: Any, version: int) -> Book:
    """A version never changes, so that it is read once per process, and once per client in tests,
    where each has its own tables."""
    return book(version)


in_force: Cached[Book] = Cached(lambda: _kept_book(dynamodb(), active_version()), KEPT_SECONDS)
"""The book in force, at most KEPT_SECONDS old."""


def _newest_version() -> int:
    result = tables.query_page(
        table_name("pricing"),
        "pk = :book AND sk BETWEEN :first AND :last",
        to_item({":book": BOOK, ":first": _version_key(1), ":last": _version_key(MAX_VERSION)}),
        1,
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return int(result.items[0]["sk"]) if result.items else NO_PROMOTIONS.version


def _version_key(version: int) -> str:
    return f"{version:08d}"


def _active_item(version: int, at: datetime, by: str) -> dict[str, Any]:
    return {"pk": BOOK, "sk": ACTIVE, "version": version, "at": rfc3339(at), "by": by}


def _cut(document: Document) -> list[bytes]:
    """The document in parts. Raises InvalidRequest when there are more than MOST_PARTS."""
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    packed = zlib.compress(text.encode(), level=9)
    if len(packed) > PART_BYTES * MOST_PARTS:
        raise invalid("$", f"the book has more than {PART_BYTES * MOST_PARTS} bytes, compressed")
    return [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]


def _joined(parts: Sequence[Mapping[str, Any]]) -> Document:
    read: Document = json.loads(zlib.decompress(b"".join(part["content"] for part in parts)))
    return read


def _parts(of: str) -> list[dict[str, Any]]:
    return list(
        tables.query(
            table_name("pricing"),
            "pk = :pk",
            to_item({":pk": f"{BOOK}#{of}"}),
            ConsistentRead=True,
        )
    )


def _put_parts(of: str, contents: Sequence[bytes], **more: Any) -> list[tables.Part]:
    return [
        _put({"pk": f"{BOOK}#{of}", "sk": f"PART#{number}", "content": content, **more})
        for number, content in enumerate(contents)
    ]


def _put(
    values: Mapping[str, Any], condition: str | None = None, given: Mapping[str, Any] | None = None
) -> tables.Part:
    put: dict[str, Any] = {"TableName": table_name("pricing"), "Item": to_item(values)}
    if condition:
        put["ConditionExpression"] = condition
    if given:
        put["ExpressionAttributeValues"] = to_item(given)
    return {"Put": put}
