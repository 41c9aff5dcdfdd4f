"""Counts that change nothing are not written, and still hide what is older than themselves."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stock.model.events import Counted, Event
from shared.stock.model.position import Effect
from shared.stock.model.skipped import MOST_COUNTS, bound_of, bucket_of, find_counts, pack_counts
from tests.support.profiles import examples
from tests.unit.stock.book import Book
from tests.unit.stock.test_feed import (
    SOURCES,
    at,
    counted,
    minutes,
    moved,
    on_hand,
    order,
    true_on_hand,
)


def test_a_count_that_changes_nothing_writes_nothing() -> None:
    book = Book()
    book.feed([counted(10, 1)], at(1))
    assert not book.feed([counted(10, 2, name="d")], at(2))
    assert not book.feed([counted(10, 2, name="d")], at(3))
    assert len(book.rows) == 1


def test_an_older_count_that_comes_late_does_not_win_over_a_skipped_one() -> None:
    book = Book()
    book.feed([counted(10, 1)], at(1))
    book.feed([counted(10, 3, name="d")], at(3))
    assert not book.feed([counted(7, 2, name="late")], at(4))
    assert on_hand(book) == 10


def test_a_movement_that_a_skipped_count_contains_is_not_applied_when_it_comes_late() -> None:
    book = Book()
    book.feed([counted(10, 1)], at(1))
    book.feed([counted(10, 3, name="d")], at(3))
    assert not book.feed([moved(-1, 2), moved(-1, 3, name="n", sequence=3)], at(4))
    assert book.feed([moved(-1, 3.1)], at(4))
    assert on_hand(book) == 9


def test_a_count_that_returns_to_an_older_value_is_no_repetition() -> None:
    book = Book()
    for minute, quantity in enumerate([5, 8, 5, 5, 8]):
        book.feed([counted(quantity, minute, name=f"c{minute}")], at(minute))
    assert on_hand(book) == 8
    assert len(book.rows) == 4


def test_a_count_is_skipped_also_when_the_ledger_has_to_tell() -> None:
    book = Book()
    book.feed([counted(10, 1), moved(-1, 5)], at(5))
    assert not book.feed([counted(10, 3, name="d")], at(6))
    assert book.asked == 1
    assert not book.feed([moved(-1, 2)], at(7))
    assert on_hand(book) == 9


def test_a_net_count_is_skipped_by_what_is_available() -> None:
    book = Book()
    book.feed([counted(50, 0)], at(0))
    book.act(Effect("A", "1", 0, 3), order(1), at(5))
    assert not book.feed([counted(47, 8, name="d", net_through=7)], at(10))
    assert not book.feed([counted(48, 7, name="e", net_through=6)], at(11))
    assert book.position is not None
    assert (book.position.on_hand, book.position.available) == (50, 47)


def test_a_first_count_of_nothing_makes_the_position() -> None:
    book = Book()
    assert book.feed([counted(0, 1)], at(1))


few_counts = st.builds(
    counted,
    st.integers(0, 2),
    minutes,
    source=st.sampled_from(SOURCES),
    name=st.sampled_from("abc"),
    sequence=st.none() | st.integers(0, 2),
)


@st.composite
def stubborn(draw: st.DrawFn) -> list[Event]:
    """Many counts of few quantities, and few movements between them that cancel each other."""
    counts = draw(st.lists(few_counts, max_size=12, unique_by=lambda count: count.stamp))
    shapes = draw(st.lists(st.tuples(st.sampled_from([-1, 1]), minutes, st.booleans()), max_size=8))
    return [
        *counts,
        *(
            moved(delta, minute, name=f"m{n}", sequence=n if sequenced else None)
            for n, (delta, minute, sequenced) in enumerate(shapes)
        ),
    ]


@examples(500)
@given(st.data(), stubborn())
def test_in_any_order_skipped_counts_hide_what_they_contain(
    data: st.DataObject, sent: list[Event]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(sent), max_size=10)) if sent else []
    arriving = data.draw(st.permutations([*sent, *repeated]))
    book = Book()
    for message in arriving:
        book.feed([message], at(40))
    assert (book.position.on_hand if book.position else 0) == true_on_hand(sent)
    for message in sent:
        assert not book.feed([message], at(41))


# Packs


@examples(60)
@given(
    st.lists(
        st.builds(
            Counted,
            st.sampled_from(["urn:wms", "erp"]),
            st.text(min_size=1, max_size=9),
            st.none() | st.integers(0, 10**18),
            st.text("ABC#\u00e9", max_size=3),
            st.text("12", min_size=1, max_size=2),
            st.integers(0, 10**9),
            minutes.map(at),
            st.none() | minutes.map(at),
        ),
        max_size=40,
        unique_by=lambda count: (count.sku, count.location_id),
    )
)
def test_what_is_packed_is_found_again_and_nothing_else(counts: list[Counted]) -> None:
    made = list(pack_counts(counts))
    places = {(count.sku, count.location_id): count for count in counts}
    found: dict[tuple[str, str], Counted] = {}
    for pack in made:
        here = find_counts(pack, [*places, ("Z", "1")])
        assert {bucket_of(location_id) for _, location_id in here} == {pack.bucket}
        assert max(map(bound_of, here.values())) == pack.newest
        found |= here
    assert found == places


def test_a_pack_is_far_below_the_size_of_an_item_and_takes_some_25_bytes_a_count() -> None:
    counts = [
        Counted("urn:wms", f"{n * 2654435761 % 2**64:016x}", n, f"SKU{n}", "1", n % 30, at(n / 600))
        for n in range(MOST_COUNTS + 1)
    ]
    made = list(pack_counts(counts))
    sizes = [len(pack.places) + len(pack.counts) for pack in made]
    assert len(made) == 2
    assert sum(sizes) / len(counts) < 32
    assert max(sizes) < 200_000


@pytest.mark.parametrize("milliseconds", [0, 1, 999])
def test_milliseconds_survive(milliseconds: int) -> None:
    instant = at(0) + timedelta(milliseconds=milliseconds)
    count = Counted("s", "c", None, "A", "1", 1, instant)
    (pack,) = pack_counts([count])
    assert find_counts(pack, [("A", "1")]) == {("A", "1"): count}
