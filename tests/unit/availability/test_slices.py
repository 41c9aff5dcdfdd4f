"""A pack in slices says what it says in one piece."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.pack import (
    Pack,
    PackChange,
    PackRow,
    Slice,
    encode,
    fold_changes,
    merge_columns,
    merge_slices,
    slice_of,
    slices_needed,
    split_pack,
    to_columns,
    unpack,
    with_slice,
)
from shared.availability.model.sales import Sale
from shared.availability.store.packs import MOST_BYTES
from tests.support.profiles import examples
from tests.support.projecting import pack_row

AT = datetime(2026, 11, 21, tzinfo=UTC)
POWERS = st.sampled_from([1, 2, 4, 8, 16])
ROWS = st.dictionaries(
    st.text("abc-09", min_size=1, max_size=6),
    st.builds(
        pack_row,
        st.integers(-9, 99),
        st.integers(1, 10**6),
        st.lists(st.tuples(st.integers(0, 2**33), st.integers(1, 99)), max_size=2).map(tuple),
        reserved=st.integers(0, 2),
        counters=st.sampled_from([(), (("pos", 1), ("web", 2))]),
        awaited=st.integers(0, 1),
        confidence=st.none() | st.integers(0, 1000),
    ),
    max_size=20,
)


@examples(150)
@given(ROWS, POWERS)
def test_slices_put_together_are_the_pack(rows: dict[str, PackRow], of: int) -> None:
    slices = split_pack(Pack("A", rows, AT, 7), of)
    assert [part.number for part in slices] == list(range(of))
    assert merge_slices([part.pack for part in slices]).rows == rows
    packed = [encode(part.pack.rows, part.pack.prior) for part in slices]
    assert merge_columns([unpack(one, "t") for one in packed]) == to_columns(rows, "t")


@examples(150)
@given(ROWS, st.lists(st.tuples(st.booleans(), st.integers(0, 63)), max_size=30))
def test_no_two_writes_of_a_sku_have_one_version(
    rows: dict[str, PackRow], steps: list[tuple[bool, int]]
) -> None:
    slices = [Slice(Pack("A", rows, AT, 1))]
    seen = {1}
    for spreads, place in steps:
        if spreads and len(slices) < 16:
            slices = split_pack(merge_slices([part.pack for part in slices]), 2 * len(slices))
            written = slices
        else:
            number = place % len(slices)
            old = slices[number]
            pack = Pack("A", old.pack.rows, AT, old.next_version)
            assert pack.version > old.pack.version
            slices = [*slices[:number], Slice(pack, number, old.of), *slices[number + 1 :]]
            written = [slices[number]]
        versions = {part.pack.version for part in written}
        assert len(versions) == len(written)
        assert not versions & seen
        seen |= versions


@examples(100)
@given(ROWS, ROWS, POWERS, st.integers(0, 15))
def test_one_slice_of_another_time_changes_its_own_locations_alone(
    rows: dict[str, PackRow], other: dict[str, PackRow], of: int, number: int
) -> None:
    part = split_pack(Pack("A", other, AT, 1), of)[number % of]
    found = with_slice(Pack("A", rows, AT, 1), part).rows
    for place in rows.keys() | other.keys():
        source = other if slice_of(place, of) == part.number else rows
        assert found.get(place) == source.get(place)


def test_as_many_slices_as_it_takes_and_no_more() -> None:
    pack = Pack("A", {f"store-{n:04}": PackRow(n % 40, n) for n in range(400)}, AT)
    of = slices_needed(pack, 1, 800, 64)
    assert of in (4, 8)
    assert max(len(encode(part.pack.rows)) for part in split_pack(pack, of)) <= 800
    assert max(len(encode(part.pack.rows)) for part in split_pack(pack, of // 2)) > 800
    assert slices_needed(pack, 1, 1, 16) == 16
    assert slices_needed(pack, 4, 10**6, 64) == 4


def test_a_thousand_locations_are_one_item() -> None:
    chance = random.Random(5)
    rows = {
        f"store-{n:04}": PackRow(
            chance.randint(1, 40),
            chance.randint(1, 20_000),
            ((1_797_000_000 + n * 60, 12),) if n % 20 == 0 else (),
            reserved=chance.randint(1, 3) if chance.random() < 0.3 else 0,
        )
        for n in range(1000)
    }
    assert len(encode(rows)) < MOST_BYTES


def test_the_pace_of_a_shelf_is_the_same_from_slices() -> None:
    chance = random.Random(3)
    pack: Pack | None = None
    for day in range(30):
        at = AT + timedelta(days=day)
        changes = [
            PackChange(
                f"s{n}", day + 1, PackRow(50, day + 1), at, (Sale(1 + n % 3, int(at.timestamp())),)
            )
            for n in range(40)
            if chance.random() < 0.3 or day == 0
        ]
        pack = fold_changes("A", pack, changes) or pack
    assert pack is not None
    apart = merge_slices([part.pack for part in split_pack(pack, 4)])
    now = AT + timedelta(days=40)
    assert pack.rate("s3", now) is not None
    for place in pack.rows:
        assert apart.rate(place, now) == pytest.approx(pack.rate(place, now), rel=1e-9)
