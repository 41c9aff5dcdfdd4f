"""What a channel must leave: safety stock and ring fences, by example and by law."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.catalog.model import Product
from shared.stock.model.limits import Limit
from shared.stock.model.position import Effect, take
from shared.stock.model.rules import (
    WHOLE,
    ChannelRules,
    ChannelTerms,
    FloorFacts,
    Rule,
    RuleAmount,
    RuleMatch,
    SellingTerms,
    changed_rules,
    from_json,
    in_force_since,
    rules_not_ended,
    terms_of,
    to_json,
)
from tests.support.places import place
from tests.support.profiles import examples

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
PLACES = {
    "denver": place("denver", groups=frozenset({"west"})),
    "depot": place("depot", type="warehouse"),
}
TENT = Product("tent", "Tent", 1000, "USD", 2.0, attributes={"brand": "Alp", "season": "summer"})


def safety(units: int = 0, *, ratio: float = 0, name: str = "s", **match: Any) -> Rule:
    return Rule(name, RuleMatch(**match), RuleAmount(units, round(ratio * WHOLE)))


def fence(units: int = 0, *channels: str, ratio: float = 0, name: str = "f", **more: Any) -> Rule:
    amount = RuleAmount(units, round(ratio * WHOLE))
    return Rule(name, RuleMatch(), amount, frozenset(channels or ("web",)), **more)


def sellable(channel: str, facts: FloorFacts | int, *rules: Rule) -> int:
    known = facts if isinstance(facts, FloorFacts) else FloorFacts(facts, facts)
    return terms_of(rules, channel).sellable(known)


def unknown(_: str) -> Mapping[str, int]:
    return {}


def bound(rule: Rule, sku: str = "tent", at: str = "denver", channel: str = "web") -> bool:
    rules = ChannelRules(1, (rule,))
    return (
        ChannelTerms(rules, channel, NOW, PLACES, {"tent": TENT}, unknown)[sku, at]
        != SellingTerms()
    )


# Where a rule applies


@pytest.mark.parametrize(
    ("match", "tent_in_denver", "tent_in_depot", "stove_in_denver"),
    [
        ({}, True, True, True),
        ({"location_ids": frozenset({"denver", "x"})}, True, False, True),
        ({"location_types": frozenset({"warehouse"})}, False, True, False),
        ({"location_groups": frozenset({"west", "x"})}, True, False, True),
        ({"skus": frozenset({"tent"})}, True, True, False),
        ({"product_attributes": {"brand": frozenset({"Alp", "Bo"})}}, True, True, False),
        (
            {"product_attributes": {"brand": frozenset({"Alp"}), "season": frozenset({"winter"})}},
            False,
            False,
            False,
        ),
        ({"skus": frozenset({"tent"}), "location_ids": frozenset({"depot"})}, False, True, False),
    ],
)
def test_a_rule_applies_where_all_that_it_names_fits(
    match: Mapping[str, Any], tent_in_denver: bool, tent_in_depot: bool, stove_in_denver: bool
) -> None:
    rule = safety(3, **match)
    assert bound(rule) is tent_in_denver
    assert bound(rule, at="depot") is tent_in_depot
    assert bound(rule, sku="stove") is stove_in_denver


def test_a_place_that_nobody_knows_matches_by_its_id_only() -> None:
    assert bound(safety(3), at="moon")
    assert bound(safety(3, location_ids=frozenset({"moon"})), at="moon")
    assert not bound(safety(3, location_types=frozenset({"store"})), at="moon")


def test_what_two_documents_differ_in_is_what_may_change_anything() -> None:
    one, two, three = (Rule(name, RuleMatch(), RuleAmount(1)) for name in "abc")
    assert changed_rules((one, two), (one, two)) == ()
    assert changed_rules((one, two), (two, three)) == (one, three)
    assert changed_rules((one, two), (two, one)) == (one, two, two, one)
    more = replace(two, amount=RuleAmount(2))
    assert changed_rules((one, two), (one, more)) == (two, more)


def test_a_document_says_something_else_from_the_end_of_a_fence_on() -> None:
    put_at = datetime(2026, 3, 1, tzinfo=UTC)
    early, late = (put_at + timedelta(days=days) for days in (-1, 5))
    ended = Rule("ended", RuleMatch(), RuleAmount(1), frozenset({"pos"}), early)
    ends = Rule("ends", RuleMatch(), RuleAmount(1), frozenset({"pos"}), late)
    rules = ChannelRules(1, (ended, ends))
    for at, since, left in (
        (put_at, put_at, (ends,)),
        (late - timedelta(seconds=1), put_at, (ends,)),
        (late, late, ()),
        (late + timedelta(days=9), late, ()),
    ):
        assert in_force_since(rules, put_at, at) == since
        assert rules_not_ended(rules, at) == rules_not_ended(rules, since) == left


def test_safety_stock_is_of_the_channels_that_it_names() -> None:
    rule = safety(3, channels=frozenset({"web"}))
    assert bound(rule, channel="web")
    assert not bound(rule, channel="pos")


# Safety stock


def test_of_the_safety_stocks_that_match_the_last_one_holds() -> None:
    rules = safety(10), safety(2, channels=frozenset({"web"})), safety(4)
    assert sellable("web", 20, *rules) == 16
    assert sellable("web", 20, *rules[:2]) == 18
    assert sellable("pos", 20, *rules[:2]) == 10


@pytest.mark.parametrize(("on_hand", "kept"), [(100, 10), (99, 10), (91, 10), (90, 9), (11, 3)])
def test_safety_stock_by_ratio_is_of_what_is_on_hand_rounded_up(on_hand: int, kept: int) -> None:
    facts = FloorFacts(on_hand - 1, on_hand)
    assert sellable("web", facts, safety(3, ratio=0.1)) == on_hand - 1 - kept


def test_less_than_the_safety_stock_is_nothing_to_sell() -> None:
    assert sellable("web", 2, safety(3)) == 0
    assert sellable("web", -5, safety(0)) == 0


# Ring fences


def test_a_fence_is_a_floor_for_every_other_channel() -> None:
    assert sellable("web", 100, fence(30)) == 100
    assert sellable("pos", 100, fence(30)) == 70
    assert sellable("pos", 20, fence(30)) == 0
    assert sellable("web", 20, fence(30)) == 20


def test_what_its_channel_has_taken_is_no_longer_set_aside() -> None:
    taken = FloorFacts(80, 100, {"taken:f": 20})
    assert sellable("pos", taken, fence(30)) == 70
    assert sellable("pos", FloorFacts(60, 100, {"taken:f": 40}), fence(30)) == 60


def test_safety_stock_is_honoured_inside_and_outside_of_a_fence() -> None:
    """IBM Sterling applies it to the unsegmented pool, and ignores it for the segment's own."""
    rules = safety(5), fence(30)
    assert sellable("pos", 100, *rules) == 65
    assert sellable("web", 100, *rules) == 95
    assert sellable("web", 35, *rules) == 30
    assert sellable("web", 12, *rules) == 7
    assert sellable("web", 5, *rules) == 0


