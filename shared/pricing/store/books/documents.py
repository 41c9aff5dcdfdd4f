"""The documents of books: the draft, and the published versions, which never change."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch, invalid
from shared.instants import rfc3339
from shared.pricing.model.book import NO_PROMOTIONS, Book
from shared.pricing.store.books.keys import BOOK, version_key

DRAFT = "draft"
ATTEMPTS = 5
PART_BYTES = 300_000
MOST_PARTS = 4

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
    contents = cut(document)
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
                put_part(header, condition, values),
                *put_parts(DRAFT, contents, revision=replacement.revision),
            ]
        )
        if not refused:
            return replacement
    raise Busy("too many planners write the draft at once; try again")


def published(version: int) -> Published:
    """Raises NotFound when there is no such version; version 0 is not stored."""
    item = tables.get(table_name("pricing"), BOOK, version_key(version), consistent=True)
    if item is None:
        raise NotFound(f"there is no book version {version}", version=version)
    at = datetime.fromisoformat(item["at"])
    return Published(version, at, item["by"], item["promotions"])


def book(version: int) -> Book:
    """A published book. Raises NotFound when there is no such version."""
    if version == NO_PROMOTIONS.version:
        return NO_PROMOTIONS
    return Book.from_json(version, document(version))


def document(version: int) -> Document:
    """The document of a published book. Raises NotFound when there is no such version."""
    parts = _parts(version_key(version))
    if not parts:
        raise NotFound(f"there is no book version {version}", version=version)
    return _joined(parts)


def cut(document: Document) -> list[bytes]:
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


def put_parts(of: str, contents: Sequence[bytes], **more: Any) -> list[tables.Part]:
    return [
        put_part({"pk": f"{BOOK}#{of}", "sk": f"PART#{number}", "content": content, **more})
        for number, content in enumerate(contents)
    ]


def put_part(
    values: Mapping[str, Any], condition: str | None = None, given: Mapping[str, Any] | None = None
) -> tables.Part:
    put: dict[str, Any] = {"TableName": table_name("pricing"), "Item": to_item(values)}
    if condition:
        put["ConditionExpression"] = condition
    if given:
        put["ExpressionAttributeValues"] = to_item(given)
    return {"Put": put}
