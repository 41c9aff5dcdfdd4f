"""Create a message for each webhook that receives an event of the bus (SQS, from EventBridge)."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import send_many
from shared.errors import Busy
from shared.web.batch import again
from shared.webhooks import store
from shared.webhooks.model import event_for, is_entitled_to
from shared.webhooks.rights import with_current_rights

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An event is retried when not all of its messages were enqueued. Receivers recognise repeated
    messages by their id."""
    bodies: list[str] = []
    owners: list[str] = []
    failed: set[str] = set()
    webhooks = store.all_webhooks()
    for record in event["Records"]:
        message_id = record["messageId"]
        try:
            cloud_event = json.loads(record["body"])["detail"]
            subscribed = [
                with_current_rights(webhook)
                for webhook in webhooks
                if cloud_event["type"] in webhook.types
            ]
            receivers = [webhook for webhook in subscribed if is_entitled_to(webhook, cloud_event)]
        except Busy:
            logger.warning(
                "retried: the rights of a client are unknown", extra={"message_id": message_id}
            )
            failed.add(message_id)
            continue
        except (KeyError, TypeError, ValueError):
            logger.exception("not an event of the bus", extra={"message_id": message_id})
            failed.add(message_id)
            continue
        bodies += [
            json.dumps(
                {
                    "client_id": webhook.client_id,
                    "webhook_id": webhook.webhook_id,
                    "event": event_for(webhook, cloud_event),
                },
                separators=(",", ":"),
                ensure_ascii=False,
            )
            for webhook in receivers
        ]
        owners += [message_id] * len(receivers)
    not_sent = send_many(setting("deliveries"), bodies)
    failed |= {owners[index] for index in not_sent}
    logger.info(
        "fanned out",
        extra={"events": len(event["Records"]), "messages": len(bodies) - len(not_sent)},
    )
    return again(failed)
