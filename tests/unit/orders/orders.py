"""Orders for tests: two lines, one location per parcel."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.orders.model import (
    DeliveryPlace,
    Line,
    Method,
    Order,
    OrderChange,
    Parcel,
    Payment,
    Taken,
    offer,
    owed,
    place,
    settle,
)
from shared.orders.model.payments import authorized, paid

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def line(line_id: str, sku: str, quantity: int, method: Method = "ship", **more: object) -> Line:
    return Line(line_id, sku, quantity, 1000, "USD", method, 0, **more)  # type: ignore[arg-type]


def order(*lines: Line, status: str = "paid") -> Order:
    draft = Order(
        order_id="o1",
        channel="web",
        placed_at=NOW,
        payments=(),
        lines=lines or (line("1", "A", 3),),
        ship_to=DeliveryPlace("94103", "US"),
    )
    return replace(draft, payments=payments(status, owed(draft)))


def payments(status: str, amount: int) -> tuple[Payment, ...]:
    """One payment of ``amount`` that is paid, authorized or pending."""
    match status:
        case "paid":
            return (paid(amount),)
        case "authorized":
            return (authorized(amount),)
    return (Payment("1"),)


def parcel(location_id: str, method: Method = "ship", /, **units: int) -> Parcel:
    """``units`` by line, as ``l1=3`` for line 1."""
    return Parcel(
        location_id,
        method,
        tuple(Taken(name.removeprefix("l"), quantity) for name, quantity in units.items()),
        answer_by=NOW + timedelta(minutes=30),
        ready_by=NOW + timedelta(hours=2),
    )


def placed(of: Order, *parcels: Parcel) -> OrderChange:
    return settle(offer(place(of, NOW, "web"), parcels, NOW), NOW)
