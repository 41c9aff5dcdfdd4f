"""What the bus hears when the rules of channel stock change, while packs change as well."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from functions.availability import publish_events, tell_rules
from shared.availability.contract.answers import AvailabilityChanged
from shared.availability.model.answer import status
from shared.availability.model.channel import sellable_pack
from shared.availability.model.confidence import PickOutcome
from shared.availability.model.pack import PackChange, PackRow, to_columns
from shared.availability.store import announced, confidence
from shared.availability.store.announced import AnnouncementProgress, RulesState
from shared.availability.store.packs import packs
from shared.aws import walks
from shared.aws.clients import dynamodb
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.stock.model.rules import ChannelRules, ChannelTerms, Rule, RuleAmount, RuleMatch
from shared.stock.store import rules as rules_store
from shared.web.auth import CHANNELS
from tests.functions.availability.test_publish_events import record, units
from tests.support.events import event
from tests.support.profiles import examples

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
WEB = RuleMatch(channels=frozenset({"web"}))
Heard = list[dict[str, Any]]


class Clock(datetime):
    """Stands where it is set."""

    set_to = AT

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.set_to


class Context:
    """Time for ``pages`` pages."""

    def __init__(self, pages: int = 1000) -> None:
        self.pages = pages

    def get_remaining_time_in_millis(self) -> int:
        self.pages -= 1
        return 40_000 if self.pages > 0 else 1000


@pytest.fixture(autouse=True)
def clock(environment: pytest.MonkeyPatch, fake_tables: None) -> None:
    Clock.set_to = AT
    environment.setattr(tell_rules, "datetime", Clock)
    environment.setattr(tell_rules, "SEGMENTS", 3)
    environment.setattr(publish_events, "datetime", Clock)
    rules_store.active_cache.clear()
    assert told() == {"events": 0, "left": False}


def later(minutes: float) -> None:
    Clock.set_to += timedelta(minutes=minutes)


def put(*rules: Rule) -> None:
    rules_store.put_rules(rules, None, Clock.set_to, "planner")


def told(pages: int = 1000) -> dict[str, Any]:
    return tell_rules.handler(event("availability/tell_rules"), Context(pages))


def through() -> RulesState:
    found = announced.read_progress()
    assert found is not None
    return found.announced


def release_leases(environment: pytest.MonkeyPatch) -> None:
    """The time passes until the leases of dead workers have ended."""
    real = walks.now
    environment.setattr(walks, "now", lambda: real() + walks.CLOSING_LEASE)


numbers = itertools.count(1)


def published(sku: str, *changes: PackChange) -> None:
    made = [record(next(numbers), sku, *changes)]
    assert publish_events.handler({"Records": made}, None) == {"batchItemFailures": []}


def test_new_rules_are_told_to_the_channels_whose_status_they_change(heard: Heard) -> None:
    for sku, available in (("A", 9), ("B", 6), ("C", 3)):
        published(sku, units("denver", 1, available))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    assert told() == {"events": 0, "left": True}
    later(2)
    assert told() == {"events": 2, "left": False}
    for made in heard:
        AvailabilityChanged.model_validate(made["data"])
        assert made["type"] == "availability.changed"
        assert made["data"]["channel"] == "web"
    change = f"0.0-1.{int(AT.timestamp())}"
    heard.sort(key=lambda e: str(e["subject"]))
    assert [
        (e["id"], e["data"]["was"], e["data"]["status"], e["data"]["sellable"]) for e in heard
    ] == [
        (f"B#1@web~rules{change}", "in_stock", "limited_stock", 3),
        (f"C#1@web~rules{change}", "limited_stock", "out_of_stock", 0),
    ]
    assert heard[0]["data"]["locations"] == [
        {"location_id": "denver", "sellable": 3, "status": "limited_stock", "was": "in_stock"}
    ]
    later(1)
    assert told() == {"events": 0, "left": False}
    put()
    later(2)
    assert told() == {"events": 2, "left": False}
    assert {e["subject"]: e["data"]["status"] for e in heard[2:]} == {
        "B": "in_stock",
        "C": "limited_stock",
    }


def test_the_end_of_a_fence_is_told_and_has_an_id_of_its_own(heard: Heard) -> None:
    published("A", units("denver", 1, 9))
    until = AT + timedelta(minutes=30)
    put(Rule("fence", RuleMatch(), RuleAmount(9), frozenset({"pos"}), until))
    later(2)
    assert told() == {"events": 5, "left": False}
    ids = {e["id"] for e in heard}
    later(20)
    assert told() == {"events": 0, "left": False}
    later(10)
    assert told() == {"events": 5, "left": False}
    assert len({e["id"] for e in heard} - ids) == 5
    assert [e["data"]["status"] for e in heard[-5:]] == ["in_stock"] * 5
    assert heard[-1]["time"] == "2026-11-21T09:30:00.000Z"


def test_a_round_goes_on_where_its_time_was_up_and_where_the_bus_took_no_more(
    heard: Heard, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(tell_rules, "PAGE", 2)
    skus = [f"sku-{n}" for n in range(7)]
    for sku in skus:
        published(sku, units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    later(2)
    assert told(pages=1)["left"]
    with environment.context() as broken:
        broken.setattr(tell_rules, "send", lambda *_: 0)
        before = announced.read_progress()
        told()
        assert announced.read_progress() == before
    put(Rule("few", WEB, RuleAmount(3)), Rule("fewer", RuleMatch(), RuleAmount(3)))
    runs = 1
    while told(pages=2)["left"]:
        runs += 1
    assert runs > 1
    assert sorted(e["subject"] for e in heard) == skus
    assert through().version == 1
    heard.clear()
    later(2)
    assert not told()["left"]
    assert len(heard) == len(skus) * (len(CHANNELS) - 1)


def test_a_run_that_is_lost_is_told_again_with_the_same_ids(
    heard: Heard, environment: pytest.MonkeyPatch
) -> None:
    published("A", units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    later(2)
    with environment.context() as broken:
        broken.setattr(walks, "advance", lambda *_: None)
        told()
    later(5)
    release_leases(environment)
    told()
    assert len(heard) == 2
    assert heard[0] == heard[1]


def test_a_worker_whose_lease_nearly_ends_publishes_nothing_more(
    heard: Heard, environment: pytest.MonkeyPatch
) -> None:
    """Another worker may have taken over its segment, and the next round may have begun."""
    published("A", units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    later(2)
    real, packs_page, slept = walks.now, announced.packs_page, timedelta()
    environment.setattr(walks, "now", lambda: real() + slept)

    def slow(*args: Any) -> Any:
        nonlocal slept
        slept += walks.LEASE - tell_rules.SENDING + timedelta(seconds=1)
        return packs_page(*args)

    with environment.context() as slowly:
        slowly.setattr(announced, "packs_page", slow)
        assert told()["left"]
    assert heard == []
    assert told() == {"events": 1, "left": False}


def test_helpers_continue_the_round_of_their_message_only(
    heard: Heard, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(tell_rules, "PAGE", 1)
    skus = [f"sku-{n}" for n in range(5)]
    for sku in skus:
        published(sku, units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    later(2)
    assert told(pages=2)["left"]
    last = walks.last_round(announced.WALK)
    assert last is not None

    def helped(number: int) -> Any:
        record = {"messageId": "m", "body": json.dumps({"walk": "rules", "round": number})}
        return tell_rules.handler({"Records": [record]}, Context())

    assert helped(last.number + 1) == {"batchItemFailures": []}
    assert len(heard) < len(skus)
    assert helped(last.number) == {"batchItemFailures": []}
    assert sorted(e["subject"] for e in heard) == skus
    assert through().version == 1
    assert helped(last.number) == {"batchItemFailures": []}
    assert len(heard) == len(skus)


def test_of_a_change_that_names_its_skus_no_other_is_read(
    heard: Heard, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(tell_rules, "PAGE", 2)
    for sku in "ABCDE":
        published(sku, units("denver", 1, 3))
    heard.clear()

    def scanned(*_: Any) -> Any:
        raise AssertionError("all packs were read")

    environment.setattr(announced, "packs_page", scanned)
    put(Rule("named", RuleMatch(skus=frozenset("ACXE")), RuleAmount(3)))
    later(2)
    assert told(pages=1)["left"]
    assert not told()["left"]
    assert {e["subject"] for e in heard} == set("ACE")
    assert len(heard) == 3 * len(CHANNELS)


def test_rules_that_ask_for_products_and_for_confidence_are_told(heard: Heard) -> None:
    for sku, season in (("A", "2025"), ("B", "2026")):
        catalog.put(Product(sku, sku, 1000, "USD", 0.5, attributes={"season": season}))
        published(sku, units("denver", 1, 3))
    heard.clear()
    put(Rule("old", RuleMatch(product_attributes={"season": frozenset({"2025"})}), RuleAmount(3)))
    later(2)
    told()
    assert {e["subject"] for e in heard} == {"A"}


def test_what_was_told_under_rules_in_between_is_put_right(heard: Heard) -> None:
    put(Rule("few", WEB, RuleAmount(3)))
    published("A", units("denver", 1, 3))
    heard.clear()
    later(0.5)
    put()
    later(2)
    assert told() == {"events": 1, "left": False}
    assert (heard[0]["data"]["was"], heard[0]["data"]["status"]) == (
        "out_of_stock",
        "limited_stock",
    )
    assert announced.read_progress() == AnnouncementProgress(
        RulesState(2, AT + timedelta(minutes=0.5))
    )


def test_somebody_elses_round_that_has_ended_is_not_taken_up_again() -> None:
    put(Rule("few", WEB, RuleAmount(3)))
    was = announced.read_progress()
    assert announced.save_progress(was, AnnouncementProgress(RulesState(1, AT)))
    assert not announced.save_progress(was, AnnouncementProgress(RulesState(), RulesState(1, AT)))
    assert not announced.save_progress(None, AnnouncementProgress())
    assert announced.read_progress() == AnnouncementProgress(RulesState(1, AT))


def test_beside_packs_there_are_other_items(heard: Heard) -> None:
    confidence.learn_outcomes("denver", [PickOutcome("1", "dairy", False, int(AT.timestamp()))])
    published("A", units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    later(2)
    assert told() == {"events": 1, "left": False}


def test_a_pack_that_changes_while_rules_are_told_is_told_as_it_differs_from_either(
    heard: Heard,
) -> None:
    published("A", units("denver", 1, 3))
    heard.clear()
    put(Rule("few", WEB, RuleAmount(3)))
    published("A", units("denver", 2, 0))
    assert [(e["id"], e["data"]["was"], e["data"]["status"]) for e in heard] == [
        ("A#2", "limited_stock", "out_of_stock"),
        (f"A#2@web~rules0.0-1.{int(AT.timestamp())}", "limited_stock", "out_of_stock"),
    ]
    later(2)
    told()
    assert len(heard) == 2


# Whoever hears all


RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["a", "b"]),
        st.sampled_from(
            [RuleMatch(), WEB, RuleMatch(skus=frozenset("A")), RuleMatch(skus=frozenset("B"))]
        ),
        st.builds(RuleAmount, st.integers(0, 8)),
        st.sampled_from([frozenset(), frozenset({"pos"})]),
    ).map(
        lambda r: (
            r if not r.fenced else Rule(r.rule_id, RuleMatch(skus=r.match.skus), r.amount, r.fenced)
        )
    ),
    max_size=2,
    unique_by=lambda rule: rule.rule_id,
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("pack"), st.sampled_from("AB"), st.integers(0, 14)),
        st.tuples(st.just("rules"), RULES),
        st.tuples(st.just("tell"), st.integers(0, 3), st.integers(1, 2)),
    ),
    min_size=3,
    max_size=14,
)


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whoever_hears_every_event_knows_every_status_of_every_channel(
    heard: Heard, environment: pytest.MonkeyPatch, acts: list[Any]
) -> None:
    environment.setattr(tell_rules, "PAGE", 1)
    emptied("fake-availability", "fake-config")
    heard.clear()
    rules: tuple[Rule, ...] = ()
    version = 0
    for act in acts:
        later(0.5)
        match act:
            case "pack", sku, available:
                version += 1
                published(
                    sku, PackChange("denver", version, PackRow(available, version), Clock.set_to)
                )
            case "rules", found:
                rules = tuple(found)
                put(*rules)
            case "tell", minutes, pages:
                later(minutes)
                told(pages)
    for _ in range(8):
        later(2)
        told()
    known = knowledge(heard)
    for sku, pack in packs("AB").items():
        for channel in CHANNELS:
            selling = ChannelTerms(
                ChannelRules(1, rules), channel, Clock.set_to, {}, {}, lambda _: {}
            )
            seen = sellable_pack(pack, to_columns(pack.rows, ""), selling)
            word = status(max(0, seen.rows["denver"].available), seen.life, seen.as_of)
            assert known.get((sku, channel), "out_of_stock") == word


def knowledge(heard: Heard) -> dict[tuple[str, str], str]:
    known = {}
    for told_of in heard:
        data = told_of["data"]
        channels = [data["channel"]] if "channel" in data else CHANNELS
        for channel in channels:
            if channel not in data.get("not_for", ()):
                known[data["sku"], channel] = data["status"]
    return known


def emptied(*names: str) -> None:
    for name in names:
        for item in dynamodb().scan(TableName=name)["Items"]:
            dynamodb().delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
    rules_store.active_cache.clear()
    told()
