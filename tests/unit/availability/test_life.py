"""The words of products that are sold ahead only, or are discontinued."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.contract.answers import AvailabilityChanged
from shared.availability.model.answer import LocationTexts, answer_text, question, status
from shared.availability.model.events import change_event
from shared.availability.model.pack import (
    Columns,
    Pack,
    PackChange,
    PackRow,
    Slice,
    encode,
    fold_changes,
    merge_columns,
    merge_slices,
    rebuilt_pack,
    split_pack,
    to_columns,
    unpack,
    with_slice,
)
from shared.catalog.model import ORDINARY, Life, Variant
from shared.instants import rfc3339
from tests.support.profiles import examples
from tests.unit.availability.test_query import AT, LOCATIONS, SOON, ask, pack

DAY = timedelta(days=1)
AHEAD, BEGUN = Life(AT + DAY), Life(AT - DAY)
ENDED = Life(discontinued=True)
COMING = PackRow(0, 1, ((SOON, 4),))


def living(life: Life, /, **rows: int | PackRow) -> Columns:
    return replace(pack(**rows), life=life)


def item(packs: dict[str, Columns], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(packs, **more)["items"][0]
    return found


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (ORDINARY, ("in_stock", "limited_stock", "backorder", "out_of_stock")),
        (BEGUN, ("in_stock", "limited_stock", "backorder", "out_of_stock")),
        (AHEAD, ("preorder", "preorder", "preorder", "out_of_stock")),
        (ENDED, ("in_stock", "limited_stock", "discontinued", "discontinued")),
        (replace(AHEAD, discontinued=True), ("preorder", "preorder", *["discontinued"] * 2)),
    ],
)
def test_the_word_follows_units_supply_and_the_life_of_the_product(
    life: Life, words: tuple[str, ...]
) -> None:
    cases = [(6, False), (1, True), (0, True), (0, False)]
    assert words == tuple(status(units, life, AT, expected=more) for units, more in cases)


def test_a_preorder_says_from_when_on_it_is_sold() -> None:
    found = item({"A": living(AHEAD, denver=7)})
    assert (found["status"], found["sellable"]) == ("preorder", 7)
    assert found["available_from"] == "2026-11-24T17:00:30.000Z"
    coming = item({"A": living(AHEAD, denver=COMING)})
    assert (coming["status"], coming["next_expected"]["quantity"]) == ("preorder", 4)
    for other in (living(AHEAD, denver=0), living(BEGUN, denver=7), living(ENDED, denver=7)):
        assert "available_from" not in item({"A": other})


def test_nothing_is_written_for_the_day_to_come() -> None:
    asked, packs = question(("A",), "web"), {"A": living(AHEAD, denver=7)}
    said = [
        answer_text(asked, packs, LocationTexts(LOCATIONS, at), at)
        .split('"status":"')[1]
        .split('"')[0]
        for at in (AT + DAY - timedelta(milliseconds=1), AT + DAY)
    ]
    assert said == ["preorder", "in_stock"]


def test_discontinued_goods_are_sold_off_and_no_supply_of_them_is_promised() -> None:
    left = item({"A": living(ENDED, denver=COMING._replace(available=2))})
    assert (left["status"], left["sellable"]) == ("limited_stock", 2)
    assert "next_expected" not in left
    none = item({"A": living(ENDED, denver=COMING)}, location_ids=["denver"])
    assert none["status"] == "discontinued"
    assert "next_expected" not in none
    assert "instead" not in none


def test_variants_have_words_of_their_own() -> None:
    packs = {
        "A": pack(denver=0),
        "B": living(AHEAD, denver=7),
        "C": living(ENDED, denver=1),
        "D": living(ENDED, denver=0),
    }
    others = [Variant(sku, sku, {}) for sku in "BCD"]
    text = answer_text(
        question(("A",), "web"), packs, LocationTexts(LOCATIONS, AT), AT, variants={"A": others}
    )
    assert '"sku":"B","title":"B","attributes":{},"status":"preorder"' in text
    assert '"sku":"C","title":"C","attributes":{},"status":"limited_stock"' in text
    assert '"sku":"D"' not in text


LIVES = st.builds(
    Life,
    st.sampled_from([None, AT - DAY, AT, AT + DAY]),
    st.booleans(),
)
ROWS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.integers(-1, 8), st.just(1), st.sampled_from([(), ((SOON, 4),)])).map(
        lambda values: PackRow(*values)
    ),
    max_size=8,
)


@examples(150)
@given(ROWS, LIVES, LIVES, st.sampled_from([1, 2, 4]))
def test_an_event_says_what_is_answered_and_the_first_slice_tells_of_life(
    rows: dict[str, PackRow], before: Life, after: Life, of: int
) -> None:
    was = Pack("A", rows, AT, 1, life=before)
    now = replace(was, version=2, life=after)
    text = answer_text(
        question(("A",), "web"),
        {"A": unpack(encode(rows), rfc3339(AT), after)},
        LocationTexts(LOCATIONS, AT),
        AT,
    )
    if event := change_event(was, now):
        AvailabilityChanged.model_validate(event["data"])
        assert f'"status":"{event["data"]["status"]}"' in text
    told, seen = [], was
    for part in split_pack(now, of):
        following = with_slice(seen, part)
        told.append(change_event(seen, following))
        seen = following
    assert (told[0] and told[0]["data"]) == (event and event["data"])
    assert not any(told[1:])


@given(ROWS, LIVES, st.sampled_from([1, 2, 4]))
def test_whoever_makes_a_pack_of_a_pack_keeps_the_life(
    rows: dict[str, PackRow], life: Life, of: int
) -> None:
    one = Pack("A", rows, AT, 3, life=life)
    change = PackChange("z", 9, PackRow(2, 9), AT)
    parts = split_pack(one, of)
    assert {part.pack.life for part in parts} == {life}
    assert merge_slices([part.pack for part in parts]).life == life
    columns = [replace(to_columns(part.pack.rows, ""), life=life) for part in parts]
    assert merge_columns(columns).life == life
    for made in (fold_changes("A", one, [change]), rebuilt_pack("A", one, [change])):
        assert made is not None
        assert made.life == life
        assert with_slice(made, Slice(one)).life == life


def test_an_event_tells_of_the_day_with_the_first_change_behind_it() -> None:
    one = Pack("A", {"a": PackRow(7, 1)}, AT, 1, life=AHEAD)
    assert change_event(one, replace(one, version=2)) is None
    event = change_event(one, replace(one, as_of=AT + DAY, version=2))
    assert event
    assert (event["data"]["was"], event["data"]["status"]) == ("preorder", "in_stock")
    assert [row["status"] for row in event["data"]["locations"]] == ["in_stock"]