def test_a_fence_covers_the_safety_stock_of_its_own_channel() -> None:
    rules = safety(5, channels=frozenset({"web"})), fence(30)
    assert sellable("pos", 100, *rules) == 65
    assert sellable("web", 35, *rules) == 30


def test_where_there_is_not_enough_the_earlier_fence_goes_first() -> None:
    rules = fence(50, "web"), fence(50, "marketplace", name="m")
    assert sellable("web", 40, *rules) == 40
    assert sellable("marketplace", 40, *rules) == 0
    assert sellable("marketplace", 70, *rules) == 20
    assert sellable("web", 70, *rules) == 50
    assert sellable("pos", 100, *rules) == 0


def test_of_the_fences_of_the_same_channels_the_last_one_holds() -> None:
    assert sellable("pos", 100, fence(30), fence(10, name="g")) == 90
    assert sellable("pos", 100, fence(30), fence(0, name="none")) == 100


def test_a_ratio_is_of_what_there_was_to_share_since_the_fence_began() -> None:
    rule = fence(ratio=0.3)
    assert sellable("pos", 100, rule) == 70
    sold = FloorFacts(40, 100, {"shared:f": 60})
    assert sellable("pos", sold, rule) == 10
    mixed = FloorFacts(40, 100, {"shared:f": 60, "taken:f": 20})
    assert sellable("pos", mixed, rule) == 30
    delivered = FloorFacts(140, 200, {"shared:f": 60, "taken:f": 20})
    assert sellable("pos", delivered, rule) == 100


