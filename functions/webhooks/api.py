"""The routes of webhooks. A client can read and change only its own webhooks."""

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from shared.errors import Forbidden, NotFound
from shared.instants import rfc3339
from shared.web.api import api, caller_of, request_of, serve
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
WebhookPath = Annotated[Id, Path(description="The id of the webhook.")]

app = api()


@app.post(
    "/v1/webhooks",
    operation_id="subscribeWebhook",
    status_code=201,
    security=needs("webhooks:write"),
    summary="Subscribe to events",
    description="NoRain sends events of these types to `url`, starting within a few seconds, as "
    "CloudEvents (JSON) with the headers of Standard Webhooks: `webhook-id`, `webhook-timestamp`, "
    "`webhook-signature`. Delivery is at least once and in no particular order; a repeated message "
    "keeps its `webhook-id`. Answer 2xx within 8 seconds. A failed message is retried for 29 "
    "hours; answer 410 to end the subscription. Events of orders are sent to clients that may see "
    "their channel; `availability.changed` counts the units that the channel may sell.",
    responses={
        201: {
            "description": "The webhook was created.",
            "content": {"application/json": {"model": WebhookSubscribed}},
        }
    },
)
def subscribe(body: SubscribeWebhook) -> Response[WebhookSubscribed]:
    request, caller = request_of(app), caller_of(app)
    _check_scopes(caller, body.types)
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


@app.get(
    "/v1/webhooks",
    operation_id="listWebhooks",
    security=needs("webhooks:read"),
    summary="List the webhooks of the client",
    description="Returns the webhooks of the calling client, oldest first.",
)
def list_webhooks() -> WebhooksAnswer:
    webhooks = sorted(
        store.of_client(caller_of(app).client_id), key=lambda webhook: webhook.created_at
    )
    return WebhooksAnswer(webhooks=[WebhookAnswer.of(webhook) for webhook in webhooks])


@app.get(
    "/v1/webhooks/<webhook_id>",
    operation_id="getWebhook",
    security=needs("webhooks:read"),
    summary="Read a webhook",
    description="Returns the webhook with its state. The secret is not shown again.",
)
def get_webhook(webhook_id: WebhookPath) -> WebhookAnswer:
    return WebhookAnswer.of(_own_webhook(webhook_id))


@app.delete(
    "/v1/webhooks/<webhook_id>",
    operation_id="deleteWebhook",
    status_code=204,
    security=needs("webhooks:write"),
    summary="Delete a webhook",
    description="Deliveries stop within a few seconds. The request can be repeated.",
    responses={204: {"description": "The webhook was deleted."}},
)
def delete_webhook(webhook_id: WebhookPath) -> Response[None]:
    if not store.delete(caller_of(app).client_id, webhook_id, _now()):
        raise _unknown(webhook_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@app.post(
    "/v1/webhooks/<webhook_id>/ping",
    operation_id="pingWebhook",
    security=needs("webhooks:write"),
    summary="Send a test message",
    description="Sends one signed event `webhook.ping` at once, without retries. A delivered ping "
    "makes a disabled webhook active again.",
)
def ping(webhook_id: WebhookPath) -> PingAnswer:
    webhook, now = _own_webhook(webhook_id), _now()
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


def _check_scopes(caller: Caller, types: list[str]) -> None:
    """Raises Forbidden when the caller lacks the read scope of one of the event types."""
    missing = sorted({TYPES[event_type] for event_type in types} - caller.scopes)
    if missing:
        raise Forbidden(f"these types require the scope {' and '.join(missing)}", scopes=missing)


def _own_webhook(webhook_id: str) -> Webhook:
    webhook = store.find(caller_of(app).client_id, webhook_id)
    if webhook is None:
        raise _unknown(webhook_id)
    return webhook


def _unknown(webhook_id: str) -> NotFound:
    return NotFound(f"this client has no webhook {webhook_id}", webhook_id=webhook_id)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


handler = serve(app)
