"""Claims of backordered lines, by the position whose supply they wait for."""

from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.model import Claim, Order
from shared.orders.model.supplies import WaitingLine
from shared.orders.store.keys import orders_table


def waiting_lines(sku: str, location_id: str) -> list[WaitingLine]:
    """The claims on the supplies of a position, the longest waiting first (strongly consistent)."""
    rows = tables.query(
        orders_table(),
        "pk = :pk",
        to_item({":pk": f"SUPPLY#{sku}#{location_id}"}),
        ConsistentRead=True,
    )
    lines = []
    for row in rows:
        since, order_id, line_id, reference = row["sk"].split("#", 3)
        claim = Claim(
            location_id,
            reference,
            row["quantity"],
            datetime.fromisoformat(row["expected_at"]),
            row.get("source"),
        )
        lines.append(WaitingLine(datetime.fromisoformat(since), order_id, line_id, claim))
    return lines


def claim_parts(before: Order | None, order: Order) -> list[Part]:
    """The parts of a transaction that write and delete the claims that differ from ``before``."""
    old, new = _claims(before), _claims(order)
    parts: list[Part] = []
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        where = {"TableName": orders_table(), "Key": tables.key(*key)}
        if (claim := new.get(key)) is None:
            parts.append({"Delete": where})
            continue
        update = Update()
        update.set("quantity", claim.quantity)
        update.set("expected_at", rfc3339(claim.expected_at))
        if claim.source is not None:
            update.set("source", claim.source)
        parts.append({"Update": update.request(orders_table(), *key)})
    return parts


def _claims(order: Order | None) -> dict[tuple[str, str], Claim]:
    return {
        (
            f"SUPPLY#{line.sku}#{claim.location_id}",
            f"{rfc3339(line.since)}#{order.order_id}#{line.line_id}#{claim.reference}",
        ): claim
        for line in (order.lines if order else ())
        if order is not None and line.since is not None
        for claim in line.claims
    }