def test_a_ratio_is_never_less_than_its_minimum() -> None:
    assert sellable("pos", 10, fence(8, ratio=0.3)) == 2


def test_a_fence_is_open_to_all_from_its_date_on() -> None:
    rules = ChannelRules(1, (fence(30, until=NOW),))

    def told(at: datetime) -> int:
        return ChannelTerms(rules, "pos", at, {}, {}, unknown)["tent", "denver"].sellable(
            FloorFacts(100, 100)
        )

    assert told(NOW - timedelta(milliseconds=1)) == 70
    assert told(NOW) == 100


def test_only_those_who_count_are_counted() -> None:
    rules = fence(30), fence(0, "marketplace", ratio=0.2, name="m")
    facts = FloorFacts(100, 100, {}, (1, 0))
    assert terms_of(rules, "web").limit(facts).counters == ("taken:f", "shared:m")
    assert terms_of(rules, "marketplace").limit(facts).counters == ("taken:m", "shared:m")
    assert terms_of(rules, "pos").limit(facts).counters == ("shared:m",)


def test_a_floor_that_depends_on_the_position_needs_it() -> None:
    assert terms_of([safety(3)], "pos").limit(None) == Limit(3)
    assert terms_of([safety(3), fence(5)], "web").limit(None) == Limit(3, counters=("taken:f",))
    for rules in ([fence(3)], [safety(ratio=0.1)]):
        with pytest.raises(ValueError, match="depends"):
            terms_of(rules, "pos").limit(None)


# Laws

CHANNELS = ("web", "marketplace", "pos")
amounts = st.builds(RuleAmount, st.integers(0, 15), st.sampled_from([0, 0, 1000, 3000, 5000]))
safeties = st.builds(
    Rule,
    st.just("s"),
    st.builds(RuleMatch, channels=st.frozensets(st.sampled_from(CHANNELS), max_size=2)),
    amounts,
)
documents = st.builds(
    lambda rules, a, b, swap: [*rules, *([b, a] if swap else [a, b])],
    st.lists(safeties, max_size=3),
    amounts.map(lambda amount: Rule("f", RuleMatch(), amount, frozenset({"web"}))),
    amounts.map(lambda amount: Rule("m", RuleMatch(), amount, frozenset({"marketplace"}))),
    st.booleans(),
)


@examples(200)
@given(documents, st.integers(-5, 60), st.lists(st.sampled_from(CHANNELS), max_size=40), st.data())
def test_what_all_channels_together_sell_is_there(
    rules: list[Rule], available: int, buyers: list[str], data: st.DataObject
) -> None:
    facts = FloorFacts(available, available, {}, (1, 0))
    sold = 0
    for channel in [*buyers, *CHANNELS]:
        told = terms_of(rules, channel).sellable(facts)
        units = told if len(buyers) < 3 else data.draw(st.integers(0, told))
        facts = after(take(terms_of(rules, channel).limit(facts), "A", "1", units), facts)
        sold += units
        kept = _safety_of(rules, channel, facts)
        assert not units or facts.available >= kept
    assert sold <= max(0, available)


def _safety_of(rules: list[Rule], channel: str, facts: FloorFacts) -> int:
    binding = [rule for rule in rules if rule.binds(channel)]
    return binding[-1].amount.up(facts.on_hand) if binding else 0


def after(effect: Effect, facts: FloorFacts) -> FloorFacts:
    """As table.py writes it."""
    counters = dict(facts.counters)
    for name, delta in effect.counters:
        counters[name] = counters.get(name, 0) + delta
    feeds, freed = facts.since or (0, 0)
    only_takes = (
        not effect.on_hand
        and effect.reserved > 0
        and all(delta == effect.reserved for _, delta in effect.counters)
    )
    return FloorFacts(
        facts.available + effect.on_hand - effect.reserved,
        facts.on_hand + effect.on_hand,
        counters,
        (feeds, freed + (not only_takes)),
    )


