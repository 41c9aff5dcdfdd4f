"""What newer code has stored is read by this code, during a deploy and after a rollback."""

import ast
import json
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.addresses import Address
from shared.availability.store.packs import pack_of_item
from shared.aws.items import from_item, to_item
from shared.customers.model import person
from shared.customers.store import values as customers
from shared.locations.store import location_of_item
from shared.orders.model import (
    Buyer,
    Claim,
    Collector,
    Contacts,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderChange,
    OrderEntry,
    Past,
    Pause,
    Return,
    ReturnLine,
)
from shared.orders.model.payments import paid
from shared.orders.store import labels, policy, search, what_ifs
from shared.orders.store.documents import contacts_part, new_order_part
from shared.orders.store.items import contacts_of_item, order_of_item, past_of_item
from shared.orders.store.transfers import transfer_of_item
from shared.routing.model.decision import Decision
from shared.routing.store.policies import policy_of_item
from shared.stock.store.rows import hold_of_item, position_of_item, row_of_item
from shared.stored import from_row
from tests.support import shop
from tests.support.events import EVENTS

READ = {
    "order": order_of_item,
    "past": past_of_item,
    "transfer": transfer_of_item,
    "hold": hold_of_item,
    "position": position_of_item,
    "movement": row_of_item,
    "pack": pack_of_item,
    "location": location_of_item,
    "policy": policy_of_item,
}
RECORDS = [
    path for path in sorted(EVENTS.glob("*/stored/*.json")) if path.name.partition(".")[0] in READ
]
KEYED = {"hours", "cut_offs", "calendars", "services", "handling", "fields"}
"""Maps from data (days, levels) to rows."""
DATA = {"detail", "handed", "stock", "pulls", "expected", "units", "terms"}
DATA |= {"kept", "rates", "credits", "confidence"}
"""Maps without rows."""
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def newer(value: Any, name: str = "") -> Any:
    """``value`` with a field of tomorrow in each row."""
    match value:
        case Mapping() if name in DATA or (name == "unfilled" and "share" not in value):
            return value
        case Mapping():
            row = {key: newer(entry, key) for key, entry in value.items()}
            return row if name in KEYED else {**row, "of_tomorrow": {"says": "more"}}
        case list():
            return [newer(entry) for entry in value]
    return value


def full_order() -> Order:
    """An order that has every kind of row."""
    line = replace(
        shop.line("1", "A", 3, backorder=True),
        backordered=1,
        open=2,
        claims=(Claim("denver", "PO-1", 1, AT, "boulder"),),
    )
    part = Fulfillment(
        "o.1", "denver", "ship", "offered", (FulfillmentLine("1", "A", 2, ("T#web",)),), AT
    )
    return replace(
        shop.order("o", line),
        payments=(paid(3000),),
        buyer=Buyer("p-1"),
        fulfillments=(part,),
        history=(OrderEntry(AT, "order.placed", "web", {"reason": "-"}),),
        past=Past(1, 1, {"1": 1}, 1),
        returns=(Return("r-1", "authorized", (ReturnLine("1", 1, "too small"),), "scan"),),
        pauses=(Pause("1", "fraud", "card", "risk", AT, AT, AT),),
        contacts=Contacts(
            Address("Ann", ("1 Main St",), "Denver", "80202", "US"),
            collector=Collector("Bob"),
        ),
    )


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORAIN_TABLE_ORDERS", "orders")


def stored_order() -> dict[str, Any]:
    item = new_order_part(OrderChange(full_order()), None, "{}")["Put"]["Item"]
    return from_item(item)


def kinds_in(value: Any) -> set[type]:
    if is_dataclass(value) and not isinstance(value, type):
        inner = [kinds_in(getattr(value, field.name)) for field in fields(value)]
        return {type(value)}.union(*inner)
    if isinstance(value, tuple):
        return set().union(*map(kinds_in, value))
    return set()


