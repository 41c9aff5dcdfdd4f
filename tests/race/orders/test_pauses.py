"""Pauses, cancels, sweeps and people at the same moment, on DynamoDB Local."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from shared.errors import InvalidTransition, NotFound, OrderPaused
from shared.orders import backorders, changing, model, pausing, store
from shared.orders.model import Order
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, request

pytestmark = pytest.mark.race
LATER = NOW + timedelta(days=4)
NUMBERS = range(8)


@pytest.fixture(autouse=True)
def orders(local_tables: None) -> None:
    """Paused orders of one unit each."""
    shop.stocked({"A": {"denver": 40, "boulder": 40}})
    for number in NUMBERS:
        buy(f"o-{number}")
        pause(f"o-{number}", "p")


def pause(order_id: str, name: str) -> str | None:
    added = model.new_pause(name, "until", "", "owner", NOW, NOW + timedelta(days=3))
    return changing.change(
        order_id,
        lambda found: model.pause(found, added, NOW, "agent"),
        NOW,
        request=request(f"pause-{order_id}-{name}"),
        answer=answer,
    )


def release(order_id: str, key: str, name: str = "p") -> str | None:
    return changing.change(
        order_id,
        lambda found: pausing.release(found, name, LATER, "agent"),
        LATER,
        request=request(f"release-{order_id}-{key}"),
        answer=answer,
    )


def cancel(order_id: str) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.end_with_cancel(found, "p", "fraud", LATER, "agent"),
        LATER,
        request=request(f"cancel-{order_id}"),
        answer=answer,
    )


def accept(order_id: str) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.advance(found, f"{order_id}.1", "accept", LATER, "store"),
        LATER,
        request=request(f"accept-{order_id}"),
        answer=answer,
    )


def told(found: Order) -> Counter[str]:
    return Counter(entry.event for entry in found.history)


def stored(order_id: str) -> Order:
    found = store.find(order_id)
    assert found is not None
    return found


def test_a_release_or_a_cancel_ends_the_review_and_never_both() -> None:
    acts = [partial(release, f"o-{number}", "1") for number in NUMBERS]
    outcomes = at_once([*acts, *(partial(cancel, f"o-{number}") for number in NUMBERS)])
    for number in NUMBERS:
        found = stored(f"o-{number}")
        ended = outcomes[number], outcomes[number + len(NUMBERS)]
        assert sorted(map(type, ended), key=str) == sorted([str, NotFound], key=str)
        assert told(found)["order.pause_released"] == 1
        assert found.state == ("placed" if isinstance(ended[0], str) else "cancelled")
    shop.laws()


def test_two_releases_and_their_repetitions_release_once() -> None:
    acts = [partial(release, f"o-{number % 4}", str(number % 8)) for number in range(16)]
    outcomes = at_once(acts)
    for number in range(4):
        ended = outcomes[number::4]
        # Each key was sent twice: one key releases, and its repetition gets the same answer.
        assert Counter(map(type, ended)) == {str: 2, NotFound: 2}
        assert len({one for one in ended if isinstance(one, str)}) == 1
        assert told(stored(f"o-{number}"))["order.pause_released"] == 1


def test_a_sweep_and_a_release_end_a_pause_once() -> None:
    acts = [partial(backorders.act_on_deadlines, f"o-{number}", LATER) for number in NUMBERS]
    outcomes = at_once(
        [*acts, *acts, *(partial(release, f"o-{number}", "1") for number in NUMBERS)]
    )
    assert {type(one) for one in outcomes} <= {str, NotFound, type(None)}
    for number in NUMBERS:
        found = stored(f"o-{number}")
        assert told(found)["order.pause_released"] == 1
        assert told(found)["fulfillment.expired"] == 0
        assert not found.is_paused
        (part,) = found.fulfillments
        assert part.deadline is not None
        assert part.deadline > LATER
    shop.laws()


def test_a_location_accepts_before_a_pause_or_is_refused_by_it() -> None:
    for number in NUMBERS:
        release(f"o-{number}", "0")
    acts = [partial(accept, f"o-{number}") for number in NUMBERS]
    outcomes = at_once([*acts, *(partial(pause, f"o-{number}", "q") for number in NUMBERS)])
    for number in NUMBERS:
        found = stored(f"o-{number}")
        assert found.is_paused
        accepted = isinstance(outcomes[number], str)
        assert accepted or isinstance(outcomes[number], OrderPaused)
        assert found.fulfillments[0].state == ("accepted" if accepted else "offered")


def test_two_pauses_at_once_are_both_kept() -> None:
    at_once([partial(pause, f"o-{number}", name) for number in NUMBERS for name in ("q", "r")])
    for number in NUMBERS:
        found = stored(f"o-{number}")
        assert {one.pause_id for one in found.pauses} == {"p", "q", "r"}
        assert {one.paused_since for one in found.pauses} == {NOW}
    for name in ("p", "q", "r"):
        release("o-0", name, name)
    assert not stored("o-0").is_paused
    with pytest.raises(InvalidTransition):
        cancel_and_pause("o-1")


def cancel_and_pause(order_id: str) -> None:
    cancel(order_id)
    pause(order_id, "s")
