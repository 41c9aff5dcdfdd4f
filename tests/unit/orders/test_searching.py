"""By what an order is found, and which searches are possible."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import InvalidRequest
from shared.orders.contract.search import Criteria, criteria
from shared.orders.model import Fulfillment, FulfillmentLine, Order
from shared.orders.model.erased import without_person
from shared.orders.model.searching import ended, is_shown_alike, summary_of, terms_of
from tests.unit.orders.orders import NOW, line, order

ALL = frozenset({"all"})
SOON, LATER = NOW + timedelta(hours=2), NOW + timedelta(days=3)


def key_of(kind: str, value: str) -> str:
    return f"{kind} hash of {value}"


def part(number: int = 1, **more: Any) -> Fulfillment:
    values: dict[str, Any] = {
        "location_id": "S1",
        "method": "ship",
        "state": "accepted",
        "lines": (FulfillmentLine("1", "A", 1),),
        "offered_at": NOW,
        **more,
    }
    return Fulfillment(f"o.{number}", **values)


def made(**more: Any) -> Order:
    """An order that a location serves by SOON."""
    lines = (replace(line("1", "A", 1), open=1), replace(line("2", "B", 2), open=2))
    parts = (part(ready_by=SOON, deliver_by=LATER),)
    return replace(order(*lines), fulfillments=parts, **more)


def test_an_order_has_a_term_for_everything_by_which_it_is_found() -> None:
    found = made(reference="W-1", buyer_keys=("email#e", "phone#p"))
    shipped = part(2, state="shipped", tracking="1Z")
    found = replace(found, fulfillments=(*found.fulfillments, shipped))
    terms = {name: term.term for name, term in terms_of(found, key_of).items()}
    assert terms == {
        "CHANNEL": "CHANNEL#web",
        "STATE": "STATE#web#in_progress",
        "DUE": "DUE#web",
        "REFERENCE": "REFERENCE#W-1",
        "SKU#A": "SKU#web#A",
        "SKU#B": "SKU#web#B",
        "CONTACT#0": "CONTACT#email#e",
        "CONTACT#1": "CONTACT#phone#p",
        "TRACKING#o.2": "TRACKING#tracking hash of 1Z",
    }


def test_an_order_is_found_by_the_reference_of_its_payment() -> None:
    found = made()
    (payment,) = found.payments
    found = replace(found, payments=(replace(payment, reference="pay-7"),))
    terms = terms_of(found, key_of)
    assert terms["PAYMENT#1"].term == "PAYMENT#payment hash of pay-7"
    assert "PAYMENT#1" not in terms_of(without_person(found), key_of)


def test_exceptions_and_backorders_are_also_found_over_all_channels() -> None:
    waiting = replace(line("1", "A", 1), open=0, backordered=1, expected_at=LATER)
    terms = terms_of(order(waiting), key_of)
    assert terms["ATTENTION"].term == "STATE#backordered"
    assert terms["STATE"].term == "STATE#web#backordered"


def test_an_order_is_due_by_the_earliest_date_of_what_is_open() -> None:
    assert summary_of(made()).due_at == SOON
    late_line = replace(line("1", "A", 1), backordered=1, expected_at=LATER)
    assert summary_of(order(late_line)).due_at == LATER
    done = replace(made(), fulfillments=(part(state="shipped", ready_by=SOON),))
    assert summary_of(done).due_at is None
    assert "DUE" not in terms_of(done, key_of)


def test_a_change_that_no_list_shows_is_not_shown() -> None:
    before = made()
    noted = replace(before, version=9, hold_id="h")
    assert is_shown_alike(noted, before)
    assert not is_shown_alike(replace(before, reference="W-2"), before)


def test_a_parcel_that_moved_to_the_past_keeps_its_row() -> None:
    shipped = part(1, state="shipped", tracking="1Z")
    before = replace(made(), fulfillments=(shipped,))
    moved = replace(before, fulfillments=())
    names = {name: term for name, term in terms_of(before, key_of).items() if "#" in name}
    assert ended(before, moved, names) == {"SKU#A", "SKU#B"}
    erased = replace(before, fulfillments=(replace(shipped, tracking=None),))
    assert ended(before, erased, names) == set(names)


@pytest.mark.parametrize(
    ("given", "channels", "expected"),
    [
        ({"reference": " W-1 "}, ALL, Criteria("reference", "W-1")),
        ({"email": "Zoe@Shop.TEST"}, ALL, Criteria("email", "zoe@shop.test")),
        ({"phone": " 49 30 901820"}, ALL, Criteria("phone", "+4930901820")),
        ({"tracking": "1Z 9"}, ALL, Criteria("tracking", "1Z 9")),
        ({"sku": "A", "channel": "web"}, ALL, Criteria("sku", "A", "web")),
        ({"sku": "A"}, {"web"}, Criteria("sku", "A", "web")),
        ({"channel": "web"}, ALL, Criteria("channel", "", "web")),
        ({}, {"web"}, Criteria("channel", "", "web")),
        ({"state": "fulfilled", "channel": "web"}, ALL, Criteria("state", "fulfilled", "web")),
        ({"state": "exception"}, ALL, Criteria("state", "exception")),
        ({"state": "late", "channel": "web"}, ALL, Criteria("state", "late", "web")),
    ],
)
def test_each_search_is_one_list(given: Any, channels: Any, expected: Criteria) -> None:
    assert criteria(given, None, None, channels) == expected


@pytest.mark.parametrize(
    ("given", "bounds", "words"),
    [
        ({"reference": "W", "sku": "A"}, (None, None), "reference and sku cannot be searched"),
        ({"reference": "W", "channel": "web"}, (None, None), "searched in all channels"),
        ({"sku": "A"}, (None, None), "name a channel"),
        ({}, (None, None), "name a channel"),
        ({"state": "placed"}, (None, None), "only backordered, exception, paused go without"),
        ({"state": "late"}, (None, None), "only backordered, exception, paused go without"),
        ({"state": "late", "channel": "web"}, (NOW, None), "by the date that has passed"),
        ({"state": "picked", "channel": "web"}, (None, None), "name a location_id"),
        ({"channel": "web"}, (LATER, SOON), "later than placed_from"),
        ({"phone": "030 901820"}, (None, None), "country code"),
        ({"email": "nobody"}, (None, None), "not an email address"),
    ],
)
def test_a_search_without_an_access_pattern_is_refused(given: Any, bounds: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        criteria(given, bounds[0], bounds[1], ALL)
    (error,) = refused.value.data["errors"]
    assert words in error["message"]


def test_a_cursor_belongs_to_its_query() -> None:
    one, other = Criteria("sku", "A", "web"), Criteria("sku", "B", "web")
    cursor = one.cursor("2026-11-20T18:00:00.000Z#o-1", "SKU#A")
    assert one.row_after(cursor) == ("2026-11-20T18:00:00.000Z#o-1", "SKU#A")
    bounded = replace(one, placed_from=datetime(2026, 1, 1, tzinfo=UTC))
    for wrong in (other, bounded, replace(one, channel="pos")):
        with pytest.raises(InvalidRequest):
            wrong.row_after(cursor)
    with pytest.raises(InvalidRequest):
        one.row_after("b25l")
