"""Counts that change nothing are not written, and still hide what is older than themselves."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stock.model.events import Counted, Event
from shared.stock.model.position import Effect
from shared.stock.model.skipped import (
    BUCKETS,
    MOST_COUNTS,
    Shape,
    best_shape,
    bound_key,
    bound_of,
    bound_of_key,
    find_counts,
    other_name,
    pack_counts,
    pack_sort_key,
    shape_key,
    sort_key,
)
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
    ),
    st.sampled_from(Shape),
)
def test_what_is_packed_is_found_again_and_nothing_else(
    counts: list[Counted], shape: Shape
) -> None:
    made = list(pack_counts(counts, shape))
    places = {(count.sku, count.location_id): count for count in counts}
    found: dict[tuple[str, str], Counted] = {}
    for pack in made:
        here = find_counts(pack.places, pack.counts, [*places, ("Z", "1")])
        assert {shape_key(shape, place) for place in here} == {pack.key}
        assert max(map(bound_of, here.values())) == pack.newest
        assert max(sort_key(other_name(shape, place)) for place in here) == pack.greatest
        assert bound_of_key(pack_sort_key(pack)) == pack.newest
        found |= here
    assert found == places


def test_a_pack_is_far_below_the_size_of_an_item_and_takes_some_25_bytes_a_count() -> None:
    counts = [
        Counted("urn:wms", f"{n * 2654435761 % 2**64:016x}", n, f"SKU{n}", "1", n % 30, at(n / 600))
        for n in range(MOST_COUNTS + 1)
    ]
    made = list(pack_counts(counts, Shape.LOCATION))
    sizes = [len(pack.places) + len(pack.counts) for pack in made]
    assert len(made) == 2
    assert sum(sizes) / len(counts) < 32
    assert max(sizes) < 200_000


@pytest.mark.parametrize("milliseconds", [0, 1, 999])
def test_milliseconds_survive(milliseconds: int) -> None:
    instant = at(0) + timedelta(milliseconds=milliseconds)
    count = Counted("s", "c", None, "A", "1", 1, instant)
    (pack,) = pack_counts([count], Shape.MIXED)
    assert find_counts(pack.places, pack.counts, [("A", "1")]) == {("A", "1"): count}


def batch(skus: int, locations: int) -> list[Counted]:
    return [
        Counted("wms", "c", None, f"S{sku}", f"L{location}", 1, at(0))
        for sku in range(skus)
        for location in range(locations)
    ]


@pytest.mark.parametrize(
    ("skus", "locations", "shape"),
    [
        (1, 1, Shape.SKU),
        (1, 3400, Shape.SKU),
        (8, 457, Shape.SKU),
        (3400, 1, Shape.LOCATION),
        (20, 85, Shape.SKU),
        (85, 20, Shape.LOCATION),
        (100, 100, Shape.MIXED),
    ],
)
def test_a_file_is_packed_by_what_it_has_few_of(skus: int, locations: int, shape: Shape) -> None:
    assert best_shape(batch(skus, locations)) is shape


def test_counts_of_many_skus_locations_and_instants_share_the_packs_of_buckets() -> None:
    assert best_shape([counted_at(n, n) for n in range(60)]) is Shape.MIXED
    # Of one instant they may take more packs than there are buckets with one of them.
    assert best_shape([counted_at(n, 0) for n in range(60)]) is Shape.SKU


def counted_at(number: int, minute: int) -> Counted:
    return Counted("wms", "c", None, f"S{number}", f"L{number}", 1, at(minute))


def test_the_same_counts_in_another_order_are_the_same_packs() -> None:
    counts = [Counted("wms", f"c{n}", None, f"S{n}", f"L{n % 7}", n, at(n)) for n in range(90)]
    for shape in Shape:
        made = {pack_sort_key(pack): pack for pack in pack_counts(counts, shape)}
        again = {pack_sort_key(pack): pack for pack in pack_counts(counts[::-1], shape)}
        assert made == again
        assert len(made) <= BUCKETS or shape is Shape.SKU


def test_sort_keys_order_numbers_by_their_value() -> None:
    names = ["7", "007-A", "10", "A-9", "A-10", "A-10-2", "A-10-11", "B"]
    assert sorted(names, key=sort_key) == names
    assert len(sort_key("\u00e9" * 500 + "1" * 500)) == 64
    assert "#" not in sort_key("A#1#")


def test_older_code_reads_the_keys_of_the_mixed_shape() -> None:
    count = Counted("wms", "c", None, "A#~1", "1", 1, at(0))
    (pack,) = pack_counts([count], Shape.MIXED)
    instant, sequence, _ = pack_sort_key(pack).split("#")
    assert (instant, int(sequence)) == ("2026-03-01T08:00:00.000Z", 0)


def test_keys_of_bounds_sort_as_bounds_do() -> None:
    bounds = [(at(1), -1), (at(1), 0), (at(1), 10**18), (at(1.001), -1), (at(2), 5)]
    assert sorted(map(bound_key, bounds)) == list(map(bound_key, bounds))
    assert [bound_of_key(f"{bound_key(bound)}#x") for bound in bounds] == bounds
