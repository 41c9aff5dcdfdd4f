"""Requests and answers of webhooks."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from shared.availability.model.events import CHANGED
from shared.cards.contract.events import EVENTS as CARD_EVENTS
from shared.kpis.contract import EVENTS as KPI_EVENTS
from shared.loyalty.contract.events import EVENTS as LOYALTY_EVENTS
from shared.orders.contract.events import EVENTS
from shared.web.contract import Answer, Input, Instant
from shared.webhooks.model import ERASED, Webhook

TYPES: Mapping[str, str] = {
    CHANGED: "availability:read",
    **dict.fromkeys(EVENTS, "orders:read"),
    "stock.count_requested": "stock:read",
    ERASED: "customers:read",
    **dict.fromkeys(CARD_EVENTS, "cards:read"),
    **dict.fromkeys(LOYALTY_EVENTS, "loyalty:read"),
    **dict.fromkeys(KPI_EVENTS, "kpis:read"),
}
"""The event types that can be subscribed to, with the scope that each requires."""
MOST_WEBHOOKS = 20


def _event_type(name: str) -> str:
    if name not in TYPES:
        raise ValueError(f"use one of these event types: {', '.join(TYPES)}")
    return name


EventType = Annotated[
    str, AfterValidator(_event_type), Field(json_schema_extra={"enum": list(TYPES)})
]


class SubscribeWebhook(Input):
    """A new webhook."""

    url: str
    """An https URL on the public Internet."""
    types: Annotated[list[EventType], Field(min_length=1, max_length=100)]
    """Event types. `availability.changed` requires the scope availability:read,
    `stock.count_requested` stock:read, `customer.erased` customers:read, `card.*` cards:read,
    `points.*` and `tier.changed` loyalty:read, `kpis.digest` kpis:read, all others orders:read."""


class WebhookAnswer(Answer):
    """A webhook."""

    webhook_id: str
    """The id of the webhook."""
    url: str
    """Where events are sent."""
    types: list[EventType]
    """The subscribed event types."""
    state: Literal["active", "disabled"]
    """`disabled` after 24 hours of failures or a 410 of the receiver; a delivered ping makes it
    active again."""
    created_at: Instant
    """When the webhook was created."""
    failing_since: Instant | None = None
    """When the current run of failures started."""
    disabled_at: Instant | None = None
    """When the webhook was disabled."""

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(
            webhook_id=webhook.webhook_id,
            url=webhook.url,
            types=sorted(webhook.types),
            state="disabled" if webhook.state == "disabled" else "active",
            created_at=webhook.created_at,
            failing_since=webhook.failing_since,
            disabled_at=webhook.disabled_at,
        )


class WebhookSubscribed(Answer):
    """A new webhook with its secret."""

    webhook_id: str
    """The id of the webhook."""
    url: str
    """Where events are sent."""
    types: list[EventType]
    """The subscribed event types."""
    created_at: Instant
    """When the webhook was created."""
    secret: str
    """Signing secret (whsec_...) of the messages. It is shown only here."""

    @classmethod
    def of(cls, webhook: Webhook, secret: str) -> Self:
        return cls(
            webhook_id=webhook.webhook_id,
            url=webhook.url,
            types=sorted(webhook.types),
            created_at=webhook.created_at,
            secret=secret,
        )


class WebhooksAnswer(Answer):
    """The webhooks of a client."""

    webhooks: list[WebhookAnswer]
    """The webhooks, oldest first."""


class PingAnswer(Answer):
    """The result of a ping."""

    delivered: bool
    """Whether the receiver answered 2xx."""
    status: int | None = None
    """HTTP status of the receiver."""
    reason: str | None = None
    """Why the delivery failed."""
