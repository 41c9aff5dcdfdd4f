"""Calls and request units of the work of a location: bins, waves, and the report on its times."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from shared.catalog.store import titles
from shared.orders import changing, model, placing, punctuality, store, waves
from shared.orders.contract.orders import order_answer
from shared.orders.contract.waves import wave_answer
from shared.orders.model import Order, Parcel, Taken
from shared.orders.model.waves import MOST_IN_WAVE, Tote, Wave, pick
from shared.stock import store as stock
from shared.web.idempotency import Request
from tests.bench import prices
from tests.bench.operations.deployed import deployed
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.shop import NOW, line, order, request
from tests.support.tables import make_tables
from tests.support.units import metered

LINES = 3
FULFILLMENTS = 12_000
"""Of all locations on one day."""
SKUS = tuple(f"S{number:02}" for number in range(20))


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    count = 600 if quick else FULFILLMENTS
    with deployed() as patch:
        make_tables(patch, prefix="floor")
        tell("a shop")
        shop.stocked({sku: dict.fromkeys(shop.PLACES, 1000) for sku in SKUS})
        rows = [*_waves(tell), *_report(count, tell)]
    yield Table(
        "The work of a location",
        rows,
        notes=[
            "RU, WU: indexes included (tests/support/units.py); bins, written in batches, are",
            f"counted at 1 unit each. $: per million, DynamoDB alone, {prices.DATE}. The report",
            f"reads a day of {count} fulfillments at 4 locations. Goal of WU: what the README of",
            "orders says; -: no goal.",
        ],
    )


def _measured(name: str, act: Callable[[], object], goal: int | None = None, batch: int = 0) -> Row:
    with metered() as units:
        act()
    written = batch or units.write
    return {
        "work": name,
        "read calls": units.reads,
        "write calls": units.writes,
        "RU": units.read,
        "WU": written,
        "goal WU": goal if goal is not None else "-",
        "$": 1e6 * (units.read * prices.READ_UNIT + written * prices.WRITE_UNIT),
    }


def _answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def _accepted(number: int) -> None:
    order_id = f"o{number:04}"
    wanted = [line(str(at), SKUS[(number + at) % 20], 1) for at in range(LINES)]
    placing.place(order(order_id, *wanted), request(order_id, order_id), "web", NOW, _answer)
    accept = partial(model.advance, fulfillment_id=f"{order_id}.1", action="accept")
    changing.change(order_id, partial(accept, now=NOW, actor="denver"), NOW)
    found = store.find(order_id)
    assert found is not None
    store.project_pick_rows(found, None)


def _begin(asked: Request) -> str:
    def new() -> Wave:
        candidates = waves.candidates("denver", lambda _: True)
        wave_id = store.order_id_of_request(asked)
        return Wave(wave_id, "denver", "ann", NOW, candidates, MOST_IN_WAVE, asked.digest)

    def answer(wave: Wave, totes: Any, _: Any) -> str:
        return _shown(wave, totes)

    return waves.begin(new, asked, lambda _: None, answer, NOW, "denver")


def _shown(wave: Wave, totes: list[Tote]) -> str:
    stops = waves.stops(wave, totes)
    return wave_answer(wave, totes, stops, titles(stop.sku for stop in stops)).model_dump_json()


def _read(wave_id: str) -> None:
    wave = waves.find(wave_id)
    _shown(wave, waves.totes(wave, lambda _: True))


def _pick(wave_id: str, name: str) -> None:
    decide = partial(pick, fulfillment_id=name, wave_id=wave_id, rejections=(), shelf={})
    changing.change(
        store.order_of_fulfillment(name),
        partial(decide, now=NOW, actor="ann"),
        NOW,
        request=request(f"pick-{name}"),
        answer=_answer,
    )


def _waves(tell: Tell) -> Iterator[Row]:
    bins: dict[str, str | None] = {f"B{number}": f"A-{number}" for number in range(500)}
    yield _measured("set 500 bins", lambda: stock.put_bins("denver", bins), 500, batch=500)
    stock.put_bins("denver", {sku: f"A-{number}" for number, sku in enumerate(SKUS)})
    yield _measured("one position", lambda: stock.position("S00", "denver"))
    yield _measured("one position with its bin", lambda: stock.position_and_bin("S00", "denver"))
    tell(f"{MOST_IN_WAVE} orders of {LINES} lines")
    for number in range(MOST_IN_WAVE):
        _accepted(number)
    asked = request("wave", "wave")
    wave_id = store.order_id_of_request(asked)
    yield _measured(f"begin a wave of {MOST_IN_WAVE}", lambda: _begin(asked))
    yield _measured("the same wave again", lambda: _begin(asked), 0)
    yield _measured("a wave as it is now", lambda: _read(wave_id))
    name = (waves.find(wave_id).totes or ())[0]
    yield _measured("pick one of it", lambda: _pick(wave_id, name))


def _offered(number: int) -> Order:
    location_id = tuple(shop.PLACES)[number % len(shop.PLACES)]
    parcel = Parcel(location_id, "ship", (Taken("1", 1),), NOW + timedelta(minutes=30))
    placed = model.place(order(f"p{number:06}"), NOW, "web")
    return model.offer(placed, [parcel], NOW).order


def _life(number: int) -> None:
    """The worker's part of an order that is offered, accepted, picked, packed, shipped and
    delivered."""
    before: Order | None = None
    current = _offered(number)
    name = current.fulfillments[0].fulfillment_id
    steps: list[Any] = ["accept", "pick", "pack", "ship"]
    for version, step in enumerate([*steps, None, None], 1):
        stored = replace(current, version=version)
        punctuality.record_order(stored, before, NOW)
        before = stored
        if step is not None:
            more: Any = {"carrier": "UPS", "tracking": "1Z"} if step == "ship" else {}
            current = model.advance(stored, name, step, NOW, "denver", **more).order
        elif version == len(steps) + 1:
            change = model.follow_parcel(stored, name, "delivered", NOW, NOW, "UPS")
            assert change is not None
            current = change.order


def _report(count: int, tell: Tell) -> Iterator[Row]:
    yield _measured("count a life of 6 steps", lambda: _life(0), 5)
    tell(f"{count} fulfillments of a day")
    for number in range(1, count):
        punctuality.record_order(replace(_offered(number), version=1), None, NOW)
    day, later = NOW.date(), NOW + timedelta(days=30)

    def read(location_id: str | None, now: Any) -> None:
        sums = dict(punctuality.report(day, day, location_id, now))
        assert sums[day]["denver"][0] == count // len(shop.PLACES)

    yield _measured("a day of one location", lambda: read("denver", NOW), 0)
    yield _measured("a day of all locations", lambda: read(None, NOW), 0)
    yield _measured("… when it has settled, first", lambda: read(None, later), 1)
    yield _measured("… when it has settled, then", lambda: read(None, later), 0)