def passes(effect: Effect, facts: FloorFacts) -> bool:
    """The condition of the write, as table.py states it."""
    if effect.since is not None and effect.since != facts.since:
        return False
    if effect.floor is not None and facts.available >= effect.floor + effect.reserved:
        return True
    own = effect.within
    return (
        own is not None
        and facts.available >= own.floor + effect.reserved
        and facts.counters.get(own.counter, 0) <= own.promised - effect.reserved
    )


class Channels(RuleBasedStateMachine):
    """Channels take from one position on what they read at any time before, while it is counted,
    released and handed over."""

    @initialize(rules=documents, units=st.integers(0, 60))
    def start(self, rules: list[Rule], units: int) -> None:
        self.document = rules
        self.facts = FloorFacts(units, units, {}, (1, 0))
        self.read = [self.facts]
        self.open: list[Effect] = []
        self.all_takes: dict[str, int] = {}

    def becomes(self, facts: FloorFacts) -> None:
        self.facts = facts
        self.read.append(facts)

    def terms(self, channel: str) -> SellingTerms:
        return terms_of(self.document, channel)

    @rule(channel=st.sampled_from(CHANNELS), units=st.integers(1, 12), ago=st.integers(0, 3))
    def take(self, channel: str, units: int, ago: int) -> None:
        believed = self.read[max(0, len(self.read) - 1 - ago)]
        told = self.terms(channel).sellable(self.facts)
        effect = take(self.terms(channel).limit(believed), "A", "1", units)
        if believed == self.facts:
            assert passes(effect, self.facts) == (units <= told), "told more, or less, than it gets"
        if not passes(effect, self.facts):
            return
        assert units <= told, "it sold below its floor"
        self.becomes(after(effect, self.facts))
        self.open.append(effect)
        own = self.terms(channel).own
        for other in ("web", "marketplace"):
            theirs = self.terms(other)
            if other == channel or theirs.own is None or (own is not None and own < theirs.own):
                continue
            left = theirs.fences[theirs.own].left(self.facts)
            assert theirs.sellable(self.facts) >= left, "it took what was set aside for another"

    @precondition(lambda self: self.open)
    @rule(at=st.integers(0, 99))
    def release(self, at: int) -> None:
        taken = self.open.pop(at % len(self.open))
        back = tuple((name, -delta) for name, delta in taken.counters)
        effect = Effect("A", "1", 0, -taken.reserved, counters=back)
        self.becomes(after(effect, self.facts))

    @precondition(lambda self: self.open)
    @rule(at=st.integers(0, 99))
    def hand_over(self, at: int) -> None:
        taken = self.open.pop(at % len(self.open))
        for name, delta in taken.counters:
            self.all_takes[name] = self.all_takes.get(name, 0) + delta
        self.becomes(after(Effect("A", "1", -taken.reserved, -taken.reserved), self.facts))

    @rule(delta=st.integers(-15, 30))
    def feed(self, delta: int) -> None:
        feeds, freed = self.facts.since or (0, 0)
        self.becomes(
            replace(
                self.facts,
                available=self.facts.available + delta,
                on_hand=self.facts.on_hand + delta,
                since=(feeds + 1, freed),
            )
        )

    @rule(units=st.integers(1, 5))
    def bring_back(self, units: int) -> None:
        self.becomes(after(Effect("A", "1", units, 0), self.facts))

    @invariant()
    def counters_are_what_was_taken_and_not_given_back(self) -> None:
        expected = dict(self.all_takes)
        for taken in self.open:
            for name, delta in taken.counters:
                expected[name] = expected.get(name, 0) + delta
        found = {name: units for name, units in self.facts.counters.items() if units}
        assert found == {name: units for name, units in expected.items() if units}


TestChannels = Channels.TestCase
TestChannels.settings = examples(150, stateful_step_count=30)


@given(documents)
def test_rules_come_back_from_their_document(rules: list[Rule]) -> None:
    assert list(from_json(to_json(rules))) == rules
