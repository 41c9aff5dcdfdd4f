"""The routes of webhooks. A client sees and touches its own only."""

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from shared.errors import Forbidden, NotFound
from shared.instants import rfc3339
from shared.web.api import api, idempotent, serve, who
from shared.web.auth import Caller, needs
from shared.web.contract import Id
from shared.webhooks import model, sending, store
from shared.webhooks.contract import (
    MOST_WEBHOOKS,
    TYPES,
    PingAnswer,
    SubscribeWebhook,
    WebhookAnswer,
    WebhooksAnswer,
    WebhookSubscribed,
)
from shared.webhooks.model import Webhook

SOURCE = "norain/webhooks"
PING = "webhook.ping"

app = api()


@app.post(
    "/v1/webhooks",
    security=needs("webhooks:write"),
    summary="Subscribe to events",
    description="Events of these types are sent to `url` from a few seconds later on, as "
    "CloudEvents (JSON) with the headers of Standard Webhooks: `webhook-id`, `webhook-timestamp`, "
    "`webhook-signature`. At least once, in no certain order; a message keeps its `webhook-id`. "
    "Answer 2xx within 8 seconds. What fails is sent again for 29 hours; 410 ends it. Events of "
    "orders are told to whoever sees their channel; `availability.changed` counts what the channel "
    "may sell. Needs an Idempotency-Key.",
    responses={
        201: {
            "description": "subscribed",
            "content": {"application/json": {"model": WebhookSubscribed}},
        }
    },
)
def subscribe(body: SubscribeWebhook) -> Response[WebhookSubscribed]:
    request, caller = idempotent(app), who(app)
    _must_hear(caller, body.types)
    sending.check_url(body.url)
    webhook = store.subscribe(
        Webhook(
            webhook_id=f"wh_{request.name}",
            client_id=caller.client_id,
            url=body.url,
            types=frozenset(body.types),
            channels=caller.channels,
            created_at=_now(),
        ),
        request,
        MOST_WEBHOOKS,
    )
    secret = model.encode_secret(sending.signing_secret(webhook.webhook_id))
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type="application/json",
        body=WebhookSubscribed.of(webhook, secret),
    )


@app.get("/v1/webhooks", security=needs("webhooks:read"), summary="List own webhooks")
def list_webhooks() -> WebhooksAnswer:
    found = store.of_client(who(app).client_id)
    return WebhooksAnswer(
        webhooks=[WebhookAnswer.of(one) for one in sorted(found, key=lambda one: one.created_at)]
    )


@app.get("/v1/webhooks/<webhook_id>", security=needs("webhooks:read"), summary="Read a webhook")
def get_webhook(webhook_id: Annotated[Id, Path()]) -> WebhookAnswer:
    return WebhookAnswer.of(_found(webhook_id))


@app.delete(
    "/v1/webhooks/<webhook_id>",
    security=needs("webhooks:write"),
    summary="Delete a webhook",
    description="Nothing is sent to it from a few seconds later on. May be repeated.",
    responses={204: {"description": "it is gone"}},
)
def delete_webhook(webhook_id: Annotated[Id, Path()]) -> Response[None]:
    if not store.delete(who(app).client_id, webhook_id, _now()):
        raise _unknown(webhook_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@app.post(
    "/v1/webhooks/<webhook_id>/ping",
    security=needs("webhooks:write"),
    summary="Send a test message",
    description="A signed event `webhook.ping`, sent at once and only once. One that arrives makes "
    "a disabled webhook active again.",
)
def ping(webhook_id: Annotated[Id, Path()]) -> PingAnswer:
    webhook, now = _found(webhook_id), _now()
    outcome = sending.send(
        webhook,
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": SOURCE,
            "type": PING,
            "subject": webhook_id,
            "time": rfc3339(now),
            "datacontenttype": "application/json",
            "data": {"webhook_id": webhook_id},
        },
        now,
    )
    if outcome.delivered:
        store.record_success(webhook)
    return PingAnswer(
        delivered=outcome.delivered, status=outcome.status, reason=outcome.reason or None
    )


def _must_hear(caller: Caller, types: list[str]) -> None:
    """Raises Forbidden: who may not ask may not be told either."""
    missing = sorted({TYPES[one] for one in types} - caller.scopes)
    if missing:
        raise Forbidden(f"these types take the scope {' and '.join(missing)}", scopes=missing)


def _found(webhook_id: str) -> Webhook:
    webhook = store.find(who(app).client_id, webhook_id)
    if webhook is None:
        raise _unknown(webhook_id)
    return webhook


def _unknown(webhook_id: str) -> NotFound:
    return NotFound(f"this client has no webhook {webhook_id}", webhook_id=webhook_id)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


handler = serve(app)
