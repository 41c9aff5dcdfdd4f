"""Webhooks, table ``webhooks``.

    pk WEBHOOK             sk <client_id>#<webhook_id>   a webhook              of_client, find,
                                                                                all_webhooks
    pk CLIENT#<client_id>  sk COUNT                      its number of webhooks subscribe, delete

All webhooks are in one partition, which senders read completely, once in KEPT_SECONDS per process.
No secret is stored.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import from_item, to_item
from shared.aws.settings import table_name
from shared.errors import Conflict
from shared.instants import rfc3339
from shared.web.idempotency import Request
from shared.webhooks.model import Webhook

PK = "WEBHOOK"
COUNT = "COUNT"
KEPT_SECONDS = 5
DELETED_DAYS = 30
"""How long a deleted webhook is kept, so that a repeated subscription gets its first answer."""


def subscribe(webhook: Webhook, request: Request, most: int) -> Webhook:
    """Store the webhook. A repeated request returns the webhook that it created before.

    Raises KeyReused when the key belongs to another request, Conflict when the client already has
    ``most`` webhooks.
    """
    refused = tables.transact(
        [
            {
                "Put": {
                    "TableName": table_name("webhooks"),
                    "Item": to_item(
                        {
                            "pk": PK,
                            "sk": _sk(webhook.client_id, webhook.webhook_id),
                            "url": webhook.url,
                            "types": sorted(webhook.types),
                            "channels": sorted(webhook.channels),
                            "created_at": rfc3339(webhook.created_at),
                            "state": webhook.state,
                            "digest": request.digest,
                        }
                    ),
                    # Holds for the first request with its key.
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {
                "Update": {
                    "TableName": table_name("webhooks"),
                    "Key": tables.key(f"CLIENT#{webhook.client_id}", COUNT),
                    "UpdateExpression": "ADD units :one",
                    # Holds while the client has fewer than ``most`` webhooks.
                    "ConditionExpression": "attribute_not_exists(units) OR units < :most",
                    "ExpressionAttributeValues": to_item({":one": 1, ":most": most}),
                }
            },
        ]
    )
    if not refused:
        return webhook
    first = refused[0]
    if first.index == 0 and first.item is not None:
        request.check(first.item["digest"])
        return _webhook(first.item)
    raise Conflict(f"a client may have at most {most} webhooks: delete one", most=most)


def find(client_id: str, webhook_id: str) -> Webhook | None:
    """The webhook, read with strong consistency; None if it was deleted."""
    item = tables.get(table_name("webhooks"), PK, _sk(client_id, webhook_id), consistent=True)
    return _webhook(item) if item and item["state"] != "deleted" else None


def of_client(client_id: str) -> list[Webhook]:
    items = tables.query(
        table_name("webhooks"),
        "pk = :pk AND begins_with(sk, :client)",
        to_item({":pk": PK, ":client": _sk(client_id, "")}),
        ConsistentRead=True,
    )
    return _not_deleted(items)


def _read_all() -> list[Webhook]:
    return _not_deleted(tables.query(table_name("webhooks"), "pk = :pk", to_item({":pk": PK})))


webhooks_cache = Cached(_read_all, KEPT_SECONDS)


def all_webhooks() -> list[Webhook]:
    """The webhooks of all clients, active or disabled; at most KEPT_SECONDS old."""
    return webhooks_cache.get()


def delete(client_id: str, webhook_id: str, at: datetime) -> bool:
    """Delete the webhook; only messages already under way still reach it. Returns whether it
    existed."""
    refused = tables.transact(
        [
            {
                "Update": {
                    "TableName": table_name("webhooks"),
                    "Key": tables.key(PK, _sk(client_id, webhook_id)),
                    "UpdateExpression": "SET #state = :deleted, #ttl = :ttl",
                    # Holds for the first of repeated requests.
                    "ConditionExpression": "attribute_exists(pk) AND #state <> :deleted",
                    "ExpressionAttributeNames": {"#state": "state", "#ttl": "ttl"},
                    "ExpressionAttributeValues": to_item(
                        {
                            ":deleted": "deleted",
                            ":ttl": int((at + timedelta(days=DELETED_DAYS)).timestamp()),
                        }
                    ),
                }
            },
            {
                "Update": {
                    "TableName": table_name("webhooks"),
                    "Key": tables.key(f"CLIENT#{client_id}", COUNT),
                    "UpdateExpression": "ADD units :less",
                    "ExpressionAttributeValues": to_item({":less": -1}),
                }
            },
        ]
    )
    return not refused or refused[0].item is not None


def record_failure(webhook: Webhook, at: datetime) -> Webhook | None:
    """Count a failed delivery. Returns the updated webhook; None if it is not active."""
    try:
        answer = dynamodb().update_item(
            TableName=table_name("webhooks"),
            Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
            UpdateExpression="SET failing_since = if_not_exists(failing_since, :at)"
            " ADD failures :one",
            # Holds while the webhook is active.
            ConditionExpression="#state = :active",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item({":at": rfc3339(at), ":one": 1, ":active": "active"}),
            ReturnValues="ALL_NEW",
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return None
    return _webhook(from_item(answer["Attributes"]))


def claim_retry(webhook: Webhook, at: datetime, until: datetime) -> datetime | None:
    """Claim the next try of a failing webhook: only the caller may try it until ``until``.

    Returns None when the caller may try it, or when it is no longer failing; else the time until
    which another worker's claim lets it rest.
    """
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET resumes_at = :until",
        # Holds while the webhook is failing, for the first caller after its rest.
        ConditionExpression="attribute_exists(failing_since)"
        " AND (attribute_not_exists(resumes_at) OR resumes_at <= :at)",
        ExpressionAttributeValues=to_item({":until": rfc3339(until), ":at": rfc3339(at)}),
    )
    item = (refused and refused.item) or {}
    return _instant(item.get("resumes_at")) if "failing_since" in item else None


def record_success(webhook: Webhook) -> bool:
    """Make the webhook active and clear its failures. Returns whether it had any."""
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET #state = :active REMOVE failing_since, failures, disabled_at,"
        " resumes_at",
        # Holds while the webhook exists and has failures to clear.
        ConditionExpression="#state = :disabled"
        " OR (#state = :active AND attribute_exists(failing_since))",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item({":active": "active", ":disabled": "disabled"}),
    )
    return refused is None


def disable(webhook: Webhook, at: datetime) -> bool:
    """Disable a webhook that has failed for too long, or whose receiver answered 410 Gone. Returns
    whether it was disabled."""
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET #state = :disabled, disabled_at = :at",
        # Holds unless a delivery has succeeded since these failures.
        ConditionExpression="#state = :active AND failing_since = :since",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item(
            {
                ":active": "active",
                ":disabled": "disabled",
                ":at": rfc3339(at),
                ":since": rfc3339(webhook.failing_since or at),
            }
        ),
    )
    return refused is None


def _sk(client_id: str, webhook_id: str) -> str:
    return f"{client_id}#{webhook_id}"


def _not_deleted(items: Iterable[Mapping[str, Any]]) -> list[Webhook]:
    return [_webhook(item) for item in items if item["state"] != "deleted"]


def _webhook(item: Mapping[str, Any]) -> Webhook:
    client_id, _, webhook_id = item["sk"].partition("#")
    return Webhook(
        webhook_id=webhook_id,
        client_id=client_id,
        url=item["url"],
        types=frozenset(item["types"]),
        channels=frozenset(item["channels"]),
        created_at=datetime.fromisoformat(item["created_at"]),
        state=item["state"],
        failing_since=_instant(item.get("failing_since")),
        failures=item.get("failures", 0),
        disabled_at=_instant(item.get("disabled_at")),
        resumes_at=_instant(item.get("resumes_at")),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
