"""People who begin waves at once, on DynamoDB Local."""

import json
from collections import Counter
from functools import partial
from typing import Any

import pytest

from shared.errors import Conflict
from shared.orders import changing, model, store, waves
from shared.orders.model.waves import Wave
from shared.web.idempotency import Request
from tests.support import shop
from tests.support.buyers import answer, at_once, buy
from tests.support.shop import NOW, line, request

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


def accepted(count: int) -> list[str]:
    shop.stocked({f"A{n}": {"denver": 9} for n in range(4)})
    names = [f"o-{n:02d}.1" for n in range(count)]
    for n, name in enumerate(names):
        order_id = store.order_of_fulfillment(name)
        buy(order_id, line("1", f"A{n % 4}", 1))
        changing.change(
            order_id,
            partial(model.advance, fulfillment_id=name, action="accept", now=NOW, actor="x"),
            NOW,
            request=request(f"accept-{name}"),
            answer=answer,
        )
        order = store.find(order_id)
        assert order is not None
        store.project_pick_rows(order, None)
    return names


def begun(key: str, most: int) -> list[str]:
    asked = Request.of("denver", key, "POST", "/v1/waves", most)

    def new() -> Wave:
        candidates = waves.candidates("denver", lambda _: True)
        wave_id = store.order_id_of_request(asked)
        return Wave(wave_id, "denver", key, NOW, candidates, most, asked.digest)

    def totes(_: Wave, got: Any, __: Any) -> str:
        return json.dumps([tote.part.fulfillment_id for tote in got])

    text = waves.begin(new, asked, lambda _: None, totes, NOW, key)
    found: list[str] = json.loads(text)
    return found


def assignees() -> dict[str, str | None]:
    return {
        part.fulfillment_id: part.assignee
        for order in shop.all_orders()
        for part in order.fulfillments
    }


def test_sixteen_people_who_begin_waves_at_once_never_get_the_same_fulfillment() -> None:
    names = accepted(24)
    outcomes = at_once([partial(begun, f"w-{n}", 3) for n in range(16)])
    got = {f"w-{n}": one for n, one in enumerate(outcomes) if not isinstance(one, Conflict)}
    count = Counter(name for one in got.values() for name in one)
    assert count == dict.fromkeys(names, 1)
    assert max(map(len, got.values())) <= 3
    assert assignees() == {name: key for key, one in got.items() for name in one}
    shop.laws()


def rejected(name: str) -> str | None:
    rows = [model.Rejection("1", 1, "no_capacity")]
    return changing.change(
        store.order_of_fulfillment(name),
        lambda order: model.reject(order, name, rows, {}, now=NOW, actor="x"),
        NOW,
        request=request(f"reject-{name}"),
        answer=answer,
    )


def test_a_wave_keeps_nothing_that_is_rejected_at_the_same_moment() -> None:
    """Whoever comes first: rejected units are in no tote, and in the wave no unit is counted that
    another location has."""
    names = accepted(12)
    wave, *refused = at_once(
        [partial(begun, "w-1", 12), *(partial(rejected, name) for name in names[::2])]
    )
    assert refused == [one for one in refused if isinstance(one, str)]
    parts = {
        part.fulfillment_id: part for order in shop.all_orders() for part in order.fulfillments
    }
    assert {*names[1::2]} <= {*wave}
    assert all(parts[name].state == "rejected" for name in names[::2])
    found = waves.totes(waves.find(parts[names[1]].wave or ""), lambda _: True)
    held = [tote.part.fulfillment_id for tote in found if tote.part.is_open]
    assert sorted(held) == names[1::2]
    shop.laws()


def test_repetitions_at_once_are_one_wave() -> None:
    accepted(6)
    outcomes = at_once([partial(begun, "w-1", 4) for _ in range(16)])
    assert all(one == outcomes[0] for one in outcomes)
    assert len(outcomes[0]) == 4
    taken = [name for name, assignee in assignees().items() if assignee]
    assert sorted(taken) == sorted(outcomes[0])
