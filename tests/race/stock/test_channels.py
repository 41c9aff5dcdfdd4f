"""Channels with floors of their own over the same units, from many threads (laws 1 and 2).

magento/inventory#2727: store X orders 15 over shared sources, store Y still shows 5.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from shared.errors import OutOfStock
from shared.stock import store
from shared.stock.model.events import Moved
from shared.stock.model.rules import (
    ChannelRules,
    ChannelTerms,
    FloorFacts,
    Rule,
    RuleAmount,
    RuleMatch,
    terms_of,
)
from tests.race.stock.test_races import NOW, hold, race, stocked
from tests.support.stock_laws import Follower, assert_laws

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

SAFETY = Rule("safe", RuleMatch(), RuleAmount(5))
FENCE = Rule("web", RuleMatch(), RuleAmount(30), frozenset({"web"}))
SHARE = Rule("share", RuleMatch(), RuleAmount(ratio=3000), frozenset({"marketplace"}))


def buys(name: str, channel: str, units: int, *rules: Rule) -> Callable[[], int]:
    """How many units it gets: all or none."""
    wanted = replace(hold(name, ("A", units)), channel=channel)

    def buy() -> int:
        try:
            store.open_hold(
                wanted, ChannelTerms(ChannelRules(1, rules), channel, NOW, {}, {}, lambda _: {})
            )
        except OutOfStock:
            return 0
        return units

    return buy


def facts() -> FloorFacts:
    return FloorFacts.of(store.position("A", "1"))


def test_two_channels_over_the_same_units_sell_to_their_floors_and_no_further() -> None:
    """100 units, 5 of safety stock, 30 set aside for web: pos gets 65, web its 30, 5 stay."""
    stocked(100, "A")
    rules = SAFETY, FENCE
    sold = race([buys(f"pos{n}", "pos", 1 + n % 3, *rules) for n in range(64)], 48)
    assert sum(sold) == 65
    sold = race([buys(f"h{n}", "web" if n % 2 else "pos", 1, *rules) for n in range(80)], 48)
    assert sum(sold) == sum(sold[1::2]) == 30
    assert facts().counters == {"taken:web": 30}
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 5


def test_both_channels_at_once_leave_the_safety_stock_and_the_fenced_one_gets_its_units() -> None:
    stocked(60, "A")
    rules = SAFETY, FENCE
    sold = race([buys(f"h{n}", "web" if n % 2 else "pos", 1, *rules) for n in range(128)], 48)
    web, pos = sum(sold[1::2]), sum(sold[::2])
    assert web + pos == 55
    assert web >= 30
    assert facts().counters == {"taken:web": web}
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 5


def test_fences_by_ratio_hold_while_goods_arrive_and_holds_are_released() -> None:
    """Of the 150 units that there are at last, pos has at most 70 %, whatever the order."""
    stocked(100, "A")

    def deliver(n: int) -> int:
        move = Moved("wms", f"d{n}", None, "A", "1", 10, "receiving", NOW)
        return 0 * store.apply_events([move], store.position("A", "1"), (), NOW)

    def come_and_go(n: int) -> int:
        if buys(f"g{n}", "marketplace", 2, SHARE)():
            store.release_hold(store.get_hold(f"g{n}"), NOW)
        return 0

    work: list[Callable[[], int]] = [
        *(buys(f"p{n}", "pos", 2, SHARE) for n in range(60)),
        *(partial(deliver, n) for n in range(5)),
        *(partial(come_and_go, n) for n in range(20)),
    ]
    random.Random(5).shuffle(work)
    sold = sum(race(work, 40))
    found = facts()
    assert found.on_hand == 150
    assert found.available == 150 - sold
    assert sold <= 105
    counted = {name: units for name, units in found.counters.items() if units}
    assert counted == {"shared:share": sold}
    assert terms_of([SHARE], "marketplace").sellable(found) >= 45
    last = sum(race([buys(f"m{n}", "marketplace", 1, SHARE) for n in range(64)], 48))
    assert last >= 45
    assert_laws(follower=Follower())
