"""How likely a pick finds what the stock shows: the posterior, and what packs and answers say."""

import json
import zlib
from dataclasses import astuple
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.answer import LocationTexts, answer_text, question
from shared.availability.model.confidence import (
    COUNT_WORTH,
    HALF_LIFE,
    MEAN,
    MOST_COUNTS,
    MOST_GROUPS,
    MOST_NAME_BYTES,
    REMEMBERED,
    REST,
    WEIGHT,
    ConfidenceRecord,
    PickOutcome,
    Picks,
    ShelfCount,
    learn,
    outcome_of_count,
    probability,
    teaching_counts,
    thousandths,
)
from shared.availability.model.pack import (
    Pack,
    PackChange,
    PackRow,
    decode,
    encode,
    fold_changes,
    rebuilt_pack,
    unpack,
    with_confidence,
)
from shared.stock.model.rules import ChannelRules, ChannelTerms, Rule, RuleAmount, RuleMatch
from tests.support.places import place
from tests.support.profiles import examples

NOW = 1_795_000_000
AT = datetime(2026, 11, 23, 17, 0, 30, tzinfo=UTC)


def outcomes(found: int, missed: int, group: str = "dairy", start: int = 0) -> list[PickOutcome]:
    results = [True] * found + [False] * missed
    return [PickOutcome(f"{group}-{start + n}", group, hit, NOW) for n, hit in enumerate(results)]


def known(*more: PickOutcome) -> ConfidenceRecord:
    return learn(ConfidenceRecord(), more) or ConfidenceRecord()


def test_a_location_that_has_never_picked_is_believed_like_the_prior() -> None:
    assert probability(ConfidenceRecord(), "dairy") == pytest.approx(MEAN)


def test_the_posterior_is_the_formula_that_is_stated() -> None:
    record = known(*outcomes(8, 2), *outcomes(1, 4, "toys"))
    location = (MEAN * WEIGHT + 9) / (WEIGHT + 15)
    assert probability(record, "toys") == pytest.approx((location * WEIGHT + 1) / (WEIGHT + 5))
    assert probability(record, "dairy") == pytest.approx((location * WEIGHT + 8) / (WEIGHT + 10))
    assert probability(record, "garden") == pytest.approx(location)
    assert thousandths(record, "garden") == round(1000 * location)


def test_many_picks_outweigh_the_prior() -> None:
    assert probability(known(*outcomes(300, 700)), "dairy") == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("name", ["{}", "{}" + "é" * 197])
def test_a_location_keeps_the_groups_with_most_picks_and_the_sum_of_the_others(name: str) -> None:
    """Groups have no limit in the catalog, and a record of 10,000 could not be written."""
    record = ConfidenceRecord()
    for number in range(3 * MOST_GROUPS):
        picks = outcomes(number % 7 + 1, 1, name.format(f"{number:03}"))
        record = learn(record, picks) or record
    assert len(record.groups) <= MOST_GROUPS
    assert sum(len(group.encode()) for group in record.groups) <= MOST_NAME_BYTES
    found = sum(number % 7 + 1 for number in range(3 * MOST_GROUPS))
    missed = 3 * MOST_GROUPS
    location = (MEAN * WEIGHT + found) / (WEIGHT + found + missed)
    assert probability(record, "never picked") == pytest.approx(location)
    kept = [sum(astuple(picks)) for group, picks in record.groups.items() if group != REST]
    assert min(kept) >= 5
    before = probability(record, name.format("006"))
    assert before != pytest.approx(location)
    more = learn(record, outcomes(0, 50, "new"))
    assert more is not None
    assert more.groups["new"].missed == 50


def test_a_record_of_older_code_with_more_groups_shrinks_when_it_learns() -> None:
    old = ConfidenceRecord({f"g{n}": Picks(n, 1) for n in range(1000)}, NOW)
    assert probability(old, "g7") != probability(old, "g8")
    record = learn(old, outcomes(1, 0, "g7"))
    assert record is not None
    assert len(record.groups) == MOST_GROUPS
    assert probability(record, "x") == pytest.approx(probability(old, "x"), abs=1e-5)


def test_what_is_told_twice_counts_once() -> None:
    once = known(*outcomes(3, 1))
    assert learn(once, outcomes(3, 1)) is None
    more = learn(once, [*outcomes(3, 1), *outcomes(1, 0, start=9)])
    assert more is not None
    assert more.groups["dairy"].found == 4
    long = known(*outcomes(REMEMBERED + 40, 0))
    assert len(long.seen) == REMEMBERED


