"""An open hold, written without the verb that opens it."""

from datetime import timedelta

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.stock import store as stock
from shared.stock.model import position as stock_model
from shared.stock.model.position import Hold, HoldLine, HoldState
from tests.support.shop import NOW


def hold(*lines: HoldLine, minutes: int = 60, channel: str = "web") -> Hold:
    """A hold as POST /v1/holds leaves it."""
    made = Hold(
        "h-1",
        lines,
        channel,
        HoldState.OPEN,
        NOW - timedelta(hours=1),
        NOW + timedelta(minutes=minutes),
        "",
        "",
    )
    cause = stock_model.Cause("norain/holds", "h-1", "hold.opened", "reserved")
    _, parts = stock.effect_parts(stock_model.hold_effects(lines), cause, NOW)
    item = {
        "pk": "HOLD#h-1",
        "sk": "HOLD",
        "lines": [
            {"sku": row.sku, "location_id": row.location_id, "quantity": row.quantity}
            for row in lines
        ],
        "channel": channel,
        "state": "open",
        "opened_at": rfc3339(made.opened_at),
        "expires_at": rfc3339(made.expires_at),
        "digest": "",
        "answer": "",
    }
    put = {"Put": {"TableName": stock.stock_table(), "Item": to_item(item)}}
    assert tables.transact([put, *parts]) == []
    return made
