"""What it costs to tell all channels of new rules: CPU per SKU, and the events that come of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from shared.availability.model import events
from shared.availability.model.pack import Pack, PackRow
from shared.availability.store.announced import RulesChange, RulesState
from shared.stock.model.rules import ChannelRules, Rule, RuleAmount, RuleMatch, changed_rules
from shared.web.auth import CHANNELS
from tests.bench.report import Table, Tell

AT = datetime(2026, 11, 21, tzinfo=UTC)
RULES = {
    "safety stock of one channel": Rule("r", RuleMatch(channels=frozenset({"web"})), RuleAmount(3)),
    "a fence of 30 %": Rule("r", RuleMatch(), RuleAmount(ratio=3000), frozenset({"pos"})),
    "a rule of another SKU": Rule("r", RuleMatch(skus=frozenset({"other"})), RuleAmount(3)),
}


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    skus, locations = (20 if quick else 200), 500
    tell("new rules")
    packs = [
        Pack(
            f"sku-{sku}",
            {f"store-{at}": PackRow(sku * at % 17, 1) for at in range(locations)},
            AT,
            1,
        )
        for sku in range(skus)
    ]
    yield Table(
        "new rules, told of every SKU",
        [{"new": name, **_told(rule, packs)} for name, rule in RULES.items()],
        (f"{skus} SKUs of {locations} locations, {len(CHANNELS)} channels; no rules before",),
    )


def _told(rule: Rule, packs: list[Pack]) -> dict[str, float]:
    changed = changed_rules((), (rule,))
    change = RulesChange(
        ChannelRules(), RulesState(), ChannelRules(1, (rule,)), RulesState(1, AT), changed
    )
    began = time.process_time()
    views = change.views([(pack, pack) for pack in packs], CHANNELS, {})
    made = sum(len(events.rule_change_events(seen, change.name, AT)) for seen in views.values())
    milliseconds = (time.process_time() - began) / len(packs) * 1000
    return {"CPU ms per SKU": milliseconds, "events per SKU": made / len(packs)}
