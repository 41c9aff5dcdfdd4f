"""Counts that change nothing, on the table: what is noted, who looks, and who dies between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared.stock import store
from shared.stock.model.events import Counted
from shared.stock.store import feed_writes, feeds
from shared.stock.store.notes import save_skipped_counts
from tests.support.notes import establish_notes
from tests.support.stock_laws import Follower, assert_laws, items
from tests.tables.stock.test_feeds import NOW, act, at, counted, feed, moved, on_hand

Anything = Callable[..., Any]
WRITERS = ("write_position", "write_together")
WRITE = {name: getattr(feeds, name) for name in WRITERS}


@pytest.fixture(params=["in the first hour", "later"], autouse=True)
def _notes(request: pytest.FixtureRequest, local_tables: None) -> None:
    """In the first hour only the mixed shape is noted, for older code that still runs."""
    if request.param != "later":
        establish_notes(older_until=NOW + timedelta(hours=1))


@pytest.fixture(params=["alone", "together"], autouse=True)
def _quick(
    request: pytest.FixtureRequest, local_tables: None, environment: pytest.MonkeyPatch
) -> None:
    if request.param == "together":
        environment.setattr(feed_writes, "FEWEST_TOGETHER", 1)
    environment.setattr(feeds, "LEDGER_WAITS", (0.0,))
    # The ledger is written at once, as if the stream were no slower than a write.
    follower = Follower()
    for name in WRITERS:
        environment.setattr(feeds, name, followed(WRITE[name], follower))


def followed(write: Anything, follower: Follower) -> Anything:
    def write_and_follow(*arguments: Any) -> Any:
        result = write(*arguments)
        follower.follow()
        return result

    return write_and_follow


@contextmanager
def before_the_first_write(act_first: Callable[[], object]) -> Iterator[None]:
    """Something else happens when a worker has decided what to write."""
    writers = {name: getattr(feeds, name) for name in WRITERS}

    def first_acting(name: str) -> Anything:
        def called(changes: Any, *arguments: Any) -> Any:
            if changes != {}:
                restore()
                act_first()
            return writers[name](changes, *arguments)

        return called

    def restore() -> None:
        for name, writer in writers.items():
            setattr(feeds, name, writer)

    for name in WRITERS:
        setattr(feeds, name, first_acting(name))
    yield
    restore()


@contextmanager
def first(name: str, act_first: Callable[[], object]) -> Iterator[None]:
    """Before the first call of ``feeds.<name>`` something else happens."""
    was: Anything = getattr(feeds, name)

    def called(*arguments: Any) -> Any:
        setattr(feeds, name, was)
        act_first()
        return was(*arguments)

    setattr(feeds, name, called)
    yield
    setattr(feeds, name, was)


class Died(Exception):
    pass


def die(*_: Any) -> None:
    raise Died


def version() -> int:
    found = store.position("A", "1")
    assert found is not None
    return found.version


def notes() -> list[dict[str, Any]]:
    return [item for item in items() if item["pk"].startswith("SKIPPED#")]


def test_an_unchanged_count_leaves_the_position_as_it_is_and_is_noted_for_13_months() -> None:
    feed(counted(10, 0))
    assert feed(counted(10, 5)) == 0
    assert version() == 1
    (note,) = notes()
    assert note["ttl"] > (NOW + timedelta(days=365)).timestamp()
    assert note["sk"].startswith("2026-03-01T08:05:00.000Z#")


def test_the_same_unchanged_count_again_is_the_same_note() -> None:
    feed(counted(10, 0))
    for _ in range(3):
        assert feed(counted(10, 5)) == 0
    assert len(notes()) == 1


def test_what_a_skipped_count_hides_stays_hidden() -> None:
    feed(counted(10, 0))
    feed(counted(10, 5))
    assert feed(counted(7, 4), moved(-1, 3), moved(-1, 5, sequence=1)) == 0
    assert (on_hand(), version()) == (10, 1)
    assert feed(moved(-1, 6)) == 1
    assert on_hand() == 9


def test_many_unchanged_places_are_one_note_of_a_bucket(environment: pytest.MonkeyPatch) -> None:
    for name in WRITERS:
        environment.setattr(feeds, name, WRITE[name])
    places = [(f"S{n}", "1") for n in range(300)]
    counts = {place: [Counted("wms", "c", None, *place, 4, at(0))] for place in places}
    store.apply_batch(counts, {}, (), NOW)
    again = {place: [Counted("wms", "d", None, *place, 4, at(9))] for place in places}
    found = store.positions_of(places)
    assert set(store.apply_batch(again, found, (), NOW).values()) == {0}
    assert len(notes()) == 1
    late = {place: [Counted("wms", "e", None, *place, 5, at(8))] for place in places}
    assert set(store.apply_batch(late, found, (), NOW).values()) == {0}
    assert {row["on_hand"] for row in assert_laws().values()} == {4}


def test_notes_of_many_hours_are_searched_from_the_newest_on() -> None:
    feed(counted(10, 0))
    other = Counted("wms", "o", None, "B", "1", 1, at(0))
    store.apply_events([other], None, (), NOW)
    for minute in range(1, 12):
        feed(counted(10, minute))
        later = Counted("wms", f"o{minute}", None, "B", "1", 1, at(minute + 0.5))
        store.apply_events([later], store.position("B", "1"), (), NOW)
    bounds = {("A", "1"): (at(3), -1), ("B", "1"): (at(11.5), -1), ("C", "1"): (at(3), -1)}
    found = store.skipped_counts(bounds, NOW)
    assert {place: count.as_of for place, count in found.items()} == {
        ("A", "1"): at(11),
        ("B", "1"): at(11.5),
    }
    assert store.skipped_counts({("A", "1"): (at(11), 0)}, NOW) == {}


LATE = {
    "a movement that it contains": lambda: feed(moved(-1, 4)),
    "one with a sequence": lambda: feed(moved(-1, 4, sequence=1)),
    "an older count": lambda: feed(counted(7, 4)),
}


def skip() -> int:
    return feed(counted(10, 5))


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_a_count_is_skipped_while_something_late_is_written(late: Callable[[], int]) -> None:
    """It has looked before the count was noted, and writes after it was: it looks again."""
    feed(counted(10, 0))
    with before_the_first_write(skip):
        assert late() == 2
    assert (on_hand(), version()) == (10, 3)


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_something_late_is_written_while_a_count_is_skipped(late: Callable[[], int]) -> None:
    """The count was decided on the old position: whoever has noted it looks at the new one."""
    feed(counted(10, 0))
    with first("save_skipped_counts", late):
        assert skip() == 1
    assert (on_hand(), version()) == (10, 3)


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_who_dies_before_he_looks_again_makes_up_for_it_when_the_message_comes_again(
    late: Callable[[], int], environment: pytest.MonkeyPatch
) -> None:
    feed(counted(10, 0))

    def skip_and_die() -> None:
        skip()
        patch.setattr(feeds, "skipped_counts", die)

    with (
        environment.context() as patch,
        before_the_first_write(skip_and_die),
        pytest.raises(Died),
    ):
        late()
    assert on_hand() != 10
    assert late() == 1
    assert on_hand() == 10
    assert late() + skip() == 0


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_who_dies_with_a_count_noted_makes_up_for_it_when_the_message_comes_again(
    late: Callable[[], int], environment: pytest.MonkeyPatch
) -> None:
    feed(counted(10, 0))
    note = save_skipped_counts

    def note_and_die(counts: Any, now: Any) -> None:
        late()
        note(counts, now)
        raise Died

    with environment.context() as patch:
        patch.setattr(feeds, "save_skipped_counts", note_and_die)
        with pytest.raises(Died):
            skip()
    assert on_hand() != 10
    assert skip() == 1
    assert on_hand() == 10
    assert late() + skip() == 0


def test_more_events_than_one_write_takes_are_all_hidden_by_one_skipped_count() -> None:
    feed(counted(10, 0))
    assert feed(counted(10, 500), *(moved(-1, minute) for minute in range(1, 120))) == 0
    assert feed(*(moved(-1, minute) for minute in range(441, 561))) == 2
    assert on_hand() == 10 - 60


def test_a_hand_over_after_a_skipped_count_is_not_lost() -> None:
    feed(counted(10, 0))
    feed(counted(10, 5))
    act(-1, 0, 10)
    Follower().follow()
    assert feed(counted(9, 12)) == 0
    assert feed(counted(10, 5), moved(-2, 3)) == 0
    assert on_hand() == 9


def test_a_skipped_net_count_hides_as_well() -> None:
    feed(counted(50, 0))
    act(0, 3, 1)
    Follower().follow()
    assert feed(counted(47, 8, net_through=7)) == 0
    assert feed(moved(-1, 6)) == 0
    found = assert_laws({("A", "1"): 3}, Follower())["A", "1"]
    assert (found["on_hand"], found["available"]) == (50, 47)