def test_what_was_long_ago_counts_less_and_late_news_too() -> None:
    then = known(*outcomes(0, 10))
    later = learn(then, [PickOutcome("new", "dairy", True, NOW + HALF_LIFE)])
    assert later is not None
    assert (later.groups["dairy"].missed, later.groups["dairy"].found) == (5, 1)
    late = learn(later, [PickOutcome("late", "dairy", True, NOW)])
    assert late is not None
    assert (late.groups["dairy"].found, late.second) == (1.5, NOW + HALF_LIFE)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 10**7)), max_size=20)
)
@examples(60)
def test_it_is_a_probability_whatever_comes_in_whatever_order(
    told: list[tuple[str, bool, int]],
) -> None:
    made = [PickOutcome(str(n), group, hit, NOW + at) for n, (group, hit, at) in enumerate(told)]
    together = learn(ConfidenceRecord(), made) or ConfidenceRecord()
    one_by_one = ConfidenceRecord()
    for outcome in reversed(made):
        one_by_one = learn(one_by_one, [outcome]) or one_by_one
    for group in "abc":
        assert 0 < probability(together, group) < 1
        assert probability(one_by_one, group) == pytest.approx(probability(together, group))


# Counts


def counting(number: int, quantity: int, believed: int) -> ShelfCount:
    return ShelfCount(f"wms {number}", "A", "denver", quantity, believed, NOW)


@pytest.mark.parametrize(
    ("quantity", "believed", "found"), [(0, 4, 0.0), (3, 4, 0.75), (4, 4, 1.0), (9, 4, 1.0)]
)
def test_a_count_is_the_share_of_the_believed_units_that_were_there(
    quantity: int, believed: int, found: float
) -> None:
    record = known(outcome_of_count(counting(1, quantity, believed), "dairy"))
    picks = record.groups["dairy"]
    assert picks == Picks(COUNT_WORTH * found, COUNT_WORTH * (1 - found))


def test_counts_that_confirm_raise_what_is_believed_and_those_that_correct_lower_it() -> None:
    for quantity, rises in ((4, True), (0, False)):
        record = known(outcome_of_count(counting(1, quantity, 4), "dairy"))
        assert (probability(record, "dairy") > MEAN) is rises


def test_where_nothing_was_believed_a_count_says_nothing_of_picks() -> None:
    assert teaching_counts([counting(1, 5, 0), counting(2, 0, 0), counting(3, 5, -1)]) == []


def test_of_a_whole_store_some_counts_teach_and_the_same_ones_again() -> None:
    whole = [counting(n, n % 3, 2) for n in range(500)]
    chosen = teaching_counts(whole)
    assert len(chosen) == MOST_COUNTS
    assert teaching_counts([*reversed(whole), *whole]) == chosen
    once = known(*(outcome_of_count(one, "dairy") for one in chosen))
    assert learn(once, [outcome_of_count(one, "dairy") for one in teaching_counts(whole)]) is None
    of_half = {one.id for one in teaching_counts(whole[:250])}
    assert {one.id for one in chosen if one in whole[:250]} <= of_half


# In packs and answers


def rows(**units: int) -> dict[str, PackRow]:
    return {location: PackRow(available, 1) for location, available in units.items()}


def test_a_pack_keeps_it_while_its_positions_change() -> None:
    pack = with_confidence(Pack("A", rows(denver=3, boulder=4), AT), {"denver": 912})
    assert with_confidence(pack, {"denver": 912, "elsewhere": 1}) is pack
    changed = fold_changes("A", pack, [PackChange("denver", 2, PackRow(1, 2), AT)])
    assert changed is not None
    assert (changed.rows["denver"].confidence, changed.rows["boulder"].confidence) == (912, None)
    truth = [
        PackChange(location, row.version, PackRow(row.available, 1), AT)
        for location, row in rows(denver=3, boulder=4).items()
    ]
    assert rebuilt_pack("A", pack, truth) is None
    stored, _ = decode(encode(changed.rows))
    assert stored == changed.rows


def test_an_answer_says_it_where_it_is_known() -> None:
    pack = with_confidence(Pack("A", rows(denver=3, boulder=4), AT), {"denver": 912})
    columns = unpack(encode(pack.rows), "2026-11-23T16:59:00.000Z")
    places = LocationTexts({"denver": place("denver"), "boulder": place("boulder")}, AT)
    for near in (None, (39.7, -105.0)):
        text = answer_text(question(["A"], "web", near=near), {"A": columns}, places, AT)
        (item,) = json.loads(text)["items"]
        said = {row["location_id"]: row.get("confidence") for row in item["locations"]}
        assert said == {"denver": 0.912, "boulder": None}


def test_a_pack_without_picks_has_not_a_byte_more() -> None:
    assert b"q" not in zlib.decompress(encode(rows(denver=3)))


# What a policy makes of it


def selling(confidence: dict[str, int], units: int = 2) -> ChannelTerms:
    rule = Rule("unsure", RuleMatch(confidence_below=900), RuleAmount(units))
    known = {"A": confidence}
    return ChannelTerms(ChannelRules(1, (rule,)), "web", AT, {}, {}, lambda sku: known.get(sku, {}))


def test_a_rule_buffers_where_picks_are_missed_and_nowhere_else() -> None:
    made = selling({"denver": 899, "boulder": 900})
    assert made["A", "denver"].safety == RuleAmount(2)
    assert made["A", "boulder"].safety == RuleAmount()
    assert made["A", "unknown"].safety == RuleAmount()
    assert made["B", "denver"].safety == RuleAmount()
