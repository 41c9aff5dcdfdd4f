"""The examples of the API document, from the sample events in events/.

The body of a route's sample event is its example request. ``events/<area>/requests/`` has requests
of routes whose sample event has no body, ``events/<area>/answers/`` the answers, each file named by
operationId.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).resolve().parent.parent / "events"


def requests() -> dict[str, Any]:
    """The sample request bodies by route, such as ``POST /v1/orders``."""
    bodies: dict[str, Any] = {}
    for path in sorted(EVENTS.glob("*/*.json")):
        event = json.loads(path.read_text())
        if isinstance(event, dict) and event.get("body") and "routeKey" in event:
            bodies.setdefault(event["routeKey"], json.loads(event["body"]))
    return bodies


def by_operation(folder: str) -> dict[str, Any]:
    """The documents of ``events/*/<folder>/`` by operationId."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted(EVENTS.glob(f"*/{folder}/*.json"))
    }


def add_examples(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Adds the examples to the operations of the API document. Raises KeyError without one."""
    bodies, named_bodies, answers = requests(), by_operation("requests"), by_operation("answers")
    for path, operations in paths.items():
        for method, operation in operations.items():
            name = operation["operationId"]
            if "requestBody" in operation:
                body = named_bodies.get(name) or bodies[f"{method.upper()} {path}"]
                operation["requestBody"]["content"]["application/json"]["example"] = body
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json", {})
                if status.startswith("2") and content.get("schema"):
                    content["example"] = answers[name]
