"""The rows by which orders are found, on DynamoDB Local: what comes twice, late or out of order."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from functions.orders import index_orders
from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.orders import searching, store
from shared.orders.contract.search import Criteria
from shared.orders.model import Fulfillment, FulfillmentLine, Order
from shared.orders.model.erased import without_person
from tests.support import shop
from tests.support.buyers import at_once
from tests.support.requests import Context
from tests.support.shop import NOW, line, order
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("local_tables")
LATER = NOW + timedelta(hours=2)


def made(name: str = "o-1", *, version: int = 1, state: str = "offered", **more: Any) -> Order:
    lines = tuple(replace(line(str(at), sku, 1), open=1) for at, sku in enumerate("ABC"))
    held = tuple(FulfillmentLine(row.line_id, row.sku, 1) for row in lines)
    part = Fulfillment(f"{name}.1", "denver", "ship", state, held, NOW, LATER)  # type: ignore[arg-type]
    paid = order(name, *lines, reference="pay-7")
    found = replace(paid, fulfillments=(part,), reference=f"W-{name}")
    return replace(found, version=version, buyer_keys=("email#e", "phone#p"), **more)


def names(by: Any, value: str, channel: str | None = None, **more: Any) -> list[str]:
    now = more.pop("now", NOW)
    page = searching.find_orders(Criteria(by, value, channel, **more), 50, now)
    return [row.order_id for row in page.summaries]


def life() -> list[Order]:
    """Placed, accepted, an exception without SKU C, done."""
    placed = made()
    accepted = made(version=2, state="accepted")
    (part,) = accepted.fulfillments
    lines = (replace(accepted.lines[0], unassigned=1), *accepted.lines[1:2])
    waiting = replace(accepted, version=3, lines=lines, fulfillments=(), buyer_keys=("email#new",))
    shipped = replace(part, state="shipped", tracking="1Z 999", lines=part.lines[:2])
    done = tuple(replace(row, open=0, unassigned=0, fulfilled=1) for row in lines)
    return [
        placed,
        accepted,
        waiting,
        replace(waiting, version=4, lines=done, fulfillments=(shipped,)),
    ]


def test_rows_follow_the_order() -> None:
    placed, accepted, waiting, done = life()
    assert searching.index_order(placed, None) == 10
    assert names("state", "placed", "web") == names("reference", "W-o-1") == ["o-1"]
    assert names("payment", "pay-7") == ["o-1"]
    assert names("sku", "C", "web") == names("channel", "", "web") == ["o-1"]
    assert names("state", "late", "web", now=LATER + timedelta(seconds=1)) == ["o-1"]
    assert names("state", "late", "web", now=LATER) == []
    searching.index_order(accepted, placed)
    assert names("state", "placed", "web") == []
    assert names("state", "in_progress", "web") == ["o-1"]
    searching.index_order(waiting, accepted)
    assert names("state", "exception", "web") == names("state", "exception") == ["o-1"]
    assert names("sku", "C", "web") == []
    assert names("state", "late", "web", now=LATER + timedelta(days=9)) == []
    searching.index_order(done, waiting)
    assert names("state", "exception") == names("state", "exception", "web") == []
    assert names("tracking", "1z-999") == ["o-1"]
    assert names("state", "fulfilled", "web") == ["o-1"]


def shown() -> list[tuple[str, str, str, str]]:
    """What the index has: (term, sort key, row, summary)."""
    return sorted(
        (row["term"], row["sort_key"], row["sk"], row["summary"])
        for row in shop.items("search")
        if "term" in row
    )


def test_records_that_come_twice_late_or_out_of_order_leave_the_same_rows() -> None:
    versions = life()
    changes = list(zip(versions, [None, *versions], strict=False))
    for order_, before in changes:
        searching.index_order(order_, before)
    expected = shown()
    assert len(expected) == 8
    for number, turns in enumerate(itertools.permutations(changes)):
        renamed = [
            (_named(order_, number), _named(before, number) if before else None)
            for order_, before in (*turns, turns[0])
        ]
        for order_, before in renamed:
            searching.index_order(order_, before)
    for number in range(24):
        name = f"p-{number}"
        mine = [row for row in shown() if row[1].endswith(f"#{name}")]
        assert [row[0].replace(name, "o-1") for row in mine] == [row[0] for row in expected]
        assert [row[3].replace(name, "o-1") for row in mine] == [row[3] for row in expected]


def _named(found: Order, number: int) -> Order:
    name = f"p-{number}"
    parts = tuple(replace(part, fulfillment_id=f"{name}.1") for part in found.fulfillments)
    return replace(found, order_id=name, reference=f"W-{name}", fulfillments=parts)


def test_workers_at_once_leave_the_rows_of_the_last_version() -> None:
    versions = life()
    changes = list(zip(versions, [None, *versions], strict=False))
    at_once([partial(searching.index_order, *change) for change in (*changes, *changes)])
    raced = shown()
    for change in changes:
        searching.index_order(*change)
    assert shown() == raced
    assert Counter(row[0] for row in raced)["STATE#web#fulfilled"] == 1


def test_a_change_that_no_list_shows_writes_nothing() -> None:
    searching.index_order(made(), None)
    again = replace(made(version=2), hold_id="h")
    with metered() as units:
        assert searching.index_order(again, made()) == 0
    assert (units.reads, units.writes) == (0, 0)


def test_a_new_order_of_3_lines_is_one_call_and_20_write_units() -> None:
    with metered() as units:
        assert searching.index_order(made(), None) == 10
    assert (units.writes, units.reads, units.write) == (1, 0, 20)
    accepted = made(version=2, state="accepted")
    with metered() as units:
        assert searching.index_order(accepted, made()) == 10
    assert (units.writes, units.write) == (1, 21)
    (part,) = accepted.fulfillments
    done = tuple(replace(row, open=0, fulfilled=1) for row in accepted.lines)
    parts = (replace(part, state="shipped", tracking="1Z"),)
    shipped = replace(accepted, version=3, lines=done, fulfillments=parts)
    with metered() as units:
        assert searching.index_order(shipped, accepted) == 11
    assert (units.writes, units.write) == (1, 23)


def test_a_page_is_one_query_and_goes_on_where_it_ended() -> None:
    for number in range(7):
        at = NOW + timedelta(seconds=number % 3)
        searching.index_order(made(f"o-{number}", placed_at=at), None)
    sought, seen, after = Criteria("sku", "A", "web"), list[str](), None
    while True:
        with metered() as units:
            page = searching.find_orders(sought, 3, NOW, after)
        assert (units.reads, units.writes) == (1, 0)
        seen += [row.order_id for row in page.summaries]
        after = page.after
        if after is None:
            break
    assert seen == ["o-5", "o-2", "o-4", "o-1", "o-6", "o-3", "o-0"]
    first, last = NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)
    assert names("sku", "A", "web", placed_from=first, placed_to=last) == ["o-4", "o-1"]
    assert names("channel", "", "web", placed_from=last) == ["o-5", "o-2"]
    assert names("channel", "", "web", placed_to=first) == ["o-6", "o-3", "o-0"]


def test_an_erased_person_is_found_no_more_whatever_comes_late() -> None:
    before = made(version=4)
    (part,) = before.fulfillments
    before = replace(before, fulfillments=(replace(part, tracking="1Z"),))
    searching.index_order(before, None)
    store.search.forget("o-1", 5, "erased-1", NOW)
    rows = shown()
    assert not [row for row in rows if row[0].startswith(("CONTACT#", "TRACKING#"))]
    searching.index_order(before, made(version=3))  # late
    assert shown() == rows
    searching.index_order(replace(without_person(before), version=5), before)
    left = {row["sk"]: row for row in shop.items("search")}
    assert not [row for row in shown() if row[0].startswith(("CONTACT#", "TRACKING#"))]
    assert all("ttl" in left[name] for name in ("CONTACT#0", "CONTACT#1", "TRACKING#o-1.1"))


def test_orders_of_older_code_are_found_after_a_round_over_all_orders() -> None:
    for number in range(5):
        stored = made(f"o-{number}")
        item = {"pk": f"ORDER#o-{number}", "sk": "ORDER", **store.to_plain(stored)}
        item = {name: value for name, value in item.items() if name != "buyer_keys"}
        item |= {"version": 1, "decisions": [], "past": None}
        tables.put_many(store.orders_table(), [to_item(item)])
    searching.index_order(made("o-3", version=2, state="accepted"), None)
    answer = index_orders.handler({"rebuild": "all"}, Context())
    assert answer["progress"]["counts"] == {"orders": 5, "rows": 4 * 8}
    assert answer["progress"]["ended_at"]
    assert len(names("channel", "", "web")) == 5
    assert names("state", "in_progress", "web") == ["o-3"]
    again = index_orders.handler({"rebuild": "all"}, Context())
    assert again["progress"]["counts"] == {"orders": 5}
