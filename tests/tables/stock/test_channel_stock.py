"""Channel stock on the table: the rules kept, the floors in the write, the counters."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import dynamodb
from shared.errors import InvalidRequest, NotFound, OutOfStock, VersionMismatch
from shared.stock import store
from shared.stock.model.events import Counted, Moved
from shared.stock.model.position import Cause, Effect, Hold, HoldLine, HoldState, take
from shared.stock.model.rules import (
    ChannelRules,
    ChannelTerms,
    FloorFacts,
    Rule,
    RuleAmount,
    RuleMatch,
    SellingTerms,
    terms_of,
)
from shared.stock.store import rules as rules_store
from tests.support.stock_laws import Follower, assert_laws, items

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SAFETY = Rule("safe", RuleMatch(), RuleAmount(5))
FENCE = Rule("web", RuleMatch(), RuleAmount(30), frozenset({"web"}))
SHARE = Rule("share", RuleMatch(), RuleAmount(ratio=3000), frozenset({"marketplace"}))
BOTH = (SAFETY, FENCE)


def stocked(quantity: int, sku: str = "A") -> None:
    store.apply_events([Counted("wms", f"c-{sku}", None, sku, "1", quantity, NOW)], None, (), NOW)


def selling(channel: str, *rules: Rule) -> ChannelTerms:
    return ChannelTerms(ChannelRules(1, rules), channel, NOW, {}, {}, lambda _: {})


def hold(name: str, quantity: int, channel: str = "web", sku: str = "A") -> Hold:
    return Hold(
        hold_id=name,
        lines=(HoldLine(sku, "1", quantity),),
        channel=channel,
        state=HoldState.OPEN,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        digest="digest",
        answer="{}",
    )


def opened(name: str, quantity: int, channel: str, *rules: Rule) -> Hold:
    return store.open_hold(hold(name, quantity, channel), selling(channel, *rules))


def told(channel: str, *rules: Rule) -> int:
    return terms_of(rules, channel).sellable(FloorFacts.of(store.position("A", "1")))


def counters() -> dict[str, int]:
    """Of the only position; they are what the open and converted holds have been counted in."""
    found = store.position("A", "1")
    assert found is not None
    expected: Counter[str] = Counter()
    for item in items():
        if item["sk"] == "HOLD" and item["state"] in {"open", "converted"}:
            for line in item["lines"]:
                expected.update(dict.fromkeys(line.get("counters", ()), line["quantity"]))
    assert dict(found.counters) == dict(expected)
    return dict(found.counters)


# The floor is in the write


def test_nobody_holds_what_is_set_aside_or_safety_stock(local_tables: None) -> None:
    stocked(100)
    with pytest.raises(OutOfStock) as refused:
        opened("h1", 66, "pos", *BOTH)
    assert refused.value.data["short"] == [
        {"sku": "A", "location_id": "1", "wanted": 66, "sellable": 65}
    ]
    opened("h2", 65, "pos", *BOTH)
    with pytest.raises(OutOfStock) as refused:
        opened("h3", 31, "web", *BOTH)
    assert refused.value.data["short"][0]["sellable"] == 30
    opened("h4", 30, "web", *BOTH)
    assert [told(channel, *BOTH) for channel in ("web", "pos")] == [0, 0]
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 5


def test_a_channel_takes_of_its_fence_where_there_is_not_enough_for_all(
    local_tables: None,
) -> None:
    rules = (SAFETY, FENCE, Rule("m", RuleMatch(), RuleAmount(30), frozenset({"marketplace"})))
    stocked(35)
    with pytest.raises(OutOfStock):
        opened("h1", 1, "marketplace", *rules)
    opened("h2", 20, "web", *rules)
    with pytest.raises(OutOfStock) as refused:
        opened("h3", 11, "web", *rules)
    assert refused.value.data["short"][0]["sellable"] == 10
    opened("h4", 10, "web", *rules)
    assert counters() == {"taken:web": 30}


def test_what_a_fence_counts_goes_back_with_the_hold_and_stays_with_the_order(
    local_tables: None,
) -> None:
    stocked(100)
    rules = (FENCE, SHARE)
    for name in ("released", "expired", "ordered"):
        opened(name, 4, "web", *rules)
    opened("other", 2, "marketplace", *rules)
    opened("before", 1, "pos")
    assert counters() == {"taken:web": 12, "shared:share": 14, "taken:share": 2}
    store.release_hold(store.get_hold("released"), NOW)
    store.release_hold(store.get_hold("released"), NOW)
    assert store.expire_hold(store.get_hold("expired"), LATER)
    assert not dynamodb.transact([store.convert_part(store.get_hold("ordered"), "o1", NOW)])
    store.release_hold(store.get_hold("before"), NOW)
    assert counters() == {"taken:web": 4, "shared:share": 6, "taken:share": 2}
    assert_laws({("A", "1"): 4}, Follower())


@pytest.mark.parametrize("event", ["count", "release", "return"])
def test_a_floor_that_has_risen_since_it_was_read_refuses_the_write(
    local_tables: None, event: str
) -> None:
    """30 % of 100 are 30. With 100 more they are 60, and units of the others must not go below."""
    stocked(100)
    opened("h1", 20, "marketplace", SHARE)
    believed = terms_of([SHARE], "pos").limit(FloorFacts.of(store.position("A", "1")))
    assert believed.floor == 10
    match event:
        case "count":
            move = Moved("wms", "m", None, "A", "1", 100, "receiving", LATER)
            store.apply_events([move], store.position("A", "1"), (), LATER)
        case "release":
            store.release_hold(store.get_hold("h1"), NOW)
        case "return":
            do(Effect("A", "1", 100, 0))
    short = do(take(believed, "A", "1", 65))
    assert len(short) == 1
    assert (
        do(
            take(
                terms_of([SHARE], "pos").limit(FloorFacts.of(store.position("A", "1"))),
                "A",
                "1",
                65,
            )
        )
        == []
    )


def do(*effects: Effect) -> list[dynamodb.Refused]:
    cause = Cause("test", "t", "test.done", "reserved")
    _, parts = store.effect_parts(effects, cause, NOW)
    return dynamodb.transact(parts)


def test_a_floor_is_left_by_whoever_read_it_before_others_took(local_tables: None) -> None:
    stocked(100)
    before = FloorFacts.of(store.position("A", "1"))
    opened("h1", 40, "pos", *BOTH)
    opened("h2", 10, "web", *BOTH)
    late = terms_of(BOTH, "pos").limit(before)
    assert do(take(late, "A", "1", 16)) != []
    assert do(take(late, "A", "1", 15)) == []
    assert told("web", *BOTH) == 30
    assert told("pos", *BOTH) == 10


def test_two_lines_of_one_position_are_one_demand_on_the_fence(local_tables: None) -> None:
    rules = (FENCE, Rule("m", RuleMatch(), RuleAmount(30), frozenset({"marketplace"})))
    stocked(40)
    lines = (HoldLine("A", "1", 20), HoldLine("A", "1", 11))
    wanted = hold("h", 1)
    with pytest.raises(OutOfStock):
        store.open_hold(
            Hold(**{**fields(wanted), "lines": lines}),  # type: ignore[arg-type]
            selling("web", *rules),
        )
    assert counters() == {}


def fields(wanted: Hold) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in Hold.__slots__}


def test_a_position_that_is_not_there_has_nothing(local_tables: None) -> None:
    with pytest.raises(OutOfStock) as refused:
        opened("h", 1, "pos", *BOTH)
    assert refused.value.data["short"][0]["sellable"] == 0


def test_without_rules_nothing_is_counted_or_left(local_tables: None) -> None:
    stocked(3)
    opened("h", 3, "pos")
    assert counters() == {}
    assert selling("pos")["A", "1"] == SellingTerms()


# The document


def test_rules_are_versions_and_the_one_in_force_is_what_was_put(local_tables: None) -> None:
    assert rules_store.active_rules() == ChannelRules()
    first = rules_store.put_rules(BOTH, 0, NOW, "planner")
    assert (first.rules.version, rules_store.active_rules()) == (1, ChannelRules(1, BOTH))
    second = rules_store.put_rules((FENCE,), 1, LATER, "other")
    assert rules_store.published() == second
    assert rules_store.published(1) == first
    assert rules_store.published(0).rules == ChannelRules()
    with pytest.raises(NotFound):
        rules_store.published(3)


def test_rules_in_force_are_not_put_again_nor_over_others(local_tables: None) -> None:
    rules_store.put_rules(BOTH, None, NOW, "planner")
    assert rules_store.put_rules(BOTH, None, LATER, "planner").rules.version == 1
    with pytest.raises(VersionMismatch) as refused:
        rules_store.put_rules((FENCE,), 0, LATER, "planner")
    assert refused.value.data["version"] == 1
    assert rules_store.active_rules().rules == BOTH


def test_a_document_that_is_too_long_is_refused(
    local_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_store, "MOST_BYTES", 10)
    with pytest.raises(InvalidRequest):
        rules_store.put_rules(BOTH, None, NOW, "planner")
