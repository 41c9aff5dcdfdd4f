"""What orders earn and lose, from the stream of their table, and the events of points and tiers."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.loyalty import follow_orders, publish_events
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.errors import Conflict
from shared.loyalty import earning
from shared.loyalty.contract import events
from shared.loyalty.spending import hold_parts, spend_parts
from shared.orders import buyers, changing, model, placing, store
from shared.orders.buyers import FoundBuyer
from shared.orders.model import Buyer, Line, Returned, ReturnLine, returns
from shared.orders.model.return_terms import RETURN_TERMS, ReturnRequest
from tests.support import shop
from tests.support import wallets as support
from tests.support.buyers import answer
from tests.support.shop import NOW, line
from tests.support.wallets import WINDOW, account, item, profile, rows, written

pytestmark = pytest.mark.usefixtures("fake_tables", "failed_records")

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def programme(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 9}})
    support.publish()
    profile("bob")


def stored(name: str) -> Json:
    found = tables.get(table_name("orders"), f"ORDER#{name}", "ORDER", consistent=True)
    assert found is not None
    return found


class Followed:
    """An order of three units for 10.00, and the records of its stream so far."""

    def __init__(self, name: str, home: str | None = "bob", *lines: Line) -> None:
        self.name = name
        buyer = Buyer(home, home) if home else Buyer()
        draft = shop.order(name, *(lines or (line("1", "A", 3),)))

        placing.place(
            draft, shop.request(name, name), "web", NOW, answer, lambda: FoundBuyer(buyer)
        )
        self.images = [stored(name)]

    def change(self, key: str, decide: Any) -> None:
        request = shop.request(f"{key}-{self.name}")
        changing.change(self.name, decide, NOW, request=request, answer=answer)
        self.images.append(stored(self.name))

    def hand_over(self) -> None:
        for action in ("accept", "ship"):
            self.change(
                action,
                lambda o, action=action: model.advance(o, f"{o.order_id}.1", action, NOW, "x"),
            )

    def give_back(self, units: int, key: str = "back") -> None:
        back = [Returned("1", units, "sellable", "too small")]
        self.change(key, lambda o: model.take_back(o, "denver", back, NOW, "x"))

    @property
    def records(self) -> list[Json]:
        pairs = zip([None, *self.images], self.images, strict=False)
        return [written(old, new, str(number)) for number, (old, new) in enumerate(pairs)]


def follow(*records: Json) -> None:
    answered = follow_orders.handler({"Records": list(records)}, None)
    assert answered == {"batchItemFailures": []}


def figures() -> tuple[int, int, int]:
    bob = account("bob")
    return bob.pending, bob.available, bob.debt


def test_points_are_pending_from_the_hand_over_and_taken_back_with_the_goods() -> None:
    order = Followed("o-1")
    follow(*order.records)
    assert figures() == (0, 0, 0)
    order.hand_over()
    follow(*order.records)
    assert figures() == (30, 0, 0)
    order.give_back(1)
    follow(*order.records)
    assert figures() == (20, 0, 0)
    assert earning.mature("bob", "o-1", NOW + WINDOW)
    assert figures() == (0, 20, 0)
    order.give_back(2, "rest")
    follow(*order.records)
    assert figures() == (0, 0, 0)


def test_a_record_that_comes_again_or_late_books_nothing_twice() -> None:
    """odoo/odoo#257854, #222372: an order that was sent again earned its points again."""
    order = Followed("o-1")
    order.hand_over()
    order.give_back(1)
    placed, accepted, shipped, returned = order.records
    follow(returned)
    assert figures() == (20, 0, 0)
    version = account("bob").version
    follow(placed, accepted, shipped, returned, shipped, returned)
    assert figures() == (20, 0, 0)
    assert account("bob").version == version


def test_points_cannot_be_kept_by_a_refund() -> None:
    """odoo/odoo#212922: who spends the points of an order and returns it owes them."""
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    earning.mature("bob", "o-1", NOW + WINDOW)
    assert tables.transact(spend_parts(["bob"], 25, "o-2", NOW).parts) == []
    order.give_back(3)
    follow(*order.records)
    assert figures() == (0, 0, 25)
    another = Followed("o-3")
    another.hand_over()
    follow(*another.records)
    earning.mature("bob", "o-3", NOW + WINDOW)
    assert figures() == (0, 5, 0)


def test_lines_with_a_promotion_of_points_earn_more_and_give_as_much_back() -> None:
    doubled = line("1", "A", 3, points_multiplier=25_000)
    order = Followed("o-1", "bob", doubled, line("2", "A", 2))
    order.hand_over()
    follow(*order.records)
    assert figures() == (75 + 20, 0, 0)
    order.give_back(1)
    follow(*order.records, *order.records)
    assert figures() == (50 + 20, 0, 0), "a record that comes again books nothing twice"
    assert earning.mature("bob", "o-1", NOW + WINDOW)
    order.give_back(2, "rest")
    follow(*order.records)
    assert figures() == (0, 20, 0)


