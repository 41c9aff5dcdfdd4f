"""What a transaction of an order writes, and what it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.availability.model.pack import PackChange as Shelved
from shared.availability.model.pack import PackRow
from shared.availability.model.sales import Sale
from shared.availability.store import packs as availability
from shared.availability.store import projection
from shared.aws import clients
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.errors import Conflict, HoldClosed, InvalidRequest, KeyReused, NotFound, OutOfStock
from shared.locations import store as locations
from shared.orders import backorders, changing, model, placing, sourcing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Buyer, LawBroken, Method, Order, OrderChange
from shared.orders.store import decisions
from shared.routing.model.route import replay
from shared.stock import store as stock
from shared.stock.model.position import HoldLine, HoldState
from tests.support import shop
from tests.support.holds import hold
from tests.support.shop import NOW, line, order, request

LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 2}, "B": {"denver": 1, "omaha": 4}})


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def place(draft: Order, key: str = "k") -> str:
    return placing.place(draft, request(key, draft.order_id), "web", NOW, answer)


def step(order_id: str, action: Any, key: str, number: int = 1) -> str | None:
    return changing.change(
        order_id,
        lambda found: model.advance(found, f"{order_id}.{number}", action, LATER, "store"),
        LATER,
        request=request(key),
        answer=answer,
    )


class Calls:
    """The names of the calls to DynamoDB, and the items of each transaction."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parts: list[int] = []
        events = clients.dynamodb().meta.events
        events.register("provide-client-params.dynamodb.*", self._note)

    def _note(self, params: Any, model: Any, **_: Any) -> None:
        self.names.append(model.name)
        if model.name == "TransactWriteItems":
            self.parts.append(len(params["TransactItems"]))


def test_a_placement_is_one_read_and_one_transaction_of_n_plus_1_items() -> None:
    place(order("warm", line("1", "B", 1)), "warm")
    shop.project("B")
    calls = Calls()
    key = request("k")
    draft = order(
        store.order_id_of_request(key), line("1", "A", 2), line("2", "A", 1), line("3", "B", 1)
    )
    placing.place(draft, key, "web", NOW, answer)
    assert calls.names == ["BatchGetItem", "TransactWriteItems"]
    (found,) = [o for o in shop.all_orders() if o.order_id == draft.order_id]
    places = {(held.sku, f.location_id) for f in found.fulfillments for held in f.lines}
    assert calls.parts == [1 + len(places)]
    assert len(places) == 2
    shop.laws()


def test_a_replay_is_one_read() -> None:
    first = place(order("o-1"))
    calls = Calls()
    assert place(order("o-1")) == first
    assert calls.names == ["BatchGetItem"]


def test_an_id_of_the_channels_own_costs_one_item_more() -> None:
    place(order("warm", line("1", "B", 1)), "warm")
    calls = Calls()
    place(order("web-1"))
    assert calls.parts == [3]


def test_an_order_reads_back_as_it_was_written() -> None:
    due = NOW + timedelta(days=3)
    draft = order(
        "o-1",
        line("1", "A", 9, backorder=True),
        line("2", "B", 1),
        buyer=Buyer("p-1", "p-0", "web#1"),
    )
    change = model.settle(
        model.offer(
            model.place(draft, NOW, "web"),
            [
                model.Parcel(
                    "denver", "ship", (model.Taken("1", 2),), due, ready_by=due, deliver_by=due
                )
            ],
            NOW,
        ),
        NOW,
        expected={"1": due},
    )
    kept = replace(change.order, decisions=(b"\x00\x01",))
    assert store.commit(replace(change, order=kept), NOW, request=request("k")) is None
    assert store.find("o-1") == replace(kept, version=1)
    item = next(row for row in shop.items("orders") if row["sk"] == "ORDER")
    assert item["profile_key"] == "PROFILE#p-1"
    assert item["deadline_key"].startswith("DUE#")


