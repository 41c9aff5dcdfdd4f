"""The document of the events, generated from the code that makes and takes them:
``python -m infra.asyncapi`` writes it, GET /v1/asyncapi.json answers it, and a test compares it."""

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
            "Somebody has counted a SKU at a location.",
            "Units came to a location, or went.",
            "Units will come to a location.",
        ),
        strict=True,
    )
}
OBSERVED: Mapping[str, tuple[type[BaseModel], str]] = {
    "customer.observed": (ObservedEvent, "A source states something of a person."),
}
TOLD: Mapping[str, tuple[type[BaseModel], str]] = {
    **orders.EVENTS,
    **orders.TRANSFER_EVENTS,
    **customers.EVENTS,
    "availability.changed": (
        AvailabilityChanged,
        "A SKU, or one of its shelves, is in stock, limited, awaited or out of stock now.",
    ),
    "stock.drift": (
        DriftData,
        "Positions are not what their movements and reservations add up to.",
    ),
}


def document() -> dict[str, Any]:
    """AsyncAPI 3: what goes to the bus, and what the feed queue takes."""
    shapes = {shape for shape, _ in (*FED.values(), *OBSERVED.values(), *TOLD.values())}
    named, defined = models_json_schema(
        [(shape, "validation") for shape in sorted(shapes, key=lambda shape: shape.__name__)],
        ref_template=SCHEMAS + "{model}",
    )
    refs = {shape: reference for (shape, _), reference in named.items()}
    messages = {
        kind: _message(
            kind, summary, _enveloped(kind, refs[shape]) if kind in TOLD else refs[shape]
        )
        for kind, (shape, summary) in {**FED, **OBSERVED, **TOLD}.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "NoRain",
            "version": VERSION,
            "description": "What NoRain tells other systems, and what feeds tell it: "
            "CloudEvents 1.0 in JSON.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": "norain-{stage}",
                "parameters": {"stage": {"description": "the stage of the deployment"}},
                "description": "The EventBridge bus (output EventBusName). `detail-type` is the "
                "type of the CloudEvent, `detail` is the CloudEvent. At least once: a repeated "
                "event has the id it had. Events of one subject are sent in the order of their "
                "`sequence`; whoever needs that order compares it.",
                "messages": _references(TOLD),
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
                "message, or a CloudEvents batch of at most 256 KB. `source` and `id` name an "
                "event for ever. What can never be taken goes to the dead letters alone (output "
                "CustomerFeedDlqUrl), with its reason; what is told of the erased is forgotten.",
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
        "id": {"type": "string", "description": "with `source` the same whenever it is repeated"},
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"type": "string"},
        "subject": {"type": "string", "description": "the id of the order or transfer"},
        "time": {"type": "string", "format": "date-time"},
        "sequence": {"type": "string", "description": "rises, as a text, within a subject"},
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
