"""The AsyncAPI document, generated from the code that sends and receives the events.

``python -m infra.asyncapi`` writes it, GET /v1/asyncapi.json answers it, and a test compares it
with the current code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from infra.openapi import VERSION, join_lines
from shared.availability.contract.answers import AvailabilityChanged
from shared.cards.contract import events as cards
from shared.customers.contract import events as customers
from shared.customers.contract.statements import ObservedEvent
from shared.kpis import contract as kpis
from shared.loyalty.contract import events as loyalty
from shared.orders.contract import events as orders
from shared.orders.contract import transfer_events as transfers
from shared.stock.contract import feed as stock
from shared.stock.model.audit import DriftKind
from shared.web.contract import Answer, LocationId, Sku

DOCUMENT = Path(__file__).resolve().parent.parent / "functions" / "service" / "asyncapi.json"
SCHEMAS = "#/components/schemas/"
MESSAGES = "#/components/messages/"


class DriftOfPosition(Answer):
    """A figure of a position that differs. Its fields are those of ``Drift``."""

    sku: Sku
    location_id: LocationId
    kind: DriftKind
    """The figure that differs."""
    stands: int
    """The stored figure in units; for `ledger` the number of its rows."""
    should: int
    """The figure that follows from movements and reservations."""


class DriftData(Answer):
    """The result of an audit of the stock."""

    positions: list[DriftOfPosition]
    """Positions that differ from the sum of their movements and reservations."""
    mended: list[dict[str, str]]
    """Positions that the audit has corrected."""


FED: Mapping[str, tuple[type[BaseModel], str]] = {
    kind: (shape, summary)
    for (kind, shape), summary in zip(
        stock.EVENTS.items(),
        (
            "A SKU was counted at a location.",
            "Units arrived at a location or left it.",
            "Units are expected at a location.",
        ),
        strict=True,
    )
}
OBSERVED: Mapping[str, tuple[type[BaseModel], str]] = {
    "customer.observed": (ObservedEvent, "A source states what it knows about a person."),
}
SENT: Mapping[str, tuple[type[BaseModel], str]] = {
    **orders.EVENTS,
    **transfers.TRANSFER_EVENTS,
    **customers.EVENTS,
    **cards.EVENTS,
    **cards.DRIFTS,
    **loyalty.EVENTS,
    **kpis.EVENTS,
    "availability.changed": (
        AvailabilityChanged,
        "The availability status of a SKU has changed for a channel, in total or at a location.",
    ),
    "stock.drift": (
        DriftData,
        "Stock positions differ from the sum of their movements and reservations.",
    ),
}


def document() -> dict[str, Any]:
    """AsyncAPI 3: the events sent to the bus, and those that the feed queues accept."""
    shapes = {shape for shape, _ in (*FED.values(), *OBSERVED.values(), *SENT.values())}
    named, defined = models_json_schema(
        [(shape, "validation") for shape in sorted(shapes, key=lambda shape: shape.__name__)],
        ref_template=SCHEMAS + "{model}",
    )
    refs = {shape: reference for (shape, _), reference in named.items()}
    messages = {
        kind: _message(
            kind, summary, _enveloped(kind, refs[shape]) if kind in SENT else refs[shape]
        )
        for kind, (shape, summary) in {**FED, **OBSERVED, **SENT}.items()
    }
    join_lines(defined["$defs"])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "NoRain",
            "version": VERSION,
            "description": "The events that NoRain sends to other systems and receives from feeds: "
            "CloudEvents 1.0 in JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": "norain-{stage}",
                "parameters": {"stage": {"description": "The stage of the deployment."}},
                "description": "The EventBridge bus (output EventBusName). `detail-type` is the "
                "type of the CloudEvent, `detail` is the CloudEvent. Delivery is at least once: a "
                "repeated event has the same id. To restore the order of the events of a subject, "
                "compare their `sequence`.",
                "messages": _references(SENT),
            },
            "stock-feed": {
                "address": "stock-feed",
                "description": "The SQS queue (output StockFeedQueueUrl): one CloudEvent per "
                "message, or a CloudEvents batch of at most 256 KB. `source` and `id` identify an "
                "event for ever: a repeated event is applied once. Invalid events go to the dead "
                "letters (output StockFeedDlqUrl) with the reason. For events of tills and other "
                "systems as they happen: whole files belong into `stock-bulk` or into the feed "
                "bucket (output FeedBucketName).",
                "messages": _references(FED),
            },
            "stock-bulk": {
                "address": "stock-bulk",
                "description": "The SQS queue (output StockBulkQueueUrl) of whole files, such as "
                "the counts of a night, in the messages of `stock-feed`. It has workers of its "
                "own, so that tills do not wait for files. The two queues have no order between "
                "them. Invalid events go to the dead letters (output StockBulkDlqUrl) with the "
                "reason.",
                "messages": _references(FED),
            },
            "customer-feed": {
                "address": "customer-feed",
                "description": "The SQS queue (output CustomerFeedQueueUrl): one CloudEvent per "
                "message, or a CloudEvents batch of at most 256 KB. `source` and `id` identify an "
                "event for ever: a repeated event is applied once. An invalid event goes to the "
                "dead letters (output CustomerFeedDlqUrl) with the reason; the other events of "
                "its batch are applied. Events about erased persons are dropped.",
                "messages": _references(OBSERVED),
            },
        },
        "operations": {
            "sendEvent": {
                "action": "send",
                "channel": {"$ref": "#/channels/bus"},
                "summary": "NoRain sends every change to the bus.",
            },
            "receiveStockEvent": {
                "action": "receive",
                "channel": {"$ref": "#/channels/stock-feed"},
                "summary": "NoRain receives counts, movements and expected supplies.",
            },
            "receiveStockFile": {
                "action": "receive",
                "channel": {"$ref": "#/channels/stock-bulk"},
                "summary": "NoRain receives the rows of whole files.",
            },
            "receiveCustomerEvent": {
                "action": "receive",
                "channel": {"$ref": "#/channels/customer-feed"},
                "summary": "NoRain receives what sources know about persons.",
            },
        },
        "components": {"messages": messages, "schemas": {"Envelope": ENVELOPE, **defined["$defs"]}},
    }


ENVELOPE = {
    "type": "object",
    "title": "CloudEvent",
    "description": "A CloudEvents 1.0 event.",
    "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
    "properties": {
        "specversion": {"const": "1.0", "description": "Version of CloudEvents."},
        "id": {
            "type": "string",
            "description": "With `source` the identity of the event; a repeated event keeps it.",
        },
        "source": {
            "type": "string",
            "format": "uri-reference",
            "description": "The part of NoRain that sends the event.",
        },
        "type": {"type": "string", "description": "The type of the event."},
        "subject": {
            "type": "string",
            "description": "The id of the order, transfer, SKU, profile or card.",
        },
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened.",
        },
        "sequence": {
            "type": "string",
            "description": "Increases within a subject; compare it as text.",
        },
        "datacontenttype": {
            "const": "application/json",
            "description": "Media type of `data`.",
        },
        "data": {"type": "object", "description": "Data of the event; see its type."},
    },
}


def _enveloped(kind: str, data: Any) -> dict[str, Any]:
    return {
        "allOf": [
            {"$ref": SCHEMAS + "Envelope"},
            {"type": "object", "properties": {"type": {"const": kind}, "data": data}},
        ]
    }


def _message(kind: str, summary: str, payload: Any) -> dict[str, Any]:
    """A message of AsyncAPI. ``kind`` is the type of the CloudEvent."""
    return {
        "name": kind,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": payload,
    }


def _references(kinds: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: {"$ref": MESSAGES + kind} for kind in kinds}


def main() -> None:
    DOCUMENT.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
