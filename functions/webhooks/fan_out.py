"""A message for each webhook that wants to hear of an event of the bus (SQS, from EventBridge)."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import send_many
from shared.errors import Busy
from shared.web.batch import again
from shared.webhooks import store
from shared.webhooks.model import told_to, wants
from shared.webhooks.rights import entitled

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An event whose messages were not all taken comes again: a receiver knows a message that it
    has had by its id."""
    bodies: list[str] = []
    owners: list[str] = []
    failed: set[str] = set()
    webhooks = store.every()
    for record in event["Records"]:
        name = record["messageId"]
        try:
            told = json.loads(record["body"])["detail"]
            entitled_ones = [entitled(one) for one in webhooks if told["type"] in one.types]
            wanted = [webhook for webhook in entitled_ones if wants(webhook, told)]
        except Busy:
            logger.warning("to be told again", extra={"message_id": name})
            failed.add(name)
            continue
        except (KeyError, TypeError, ValueError):
            logger.exception("no event of the bus", extra={"message_id": name})
            failed.add(name)
            continue
        bodies += [
            json.dumps(
                {
                    "client_id": one.client_id,
                    "webhook_id": one.webhook_id,
                    "event": told_to(one, told),
                },
                separators=(",", ":"),
                ensure_ascii=False,
            )
            for one in wanted
        ]
        owners += [name] * len(wanted)
    left = send_many(setting("deliveries"), bodies)
    failed |= {owners[place] for place in left}
    logger.info(
        "fanned out",
        extra={"events": len(event["Records"]), "messages": len(bodies) - len(left)},
    )
    return again(failed)
