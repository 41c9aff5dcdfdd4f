"""What shelves sell over the counter, as packs learn it."""

import json
import random
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.pack import Pack, PackChange, PackRow, decode, encode, fold_changes
from shared.availability.model.sales import HALF_LIFE, LEAST_DAYS, Prior, Sale, Sales
from tests.support.profiles import examples

START = datetime(2026, 9, 1, tzinfo=UTC)


def sale(
    version: int, at: datetime, units: int = 1, place: str = "a", left: int = 50
) -> PackChange:
    return PackChange(
        place, version, PackRow(left, version), at, (Sale(units, int(at.timestamp())),)
    )


def selling(rates: dict[str, float], days: int, seed: int = 1) -> Pack:
    """A pack after ``days`` of Poisson sales at each place, changed once an hour at most."""
    chance = random.Random(seed)
    pack = fold_changes(
        "A", None, [PackChange(place, 1, PackRow(500, 1), START) for place in rates]
    )
    versions = dict.fromkeys(rates, 1)
    for hour in range(24 * days):
        at = START + timedelta(hours=hour)
        for place, rate in rates.items():
            if chance.random() < rate / 24:
                versions[place] += 1
                pack = fold_changes("A", pack, [sale(versions[place], at, 1, place, 500)]) or pack
    assert pack is not None
    return pack


def test_a_pace_is_learnt_shelf_by_shelf() -> None:
    rates = {"fast": 8.0, **{f"slow{n}": 0.5 for n in range(9)}}
    pack, now = selling(rates, 120), START + timedelta(days=120)
    fast = pack.rate("fast", now)
    assert fast == pytest.approx(8.0, rel=0.2)
    learnt = [pack.rate(f"slow{n}", now) or 0 for n in range(9)]
    assert sum(learnt) / 9 == pytest.approx(0.5, rel=0.3)


def test_shelves_that_differ_by_chance_alone_are_taken_for_equal() -> None:
    rates = {f"s{n}": 0.1 for n in range(40)}
    pack, now = selling(rates, 60), START + timedelta(days=60)
    learnt = [pack.rate(place, now) or 0 for place in rates]
    assert min(learnt) > 0.04
    assert max(learnt) < 0.2


def test_the_pace_follows_when_it_changes() -> None:
    pack = selling({"a": 4.0, "b": 4.0}, 60)
    now = START + timedelta(days=60)
    before, later = pack.rate("a", now), pack.rate("a", now + timedelta(days=2 * HALF_LIFE))
    assert before == pytest.approx(4.0, rel=0.25)
    assert later is not None
    assert later < 0.55 * 4


def test_an_empty_shelf_says_nothing_of_the_demand() -> None:
    sold_out = [
        sale(n, START + timedelta(days=n), 1, "a", left=0 if n == 20 else 9) for n in range(2, 21)
    ]
    pack = fold_changes("A", None, [PackChange("a", 1, PackRow(9, 1), START), *sold_out])
    assert pack is not None
    soon, late = (pack.rate("a", START + timedelta(days=days)) for days in (21, 60))
    assert soon == pytest.approx(1.0, rel=0.25)
    assert late == pytest.approx(soon, rel=0.05)


def test_nothing_is_said_before_a_week_of_watching() -> None:
    pack = fold_changes("A", None, [sale(1, START)])
    assert pack is not None
    assert pack.rate("a", START + timedelta(days=LEAST_DAYS - 1)) is None
    rate = pack.rate("a", START + timedelta(days=LEAST_DAYS))
    assert rate is not None
    assert rate < 1
    assert pack.rate("elsewhere", START + timedelta(days=30)) is None
    unsold = fold_changes("A", None, [PackChange("a", 1, PackRow(9, 1), START)])
    assert unsold is not None
    assert unsold.rate("a", START + timedelta(days=30)) is None


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_a_sale_counts_once_however_often_and_in_what_batches_it_comes(
    told: list[tuple[int, int]], size: int
) -> None:
    history = [
        sale(version, START + timedelta(days=day), units)
        for version, (day, units) in enumerate(sorted(told), start=1)
    ]
    whole = fold_changes("A", None, history)
    pack: Pack | None = None
    for start in range(0, len(history), size):
        batch = history[start : start + size]
        pack = fold_changes("A", pack, batch + batch) or pack
        assert fold_changes("A", pack, history[: start + size]) is None
    now = START + timedelta(days=90)
    assert pack is not None
    assert whole is not None
    assert pack.rate("a", now) == pytest.approx(whole.rate("a", now), rel=1e-6)


