"""Law 11's ground: a pack is what the newest change of each position says, however they came."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.pack import (
    Pack,
    PackChange,
    PackRow,
    decode,
    encode,
    fold_changes,
    unpack,
)
from tests.support.profiles import examples
from tests.support.projecting import pack_row

START = datetime(2026, 11, 21, tzinfo=UTC)


def change(
    location: str, version: int, available: int, expected: tuple[int, ...] = ()
) -> PackChange:
    row = PackRow(available, version, tuple((second, 1) for second in expected))
    return PackChange(location, version, row, START + timedelta(seconds=version))


HISTORIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 6)), unique=True, max_size=12
).map(lambda keys: [change(at, version, version * 7 + ord(at) % 5) for at, version in keys])


@examples(200)
@given(HISTORIES, st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_repetition_and_batching_gives_the_same_pack(
    history: list[PackChange], chance: random.Random, size: int
) -> None:
    whole = fold_changes("A", None, history)
    again = history * 2
    chance.shuffle(again)
    pack: Pack | None = None
    for start in range(0, len(again), size):
        pack = fold_changes("A", pack, again[start : start + size]) or pack
    assert pack == whole
    newest = {entry.location_id: entry for entry in sorted(history, key=lambda e: e.version)}
    assert (pack.rows if pack else {}) == {place: entry.row for place, entry in newest.items()}


@examples(100)
@given(HISTORIES)
def test_what_is_known_is_not_written_again(history: list[PackChange]) -> None:
    pack = fold_changes("A", None, history)
    assert fold_changes("A", pack, history) is None


def test_an_older_or_equal_version_changes_nothing() -> None:
    pack = fold_changes("A", None, [change("a", 5, 7)])
    assert fold_changes("A", pack, [change("a", 4, 9)]) is None
    assert fold_changes("A", pack, [change("a", 5, 9)]) is None
    newer = fold_changes("A", pack, [change("a", 6, 9)])
    assert newer is not None
    assert newer.rows == {"a": PackRow(9, 6)}


def test_a_position_that_is_no_more_leaves_the_pack_and_may_come_back() -> None:
    pack = fold_changes("A", None, [change("a", 5, 7), change("b", 1, 1)])
    gone = fold_changes("A", pack, [PackChange("a", 5, None, START)])
    assert gone is not None
    assert set(gone.rows) == {"b"}
    assert fold_changes("A", gone, [PackChange("a", 5, None, START)]) is None
    back = fold_changes("A", gone, [change("a", 1, 3)])
    assert back is not None
    assert back.rows["a"] == PackRow(3, 1)


def test_the_end_of_an_older_life_does_not_end_a_newer_one() -> None:
    pack = fold_changes("A", None, [change("a", 6, 7)])
    assert fold_changes("A", pack, [PackChange("a", 5, None, START)]) is None


def test_a_pack_is_as_of_its_newest_change_and_never_goes_back() -> None:
    pack = fold_changes("A", None, [change("a", 9, 7)])
    later = fold_changes("A", pack, [change("b", 2, 7)])
    assert later is not None
    assert later.as_of == START + timedelta(seconds=9)


ROWS = st.dictionaries(
    st.text("abc-0", min_size=1, max_size=6),
    st.builds(
        pack_row,
        st.integers(-(10**9), 10**9),
        st.integers(1, 10**9),
        st.lists(st.tuples(st.integers(0, 2**33), st.integers(1, 10**9)), max_size=2).map(tuple),
    ),
    max_size=20,
)


@examples(100)
@given(ROWS)
def test_what_is_packed_comes_out_again(rows: dict[str, PackRow]) -> None:
    assert decode(encode(rows)) == (rows, None)
    assert unpack(encode(rows), "").locations == sorted(rows)


def test_five_hundred_locations_fit_into_eight_kilobytes() -> None:
    chance = random.Random(7)
    worst = {
        f"{chance.getrandbits(48):012x}": PackRow(
            chance.randint(0, 999),
            chance.randint(1, 10**6),
            ((1_790_000_000 + chance.randint(0, 10**7), chance.randint(1, 99)),)
            if index % 10 == 0
            else (),
        )
        for index in range(500)
    }
    usual = {f"store-{index:04}": PackRow(chance.randint(0, 99), index) for index in range(500)}
    assert len(encode(worst)) < 8_000
    assert len(encode(usual)) < 4_000
