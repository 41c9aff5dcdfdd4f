"""Orders, transfers and holds whose deadlines pass together."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.orders import sweep
from functions.stock import expire_holds
from shared.orders.model import transfers
from shared.orders.model.transfers import Transfer, TransferLine
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.web import portions
from tests.support.shop import NOW, request

EXPECTED = NOW + timedelta(hours=1)
DUE = NOW + timedelta(days=30)
"""When all of them are due."""


def transfer(name: str, sku: str = "A") -> None:
    """A requested transfer of one unit from Denver to Boulder."""
    draft = Transfer(name, "denver", "boulder", (TransferLine(sku, 1, 1),), NOW, EXPECTED)
    asked = transfers.request(draft, NOW, "planner")
    transfers_store.request_once(asked, NOW, request(name), lambda _: "{}")


def hold(name: str, sku: str = "A") -> None:
    """An open hold of one unit in Denver."""
    held = (HoldLine(sku, "denver", 1),)
    stock.open_hold(Hold(name, held, "web", HoldState.OPEN, NOW, EXPECTED, "digest", "{}"))


def set_clock(patch: pytest.MonkeyPatch, at: datetime) -> None:
    """The sweeps and their messages find it to be ``at``."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return at

    for module in (sweep, expire_holds, portions):
        patch.setattr(module, "datetime", Clock)


def sent(patch: pytest.MonkeyPatch, queue: str) -> list[str]:
    """The messages that are sent to the queue from now on."""
    messages: list[str] = []

    def send_many(url: str, bodies: list[str]) -> set[int]:
        assert url == queue
        messages.extend(bodies)
        return set()

    patch.setattr(portions, "send_many", send_many)
    return messages


def received(*messages: str) -> dict[str, Any]:
    """The event of a queue."""
    return {
        "Records": [
            {"messageId": str(number), "body": body} for number, body in enumerate(messages)
        ]
    }
