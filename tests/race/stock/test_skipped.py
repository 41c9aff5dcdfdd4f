"""Counts that change nothing are skipped while late messages are written: the truth stays."""

import random

import pytest

from shared.stock.model.events import Counted, Event, Moved
from tests.race.stock.test_races import START, apply, at, following, race, stocked
from tests.support.notes import forget_notes
from tests.support.stock_laws import assert_laws

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


@pytest.mark.parametrize("established", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_skipped_counts_and_late_messages_end_in_the_truth(seed: int, established: bool) -> None:
    """Most counts say what is there; movements and other counts older than they come meanwhile.

    Without established notes the first writers also race for creating the item of the newest
    bounds.
    """
    if not established:
        forget_notes()
    random_ = random.Random(seed)
    stocked(10, "A")
    counts: list[Event] = [
        Counted("wms", f"c{n}", None, "A", "1", 10 if n % 3 else 8, at(10 * n))
        for n in range(1, 30)
    ]
    last = Counted("wms", "last", None, "A", "1", 10, at(300))
    moves: list[Event] = [
        Moved(
            "pos", f"m{n}", n if n % 2 else None, "A", "1", 1, "other", at(random_.randrange(310))
        )
        for n in range(60)
    ]
    messages = [last, last, *counts, *moves, *moves[::4], *counts[::3]]
    random_.shuffle(messages)
    with following() as follower:
        race([lambda message=message: apply(message) for message in messages])  # type: ignore[misc]
    later = sum(1 for move in moves if isinstance(move, Moved) and move.occurred_at > last.as_of)
    found = assert_laws(follower=follower)["A", "1"]
    assert found["on_hand"] == 10 + later
    assert found["counted"]["at"] > START.isoformat()
    assert {apply(message) for message in messages} == {0}
