"""Keys of the table ``orders``."""

import base64
import zlib

from shared.aws.dynamodb import Key
from shared.aws.settings import table_name
from shared.web.idempotency import Request

TRANSFERS_DUE = "DUE#TRANSFERS"
"""The partition of the index by_deadline that has the transfers."""
SHARDS = 4
"""Partitions of by_deadline with orders: each takes 1,000 changes of orders a second."""


def orders_table() -> str:
    return table_name("orders")


def order_key(order_id: str) -> Key:
    return Key(orders_table(), f"ORDER#{order_id}", "ORDER")


def record_key(request: Request) -> Key:
    return Key(orders_table(), f"IDEM#{request.name}", "IDEM")


def order_id_of_request(request: Request) -> str:
    """The id of an order whose request names none: 16 letters and digits of the request's name."""
    return base64.b32encode(bytes.fromhex(request.name)[:10]).decode()


def shard(order_id: str) -> int:
    return zlib.crc32(order_id.encode()) % SHARDS


def order_of_fulfillment(fulfillment_id: str) -> str:
    """The id of the order that a fulfillment is part of."""
    return fulfillment_id.rpartition(".")[0]
