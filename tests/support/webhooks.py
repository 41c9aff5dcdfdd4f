"""A webhook to start from; a test changes what it is about."""

from datetime import UTC, datetime
from typing import Any

from shared.webhooks.model import Webhook

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def webhook(**changes: Any) -> Webhook:
    return Webhook(
        **{
            "webhook_id": "wh_1",
            "client_id": "web-client",
            "url": "https://shop.example.com/norain",
            "types": frozenset({"order.placed", "availability.changed"}),
            "channels": frozenset({"web"}),
            "created_at": AT,
            **changes,
        }
    )
