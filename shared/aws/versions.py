"""Documents that people draft, publish and roll back, as versions under one partition key.

    pk <name>   sk 00000001, ...   a published version: {document, at, by}; immutable
                sk draft           the only draft: {document, revision, at, by, published_as?}
                sk active          {version, at, by}: the version in force

Version 0 is what is in force before anything is published; it is not stored. A document is stored
as JSON text and has at most 300 KB.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, NotFound, VersionMismatch, invalid
from shared.instants import rfc3339

DRAFT = "draft"
ACTIVE = "active"
KEPT_SECONDS = 30
"""What is published or rolled back to is in force everywhere after this time."""
ATTEMPTS = 5
MOST_BYTES = 300_000
MAX_VERSION = 10**8 - 1

Document = Mapping[str, Any]
V = TypeVar("V")


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
    version: int
    document: Document
    at: datetime
    by: str


class Versions(Generic[V]):
    """The versions of what is called ``title`` in errors, under ``name`` in a table of
    shared/schema.py. ``read`` makes the value of a version and its document; ``before`` is the
    value of version 0."""

    def __init__(
        self, table: str, name: str, title: str, read: Callable[[int, Document], V], before: V
    ) -> None:
        self._table, self._name, self._title = table, name, title
        self._read, self._before = read, before
        self.in_force: Cached[V] = Cached(lambda: self.value(self.active_version()), KEPT_SECONDS)
        """The version in force, at most KEPT_SECONDS old."""

    def draft(self) -> Draft | None:
        item = tables.get(table_name(self._table), self._name, DRAFT, consistent=True)
        if item is None:
            return None
        return Draft(
            json.loads(item["document"]),
            item["revision"],
            datetime.fromisoformat(item["at"]),
            item["by"],
            item.get("published_as"),
        )

    def put_draft(self, document: Document, revision: int | None, at: datetime, by: str) -> Draft:
        """Replace the draft. With ``revision``, only if the stored draft has it (0: no draft).

        Raises VersionMismatch when it does not, InvalidRequest when the document is too large.
        """
        text = json.dumps(document, separators=(",", ":"), sort_keys=True)
        if len(text.encode()) > MOST_BYTES:
            raise invalid("$", f"{self._title} has more than {MOST_BYTES} bytes")
        for _ in tables.attempts(ATTEMPTS):
            before = self.draft()
            stored_revision = before.revision if before else 0
            if revision not in {None, stored_revision}:
                raise VersionMismatch("the draft has changed since", version=stored_revision)
            made = Draft(document, stored_revision + 1, at, by)
            condition = Condition()
            # Holds when nobody has written the draft since it was read above.
            if before:
                condition.require("revision = {}", stored_revision)
            else:
                condition.require("attribute_not_exists(pk)")
            values = {"document": text, "revision": made.revision, "at": rfc3339(at), "by": by}
            if not tables.transact([self._put(DRAFT, values, condition)]):
                return made
        raise Busy("too many people write the draft at once; try again")

    def publish(self, revision: int | None, at: datetime, by: str) -> Published:
        """Publish the draft as the next version and put it in force. Idempotent: publishing a
        revision again returns its version and changes nothing.

        Raises NotFound without a draft, VersionMismatch when ``revision`` is not the draft's.
        """
        for _ in tables.attempts(ATTEMPTS):
            stored = self.draft()
            if stored is None:
                raise NotFound("there is no draft")
            if revision not in {None, stored.revision}:
                raise VersionMismatch("the draft has changed since", version=stored.revision)
            if stored.published_as is not None:
                return self.published(stored.published_as)
            made = Published(self._newest_version() + 1, stored.document, at, by)
            if not tables.transact(self._publication(stored, made)):
                self.in_force.clear()
                return made
        raise Busy("too many people publish at once; try again")

    def published(self, version: int) -> Published:
        """Raises NotFound when there is no such version; version 0 is not stored."""
        item = tables.get(table_name(self._table), self._name, _sort_key(version), consistent=True)
        if item is None:
            raise NotFound(f"{self._title} has no version {version}", version=version)
        at = datetime.fromisoformat(item["at"])
        return Published(version, json.loads(item["document"]), at, item["by"])

    def value(self, version: int) -> V:
        """Raises NotFound when there is no such version."""
        if version == 0:
            return self._before
        return self._read(version, self.published(version).document)

    def active_version(self) -> int:
        item = tables.get(table_name(self._table), self._name, ACTIVE, consistent=True)
        return item["version"] if item else 0

    def roll_back(self, version: int, at: datetime, by: str) -> int:
        """Put a published version, or version 0, in force again. Returns the version that was in
        force before.

        Raises NotFound when there is no such version.
        """
        if version:
            self.published(version)
        answer = dynamodb().put_item(
            TableName=table_name(self._table),
            Item=to_item(self._item(ACTIVE, _activation(version, at, by))),
            ReturnValues="ALL_OLD",
        )
        self.in_force.clear()
        before = answer.get("Attributes")
        return int(before["version"]["N"]) if before else 0

    def _publication(self, draft: Draft, made: Published) -> list[tables.Part]:
        text = json.dumps(made.document, separators=(",", ":"), sort_keys=True)
        published = {
            "document": text,
            "revision": draft.revision,
            "at": rfc3339(draft.at),
            "by": draft.by,
            "published_as": made.version,
        }
        unpublished, unused = Condition(), Condition()
        # Holds when the draft is still the one that was read, and nobody has published it.
        unpublished.require("revision = {}", draft.revision)
        unpublished.require("attribute_not_exists(published_as)")
        # Holds when no other draft was published as this version meanwhile.
        unused.require("attribute_not_exists(pk)")
        version = {"document": text, "at": rfc3339(made.at), "by": made.by}
        return [
            self._put(DRAFT, published, unpublished),
            self._put(_sort_key(made.version), version, unused),
            self._put(ACTIVE, _activation(made.version, made.at, made.by), Condition()),
        ]

    def _newest_version(self) -> int:
        page = tables.query_page(
            table_name(self._table),
            "pk = :name AND sk BETWEEN :first AND :last",
            to_item(
                {
                    ":name": self._name,
                    ":first": _sort_key(1),
                    ":last": _sort_key(MAX_VERSION),
                }
            ),
            1,
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return int(page.items[0]["sk"]) if page.items else 0

    def _item(self, sk: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"pk": self._name, "sk": sk, **values}

    def _put(self, sk: str, values: Mapping[str, Any], condition: Condition) -> tables.Part:
        return {
            "Put": {
                "TableName": table_name(self._table),
                "Item": to_item(self._item(sk, values)),
                **condition.arguments(),
            }
        }


def _activation(version: int, at: datetime, by: str) -> dict[str, Any]:
    return {"version": version, "at": rfc3339(at), "by": by}


def _sort_key(version: int) -> str:
    return f"{version:08d}"
