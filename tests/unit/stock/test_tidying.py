"""A position and its pack stay small, however long they live."""

import json
from datetime import UTC, datetime, timedelta

from shared.availability.model.pack import encode
from shared.availability.model.positions import row_of
from shared.stock.model.events import Announced, Counted, Moved
from shared.stock.model.position import Position
from shared.stock.store.rows import expected_item
from tests.unit.stock.book import Book

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def announced(week: int) -> Announced:
    at = START + week * WEEK
    name = f"PO{week:04d}"
    return Announced("erp", name, None, "A", "1", at, 12, at + 2 * WEEK, name)


def of(book: Book) -> Position:
    assert book.position is not None
    return book.position


def test_weekly_orders_of_three_years_make_no_position_and_no_pack_large() -> None:
    """They come, and nobody names the order that brought them."""
    book = Book()
    for week in range(156):
        now = START + week * WEEK
        book.feed([announced(week)], now)
        book.feed([Moved("wms", f"m{week}", None, "A", "1", 12, "receiving", now)], now)
    stored = json.dumps([expected_item(row) for row in of(book).expected])
    assert len(of(book).expected) <= 9
    assert len(stored) < 2500
    rows = {f"store-{number:03d}": row_of(of(book)) for number in range(500)}
    assert len(encode(rows)) < 8192


def test_a_message_about_supply_that_is_gone_changes_nothing_when_it_comes_again() -> None:
    book = Book()
    messages = [announced(week) for week in range(60)]
    for week, message in enumerate(messages):
        book.feed([message], START + week * WEEK)
    before = of(book)
    for message in messages:
        assert not book.feed([message], START + 60 * WEEK)
    assert of(book) == before


def test_supply_of_which_units_are_promised_stays_however_late_it_is() -> None:
    book = Book()
    book.feed([Counted("wms", "c", None, "A", "1", 0, START)], START)
    book.feed([announced(0)], START)
    held = of(book)
    book.position = Position(
        **{name: getattr(held, name) for name in held.__slots__} | {"due": {"PO0000": 3}}
    )
    book.feed([announced(52)], START + 52 * WEEK)
    assert [row.reference for row in of(book).expected] == ["PO0000", "PO0052"]
