"""Routing decisions: short ones inside the order item, long ones beside it in pieces."""

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.items import to_item
from shared.orders.model import Order, decision_id
from shared.orders.store.keys import orders_table

INLINE = 4096
"""Bytes of decisions that are kept in the order: every change writes them again."""


PIECE = 350_000
"""Bytes of one item of a decision that lies beside its order."""


def inline_decisions(order: Order) -> list[bytes | str]:
    """The decisions as the document has them: the first few bytes, and of the rest their ids."""
    found: list[bytes | str] = []
    left = INLINE
    for decision in order.decisions:
        if isinstance(decision, bytes) and len(decision) <= left:
            left -= len(decision)
            found.append(decision)
        else:
            found.append(decision_id(decision))
    return found


def decision_parts(order: Order) -> list[Part]:
    """The decisions that are to lie beside the order. Their id is made of what is in them: written
    again, they are the same."""
    parts: list[Part] = []
    for decision, kept in zip(order.decisions, inline_decisions(order), strict=True):
        if isinstance(decision, str) or isinstance(kept, bytes):
            continue
        for number, start in enumerate(range(0, len(decision), PIECE)):
            item = {
                "pk": f"ORDER#{order.order_id}",
                "sk": f"DECISION#{kept}#{number:02d}",
                "decision": decision[start : start + PIECE],
            }
            parts.append({"Put": {"TableName": orders_table(), "Item": to_item(item)}})
    return parts


def decision(order_id: str, kept: bytes | str) -> bytes:
    """The bytes of one of the order's decisions: one Query when it lies beside the order.

    Raises LookupError when it is not there.
    """
    if isinstance(kept, bytes):
        return kept
    rows = tables.query(
        orders_table(),
        "pk = :pk AND begins_with(sk, :decision)",
        to_item({":pk": f"ORDER#{order_id}", ":decision": f"DECISION#{kept}#"}),
    )
    found = b"".join(row["decision"] for row in rows)
    if decision_id(found) != kept:
        raise LookupError(f"decision {kept} of order {order_id} is not whole")
    return found
