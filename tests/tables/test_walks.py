"""Rounds over a table that several workers share: shared/aws/walks.py on DynamoDB Local."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import dynamodb as tables
from shared.aws import walks
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.aws.walks import LEASE, Progress, Round, Segment, Step, Walk, key_after, start_key

pytestmark = pytest.mark.usefixtures("local_tables")

WALK = Walk("config", "test")
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
ITEMS = {f"SKU#item-{number}" for number in range(80)}


def never() -> bool:
    return False


def begun(segments: int = 8, was: Round | None = None) -> Round:
    round_ = walks.begin(WALK, was, segments, walks.now(), {"about": {"version": 1}})
    assert round_ is not None
    return round_


class Visits:
    """A walk over the items of table ``catalog``, two at a time; every visit is noted."""

    def __init__(self) -> None:
        products = [to_item({"pk": name, "sk": "PRODUCT"}) for name in sorted(ITEMS)]
        tables.put_many(table_name("catalog"), products)
        self.visits: Counter[str] = Counter()
        self.closed: list[Progress] = []

    def step(self, segment: Segment) -> Step:
        page = tables.scan_page(
            table_name("catalog"), 2, start_key(segment.after), **segment.scan_arguments
        )
        names = [item["pk"] for item in page.items]
        self.visits.update(names)
        return Step(key_after(page.last), {"items": len(names)}, (f"v{segment.version}",))

    def close(self, progress: Progress) -> bool:
        self.closed.append(progress)
        return True


def test_a_round_visits_everything_once_and_is_closed_once() -> None:
    visits = Visits()
    round_ = begun()
    assert walks.begin(WALK, None, 8, NOW) is None
    progress = walks.work(round_, visits.step, visits.close, never)
    assert visits.visits == Counter(ITEMS)
    assert progress.counts == {"items": 80}
    assert (progress.done, progress.held, progress.free) == (8, 0, 0)
    (closed,) = visits.closed
    assert len(closed.kept) >= 40
    last = walks.last_round(WALK)
    assert last is not None
    assert last.plan == {"about": {"version": 1}}
    assert last.ended_at is not None
    assert last.covered_since == last.began_at
    assert walks.claim(last, walks.now()) is None
    second = begun(4, last)
    assert (second.number, second.segments) == (2, 4)
    assert second.covered_since == last.began_at
    walks.work(second, visits.step, visits.close, never)
    assert set(visits.visits.values()) == {2}


def test_many_workers_visit_everything_once_and_one_closes() -> None:
    visits = Visits()
    round_ = begun(16)
    with ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(walks.work, round_, visits.step, visits.close, never) for _ in range(8)
        ]:
            done.result()
    # The last worker to finish a segment closes, unless another one does already.
    walks.work(round_, visits.step, visits.close, never)
    assert visits.visits == Counter(ITEMS)
    assert len(visits.closed) == 1


class Died(Exception):
    pass


@pytest.mark.parametrize("seed", range(5))
def test_workers_that_die_lose_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies before or after its step, and holds its lease until it ends."""
    visits, chance = Visits(), random.Random(seed)
    monkeypatch.setattr(walks, "release", lambda _: None)
    clock = itertools.count()
    monkeypatch.setattr(walks, "now", lambda: NOW + timedelta(seconds=20 * next(clock)))

    def step(segment: Segment) -> Step:
        if chance.random() < 0.1:
            raise Died
        done = visits.step(segment)
        if chance.random() < 0.1:
            raise Died
        return done

    def close(progress: Progress) -> bool:
        if chance.random() < 0.5:
            raise Died
        return visits.close(progress)

    round_ = begun()
    for _ in range(1000):
        try:
            progress = walks.work(round_, step, close, never)
        except Died:
            continue
        if progress.round.ended_at or (progress.done == 8 and visits.closed):
            break
    assert set(visits.visits) == ITEMS
    assert progress.counts["items"] == 80
    assert len(visits.closed) == 1


def test_of_two_workers_on_one_segment_only_one_saves() -> None:
    visits = Visits()
    round_ = begun(1)
    slow = walks.claim(round_, NOW)
    assert slow is not None
    assert walks.claim(round_, NOW + LEASE - timedelta(seconds=1)) is None
    other = walks.claim(round_, NOW + LEASE)
    assert other is not None
    assert (other.after, other.number) == (slow.after, slow.number)
    saved = walks.advance(other, visits.step(other), NOW + LEASE)
    assert saved is not None
    assert walks.advance(slow, visits.step(slow), NOW + LEASE) is None
    walks.release(slow)
    assert walks.claim(round_, NOW + LEASE) is None
    assert walks.progress(round_, NOW + LEASE).counts == {"items": 2}


def test_a_worker_of_an_earlier_round_finds_nothing_to_do() -> None:
    visits = Visits()
    first = begun()
    held = walks.claim(first, walks.now())
    assert held is not None
    second = begun(8, first)
    assert walks.claim(first, walks.now()) is None
    # It still saves its step, as one of its own round, which the second round does not count.
    assert walks.advance(held, visits.step(held), walks.now()) is not None
    assert walks.progress(second, walks.now()).counts == {}
    visits.visits.clear()
    walks.work(second, visits.step, visits.close, never)
    assert visits.visits == Counter(ITEMS)


def test_a_worker_without_time_gives_its_segment_back() -> None:
    visits = Visits()
    round_ = begun()
    looks: Iterator[bool] = itertools.chain([False] * 3, itertools.repeat(True))
    progress = walks.work(round_, visits.step, visits.close, lambda: next(looks))
    assert progress.held == 0
    assert 0 < progress.counts["items"] < 80
    walks.work(round_, visits.step, visits.close, never)
    assert visits.visits == Counter(ITEMS)


def test_others_are_called_once_for_the_segments_that_nobody_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visits, calls = Visits(), list[int]()
    monkeypatch.setattr(walks, "ALONE_SECONDS", -1)
    walks.work(begun(), visits.step, visits.close, never, calls.append)
    assert len(calls) == 1
    assert 0 < calls[0] <= 8


def test_progress_is_read_from_the_items_of_the_partition() -> None:
    visits = Visits()
    assert walks.progress_of(WALK, [], NOW) is None
    walks.work(begun(), visits.step, visits.close, never)
    items = tables.query(table_name("config"), "pk = :pk", to_item({":pk": walks.partition(WALK)}))
    progress = walks.progress_of(WALK, items, NOW)
    assert progress is not None
    summary = progress.summary(NOW)
    assert (summary["done"], summary["counts"]) == (8, {"items": 80})


def test_a_round_has_not_more_segments_than_a_worker_can_read() -> None:
    with pytest.raises(ValueError, match="256 segments"):
        walks.begin(WALK, None, 257, NOW)
