"""What is told of a pack, and what was answered at the same moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.answer import first_expected, status
from shared.availability.model.events import change_event
from shared.availability.model.pack import Pack, PackRow, encode, unpack
from shared.catalog.model import ORDINARY
from shared.instants import rfc3339
from tests.support.profiles import examples

AT = datetime(2026, 11, 21, tzinfo=UTC)


def test_supply_that_is_overdue_makes_no_backorder() -> None:
    due = AT + timedelta(days=1)
    coming = Pack("A", {"a": PackRow(0, 1, ((int(due.timestamp()), 4),))}, AT, 1)
    first = change_event(None, coming)
    assert first
    assert first["data"]["status"] == first["data"]["locations"][0]["status"] == "backorder"
    second = change_event(coming, replace(coming, as_of=due, version=2))
    assert second
    assert (second["data"]["was"], second["data"]["status"]) == ("backorder", "out_of_stock")
    assert [(row["was"], row["status"]) for row in second["data"]["locations"]] == [
        ("backorder", "out_of_stock")
    ]
    assert change_event(replace(coming, as_of=due), replace(coming, as_of=due, version=2)) is None


SUPPLIES = st.lists(
    st.tuples(st.integers(-3, 3).map(lambda day: int(AT.timestamp()) + day), st.integers(1, 9)),
    max_size=2,
).map(lambda rows: tuple(sorted(rows)))
SUPPLIED = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(st.integers(-1, 8), st.just(1), SUPPLIES).map(lambda row: PackRow(*row)),
    max_size=3,
).map(lambda rows: Pack("A", rows, AT, 1))


@examples(200)
@given(SUPPLIED)
def test_an_event_says_what_was_answered_at_that_moment(pack: Pack) -> None:
    event = change_event(None, pack)
    columns = unpack(encode(pack.rows), rfc3339(AT))
    sellable = sum(max(0, row.available) for row in pack.rows.values())
    answered = status(sellable, ORDINARY, AT, expected=first_expected(columns, AT) is not None)
    assert (event["data"]["status"] if event else "out_of_stock") == answered
