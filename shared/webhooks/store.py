"""Webhooks, table ``webhooks``.

    pk WEBHOOK             sk <client_id>#<webhook_id>   a webhook        of_client, find, every
    pk CLIENT#<client_id>  sk COUNT                      how many it has  subscribe, remove

All lie in one partition, which is read whole by whoever tells them: once in KEPT_SECONDS per
process. No secret is stored.
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
"""For as long the request that made it gets its first answer again."""


def subscribe(webhook: Webhook, request: Request, most: int) -> Webhook:
    """Stores ``webhook``; a repeated request gets the one that it has made.

    Raises KeyReused for a repeated key of another request, Conflict when the client has ``most``.
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
                    # Holds for the first request of its key.
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {
                "Update": {
                    "TableName": table_name("webhooks"),
                    "Key": tables.key(f"CLIENT#{webhook.client_id}", COUNT),
                    "UpdateExpression": "ADD units :one",
                    # Holds while the client has room for another one.
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
    raise Conflict(f"a client has {most} webhooks at most: delete one", most=most)


def find(client_id: str, webhook_id: str) -> Webhook | None:
    """As it stands now (strongly consistent); one that was deleted is none."""
    item = tables.get(table_name("webhooks"), PK, _sk(client_id, webhook_id), consistent=True)
    return _webhook(item) if item and item["state"] != "deleted" else None


def of_client(client_id: str) -> list[Webhook]:
    found = tables.query(
        table_name("webhooks"),
        "pk = :pk AND begins_with(sk, :client)",
        to_item({":pk": PK, ":client": _sk(client_id, "")}),
        ConsistentRead=True,
    )
    return _living(found)


def _read_all() -> list[Webhook]:
    return _living(tables.query(table_name("webhooks"), "pk = :pk", to_item({":pk": PK})))


known = Cached(_read_all, KEPT_SECONDS)


def every() -> list[Webhook]:
    """The webhooks of all clients, active or disabled; KEPT_SECONDS old at most."""
    return known.get()


def remove(client_id: str, webhook_id: str, at: datetime) -> bool:
    """Nothing more is sent to it, but for what is under way; whether there was such a webhook."""
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


def failed(webhook: Webhook, at: datetime) -> Webhook | None:
    """Notes a delivery that has failed; the webhook as it is then, None when it is not active."""
    try:
        answer = dynamodb().update_item(
            TableName=table_name("webhooks"),
            Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
            UpdateExpression="SET failing_since = if_not_exists(failing_since, :at)"
            " ADD failures :one",
            # Holds while it is there, and something is sent to it.
            ConditionExpression="#state = :active",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item({":at": rfc3339(at), ":one": 1, ":active": "active"}),
            ReturnValues="ALL_NEW",
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return None
    return _webhook(from_item(answer["Attributes"]))


def resting(webhook: Webhook, at: datetime, until: datetime) -> datetime | None:
    """Lets its caller, and until ``until`` nobody else, try a webhook that is failing.

    Until when it is left alone, if another one was first; None for the one who is to try it, and
    when it fails no more.
    """
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET resumes_at = :until",
        # Holds while it is failing, and for the first after its rest.
        ConditionExpression="attribute_exists(failing_since)"
        " AND (attribute_not_exists(resumes_at) OR resumes_at <= :at)",
        ExpressionAttributeValues=to_item({":until": rfc3339(until), ":at": rfc3339(at)}),
    )
    item = (refused and refused.item) or {}
    return _instant(item.get("resumes_at")) if "failing_since" in item else None


def delivered(webhook: Webhook) -> bool:
    """Forgets its failures: it is active; whether there were any."""
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET #state = :active REMOVE failing_since, failures, disabled_at,"
        " resumes_at",
        # Holds while it is there, and has failures to forget.
        ConditionExpression="#state = :disabled"
        " OR (#state = :active AND attribute_exists(failing_since))",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item({":active": "active", ":disabled": "disabled"}),
    )
    return refused is None


def disable(webhook: Webhook, at: datetime) -> bool:
    """Sends nothing more to a webhook that has failed for too long, or does not want it."""
    refused = tables.write(
        "update_item",
        TableName=table_name("webhooks"),
        Key=tables.key(PK, _sk(webhook.client_id, webhook.webhook_id)),
        UpdateExpression="SET #state = :disabled, disabled_at = :at",
        # Holds while nothing has arrived since the failures that are counted.
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


def _living(items: Iterable[Mapping[str, Any]]) -> list[Webhook]:
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