def test_an_order_that_is_done_is_due_no_more() -> None:
    place(order("o-1"))
    assert list(store.overdue_orders(NOW + timedelta(days=99), 9)) == ["o-1"]
    for action in ("accept", "ship"):
        step("o-1", action, action)
    backorders.act_on_deadlines("o-1", NOW + timedelta(days=99))  # asks about the parcel, once
    assert list(store.overdue_orders(NOW + timedelta(days=99), 9)) == []


def test_an_order_that_makes_or_loses_units_is_never_written() -> None:
    place(order("o-1"))
    found = store.find("o-1")
    assert found is not None
    broken = replace(found, lines=(replace(found.lines[0], open=0),))
    with pytest.raises(LawBroken):
        store.commit(OrderChange(broken), LATER)
    assert store.find("o-1") == found


def test_an_older_version_loses() -> None:
    place(order("o-1"))
    read = store.find("o-1")
    assert read is not None
    step("o-1", "accept", "a")
    lost = store.commit(model.cancel(read, None, "late", LATER, "web"), LATER)
    assert lost == store.NotWritten(changed=True)
    shop.laws()


def test_stock_that_is_gone_is_learnt_and_routed_around() -> None:
    place(order("first", line("1", "A", 5, "pickup", location_id="denver")), "first")
    place(order("second", line("1", "A", 2)), "second")
    found = store.find("second")
    assert found is not None
    assert [f.location_id for f in found.fulfillments] == ["boulder"]
    assert len(found.decisions) == 1
    with pytest.raises(OutOfStock) as refused:
        place(order("third", line("1", "A", 1)), "third")
    assert refused.value.data["short"][0]["sellable"] == 0
    shop.laws()


def test_two_lines_of_one_sku_cannot_take_the_last_unit_twice() -> None:
    draft = order(
        "o-1",
        line("1", "B", 1, "pickup", location_id="denver"),
        line("2", "B", 1, "pickup", location_id="denver"),
    )
    with pytest.raises(OutOfStock):
        place(draft)
    assert shop.counts("B", "denver") == (1, 0, 1, 0)
    shop.laws()


def test_a_rejected_reroute_that_finds_nothing_is_an_exception_that_is_due() -> None:
    """vendure#1738: a paid order is short, and nobody is told."""
    place(order("o-1", line("1", "B", 1, "pickup", location_id="denver")))

    def decide(found: Order) -> OrderChange:
        rows = [model.Rejection("1", 1, "not_found")]
        believed = changing.believed_available(found, "o-1.1", rows)
        return model.reject(found, "o-1.1", rows, believed, now=LATER, actor="store")

    changing.change("o-1", decide, LATER, request=request("r"), answer=answer)
    found = store.find("o-1")
    assert found is not None
    assert (found.state, found.deadline) == ("exception", LATER + timedelta(minutes=30))
    assert shop.counts("B", "denver") == (0, 0, 0, 0)
    shop.laws()


def test_units_that_lie_unfound_are_routed_when_they_turn_up() -> None:
    test_a_rejected_reroute_that_finds_nothing_is_an_exception_that_is_due()
    due = LATER + timedelta(minutes=30)
    for _ in range(3):
        changing.change("o-1", partial(model.act_on_deadlines, now=due), due)
        found = store.find("o-1")
        assert found is not None
        assert found.state == "exception"
        assert found.deadline is not None
        due = found.deadline
    assert found is not None
    assert len(found.history) == 4
    assert len(found.decisions) == 2
    end = due + timedelta(days=3)
    changing.change("o-1", lambda found: model.act_on_deadlines(found, end), end)
    found = store.find("o-1")
    assert found is not None
    assert (found.state, found.deadline) == ("cancelled", None)
    assert found.history[-1].event == "refund.due"


def test_a_request_is_carried_out_once_and_its_key_is_not_for_another() -> None:
    place(order("o-1"))
    first = step("o-1", "accept", "a")
    assert step("o-1", "accept", "a") == first
    with pytest.raises(KeyReused):
        changing.change("o-1", lambda _: None, LATER, request=request("a", "other"))
    with pytest.raises(NotFound):
        step("o-9", "accept", "b")


