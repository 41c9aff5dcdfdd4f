"""What orders of the last weeks shipped, table ``orders``: a row per order, and sums per day.

    pk DEMAND#<day>#<slot>  sk ORDER#<order_id>      {version, shipment, ttl}     1 write unit
    pk DEMAND#<day>#<slot>  sk LATE                  {mark, ttl}
    pk DEMAND#<name>        sk SUMS                  {stamp, parts, marks, ttl}
    pk DEMAND#<name>        sk SUMS#<stamp>#<nnnn>   {data, ttl}

The worker of the table's stream writes a row for each new order, and again when an erasure has
changed where it went. A row is both the mark that the order has been counted and what is counted,
so that whatever comes twice or late is counted once: one write unit per order. A counter beside a
mark would take a transaction of two items, four units.

The sums of a day (``name`` is its date) are made from its rows when the day has SETTLED, once. A
row that comes later leaves a new mark in LATE, behind itself; sums whose marks are not those of
today are made again.

Largest items: a row has 0.2 KB, 8 KB for an order of 100 lines with long SKUs; a part of sums has
PART bytes. 10,000 orders a day are 2 MB of rows; 864,000 (10 a second) are 11 MB in each of SLOTS
slots. Largest rate: a slot takes 1,000 writes a second, so a day takes 16,000 orders a second.
Rows and sums expire after KEPT.
"""

import json
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.walks import Segment, key_after, start_key
from shared.instants import rfc3339
from shared.orders.model import Order
from shared.orders.model.demand import Shipment, Sums
from shared.orders.store.items import order_of_item
from shared.orders.store.keys import orders_table
from shared.web.portions import checksum

SLOTS = 16
KEPT = timedelta(days=40)
SETTLED = timedelta(hours=1)
"""How long after its end the sums of a day may be made."""
CLOCKS = timedelta(minutes=10)
"""By how much the clocks of two workers may differ."""
PART = 300_000
PAGE = 100


@dataclass(frozen=True, slots=True)
class ShipmentRow:
    """The shipment of an order's ``version``."""

    order_id: str
    version: int
    shipment: Shipment


def record(rows: Iterable[ShipmentRow], now: datetime) -> None:
    """Counts the orders; harmless when it is repeated."""
    late: dict[tuple[str, str], None] = {}
    for row in rows:
        day = row.shipment.placed_at.astimezone(UTC).date()
        if now - row.shipment.placed_at > KEPT:
            continue
        pk = _rows(day, checksum(row.order_id) % SLOTS)
        condition = Condition()
        # Holds while no row, or one of an older version of the order, is stored.
        condition.require("attribute_not_exists(pk) OR version < {}", row.version)
        tables.write(
            "put_item",
            TableName=orders_table(),
            Item=to_item(
                {
                    "pk": pk,
                    "sk": f"ORDER#{row.order_id}",
                    "version": row.version,
                    "shipment": _text(row.shipment),
                    "ttl": expiry(day),
                }
            ),
            **condition.arguments(),
        )
        # Also for a row that was stored already: its writer may have died before it left the mark.
        if now >= _settled(day) - CLOCKS:
            late[pk, day.isoformat()] = None
    marks = [
        {"pk": pk, "sk": "LATE", "mark": uuid.uuid4().hex, "ttl": expiry(date.fromisoformat(day))}
        for pk, day in late
    ]
    for mark in marks:
        tables.write("put_item", TableName=orders_table(), Item=to_item(mark))


def sums_of_day(day: date, now: datetime) -> Sums:
    """The sums of the day's orders: stored ones when they are current, else made from the rows, and
    stored when the day has settled.

    Read units: 8 for the marks and 1 per 4 KB of stored sums (a day of 200,000 different SKUs: 1
    MB, 250 units); 1 per 4 KB of rows when the sums have to be made (864,000 orders: 40,000).
    """
    marks = _marks(day)
    stored = read_sums(day.isoformat(), marks)
    if stored is not None:
        return stored
    sums = Sums()
    for slot in range(SLOTS):
        for row in tables.query(
            orders_table(),
            "pk = :pk AND begins_with(sk, :order)",
            to_item({":pk": _rows(day, slot), ":order": "ORDER#"}),
            ConsistentRead=True,
            ProjectionExpression="shipment",
        ):
            sums.add(_shipment(row["shipment"]))
    if now >= _settled(day):
        save_sums(day.isoformat(), sums, expiry(day), marks)
    return sums


def save_sums(name: str, sums: Sums, ttl: int, marks: Mapping[str, str]) -> None:
    """Replaces the sums of this name. Earlier parts expire."""
    data = zlib.compress(json.dumps(sums.to_json(), separators=(",", ":")).encode(), 6)
    stamp = uuid.uuid4().hex
    parts = [data[at : at + PART] for at in range(0, len(data), PART)]
    pk = f"DEMAND#{name}"
    for number, part in enumerate(parts):
        item = {"pk": pk, "sk": f"SUMS#{stamp}#{number:04d}", "data": part, "ttl": ttl}
        tables.write("put_item", TableName=orders_table(), Item=to_item(item))
    head = {"pk": pk, "sk": "SUMS", "stamp": stamp, "parts": len(parts), "marks": dict(marks)}
    tables.write("put_item", TableName=orders_table(), Item=to_item({**head, "ttl": ttl}))


def read_sums(name: str, marks: Mapping[str, str]) -> Sums | None:
    """The sums of this name; None when there are none with these ``marks``."""
    head = tables.get(orders_table(), f"DEMAND#{name}", "SUMS", consistent=True)
    if head is None or head["marks"] != marks:
        return None
    keys = [
        Key(orders_table(), f"DEMAND#{name}", f"SUMS#{head['stamp']}#{number:04d}")
        for number in range(head["parts"])
    ]
    parts = tables.get_many(keys, consistent=True)
    if len(parts) < len(keys):  # they have expired
        return None
    data = b"".join(bytes(parts[key]["data"]) for key in keys)
    return Sums.from_json(json.loads(zlib.decompress(data)))


def orders_page(segment: Segment, since: datetime) -> tuple[list[Order], Mapping[str, str] | None]:
    """The next orders of a segment of the table that were placed since then, and the key to
    continue after. One step of a backfill reads PAGE items, of orders or not."""
    page = tables.scan_page(
        orders_table(),
        PAGE,
        start_key(segment.after),
        FilterExpression="sk = :order AND placed_at >= :since",
        ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
        **segment.scan_arguments,
    )
    return [order_of_item(item) for item in page.items], key_after(page.last)


def _marks(day: date) -> dict[str, str]:
    keys = [Key(orders_table(), _rows(day, slot), "LATE") for slot in range(SLOTS)]
    return {
        key.pk.rpartition("#")[2]: item["mark"]
        for key, item in tables.get_many(keys, consistent=True).items()
    }


def _rows(day: date, slot: int) -> str:
    return f"DEMAND#{day.isoformat()}#{slot:02d}"


def _settled(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1) + SETTLED


def expiry(day: date) -> int:
    """When rows and sums of the day expire (epoch seconds)."""
    return int((datetime.combine(day, time(), UTC) + KEPT).timestamp())


def _text(shipment: Shipment) -> str:
    plain = [rfc3339(shipment.placed_at), shipment.units, shipment.point]
    return json.dumps(plain, separators=(",", ":"), sort_keys=True)


def _shipment(text: str) -> Shipment:
    at, units, point = json.loads(text)
    return Shipment(datetime.fromisoformat(at), units, (point[0], point[1]) if point else None)
