"""Values that a process reuses: never older than stated, and of one client only."""

import itertools

import pytest

from shared.aws import cache
from shared.aws.cache import Cached
from shared.errors import Busy


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
