"""Convert items of the table ``orders`` to values, and values to items."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass, replace
from datetime import datetime
from typing import Any

from shared.addresses import Address
from shared.instants import rfc3339
from shared.orders.model import (
    NO_CONTACTS,
    NO_PAST,
    Buyer,
    Claim,
    Collector,
    Contacts,
    DeliveryPlace,
    Fulfillment,
    FulfillmentLine,
    Line,
    Order,
    OrderEntry,
    Past,
    Pause,
    Payment,
    Return,
    ReturnLine,
    UnsoldUnits,
)
from shared.orders.model.payments import StoreCredit, captured
from shared.orders.model.quoted import Discount, OrderQuote, PointsPaid
from shared.pricing.model.uses import Use
from shared.stored import from_row


def past_of_item(item: Mapping[str, Any]) -> tuple[list[OrderEntry], list[Fulfillment]]:
    """The history entries and closed fulfillments in one part of an order's past."""
    return (
        [entry_of_row(entry) for entry in item["history"]],
        [fulfillment_of_row(row) for row in item["fulfillments"]],
    )


def reserved_by_transfer(item: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Units reserved for a transfer until it is shipped, by (SKU, location_id)."""
    if item["state"] != "requested":
        return Counter()
    return Counter({(row["sku"], item["from_location_id"]): row["open"] for row in item["lines"]})


DATES_OF_FULFILLMENT = (
    "offered_at",
    "ready_by",
    "deliver_by",
    "deadline",
    "handed_over_at",
    "arrived_at",
    "delivered_at",
    "lost_at",
    "returned_at",
    "received_at",
)


def order_of_item(item: Mapping[str, Any]) -> Order:
    """An order from the values of its item, read from the table or from a stream image."""
    ship_to = item.get("ship_to")
    return Order(
        order_id=item["order_id"],
        channel=item["channel"],
        placed_at=datetime.fromisoformat(item["placed_at"]),
        payments=_payments_of_item(item),
        lines=tuple(line_of_row(row) for row in item["lines"]),
        service_level=item["service_level"],
        buyer=from_row(Buyer, item["buyer"]),
        ship_to=from_row(DeliveryPlace, ship_to) if ship_to else None,
        hold_id=item.get("hold_id"),
        fulfillments=tuple(fulfillment_of_row(row) for row in item["fulfillments"]),
        history=tuple(entry_of_row(row) for row in item["history"]),
        decisions=tuple(item["decisions"]),
        version=item["version"],
        past=from_row(Past, item["past"]) if item.get("past") else NO_PAST,
        shipping=item.get("shipping", 0),
        shipping_tax=item.get("shipping_tax", 0),
        payment_due_by=_payment_due_by(item),
        returns=tuple(_return_of_row(row) for row in item.get("returns", ())),
        reference=item.get("reference"),
        buyer_keys=tuple(item.get("buyer_keys", ())),
        contact_keys=tuple(item.get("contact_keys", ())),
        pauses=tuple(pause_of_row(row) for row in item.get("pauses", ())),
        ship_complete=item.get("ship_complete", False),
        quote=_quote_of_row(item["quote"]) if item.get("quote") else None,
        repriced=item.get("repriced", 0),
        credits=tuple(from_row(StoreCredit, row) for row in item.get("credits", ())),
        points=_points_of_row(item["points"]) if item.get("points") else None,
    )


def _points_of_row(row: Mapping[str, Any]) -> PointsPaid:
    return from_row(PointsPaid, {**row, "draws": tuple(row.get("draws", ()))})


def _quote_of_row(row: Mapping[str, Any]) -> OrderQuote:
    discounts = _discounts(row.get("shipping_discounts", ()))
    uses = tuple(map(Use.from_json, row.get("uses", ())))
    return from_row(
        OrderQuote, {**row, "shipping_discounts": discounts, "uses": uses, **_instants(row, "at")}
    )


def _discounts(rows: Iterable[Mapping[str, Any]]) -> tuple[Discount, ...]:
    return tuple(from_row(Discount, row) for row in rows)


def pause_of_row(row: Mapping[str, Any]) -> Pause:
    return from_row(Pause, {**row, **_instants(row, "began_at", "paused_since", "deadline")})


def _payment_due_by(item: Mapping[str, Any]) -> datetime | None:
    due_by = item.get("payment_due_by")
    if due_by is None and "payments" not in item:
        due_by = item["payment"].get("deadline")
    return datetime.fromisoformat(due_by) if due_by else None


def _return_of_row(row: Mapping[str, Any]) -> Return:
    return from_row(
        Return,
        {
            **row,
            "lines": tuple(from_row(ReturnLine, line) for line in row["lines"]),
            "photos": tuple(row.get("photos", ())),
            "credit": from_row(StoreCredit, row["credit"]) if row.get("credit") else None,
            "unsold": tuple(from_row(UnsoldUnits, units) for units in row["unsold"])
            if row.get("unsold")
            else None,
            **_instants(row, "deadline"),
        },
    )


def _payments_of_item(item: Mapping[str, Any]) -> tuple[Payment, ...]:
    if "payments" in item:
        return tuple(payment_of_row(row) for row in item["payments"])
    # Older code knew one payment, and did not tell what is authorized from what is captured; its
    # first orders do not say how much that is.
    old = item["payment"]
    payment = Payment("1", reference=old.get("reference"))
    if old["status"] == "pending":
        return (payment,)
    value = sum(row["unit_price"] * row["quantity"] for row in item["lines"])
    charged = value if old.get("charged") is None else old["charged"]
    return (replace(captured(payment, charged), refund_due=old.get("refunded", 0)),)


def payment_of_row(row: Mapping[str, Any]) -> Payment:
    return from_row(Payment, {**row, **_instants(row, "expires_at")})


def contacts_of_item(item: Mapping[str, Any] | None) -> Contacts:
    if item is None:
        return NO_CONTACTS
    ship_to, bill_to = (_address(item.get(name)) for name in ("ship_to", "bill_to"))
    collector = item.get("collector")
    return Contacts(
        ship_to,
        bill_to,
        from_row(Collector, collector) if collector else None,
        item.get("delivery_note"),
        item.get("gift_message"),
    )


def _address(row: Mapping[str, Any] | None) -> Address | None:
    return from_row(Address, {**row, "lines": tuple(row["lines"])}) if row else None


def line_of_row(row: Mapping[str, Any]) -> Line:
    return from_row(
        Line,
        {
            **row,
            # Older code knew no units that are credited before they are returned.
            "credited": row.get("credited", row["returned"]),
            "excluded": tuple(row["excluded"]),
            "expired": tuple(row.get("expired", ())),
            "discounts": _discounts(row.get("discounts", ())),
            "claims": tuple(
                from_row(Claim, {**claim, **_instants(claim, "expected_at")})
                for claim in row.get("claims", ())
            ),
            **_instants(row, "expected_at", "since", "deadline", "consent_by"),
        },
    )


def fulfillment_of_row(row: Mapping[str, Any]) -> Fulfillment:
    return from_row(
        Fulfillment,
        {
            **row,
            "lines": tuple(
                from_row(FulfillmentLine, {**held, "counters": tuple(held.get("counters", ()))})
                for held in row["lines"]
            ),
            "rivals": tuple(row.get("rivals", ())),
            "scans": tuple(row["scans"]) if row.get("scans") else None,
            **_instants(row, *DATES_OF_FULFILLMENT),
        },
    )


def entry_of_row(row: Mapping[str, Any]) -> OrderEntry:
    return from_row(OrderEntry, {**row, **_instants(row, "at")})


def _instants(row: Mapping[str, Any], *names: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(row[name]) for name in names if row.get(name)}


def to_plain(value: Any) -> Any:
    """A value of an order as an item stores it: objects as their fields without None, instants as
    text, tuples as lists."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if is_dataclass(value):
        pairs = [(name, getattr(value, name)) for name in value.__dataclass_fields__]
        return {name: to_plain(entry) for name, entry in pairs if entry is not None}
    if isinstance(value, dict):
        return {name: to_plain(entry) for name, entry in value.items() if entry is not None}
    return value
