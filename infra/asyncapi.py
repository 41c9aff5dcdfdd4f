"""The AsyncAPI document, generated from the code that sends and receives the events.

``python -m infra.asyncapi`` writes it, GET /v1/asyncapi.json answers it, and a test compares it
with the current code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import models_json_schema

from infra.openapi import VERSION
from shared.availability.contract.answers import AvailabilityChanged
from shared.customers.contract import events as customers
from shared.customers.contract.statements import ObservedEvent
from shared.orders.contract import events as orders
from shared.stock.contract import feed as stock
from shared.stock.model.audit import Drift

DOCUMENT = Path(__file__).resolve().parent.parent / "functions" / "service" / "asyncapi.json"
SCHEMAS = "#/components/schemas/"
MESSAGES = "#/components/messages/"

DriftData = create_model(
    "DriftData", positions=(list[Drift], ...), mended=(list[dict[str, str]], ...)
)

FED: Mapping[str, tuple[type[BaseModel], str]] = {
    kind: (shape, summary)
    for (kind, shape), summary in zip(
        stock.EVENTS.items(),
        (
            "A SKU was counted at a location.",
            "Units arrived at a location, or left it.",
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
    **orders.TRANSFER_EVENTS,
    **customers.EVENTS,
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
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "NoRain",
            "version": VERSION,
            "description": "The events that NoRain sends to other systems, and those "
            "that it receives from feeds: CloudEvents 1.0 in JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": "norain-{stage}",
                "parameters": {"stage": {"description": "the stage of the deployment"}},
                "description": "The EventBridge bus (output EventBusName). `detail-type` is the "
                "type of the CloudEvent, `detail` is the CloudEvent. Delivery is at least once: a "
                "repeated event has the same id. Events of one subject are sent in the order of "
                "their `sequence`; a receiver that needs the order compares it.",
                "messages": _references(SENT),
            },
            "stock-feed": {
                "address": "stock-feed",
                "description": "The SQS queue (output StockFeedQueueUrl): one CloudEvent per "
                "message, or a CloudEvents batch of at most 256 KB.",
                "messages": _references(FED),
            },
            "customer-feed": {
                "address": "customer-feed",
                "description": "The SQS queue (output CustomerFeedQueueUrl): one CloudEvent per "
                "message, or a CloudEvents batch of at most 256 KB. An event is identified by "
                "`source` and `id`, without a time limit. An invalid event goes to the dead "
                "letters (output CustomerFeedDlqUrl) with its reason; the other events of its "
                "batch are applied. Events about erased persons are dropped.",
                "messages": _references(OBSERVED),
            },
        },
        "operations": {
            "tell": {"action": "send", "channel": {"$ref": "#/channels/bus"}},
            "feed": {"action": "receive", "channel": {"$ref": "#/channels/stock-feed"}},
            "observe": {"action": "receive", "channel": {"$ref": "#/channels/customer-feed"}},
        },
        "components": {"messages": messages, "schemas": {"Envelope": ENVELOPE, **defined["$defs"]}},
    }


ENVELOPE = {
    "type": "object",
    "title": "CloudEvent",
    "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "description": "with `source` the identity of the event, also when it is repeated",
        },
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"type": "string"},
        "subject": {"type": "string", "description": "the id of the order or transfer"},
        "time": {"type": "string", "format": "date-time"},
        "sequence": {
            "type": "string",
            "description": "increases within a subject, compared as text",
        },
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
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
