"""Keys of the table ``orders``."""

import base64

from shared.aws.dynamodb import Key
from shared.aws.settings import table_name
from shared.web.idempotency import Request
from shared.web.portions import WHOLE, Portion, checksum

SHARDS = 16
"""Partitions of the index by_deadline with orders, and as many with transfers. A partition takes
1,000 writes a second, and a change of a deadline is two: 8,000 changed deadlines a second of each
kind."""
OLD_SHARDS = 4
"""Older code spread orders over shards 0 to 3 alone."""
CONTACTS = "CONTACTS"
"""The sort key of the item that has the persons of an order."""
OLD_TRANSFERS_DUE = "DUE#TRANSFERS"
"""The partition where older code wrote the deadlines of all transfers."""


def orders_table() -> str:
    return table_name("orders")


def order_key(order_id: str) -> Key:
    return Key(orders_table(), f"ORDER#{order_id}", "ORDER")


def contacts_key(order_id: str) -> Key:
    return Key(orders_table(), f"ORDER#{order_id}", CONTACTS)


def record_key(request: Request) -> Key:
    return Key(orders_table(), f"IDEM#{request.name}", "IDEM")


def order_id_of_request(request: Request) -> str:
    """The id of an order whose request names none: 16 letters and digits of the request's name."""
    return base64.b32encode(bytes.fromhex(request.name)[:10]).decode()


def order_due(order_id: str) -> str:
    """The partition of by_deadline that has the order while it has a deadline."""
    return f"DUE#{checksum(order_id) % SHARDS}"


def transfer_due(transfer_id: str) -> str:
    """The partition of by_deadline that has the transfer while it has a deadline."""
    return f"DUE#TRANSFERS#{checksum(transfer_id) % SHARDS}"


def orders_due(portion: Portion = WHOLE) -> list[str]:
    """The partitions of by_deadline with orders of the portion, written by this or older code."""
    numbers = {*portion.shards(SHARDS), *portion.shards(OLD_SHARDS)}
    return [f"DUE#{number}" for number in sorted(numbers)]


def transfers_due(portion: Portion = WHOLE) -> list[str]:
    """The partitions of by_deadline with transfers of the portion, of this or older code."""
    return [OLD_TRANSFERS_DUE, *(f"DUE#TRANSFERS#{number}" for number in portion.shards(SHARDS))]


def order_of_fulfillment(fulfillment_id: str) -> str:
    """The id of the order that a fulfillment, or a return, is part of."""
    return fulfillment_id.rpartition(".")[0]


def is_return(parcel: str) -> bool:
    """Whether the parcel is that of a return (<order_id>.R<number>), not of a fulfillment."""
    return parcel.rpartition(".")[2].startswith("R")