def test_sales_are_packed_and_500_locations_still_fit() -> None:
    chance = random.Random(3)
    pack = selling({f"store-{n:04}": 0.02 for n in range(500)}, 10)
    rows, prior = decode(encode(pack.rows, pack.prior))
    assert {place for place, row in rows.items() if row.sales} == {
        place for place, row in pack.rows.items() if row.sales
    }
    now = START + timedelta(days=20)
    again = Pack("A", rows, pack.as_of, 1, prior)
    for place in chance.sample(sorted(rows), 50):
        assert again.rate(place, now) == pytest.approx(pack.rate(place, now), rel=0.05)
    everywhere = selling({f"store-{n:04}": 3.0 for n in range(500)}, 2)
    assert len(encode(everywhere.rows, everywhere.prior)) < 8_000


def test_what_sells_all_day_loses_nothing_by_being_packed_with_every_sale() -> None:
    """A sale every five minutes: less than the days are rounded to."""
    kept = told = fold_changes("A", None, [sale(1, START, 0)])
    for number in range(2, 5000):
        change = sale(number, START + timedelta(minutes=5 * number))
        kept = fold_changes("A", kept, [change]) or kept
        assert told is not None
        rows, prior = decode(encode(told.rows, told.prior))
        told = fold_changes("A", Pack("A", rows, told.as_of, 1, prior), [change]) or told
    now = START + timedelta(minutes=5 * 5000)
    assert kept is not None
    assert told is not None
    assert kept.rate("a", now) == pytest.approx(288, rel=0.02)
    assert told.rate("a", now) == pytest.approx(kept.rate("a", now), rel=0.01)


shelves = st.none() | st.builds(
    Sales,
    st.integers(0, 10**6).map(lambda hundredths: hundredths / 100),
    st.integers(0, 4000).map(lambda hundredths: hundredths / 100),
    st.integers(1_700_000_000, 1_800_000_000),
)


@examples(100)
@given(st.lists(shelves, max_size=8))
def test_sales_come_out_as_they_were_packed(known: list[Sales | None]) -> None:
    rows = {f"l{place}": PackRow(1, 1, sales=shelf) for place, shelf in enumerate(known)}
    prior = Prior(1_700_000_000, 1_800_000_000, 1.5, 2.5, 3, 4.0)
    assert decode(encode(rows, prior)) == (rows, prior)


def test_sales_that_were_packed_row_by_row_are_still_understood() -> None:
    rows = {"a": PackRow(1, 1), "b": PackRow(1, 1, sales=Sales(1.5, 2.25, 1_799_999_990))}
    prior = Prior(1_700_000_000, 1_800_000_000, 1.5, 2.5, 3, 4.0)
    columns = json.loads(zlib.decompress(encode(rows, prior)))
    columns["s"] = {"1": [1.5, 2.25, 1_799_999_990]}
    assert decode(zlib.compress(json.dumps(columns).encode())) == (rows, prior)


def test_500_locations_that_have_all_sold_cost_one_read_unit() -> None:
    chance = random.Random(11)
    rows = {
        f"store-{number:04}": PackRow(
            chance.randint(0, 40),
            chance.randint(1, 20_000),
            ((1_797_000_000 + number * 60, 12),) if number % 20 == 0 else (),
            Sales(
                chance.uniform(0, 20),
                chance.uniform(1, 40),
                1_797_000_000 - chance.randint(1, 10**6),
            ),
        )
        for number in range(500)
    }
    prior = Prior(1_790_000_000, 1_797_000_000, 5000.0, 10_000.0, 500, 30.0)
    assert len(encode(rows, prior)) < 8_000
