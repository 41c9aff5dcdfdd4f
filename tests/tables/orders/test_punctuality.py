"""What is kept about the times of locations is what a recount of the orders gives."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.errors import Refusal
from shared.locations import store as locations
from shared.orders import changing, model, placing, punctuality, store
from shared.orders.model import Order, OrderChange, Parcel, Rejection, Taken
from shared.orders.model.fulfilling import accept_as_rival
from shared.orders.model.punctuality import Sums, add, mask, standings
from shared.orders.store import punctuality as punctuality_store
from tests.support import shop
from tests.support.buyers import answer
from tests.support.profiles import profile
from tests.support.shop import line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 18), date(2026, 11, 26)
LATER = NOON + timedelta(days=40)
STORES = ("denver", "boulder", "omaha")
Change = tuple[Order, Order | None]


@pytest.fixture(autouse=True)
def places(fake_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # moto cannot be read by one thread while another writes, as days that settle are.
    monkeypatch.setattr(punctuality, "READERS", 1)
    for name in STORES:
        locations.put(shop.PLACES[name])
    locations.locations_cache.clear()


def parcel(rng: random.Random, line_id: str, method: Any, now: datetime) -> Parcel:
    first, *rivals = rng.sample(STORES, 2)
    ready = rng.choice((None, now + timedelta(hours=rng.randint(1, 70))))
    return Parcel(
        first,
        method,
        (Taken(line_id, 2),),
        answer_by=now + timedelta(minutes=30),
        ready_by=ready,
        deliver_by=ready + timedelta(days=3) if ready else None,
        rivals=tuple(rivals) if rng.random() < 0.2 else (),
        accepted=rng.random() < 0.2,
    )


def step(rng: random.Random, of: Order, now: datetime) -> OrderChange | None:
    """A random change of the order; Refusal when it is not possible."""
    part = rng.choice(of.fulfillments)
    name, where = part.fulfillment_id, part.location_id
    match rng.randrange(12):
        case 0:
            rows = [Rejection(part.lines[0].line_id, 1, "damaged")]
            change = model.reject(of, name, rows, {}, now=now, actor="x")
        case 1:
            return model.cancel_fulfillment(of, name, "", now, "x")
        case 2:
            return model.act_on_deadlines(of, now)
        case 3:
            return model.pause(of, model.new_pause("p", "manual", "", "x", now), now, "x")
        case 4 | 5:
            later = Parcel(where, part.method, (), now, now + timedelta(hours=30))
            return model.release(of, "p", now, "x", lambda _: later)
        case 6 if part.rivals:
            taken = [Taken(held.line_id, held.quantity) for held in part.lines]
            return accept_as_rival(of, name, part.rivals[0], taken, now, "x")
        case 7:
            at = now - timedelta(hours=rng.randint(0, 9))
            return model.follow_parcel(of, name, "delivered", at, now, "carrier")
        case 8:
            level: Any = rng.choice(("standard", "express"))
            return OrderChange(replace(of, service_level=level))
        case _:
            action: Any = rng.choice(tuple(model.allowed_actions(part)) or ("accept",))
            if action in {"reject", "cancel"}:
                return None
            units = {part.lines[0].line_id: 1} if rng.random() < 0.3 else None
            change = model.advance(of, name, action, now, "x", units=units)
    return change


def lived(rng: random.Random, number: int) -> list[Change]:
    """The versions of an order, each with the one before it."""
    now = NOON + timedelta(minutes=rng.randint(-600, 600))
    methods: list[Any] = [rng.choice(("ship", "pickup")) for _ in range(rng.randint(1, 3))]
    lines = [line(str(n), "A", 2, method) for n, method in enumerate(methods)]
    draft = replace(order(f"o{number}", *lines), placed_at=now)
    if rng.random() < 0.2:
        draft = replace(draft, pauses=(model.new_pause("p", "manual", "", "x", now),))
    parcels = [parcel(rng, each.line_id, each.method, now) for each in lines]
    made = model.settle(model.offer(model.place(draft, now, "web"), parcels, now), now).order
    versions = [replace(made, version=1)]
    for _ in range(rng.randint(0, 14)):
        now += timedelta(minutes=rng.choice((1, 10, 40, 600)))
        try:
            change = step(rng, versions[-1], now)
        except Refusal:
            continue
        if change is not None:
            after = model.settle(change, now).order
            versions.append(replace(after, version=versions[-1].version + 1))
    return list(zip(versions, [None, *versions], strict=False))


def recounted(orders: list[Order]) -> dict[date, Sums]:
    days: dict[date, Sums] = {}
    for each in orders:
        for standing in standings(each, shop.PLACES).values():
            sums = days.setdefault(standing.day, {})
            add(sums, standing.location_id, mask(standing.counted))
    return {day: sums for day, sums in days.items() if sums}


def kept(now: datetime, location_id: str | None = None) -> dict[date, Sums]:
    days = punctuality.report(FIRST, LAST, location_id, now)
    return {day: sums for day, sums in days if sums}


@pytest.mark.property
@pytest.mark.parametrize("seed", range(12 if profile() == "thorough" else 5))
def test_the_sums_are_what_a_recount_of_the_orders_gives(seed: int) -> None:
    """Records come in any order and several times, some when the day has settled and its sums have
    been made."""
    rng = random.Random(seed)
    lives = [lived(rng, number) for number in range(15)]
    records = [change for life in lives for change in life]
    records += rng.choices(records, k=len(records) // 2)
    rng.shuffle(records)
    late = rng.randint(0, len(records))
    for number, (after, before) in enumerate(records):
        punctuality.record_order(after, before, NOON if number < late else LATER)
        if number > late and rng.random() < 0.1:
            kept(LATER)
    expected = recounted([life[-1][0] for life in lives])
    assert expected
    for now in (NOON, LATER, LATER):  # from rows, as sums are made, and from sums
        assert kept(now) == expected
    for name in STORES:
        mine = {day: {name: sums[name]} for day, sums in expected.items() if name in sums}
        assert kept(NOON, name) == mine
        assert kept(LATER, name) == mine


def test_a_life_costs_a_write_for_each_step_that_counts() -> None:
    calls: list[str] = []
    dynamodb().meta.events.register(
        "provide-client-params.dynamodb", lambda model, **_: calls.append(model.name)
    )
    first = Parcel("denver", "ship", (Taken("1", 1),), NOON + timedelta(minutes=30))
    offered = model.offer(model.place(order("o"), NOON, "web"), [first], NOON).order
    versions = [offered]
    for action in ("accept", "pick", "pack", "ship"):
        more = {"carrier": "UPS", "tracking": "1Z"} if action == "ship" else {}
        versions.append(model.advance(versions[-1], "o.1", action, NOON, "x", **more).order)  # type: ignore[arg-type]
    change = model.follow_parcel(versions[-1], "o.1", "delivered", NOON, NOON, "x")
    assert change is not None
    versions.append(change.order)
    writes = []
    for number, (after, before) in enumerate(zip(versions, [None, *versions], strict=False), 1):
        calls.clear()
        record = replace(after, version=number), before
        punctuality.record_order(*record, NOON)
        writes.append(calls.count("PutItem"))
    # offered, accepted, picked, packed, shipped, delivered
    assert writes == [1, 1, 0, 1, 1, 1]
    assert not {"TransactWriteItems", "UpdateItem"} & set(calls)
    calls.clear()
    list(punctuality.report(NOON.date(), NOON.date(), "denver", NOON))
    assert calls == ["Query"]
    (row,) = (row for row in shop.items("orders") if row["pk"].startswith("PUNCTUAL#"))
    assert len(str(row)) < 300


def test_settled_days_are_read_from_their_sums_until_a_row_comes_late() -> None:
    offered = model.offer(
        model.place(order("o"), NOON, "web"),
        [Parcel("denver", "ship", (Taken("1", 1),), NOON)],
        NOON,
    ).order
    punctuality.record_order(replace(offered, version=1), None, NOON)
    day = NOON.date()
    assert punctuality_store.sums_of_day(day, LATER)["denver"][0] == 1
    stored = [row["sk"] for row in shop.items("orders") if row["pk"].startswith("PUNCTUAL#")]
    assert sorted(stored) == ["FUL#denver#o.1", "SUMS"]
    accepted = model.advance(offered, "o.1", "accept", NOON, "x").order
    punctuality.record_order(replace(accepted, version=2), replace(offered, version=1), LATER)
    assert punctuality_store.sums_of_day(day, LATER)["denver"][2:4] == (1, 1)
    assert punctuality_store.sums_of_day(day, LATER, "denver").keys() == {"denver"}
    assert punctuality_store.sums_of_day(day, LATER, "omaha") == {}


def test_rows_of_before_the_kept_months_are_not_written() -> None:
    old = model.offer(
        model.place(order("o"), NOON, "web"),
        [Parcel("denver", "ship", (Taken("1", 1),), NOON)],
        NOON,
    ).order
    punctuality.record_order(replace(old, version=1), None, NOON + timedelta(days=401))
    assert not [row for row in shop.items("orders") if row["pk"].startswith("PUNCTUAL#")]


def test_a_long_order_counts_as_it_did_with_its_whole_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Offers and closed parcels of a long order lie beside it; they count all the same."""
    monkeypatch.setattr("shared.orders.store.orders.MOST_IN_ORDER", 6_000)
    shop.stocked({"A": {"denver": 45}})
    locations.locations_cache.clear()
    placing.place(order("o-1", line("1", "A", 40)), request("k", "o-1"), "web", shop.NOW, answer)
    before: Order | None = None

    def projected() -> Order:
        found = store.find("o-1")
        assert found is not None
        punctuality.record_order(found, before, shop.NOW)
        return found

    before = projected()
    for number in range(30):
        (part,) = (part for part in before.fulfillments if part.is_open)
        action: Any = "ship" if number else "accept"
        units = {"1": 1} if number else None
        act = partial(model.advance, fulfillment_id=part.fulfillment_id, action=action)
        changing.change("o-1", partial(act, now=shop.NOW, actor="x", units=units), shop.NOW)
        before = projected()
    assert before.past.fulfillments
    whole = store.with_past(before)
    assert len(whole.fulfillments) == 30
    expected = recounted([whole])
    (sums,) = expected.values()
    assert sums["denver"][:4] == (30, 30, 30, 30)
    first, last = min(expected), max(expected)
    assert dict(punctuality.report(first, last, None, shop.NOW)) == expected
