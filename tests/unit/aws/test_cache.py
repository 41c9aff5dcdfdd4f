"""Values that a process reuses: never older than stated, and of one client only."""

import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aws import cache
from shared.aws.cache import Cached, CachedByKey
from shared.errors import Busy, Throttled


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, client = Clock(), object()
    monkeypatch.setattr(cache, "time", clock)
    monkeypatch.setattr(cache, "dynamodb", lambda: client)
    return clock


def test_a_value_is_read_again_when_it_is_too_old(clock: Clock) -> None:
    cached = Cached(itertools.count().__next__, 30)
    assert [cached.get(), cached.get()] == [0, 0]
    clock.now += 30
    assert cached.get() == 0
    clock.now += 0.1
    assert cached.get() == 1


def test_the_age_counts_from_before_a_slow_read(clock: Clock) -> None:
    reads = itertools.count()

    def slow() -> int:
        clock.now += 20
        return next(reads)

    cached = Cached(slow, 30)
    assert cached.get() == 0
    clock.now += 11
    assert cached.get() == 1


def test_a_cleared_value_and_that_of_another_client_are_read_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = Cached(itertools.count().__next__, 30)
    assert cached.get() == 0
    cached.clear()
    assert cached.get() == 1
    monkeypatch.setattr(cache, "dynamodb", object)
    assert cached.get() == 2


def test_a_read_that_fails_leaves_nothing_behind(clock: Clock) -> None:
    reads = itertools.count()

    def read() -> int:
        if (number := next(reads)) == 0:
            raise Busy("not now")
        return number

    cached = Cached(read, 30)
    with pytest.raises(Busy):
        cached.get()
    assert cached.get() == 1


def by_key(
    read: Callable[[Sequence[str]], dict[str, float]], most: int = 100
) -> CachedByKey[float]:
    return CachedByKey(read, seconds=1, stale_seconds=5, most=most)


sixty_fourths = st.integers(0, 128).map(lambda count: count / 64)
"""Seconds that floats add up exactly."""
steps = st.tuples(
    sixty_fourths, sixty_fourths, st.booleans(), st.sets(st.sampled_from("abc"), min_size=1)
)


@given(st.lists(steps, max_size=40), st.integers(1, 4))
def test_no_value_is_older_than_stated_and_only_a_refused_read_makes_it_older_than_usual(
    history: list[tuple[float, float, bool, set[str]]], most: int
) -> None:
    """The value of a key is the instant at which the table had it."""
    clock, client = Clock(), object()
    refused, ever_refused, duration = False, False, 0.0

    def read(keys: Sequence[str]) -> dict[str, float]:
        at = clock.now
        clock.now += duration
        if refused:
            raise Throttled("slow down")
        return dict.fromkeys(keys, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "time", clock)
        patch.setattr(cache, "dynamodb", lambda: client)
        cached = by_key(read, most)
        for pause, duration, refused, keys in history:
            clock.now += pause
            ever_refused = ever_refused or refused
            try:
                values = cached.get(keys)
            except Busy:
                assert refused
                continue
            assert set(values.by_key) == keys
            oldest = clock.now - min(values.by_key.values())
            assert oldest <= max(values.age(), duration)
            assert oldest <= (5 if ever_refused else 1) + duration


def test_threads_that_ask_together_read_once(clock: Clock) -> None:
    reads = itertools.count(1)
    cached = by_key(lambda keys: dict.fromkeys(keys, next(reads)))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: cached.get("a").by_key["a"], range(200)))
    assert set(found) == {1}


def test_the_oldest_values_go_when_there_are_too_many(clock: Clock) -> None:
    asked: list[str] = []

    def read(keys: Sequence[str]) -> dict[str, float]:
        asked.extend(keys)
        return dict.fromkeys(keys, 2)

    cached = CachedByKey(read, seconds=1, stale_seconds=5, most=4, size=int)
    for key in "abcbca":
        cached.get(key)
    assert "".join(asked) == "abca"
    assert set(cached.get("abc").by_key) == {"a", "b", "c"}, "an answer is whole"


def test_a_key_without_a_value_is_not_asked_for_again(clock: Clock) -> None:
    reads = itertools.count()

    def read(keys: Sequence[str]) -> dict[str, float]:
        next(reads)
        return {}

    cached = by_key(read)
    assert [cached.get("a").by_key, cached.get("a").by_key] == [{}, {}]
    assert next(reads) == 1


@pytest.mark.parametrize(
    ("processes", "units", "most_refused"),
    [(1_000, 2.0, 0), (1_500, 2.0, 0), (2_000, 2.0, 0.001), (1_000, 4.0, 0.01)],
)
def test_a_fleet_of_processes_shares_one_partition(
    monkeypatch: pytest.MonkeyPatch, processes: int, units: float, most_refused: float
) -> None:
    """20,000 questions a second for one SKU, for ten seconds after a second of start; the partition
    gives 3,000 units in each second and throttles the rest."""
    clock, client, chance = Clock(), object(), random.Random(processes)
    remaining, reads = 0.0, 0

    def read(keys: Sequence[str]) -> dict[str, float]:
        nonlocal remaining, reads
        if remaining < units:
            raise Throttled("slow down")
        remaining -= units
        reads += 1
        return dict.fromkeys(keys, clock.now)

    monkeypatch.setattr(cache, "time", clock)
    monkeypatch.setattr(cache, "dynamodb", lambda: client)
    monkeypatch.setattr("random.uniform", chance.uniform)
    fleet = [by_key(read) for _ in range(processes)]
    refused = asked = 0
    for hundredth in range(1_100):
        clock.now = 100 + hundredth / 100
        # a token bucket of one hundredth of a second
        remaining = min(remaining, 30.0) + 30.0
        for _ in range(200):
            process = fleet[chance.randrange(processes)]
            asked += hundredth >= 400
            try:
                values = process.get("a")
            except Throttled:
                refused += hundredth >= 400
            else:
                assert clock.now - values.by_key["a"] <= 5
    assert refused <= most_refused * asked, (refused, asked)
    assert reads * units <= 11 * 3_000
