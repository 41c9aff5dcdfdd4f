"""Store routing decisions: short ones in the order item, long ones beside it in pieces."""

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.items import to_item
from shared.orders.model import Order, decision_id
from shared.orders.store.keys import orders_table

INLINE = 4096
"""The most bytes of decisions in the order item, which every change writes again."""
PIECE = 350_000
"""The most bytes of a decision in one item beside its order."""


def inline_decisions(order: Order) -> list[bytes | str]:
    """The decisions as the order item has them: bytes as far as INLINE allows, ids of the
    others."""
    inline: list[bytes | str] = []
    remaining = INLINE
    for decision in order.decisions:
        if isinstance(decision, bytes) and len(decision) <= remaining:
            remaining -= len(decision)
            inline.append(decision)
        else:
            inline.append(decision_id(decision))
    return inline


def decision_parts(order: Order) -> list[Part]:
    """The parts that write decisions beside the order. The id is a hash of the bytes, so that
    writing one again changes nothing."""
    parts: list[Part] = []
    for decision, inline in zip(order.decisions, inline_decisions(order), strict=True):
        if isinstance(decision, str) or isinstance(inline, bytes):
            continue
        for number, start in enumerate(range(0, len(decision), PIECE)):
            item = {
                "pk": f"ORDER#{order.order_id}",
                "sk": f"DECISION#{inline}#{number:02d}",
                "decision": decision[start : start + PIECE],
            }
            parts.append({"Put": {"TableName": orders_table(), "Item": to_item(item)}})
    return parts


def decision(order_id: str, stored: bytes | str) -> bytes:
    """The bytes of a decision of the order: one Query when only its id is ``stored`` in the order.

    Raises LookupError when a piece of it is missing.
    """
    if isinstance(stored, bytes):
        return stored
    rows = tables.query(
        orders_table(),
        "pk = :pk AND begins_with(sk, :decision)",
        to_item({":pk": f"ORDER#{order_id}", ":decision": f"DECISION#{stored}#"}),
    )
    data = b"".join(row["decision"] for row in rows)
    if decision_id(data) != stored:
        raise LookupError(f"decision {stored} of order {order_id} is incomplete")
    return data
