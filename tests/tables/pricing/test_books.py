"""Books of promotions from draft to force, and back."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.aws.dynamodb import transact
from shared.errors import InvalidRequest, NotFound, VersionMismatch
from shared.pricing.model.book import NO_PROMOTIONS
from shared.pricing.store import books
from shared.pricing.store.books.publishing import publication
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def document(*points: int, text: str = "") -> dict[str, Any]:
    return {
        "currency": "USD",
        "promotions": [
            {
                "promotion_id": f"p{number}",
                "title": text or "A promotion",
                "does": [{"kind": "percent_off", "basis_points": one}],
            }
            for number, one in enumerate(points)
        ],
    }


def publish(*points: int) -> int:
    books.put_draft(document(*points), None, NOW, "planner")
    return books.publish(None, NOW, "planner").version


def in_force() -> tuple[int, int]:
    book = books.in_force.get().book
    return book.version, len(book.promotions)


def test_without_a_book_there_are_no_promotions() -> None:
    assert books.in_force.get() == books.InForce(NO_PROMOTIONS)
    assert books.draft() is None
    with pytest.raises(NotFound):
        books.publish(None, NOW, "planner")


def test_a_draft_is_not_in_force_until_it_is_published() -> None:
    draft = books.put_draft(document(1000), None, NOW, "planner")
    assert books.draft() == draft
    assert in_force() == (0, 0)
    made = books.publish(None, NOW, "planner")
    assert made == books.Published(1, NOW, "planner", 1)
    assert in_force() == (1, 1)
    assert books.document(1) == document(1000)


def test_the_same_draft_becomes_one_version_however_often_it_is_published() -> None:
    books.put_draft(document(1000), None, NOW, "planner")
    first = books.publish(1, NOW, "planner")
    assert books.publish(1, datetime.now(UTC), "another") == first
    assert publish(1000, 2000) == 2
    assert in_force() == (2, 2)


def test_publishing_again_after_a_roll_back_does_not_put_it_in_force() -> None:
    publish(1000)
    assert books.roll_back(0, NOW, "planner") == 1
    books.publish(None, NOW, "planner")
    assert in_force() == (0, 0)
    assert books.roll_back(1, NOW, "planner") == 0
    assert in_force() == (1, 1)
    assert publish(1000, 1000) == 2, "a version is never used again"
    with pytest.raises(NotFound):
        books.roll_back(3, NOW, "planner")
    with pytest.raises(NotFound):
        books.book(3)


def test_a_draft_that_someone_else_has_changed_is_neither_written_nor_published() -> None:
    books.put_draft(document(1000), 0, NOW, "planner")
    books.put_draft(document(2000), 1, NOW, "another")
    with pytest.raises(VersionMismatch):
        books.put_draft(document(3000), 1, NOW, "planner")
    with pytest.raises(VersionMismatch):
        books.publish(1, NOW, "planner")
    draft = books.draft()
    assert draft is not None
    assert (draft.document, draft.by) == (document(2000), "another")


def test_of_two_that_publish_at_once_one_makes_the_version() -> None:
    draft = books.put_draft(document(1000), None, NOW, "planner")
    parts = publication(draft, books.Published(1, NOW, "planner", 1), 0)
    assert transact(parts) == []
    assert [row.index for row in transact(parts)] == [0, 1]


def test_a_large_book_lies_in_parts_and_is_read_whole() -> None:
    rng = random.Random(1)
    text = "".join(rng.choices("0123456789abcdef", k=900_000))
    large = document(1000, text=text)
    books.put_draft(large, None, NOW, "planner")
    draft = books.draft()
    assert draft is not None
    assert draft.document == large
    assert books.publish(None, NOW, "planner").version == 1
    assert books.document(1) == large
    books.put_draft(document(1000), None, NOW, "planner")
    draft = books.draft()
    assert draft is not None
    assert draft.document == document(1000), "parts that are left over belong to no revision"
    with pytest.raises(InvalidRequest):
        books.put_draft(document(1000, text=text * 2 + text[::-1] * 2), None, NOW, "planner")


def test_a_book_is_read_once_and_then_only_its_version() -> None:
    publish(1000)
    with metered() as first:
        books.in_force.get()
    books.in_force.clear()
    with metered() as then:
        books.in_force.get()
        books.in_force.get()
    assert (first.reads, then.reads) == (2, 1)
    assert then.write == 0