def test_a_repeated_deadline_index_row_changes_nothing() -> None:
    place(order("o-1"))
    late = NOW + timedelta(hours=1)
    assert (
        changing.change("o-1", lambda found: model.act_on_deadlines(found, late), late) is not None
    )
    found = store.find("o-1")
    assert changing.change("o-1", lambda order: model.act_on_deadlines(order, late), late) is None
    assert store.find("o-1") == found


# Holds


def test_a_hold_becomes_the_order_on_its_own_locations() -> None:
    """medusa#16338: fulfilled from another location than the reserved one."""
    hold(HoldLine("A", "boulder", 2), HoldLine("A", "denver", 1), HoldLine("B", "denver", 1))
    draft = order(
        "o-1",
        line("1", "A", 1, "pickup", location_id="denver"),
        line("2", "A", 2),
        line("3", "B", 1),
        hold_id="h-1",
    )
    calls = Calls()
    place(draft)
    found = store.find("o-1")
    assert found is not None
    taken = {
        (f.location_id, f.method, held.line_id, held.quantity)
        for f in found.fulfillments
        for held in f.lines
    }
    assert taken == {
        ("denver", "pickup", "1", 1),
        ("boulder", "ship", "2", 2),
        ("denver", "ship", "3", 1),
    }
    assert calls.parts == [3]
    shop.laws()
    closed = stock.find_hold("h-1")
    assert closed is not None
    assert (closed.state, closed.order_id) == (HoldState.CONVERTED, "o-1")
    assert place(draft) == answer(found)
    with pytest.raises(HoldClosed) as refused:
        place(replace(draft, order_id="o-2"), "k2")
    assert refused.value.data["state"] == "converted"


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: replace(draft, lines=(line("1", "A", 1),)),
        lambda draft: replace(draft, lines=(line("1", "A", 3),)),
        lambda draft: replace(draft, lines=(*draft.lines, line("2", "B", 1))),
        lambda draft: replace(draft, lines=(line("1", "A", 2, "pickup", location_id="denver"),)),
        lambda draft: replace(draft, channel="pos"),
    ],
)
def test_an_order_takes_exactly_what_is_held(change: Callable[[Order], Order]) -> None:
    hold(HoldLine("A", "boulder", 2))
    with pytest.raises(Conflict):
        place(change(order("o-1", line("1", "A", 2), hold_id="h-1")))
    assert shop.all_orders() == []
    shop.laws()


@pytest.mark.parametrize(
    ("place_id", "changed", "method", "reason"),
    [
        ("nowhere", {}, "ship", "there is no such location"),
        ("nowhere", {}, "pickup", "there is no such location"),
        ("denver", {"ship": False}, "ship", "this location does not ship"),
        ("depot", {}, "pickup", "this location does not offer pickup"),
    ],
)
def test_what_is_held_where_the_order_cannot_be_served_is_refused(
    place_id: str, changed: Mapping[str, Any], method: Method, reason: str
) -> None:
    """A position may be fed before its location is put, and a location may change."""
    shop.stocked({"C": {place_id: 5}})
    if changed:
        locations.put(replace(shop.PLACES[place_id], **changed))
    hold(HoldLine("C", place_id, 2))
    draft = order("o-1", line("1", "C", 2, method), hold_id="h-1")
    with pytest.raises(Conflict) as refused:
        place(draft)
    assert refused.value.data == {
        "hold_id": "h-1",
        "locations": [{"location_id": place_id, "reason": reason}],
    }
    assert shop.all_orders() == []
    shop.laws()