def test_fields_of_tomorrow_in_every_row_of_an_order_are_left_out() -> None:
    item = stored_order()
    order = order_of_item(item)
    assert order_of_item(from_item(to_item(newer(item)))) == order
    rows = {Claim, Fulfillment, FulfillmentLine, OrderEntry, Past, Pause, Return, ReturnLine, Buyer}
    assert rows <= kinds_in(order)


def test_fields_of_tomorrow_of_the_persons_of_an_order_are_left_out() -> None:
    order = full_order()
    values = contacts_part(order, None)["Update"]["ExpressionAttributeValues"]
    rows = [entry for entry in from_item(values).values() if isinstance(entry, dict)]
    address, collector = sorted(rows, key=len, reverse=True)
    item = {"ship_to": address, "collector": collector}
    assert contacts_of_item(newer(item)) == order.contacts


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_every_kind_of_item_is_read_with_fields_of_tomorrow(path: Path) -> None:
    read = READ[path.name.partition(".")[0]]
    item = from_item(json.loads(path.read_text())["item"])
    assert read(newer(item)) == read(item)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*/stored/decision.*")), ids=lambda p: p.name)
def test_a_decision_is_read_with_fields_of_tomorrow(path: Path) -> None:
    data = b64decode(json.loads(path.read_text())["bytes"])
    document = newer(json.loads(zlib.decompress(data)))
    again = zlib.compress(json.dumps(document).encode())
    assert Decision.from_bytes(again) == Decision.from_bytes(data)


def test_a_statement_about_a_person_is_read_with_fields_of_tomorrow() -> None:
    home = person.Address("1 Main St", "Denver", "CO", "80202", "US")
    record = person.SourceRecord(
        "shop",
        "1",
        AT,
        {"address": person.StatedValue(home, AT)},
        (person.Consent("newsletter", "email", "ann@example.com", "granted", AT),),
    )
    assert customers.record_from(newer(customers.record_values(record))) == record


def test_what_is_stored_beside_orders_is_read_with_fields_of_tomorrow() -> None:
    shown: dict[str, Any] = {
        "order_id": "o",
        "channel": "web",
        "state": "placed",
        "placed_at": AT.isoformat(),
    }
    shown |= {"total": 1, "currency": "USD", "lines": 1, "units": 1, "version": 1}
    summary = search._summary({"summary": json.dumps(newer(shown))})
    assert (summary.order_id, summary.placed_at) == ("o", AT)
    label = {"label_id": "l", "carrier": "UPS", "tracking": "1Z", "amount": 1, "currency": "USD"}
    item = {"purchase": "p", "since": AT.isoformat(), "label": label}
    assert labels._purchase_of(newer(item)) == labels._purchase_of(item)
    terms = {"fee": 300, "window": 60, "reasons": ["too small"]}
    assert policy._terms(newer(terms)) == policy._terms(terms)
    difference = {"order_id": "o", "before": ["S1"], "after": ["S2"], "paid": 1, "kg_co2e": 0.5}
    assert what_ifs._difference(newer(difference)) == what_ifs._difference(difference)


def test_a_row_that_lacks_a_field_is_still_refused() -> None:
    with pytest.raises(TypeError, match="quantity"):
        from_row(ReturnLine, {"line_id": "1", "reason": "-", "of_tomorrow": 1})


def test_no_store_takes_a_row_for_the_fields_of_a_class() -> None:
    """``Line(**row)`` fails for a field that it does not know; ``from_row`` does not."""
    exceptions = {"locations/store/items.py"}  # reads the fields that it knows, one by one
    found = {
        f"{path.relative_to(SHARED).as_posix()}:{node.lineno}"
        for path in SHARED.glob("*/store/**/*.py")
        if path.relative_to(SHARED).as_posix() not in exceptions
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id[:1].isupper()
        and any(keyword.arg is None for keyword in node.keywords)
    }
    # A rule of times is made from the names in MATCHES.
    assert {name.partition(":")[0] for name in found} <= {"orders/store/policy.py"}
