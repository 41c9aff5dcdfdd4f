"""Webhooks as channels send and see them."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from shared.availability.model.events import CHANGED
from shared.orders.contract.events import EVENTS
from shared.web.contract import Answer, Input, Instant
from shared.webhooks.model import ERASED, Webhook

TYPES: Mapping[str, str] = {
    CHANGED: "availability:read",
    **dict.fromkeys(EVENTS, "orders:read"),
    "stock.count_requested": "stock:read",
    ERASED: "customers:read",
}
"""Each type of event that can be subscribed to, and the scope that it takes."""
MOST_WEBHOOKS = 20


def _known(name: str) -> str:
    if name not in TYPES:
        raise ValueError(f"not a type of event: {', '.join(TYPES)}")
    return name


EventType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(TYPES)})]


class SubscribeWebhook(Input):
    url: str = Field(description="https, to a host of the public Internet")
    types: Annotated[list[EventType], Field(min_length=1, max_length=50)] = Field(
        description="`availability.changed` takes the scope availability:read, "
        "`stock.count_requested` stock:read, `customer.erased` customers:read, all others "
        "orders:read"
    )


class WebhookAnswer(Answer):
    webhook_id: str
    url: str
    types: list[EventType]
    state: Literal["active", "disabled"] = Field(
        description="disabled after 24 hours of failures, or by a 410 of the receiver; a ping that "
        "arrives makes it active again"
    )
    created_at: Instant
    failing_since: Instant | None = None
    disabled_at: Instant | None = None

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
    webhook_id: str
    url: str
    types: list[EventType]
    created_at: Instant
    secret: str = Field(description="whsec_...: signs each message; it is told here only")

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
    webhooks: list[WebhookAnswer]


class PingAnswer(Answer):
    delivered: bool
    status: int | None = Field(default=None, description="what the receiver has answered")
    reason: str | None = Field(default=None, description="why it has failed")