def test_guests_and_orders_of_before_the_programme_earn_nothing() -> None:
    guest = Followed("o-1", None)
    guest.hand_over()
    follow(*guest.records)
    support.publish(starts_on="2026-12-01")
    early = Followed("o-2")
    early.hand_over()
    follow(*early.records)
    assert rows("bob") == []


def test_an_order_keeps_the_rate_of_its_first_hand_over() -> None:
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    support.publish(earn_rate=500)
    order.give_back(1)
    follow(*order.records)
    assert figures() == (20, 0, 0)


def test_members_of_a_tier_return_goods_for_longer_and_their_points_wait_for_it() -> None:
    """A tier drives the return window (law 8: no point is available before it closes)."""
    gold = {"name": "gold", "threshold": 0, "multiplier": 10_000, "return_window_days": 100}
    support.publish(tiers=[gold])
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    after = NOW + timedelta(days=99)
    assert not earning.mature("bob", "o-1", after)
    found = store.find("o-1")
    assert found is not None
    terms = buyers.return_terms(found, RETURN_TERMS, after)
    assert terms.window == timedelta(days=100)
    asked = ReturnRequest((ReturnLine("1", 1, "too small"),))
    opened = returns.authorize(found, asked, after, "x", terms)
    assert opened.order.returns[0].state == "authorized"
    with pytest.raises(Conflict, match="could be returned until"):
        returns.authorize(found, asked, after, "x", RETURN_TERMS)
    assert earning.mature("bob", "o-1", NOW + timedelta(days=101))
    assert figures() == (0, 30, 0)
    support.publish()
    assert buyers.return_terms(found, RETURN_TERMS, after) is RETURN_TERMS


def test_what_is_earned_at_the_till_is_spent_on_the_web() -> None:
    """OCA/pos#185, frappe/erpnext#59050: tills had a balance of their own."""
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    earning.mature("bob", "o-1", NOW + WINDOW)
    held = hold_parts(["bob"], 30, "hold-1", NOW)
    assert (held.amount, held.currency) == (30, "USD")
    assert tables.transact(held.parts) == []
    assert account("bob").points.held == 30


def test_an_unreadable_record_is_put_away(failed_records: Any) -> None:
    broken = written(None, {**stored_order(), "lines": "?"})
    follow(broken)
    assert len(failed_records()) == 1


def stored_order() -> Json:
    return Followed("o-9").images[0]


def published(patch: pytest.MonkeyPatch, *records: Json) -> list[Json]:
    heard: list[Json] = []

    def send(_: str, events_: list[Json]) -> int:
        heard.extend(events_)
        return len(events_)

    patch.setattr("shared.web.batch.send", send)
    patch.setenv("NORAIN_EVENT_BUS", "norain-test")
    answered = publish_events.handler({"Records": list(records)}, None)
    assert answered == {"batchItemFailures": []}
    for event in heard:
        shape, _ = events.EVENTS[event["type"]]
        shape.model_validate(event["data"])
        assert json.dumps(event)
    return heard


def test_every_entry_is_an_event(environment: pytest.MonkeyPatch) -> None:
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    pending = item("bob")
    earning.mature("bob", "o-1", NOW + WINDOW)
    records = [written(None, pending), written(pending, item("bob"))]
    heard = published(environment, *records)
    assert [(one["type"], one["data"]["points"]) for one in heard] == [
        ("points.pending", 30),
        ("points.earned", 30),
    ]
    assert {one["data"]["order_id"] for one in heard} == {"o-1"}
    assert [one["id"] for one in heard] == ["bob.1.0", "bob.2.0"]
    assert published(environment, *records) == heard, "repeated events keep their ids"


def test_a_change_of_the_tier_is_an_event(environment: pytest.MonkeyPatch) -> None:
    support.publish(tiers=[{"name": "gold", "threshold": 3_000, "multiplier": 20_000}])
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    earning.mature("bob", "o-1", NOW + WINDOW)
    tier = item("bob", "TIER")
    (heard,) = published(environment, written(None, tier), written(tier, tier))
    assert heard["type"] == "tier.changed"
    assert (heard["data"]["before"], heard["data"]["tier"]) == ("none", "gold")
    follow(*(gold := Followed("o-2")).records)
    gold.hand_over()
    follow(*gold.records)
    assert account("bob").pending == 60, "earned by the tier"
    assert earning.review("bob", NOW + WINDOW) is False


def test_a_tier_is_reviewed_when_its_time_has_come() -> None:
    support.publish(tiers=[{"name": "gold", "threshold": 3_000, "multiplier": 20_000}])
    order = Followed("o-1")
    order.hand_over()
    follow(*order.records)
    earning.mature("bob", "o-1", NOW + WINDOW)
    assert earning.act_on_deadline("bob", "TIER", NOW + 14 * WINDOW)
    assert (item("bob", "TIER") or {})["tier"] == "none"
