"""From the pick of an order to what a channel is told, and to where the next order comes from."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.availability import project, query
from functions.orders import project_fulfillments
from shared.availability.model.confidence import MOST_GROUPS, PickOutcome, Picks
from shared.availability.store import confidence, rebuild
from shared.aws.items import to_item
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders import changing, model, placing, store
from shared.orders.contract.orders import order_answer
from shared.stock import store as stock
from shared.stock.model.events import Counted
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import rules
from tests.support import shop
from tests.support.requests import request
from tests.support.shop import NOW
from tests.support.stock_requests import call as ask_stock
from tests.support.tables import Kept

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "omaha": 5}, "B": {"denver": 5}})
    for sku in ("A", "B"):
        catalog.put(Product(sku, sku, 1000, "USD", 0.5, attributes={"department": "dairy"}))
    fresh()


def fresh() -> None:
    """As if a minute had passed."""
    confidence.cache.clear()
    rules.active_cache.clear()


def bought(name: str) -> str:
    draft = shop.order(name, shop.line("1", "A", 1))
    placing.place(
        draft, shop.request(name), "web", NOW, lambda o: order_answer(o).model_dump_json()
    )
    found = store.find(name)
    assert found is not None
    shop.project("A")
    return found.fulfillments[0].location_id


def image(name: str) -> Json:
    (row,) = (
        row for row in shop.items("orders") if row["pk"] == f"ORDER#{name}" and row["sk"] == "ORDER"
    )
    return to_item(row)


def streamed(old: Json, new: Json) -> None:
    record = {
        "eventID": "1",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"pk": new["pk"], "sk": new["sk"]},
            "OldImage": old,
            "NewImage": new,
            "SequenceNumber": "1",
        },
    }
    assert project_fulfillments.handler({"Records": [record]}, None) == {"batchItemFailures": []}


def rejected(name: str) -> tuple[Json, Json]:
    old = image(name)
    rows = [model.Rejection("1", 1, "not_found")]
    changing.change(
        name, lambda o: model.reject(o, f"{name}.1", rows, {}, now=NOW, actor="store"), NOW
    )
    return old, image(name)


def projected(sku: str) -> None:
    records = [
        {
            "dynamodb": {
                "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
                "NewImage": to_item({**row, "version": row["version"] + 1}),
                "SequenceNumber": "1",
            }
        }
        for row in shop.items("stock")
        if row["pk"] == f"SKU#{sku}" and row["sk"].startswith("LOC#")
    ]
    assert project.handler({"Records": records}, None) == {"batchItemFailures": []}


def said(sku: str) -> dict[str, tuple[int, float | None]]:
    asked = {"sku": sku, "channel": "web"}
    made = request("availability/get_availability", query=asked)
    body = json.loads(query.handler(made, None)["body"])
    return {
        row["location_id"]: (row["sellable"], row.get("confidence"))
        for row in body["items"][0]["locations"]
    }


def test_a_missed_pick_is_told_of_every_sku_of_its_group() -> None:
    assert said("B") == {"denver": (5, None)}
    assert bought("o1") == "denver"
    old, new = rejected("o1")
    for _ in range(2):
        streamed(old, new)
    assert confidence.read_record("denver").groups["dairy"].missed == 1
    fresh()
    projected("B")
    (told,) = said("B").values()
    expected = (0.95 * 20 / 21 * 20 + 0) / 21
    assert told == (5, round(expected, 3))


def test_the_longest_record_fits_into_two_read_units() -> None:
    """tests/support/growth.toml states its bytes; a test that writes more fails."""
    names = [f"{number:03} department {'x' * 25}" for number in range(150)]
    second = int(NOW.timestamp())
    for number, name in enumerate(names):
        outcomes = [PickOutcome(f"{name} {n}", name, n / 3, second + number) for n in range(3)]
        assert confidence.learn_outcomes("denver", outcomes)
    groups = confidence.read_record("denver").groups
    assert len(groups) == MOST_GROUPS
    assert sum(one.found + one.missed for one in groups.values()) == pytest.approx(450, abs=1)


def test_a_rule_hides_what_is_unsure_from_answers_and_from_the_router(
    environment: pytest.MonkeyPatch,
) -> None:
    missed = [PickOutcome(str(n), "dairy", False, int(NOW.timestamp())) for n in range(30)]
    confidence.learn_outcomes("denver", missed)
    fresh()
    projected("A")
    assert {place: units for place, (units, _) in said("A").items()} == {"denver": 5, "omaha": 5}
    rule = Rule("unsure", RuleMatch(confidence_below=800), RuleAmount(10**6))
    rules.put_rules((rule,), None, NOW, "test")
    fresh()
    assert {place: units for place, (units, _) in said("A").items()} == {"omaha": 5}
    assert bought("o1") == "omaha"
    rules.put_rules(
        (Rule("unsure", RuleMatch(confidence_below=800), RuleAmount(4)),), None, NOW, "test"
    )
    fresh()
    assert said("A")["denver"][0] == 1


@pytest.mark.parametrize("units", [1, 2])
def test_a_hold_takes_no_unit_that_a_rule_for_unsure_shelves_keeps(units: int) -> None:
    missed = [PickOutcome(str(n), "dairy", False, int(NOW.timestamp())) for n in range(30)]
    confidence.learn_outcomes("denver", missed)
    fresh()
    projected("A")
    rules.put_rules(
        (Rule("unsure", RuleMatch(confidence_below=800), RuleAmount(4)),), None, NOW, "test"
    )
    fresh()
    assert said("A")["denver"][0] == 1
    status, answer = held("A", "denver", units)
    assert status == (201 if units == 1 else 409)
    if units > 1:
        assert answer["short"][0]["sellable"] == 1
    assert held("A", "omaha", 5)[0] == 201


def held(sku: str, place: str, units: int) -> tuple[int, Any]:
    lines = [{"sku": sku, "location_id": place, "quantity": units}]
    body = {"lines": lines, "channel": "web", "expires_in_seconds": 900}
    scope = "norain/stock:read norain/stock:write norain/channel:web"
    return ask_stock("open_hold", body=body, key=f"{sku}-{place}", scope=scope)


def test_a_rebuild_brings_what_is_known_to_packs_that_nobody_changes() -> None:
    confidence.learn_outcomes("denver", [PickOutcome("1", "dairy", False, int(NOW.timestamp()))])
    fresh()
    assert rebuild.rebuild("B")
    assert not rebuild.rebuild("B")
    ((_, known),) = said("B").values()
    assert known is not None


def counted_by_hand(sku: str, quantity: int, number: int = 1) -> Json:
    """The record of the write of a count at Denver that people made."""
    as_of = NOW + timedelta(minutes=20 + number)
    count = Counted(
        "wms", f"{sku}-{number}", number, sku, "denver", quantity, as_of, reason="cycle_counting"
    )
    assert stock.apply_events([count], stock.position(sku, "denver"), (), as_of) == 1
    (row,) = (
        row
        for row in shop.items("stock")
        if row["pk"] == f"SKU#{sku}" and row["sk"] == "LOC#denver"
    )
    return {"dynamodb": {"NewImage": to_item(row), "SequenceNumber": str(number)}}


def known_counts() -> None:
    """As after a first count of every position, by some system."""
    for sku in ("A", "B"):
        as_of = NOW + timedelta(minutes=10)
        first = Counted("erp", f"first-{sku}", 1, sku, "denver", 4, as_of)
        assert stock.apply_events([first], stock.position(sku, "denver"), (), as_of) == 1


def test_counts_by_people_teach_once_and_say_it_of_their_group() -> None:
    known_counts()
    records = [counted_by_hand("A", 1), counted_by_hand("B", 4)]
    for batch in (records, records[:1], records[::-1]):
        assert project.handler({"Records": batch}, None) == {"batchItemFailures": []}
    found = confidence.read_record("denver")
    assert found.groups == {"dairy": Picks(0.25 * 1.25, 0.25 * 0.75)}
    assert found.version == 1


def test_copies_of_a_book_and_own_acts_teach_nothing_and_cost_nothing() -> None:
    known_counts()
    projected("A")
    assert bought("o1")
    projected("A")
    assert confidence.read_record("denver").version == 0


def test_a_count_that_is_poison_is_put_away_and_its_neighbours_teach(failed_records: Kept) -> None:
    known_counts()
    good, poison = counted_by_hand("A", 1), counted_by_hand("B", 4, number=2)
    poison["dynamodb"]["NewImage"]["last"]["L"][0]["M"]["occurred_at"] = {"S": "noon"}
    assert project.handler({"Records": [good, poison]}, None) == {"batchItemFailures": []}
    (kept,) = failed_records()
    assert json.loads(kept["payload"]) == {"Records": [poison]}
    assert confidence.read_record("denver").groups["dairy"].missed == 0.25 * 0.75


def test_a_location_that_cannot_be_written_comes_again_and_packs_are_written(
    environment: pytest.MonkeyPatch,
) -> None:
    known_counts()
    record = counted_by_hand("A", 1)
    with environment.context() as broken:
        broken.setattr(confidence, "ATTEMPTS", 0)
        assert project.handler({"Records": [record]}, None) == {
            "batchItemFailures": [{"itemIdentifier": "1"}]
        }
    assert said("A")["denver"] == (1, None)
    assert project.handler({"Records": [record]}, None) == {"batchItemFailures": []}
    assert confidence.read_record("denver").groups["dairy"].missed == 0.25 * 0.75


def test_without_any_pick_the_catalog_is_not_asked(environment: pytest.MonkeyPatch) -> None:
    def asked(_: Any) -> Any:
        raise AssertionError("the catalog was asked")

    environment.setattr(confidence, "product_groups", asked)
    assert confidence.confidence_of(["A", "B"]) == {}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    fresh()
