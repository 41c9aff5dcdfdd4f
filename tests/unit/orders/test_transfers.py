"""No unit is made or lost on the way, whatever is done in whatever order."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refusal
from shared.orders.model.transfers import (
    Transfer,
    TransferChange,
    TransferLine,
    act_on_deadline,
    cancel,
    check,
    receive,
    request,
    ship,
    supply_events,
)
from tests.support.profiles import examples
from tests.unit.orders.orders import NOW

ACTS = st.lists(
    st.one_of(
        st.just(("ship",)),
        st.just(("cancel",)),
        st.just(("wait",)),
        st.tuples(
            st.just("receive"), st.integers(0, 4), st.integers(0, 4), st.booleans(), st.booleans()
        ),
    ),
    max_size=12,
)


def carried_out(transfer: Transfer, act: tuple[object, ...], day: int) -> TransferChange | None:
    now = NOW + timedelta(days=day)
    match act:
        case ("ship",):
            return ship(transfer, now, "x")
        case ("cancel",):
            return cancel(transfer, "", now, "x")
        case ("receive", int(a), int(b), bool(everything), bool(final)):
            units = None if everything else {"A": a, "B": b}
            return receive(transfer, units, now, "x", final=final)
    return act_on_deadline(transfer, now)


@examples(200)
@given(st.integers(1, 5), st.integers(1, 5), ACTS)
def test_units_are_at_one_end_or_on_the_way_or_missing(
    a: int, b: int, acts: list[tuple[object, ...]]
) -> None:
    wanted = {"A": a, "B": b}
    on_hand, reserved = Counter({(sku, "from"): 9 for sku in wanted}), Counter[tuple[str, str]]()
    draft = Transfer(
        "t1",
        "from",
        "to",
        tuple(TransferLine(sku, units, units) for sku, units in wanted.items()),
        NOW,
        NOW + timedelta(days=2),
    )
    moved: TransferChange | None = request(draft, NOW, "x")
    transfer = draft
    for day, act in enumerate([("request",), *acts]):
        if day:
            try:
                moved = carried_out(transfer, act, day)
            except Refusal:
                moved = None
        if moved is None:
            continue
        transfer = moved.transfer
        check(transfer)
        for effect in moved.effects:
            on_hand[effect.sku, effect.location_id] += effect.on_hand
            reserved[effect.sku, effect.location_id] += effect.reserved
        for line in transfer.lines:
            under_way = line.open if transfer.state == "shipped" else 0
            at_ends = on_hand[line.sku, "from"] + on_hand[line.sku, "to"]
            assert at_ends + under_way + line.missing == 9
            waiting = line.open if transfer.state == "requested" else 0
            assert reserved[line.sku, "from"] == waiting
            assert on_hand[line.sku, "to"] == line.received
        assert {row.sku: row.quantity for row in supply_events(transfer)} == {
            line.sku: line.open for line in transfer.lines
        }