def test_an_expired_hold_is_closed_even_before_it_is_swept() -> None:
    hold(HoldLine("A", "boulder", 2), minutes=0)
    with pytest.raises(HoldClosed) as refused:
        place(order("o-1", line("1", "A", 2), hold_id="h-1"))
    assert refused.value.data["state"] == "expired"
    with pytest.raises(HoldClosed):
        place(order("o-1", line("1", "A", 2), hold_id="h-9"))
    shop.laws()


def test_long_decisions_lie_beside_the_order_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten routings of a long cart over many places are more than an item may hold."""
    place(order("o-0"))
    first = store.find("o-0")
    assert first is not None
    monkeypatch.setattr("shared.orders.store.decisions.INLINE", len(first.decisions[0]) + 50)
    monkeypatch.setattr("shared.orders.store.decisions.PIECE", 100)
    place(order("o-1"), "k-1")
    again = [model.Rejection("1", 1, "no_capacity")]
    changing.change(
        "o-1", lambda o: model.reject(o, "o-1.1", again, {}, now=LATER, actor="store"), LATER
    )
    step("o-1", "accept", "a", 2)
    found = store.find("o-1")
    assert found is not None
    inline, beside = found.decisions
    assert isinstance(inline, bytes)
    assert isinstance(beside, str)
    data = store.decision("o-1", beside)
    assert model.decision_id(data) == beside
    assert len(data) > 2 * decisions.PIECE
    assert replay(data).to_bytes() == data
    monkeypatch.setattr("shared.orders.store.decisions.INLINE", 0)
    place(order("o-2"), "k-2")
    past = dict(store.first_decisions_since(NOW - timedelta(days=1), 100)[0])
    assert past["o-1"] == inline
    assert replay(past["o-2"]).to_bytes() == past["o-2"]
    shop.laws()


# Pick lists


def test_a_late_or_repeated_change_does_not_bring_an_old_row_back() -> None:
    place(order("o-1"))
    first = store.find("o-1")
    step("o-1", "accept", "a")
    second = store.find("o-1")
    assert first is not None
    assert second is not None
    assert store.project_pick_rows(second, first) == 1
    assert store.project_pick_rows(first, None) == 0
    assert store.project_pick_rows(second, None) == 0
    (pick,) = store.pick_list(second.fulfillments[0].location_id).picks
    assert (pick.fulfillment, pick.order_version) == (second.fulfillments[0], 2)


def test_more_positions_than_a_transaction_holds_are_refused_before_it() -> None:
    lines = [line(str(n), f"S{n}", 1) for n in range(120)]
    change = model.place(order("o-1", *lines), NOW, "web")
    parcels = [
        model.Parcel("denver", "ship", (model.Taken(entry.line_id, 1),), LATER) for entry in lines
    ]
    with pytest.raises(InvalidRequest):
        store.commit(model.offer(change, parcels, NOW), NOW, request=request("k"))


def test_the_last_unit_of_a_shelf_that_sells_it_is_left_there() -> None:
    """Two stores at about the same distance: the one of which it is known that it sells keeps its
    unit, and the reason is a term of the decision; one read call, as ever."""
    shop.stocked({"A": {"denver": 1, "boulder": 1}})
    catalog.put(Product("A", "The A", 9000, "USD", 0.5, margin=6000, salvage=100))
    (pack,) = availability.packs(["A"]).values()
    week = [
        Shelved(
            "denver",
            pack.rows["denver"].version + day,
            PackRow(1, pack.rows["denver"].version + day),
            NOW - timedelta(days=30 - day),
            (Sale(2, int((NOW - timedelta(days=30 - day)).timestamp())),),
        )
        for day in range(1, 30)
    ]
    projection.project("A", week)
    place(order("o1"))
    found = store.find("o1")
    assert found is not None
    (fulfillment,) = found.fulfillments
    assert fulfillment.location_id == "boulder"
    problem = sourcing.latest_decision(found).problem
    rates = {candidate.location_id: candidate.rates["A"] for candidate in problem.candidates}
    assert rates["denver"] == pytest.approx(2, rel=0.2)
    assert rates["boulder"] < rates["denver"]
