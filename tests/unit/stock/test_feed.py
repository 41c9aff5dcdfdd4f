"""Laws 4 and 5: the effect of a set of messages depends neither on order nor on repetition."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Busy
from shared.stock.model.count import Basis, LedgerNeeds
from shared.stock.model.events import COUNTED, HELD, RELEASED, Announced, Counted, Event, Moved
from shared.stock.model.feed import REMEMBERED, PositionWrite, fold_events
from shared.stock.model.ledger import History
from shared.stock.model.position import Cause, Effect
from shared.stock.model.supplies import MOST_SUPPLIES, left_out
from tests.support.profiles import examples
from tests.unit.stock.book import Book

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
SOURCES = ("erp", "wms", "pos")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def counted(
    quantity: int,
    minute: float,
    *,
    source: str = "wms",
    name: str = "c",
    sequence: int | None = None,
    net_through: float | None = None,
    reason: str | None = None,
) -> Counted:
    through = None if net_through is None else at(net_through)
    return Counted(source, name, sequence, "A", "1", quantity, at(minute), through, reason)


def moved(
    delta: int,
    minute: float,
    *,
    source: str = "pos",
    name: str = "",
    sequence: int | None = None,
) -> Moved:
    name = name or f"m{minute}/{delta}"
    return Moved(source, name, sequence, "A", "1", delta, "retail_selling", at(minute))


def announced(quantity: int, minute: float, *, reference: str = "PO1", day: int = 9) -> Announced:
    due = datetime(2026, 3, day, tzinfo=UTC)
    return Announced("erp", f"e{minute}", None, "A", "1", at(minute), quantity, due, reference)


def on_hand(book: Book) -> int:
    assert book.position is not None
    return book.position.on_hand


def true_on_hand(messages: Sequence[Event]) -> int:
    """The definition: the newest count, and the movements after it, each once."""
    counts = [message for message in messages if isinstance(message, Counted)]
    newest = max(counts, key=lambda count: count.stamp, default=None)
    moves = {(m.source, m.id): m for m in messages if isinstance(m, Moved)}.values()
    if newest is None:
        return sum(move.delta for move in moves)
    return newest.quantity + sum(move.delta for move in moves if move.occurred_at > newest.as_of)


# Examples


def test_a_count_keeps_the_movements_after_it() -> None:
    book = Book()
    book.feed([moved(-2, 10)], at(11))
    book.feed([counted(50, 5)], at(12))
    assert on_hand(book) == 48
    assert book.asked == 1


def test_a_movement_before_the_count_is_contained_in_it() -> None:
    book = Book()
    book.feed([counted(50, 10)], at(11))
    assert not book.feed([moved(-2, 10), moved(-3, 9)], at(12))
    assert on_hand(book) == 50


def test_an_older_count_changes_nothing() -> None:
    book = Book()
    book.feed([counted(50, 10)], at(11))
    assert not book.feed([counted(99, 9)], at(12))
    assert on_hand(book) == 50


def test_of_two_counts_of_one_instant_the_later_sequence_wins_in_either_order() -> None:
    first, second = counted(5, 1, name="b", sequence=1), counted(7, 1, name="a", sequence=2)
    for order in ([first, second], [second, first]):
        book = Book()
        for message in order:
            book.feed([message], at(2))
        assert on_hand(book) == 7


def test_a_repeated_message_writes_nothing() -> None:
    book = Book()
    messages: list[Event] = [
        counted(50, 1),
        moved(-1, 2, sequence=4),
        moved(-1, 3, name="x"),
        announced(10, 1),
    ]
    assert book.feed(messages, at(4))
    for message in messages:
        assert not book.feed([message, message], at(5))
    assert on_hand(book) == 48


def test_a_whole_batch_is_one_write() -> None:
    book = Book()
    book.feed([counted(50, 1), *(moved(-1, 2 + n, sequence=n) for n in range(40))], at(50))
    assert on_hand(book) == 10
    assert len(book.rows) == 1


def test_sequences_that_come_backwards_all_count_once_even_when_they_were_forgotten() -> None:
    book = Book()
    moves = [moved(-1, n, sequence=n) for n in range(3 * REMEMBERED)]
    for move in [*moves[::-1], *moves]:
        book.feed([move], at(60))
    assert on_hand(book) == -3 * REMEMBERED
    assert book.asked > 0
    assert book.position is not None
    assert len(book.position.seen["pos"].sequences) == REMEMBERED


def test_a_count_that_contains_all_movements_forgets_their_sequences() -> None:
    book = Book()
    book.feed([moved(-1, 1, sequence=1)], at(2))
    book.feed([counted(50, 5)], at(6))
    assert book.position is not None
    assert book.position.seen == {}
    assert not book.feed([moved(-1, 1, sequence=1)], at(7))
    assert on_hand(book) == 50


def test_a_count_without_later_movements_never_asks_the_ledger() -> None:
    book = Book()
    for minute in range(5):
        book.feed([counted(minute, minute)], at(minute))
        book.act(Effect("A", "1", 0, 1), order(minute), at(minute))
    assert book.asked == 0
    assert on_hand(book) == 4


def by_hand(quantity: int, minute: float) -> Counted:
    return counted(quantity, minute, name=f"hand-{minute}", reason="cycle_counting")


def told(book: Book) -> tuple[int | None, int | None]:
    """What the latest write says was counted by people, and what had been believed."""
    (count,) = (entry for entry in book.rows[-1].entries if entry.type == COUNTED)
    return count.quantity, count.believed


def test_a_count_by_people_tells_what_was_believed_at_its_instant() -> None:
    book = Book()
    book.feed([counted(10, 0)], at(0))
    book.feed([moved(-2, 1)], at(1))
    book.feed([by_hand(5, 2)], at(2))
    assert told(book) == (5, 8)
    book.feed([moved(-1, 4)], at(4))
    book.feed([by_hand(7, 3)], at(5))
    assert (told(book), on_hand(book)) == ((7, 5), 6)
    book.act(Effect("A", "1", -2, 0), order(6), at(6))
    book.feed([by_hand(4, 5)], at(60))
    assert (told(book), on_hand(book)) == ((4, 6), 2)


def test_a_count_by_people_that_changes_nothing_is_written_once() -> None:
    book = Book()
    book.feed([counted(10, 0)], at(0))
    count = by_hand(10, 1)
    assert book.feed([count], at(1))
    assert told(book) == (10, 10)
    assert not book.feed([count], at(2))
    assert not book.feed([counted(10, 3, name="copy")], at(3))


def test_what_comes_with_a_count_and_is_contained_in_it_is_no_surprise() -> None:
    book = Book()
    book.feed([counted(10, 0)], at(0))
    book.feed([moved(-1, 1, name="known", sequence=1)], at(1))
    again, new = moved(-1, 1, name="known", sequence=1), moved(-3, 2, name="new", sequence=2)
    book.feed([again, new, new, by_hand(6, 3), moved(-1, 4)], at(5))
    assert (told(book), on_hand(book)) == ((6, 6), 5)


def test_other_counts_and_the_first_of_a_position_tell_nothing() -> None:
    book = Book()
    book.feed([by_hand(10, 0)], at(0))
    assert told(book) == (None, None)
    book.feed([counted(8, 1)], at(1))
    assert told(book) == (None, None)
    book.feed([counted(7, 2, net_through=2)], at(2))
    assert told(book) == (None, None)
    moving = Book()
    moving.feed([moved(4, 0)], at(0))
    moving.feed([by_hand(2, 1)], at(1))
    assert told(moving) == (None, None)


def order(number: float, kind: str = "order.placed", reference: str | None = None) -> Cause:
    return Cause("norain/orders", f"o{number}", kind, "reserved", reference)


def test_units_handed_over_after_the_count_are_still_gone() -> None:
    book = Book()
    book.feed([counted(50, 0)], at(0))
    book.act(Effect("A", "1", 0, 3), order(1), at(5))
    book.act(Effect("A", "1", -3, -3), order(1), at(10))
    book.feed([counted(48, 7, name="d")], at(12))
    assert on_hand(book) == 45


def test_a_net_count_does_not_subtract_own_orders_twice() -> None:
    book = Book()
    book.feed([counted(50, 0)], at(0))
    book.act(Effect("A", "1", 0, 3), order(1), at(5))
    book.act(Effect("A", "1", 0, 2), order(2), at(9))
    # The source knows of the order of minute 5, and not of that of minute 9.
    book.feed([counted(47, 8, name="d", net_through=7)], at(10))
    assert book.position is not None
    assert (book.position.available, book.position.reserved) == (45, 5)
    assert on_hand(book) == 50


def test_a_net_count_knows_nothing_of_a_hold_until_it_is_an_order() -> None:
    book = Book()
    book.feed([counted(50, 0)], at(0))
    for number, name in enumerate(["kept", "freed", "sold"]):
        book.act(Effect("A", "1", 0, 2), order(number, HELD, name), at(number))
    book.act(Effect("A", "1", 0, -2), order(1, RELEASED, "freed"), at(5))
    book.converted["sold"] = at(6)
    book.feed([counted(48, 8, name="d", net_through=8)], at(10))
    assert book.position is not None
    # 48 are free in the eyes of the source, which has subtracted "sold"; "kept" holds two more.
    assert (book.position.available, book.position.reserved) == (46, 4)


def test_a_first_net_count_needs_no_ledger() -> None:
    book = Book()
    book.feed([counted(9, 5, net_through=5)], at(6))
    assert book.asked == 0
    assert on_hand(book) == 9


def test_a_ledger_that_is_behind_is_waited_for() -> None:
    book = Book()
    book.feed([moved(-2, 10)], at(11))
    behind = list(book.rows)
    book.feed([moved(-1, 12)], at(13))
    late = [counted(50, 5)]
    assert isinstance(fold_events(book.position, late), LedgerNeeds)
    with pytest.raises(Busy):
        fold_events(book.position, late, history=History(behind))
    with pytest.raises(Busy):
        fold_events(book.position, late, history=History([]))


def test_a_reservation_that_the_ledger_lacks_hinders_no_count_of_long_ago() -> None:
    book = Book()
    book.feed([moved(-2, 10)], at(11))
    behind = list(book.rows)
    book.act(Effect("A", "1", 0, 1), order(1), at(12))
    change = fold_events(book.position, [counted(50, 5)], history=History(behind))
    assert isinstance(change, PositionWrite)
    assert (change.basis, change.units, change.version) == (Basis.ADD, 50, None)


def test_a_hand_over_that_the_ledger_lacks_is_waited_for_when_the_count_may_contain_it() -> None:
    book = Book()
    book.feed([moved(-2, 10)], at(11))
    behind = list(book.rows)
    book.act(Effect("A", "1", -1, 0), order(1), at(12))
    with pytest.raises(Busy):
        fold_events(book.position, [counted(50, 12)], history=History(behind))
    book.feed([counted(50, 12)], at(12))
    assert on_hand(book) == 50


def many(of: int) -> list[Announced]:
    """Announcements of ``of`` supplies, each a minute later than the one before."""
    return [
        Announced(
            "erp", f"a{n}", None, "A", "1", at(n), 5, START + timedelta(days=9, minutes=n), f"PO{n}"
        )
        for n in range(of)
    ]


def references(book: Book) -> set[str]:
    assert book.position is not None
    return {row.reference for row in book.position.expected}


def test_a_position_keeps_the_nearest_supplies_and_the_others_are_known() -> None:
    """3,000 open supplies were an item of 400 KB, and nothing could be written any more."""
    book, events = Book(), many(MOST_SUPPLIES + 20)
    book.feed([*reversed(events), moved(3, 1)], at(500))
    assert references(book) == {f"PO{n}" for n in range(MOST_SUPPLIES)}
    assert on_hand(book) == 3
    out = left_out(book.position, events)
    assert [event.reference for event in out] == [f"PO{100 + n}" for n in range(20)]
    assert fold_events(book.position, events) is None


def test_a_full_position_takes_changes_of_what_it_knows_and_refuses_what_is_new() -> None:
    book = Book()
    book.feed(many(MOST_SUPPLIES), at(500))
    sooner = announced(7, 600, reference="SOON", day=2)
    changed = announced(1, 600, reference="PO3", day=4)
    book.feed([sooner, changed], at(601))
    assert book.position is not None
    assert "SOON" not in references(book)
    assert {row.quantity for row in book.position.expected if row.reference == "PO3"} == {1}
    assert left_out(book.position, [sooner, changed]) == [sooner]


def test_room_comes_when_what_has_arrived_is_forgotten() -> None:
    book = Book()
    book.feed([replace(event, quantity=0) for event in many(MOST_SUPPLIES)], at(500))
    later = announced(7, 60 * 24 * 60, reference="LATER")
    later = replace(later, expected_at=later.time + timedelta(days=3))
    book.feed([later], later.time)
    assert references(book) == {"LATER"}
    assert left_out(book.position, [later]) == []


def test_what_came_too_late_to_matter_was_not_left_out() -> None:
    overdue = announced(5, 60 * 24 * 90, day=9)
    book = Book()
    book.feed([moved(1, 1), overdue], overdue.time)
    assert references(book) == set()
    assert left_out(book.position, [overdue]) == []


def test_expected_supply_is_what_its_newest_message_says_in_any_order() -> None:
    messages = [announced(10, 1), announced(12, 3, day=11), announced(0, 2)]
    for order_ in (messages, messages[::-1]):
        book = Book()
        for message in order_:
            book.feed([message], at(5))
        assert book.position is not None
        (row,) = book.position.expected
        assert (row.quantity, row.expected_at.day) == (12, 11)


def test_cancelled_supply_is_not_revived_by_an_older_message() -> None:
    book = Book()
    book.feed([announced(0, 2)], at(3))
    assert not book.feed([announced(10, 1)], at(4))
    assert book.position is not None
    assert [row.quantity for row in book.position.expected] == [0]


# Laws

minutes = st.integers(0, 30)
physical_counts = st.builds(
    counted,
    st.integers(0, 20),
    minutes,
    source=st.sampled_from(SOURCES),
    name=st.sampled_from("abc"),
    sequence=st.none() | st.integers(0, 5),
)


@st.composite
def messages(draw: st.DrawFn) -> list[Event]:
    counts = draw(st.lists(physical_counts, max_size=5, unique_by=lambda count: count.stamp))
    shapes = draw(
        st.lists(
            st.tuples(
                st.integers(-5, 5).filter(bool),
                minutes,
                st.sampled_from(SOURCES),
                st.booleans(),
            ),
            max_size=30,
        )
    )
    moves = [
        moved(delta, minute, source=source, name=f"m{n}", sequence=n if sequenced else None)
        for n, (delta, minute, source, sequenced) in enumerate(shapes)
    ]
    return [*counts, *moves]


@examples(300)
@given(st.data(), messages())
def test_neither_order_nor_repetition_nor_batching_changes_the_effect(
    data: st.DataObject, sent: list[Event]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(sent), max_size=10)) if sent else []
    arriving = data.draw(st.permutations([*sent, *repeated]))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(arriving))), max_size=12)))
    book = Book()
    for start, end in zip([0, *cuts], [*cuts, len(arriving)], strict=True):
        if arriving[start:end]:
            book.feed(arriving[start:end], at(40))
    assert (book.position.on_hand if book.position else 0) == true_on_hand(sent)
    for message in sent:
        assert not book.feed([message], at(41))


@dataclass(frozen=True)
class Act:
    minute: int
    on_hand: int
    reserved: int


acts = st.builds(Act, minutes, *2 * (st.integers(-2, 2),)).filter(
    lambda act: (act.on_hand, act.reserved) != (0, 0)
)


@examples(300)
@given(st.data(), messages(), st.lists(acts, max_size=10), st.booleans())
def test_own_acts_between_the_messages_are_neither_lost_nor_counted_twice(
    data: st.DataObject, sent: list[Event], own: list[Act], net: bool
) -> None:
    """Messages arrive at any time after what they tell of, orders change the position meanwhile."""
    if net:
        through = data.draw(st.integers(-5, 0))
        sent = [
            counted(
                message.quantity,
                (message.as_of - START).total_seconds() / 60,
                source=message.source,
                name=message.id,
                sequence=message.sequence,
                net_through=(message.as_of - START).total_seconds() / 60 + through,
            )
            if isinstance(message, Counted)
            else message
            for message in sent
        ]
    steps: list[tuple[int, int, Event | Act]] = [(act.minute, 0, act) for act in own]
    for message in sent:
        instant = message.as_of if isinstance(message, Counted) else message.occurred_at  # type: ignore[union-attr]
        earliest = int((instant - START).total_seconds() / 60)
        steps.append((data.draw(st.integers(earliest, 31)), 1, message))
    book = Book()
    for minute, _, step in sorted(steps, key=lambda step: step[:2]):
        if isinstance(step, Act):
            book.act(Effect("A", "1", step.on_hand, step.reserved), order(minute), at(minute))
        else:
            book.feed([step], at(minute))
    if book.position is None:
        return
    counts = [message for message in sent if isinstance(message, Counted)]
    newest = max(counts, key=lambda count: count.stamp, default=None)
    foreign = true_on_hand(sent)
    assert book.position.reserved == sum(act.reserved for act in own)
    if newest is None:
        assert book.position.on_hand == foreign + sum(act.on_hand for act in own)
    elif newest.net_through is None:
        later = sum(act.on_hand for act in own if at(act.minute) > newest.as_of)
        assert book.position.on_hand == foreign + later
    else:
        later = sum(
            act.on_hand - act.reserved for act in own if at(act.minute) > newest.net_through
        )
        assert book.position.available == foreign + later
