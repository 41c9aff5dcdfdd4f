"""The OpenAPI document, generated from the routes: ``python -m infra.openapi`` writes it.

The gateway is built from the document, GET /v1/openapi.json answers it, and a test compares it with
the current routes, so it is never out of date.
"""

import importlib
import json
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

from infra.examples import add_examples
from infra.problems import IDEMPOTENT, SHAPES
from infra.problems import responses as problem_responses
from shared.web.auth import REACHES, RESOURCE_SERVER, SCOPES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "functions" / "service" / "openapi.json"
AREAS = (
    "locations",
    "catalog",
    "stock",
    "availability",
    "pricing",
    "cards",
    "routing",
    "orders",
    "carriers",
    "customers",
    "loyalty",
    "kpis",
    "recommendations",
    "plans",
    "webhooks",
    "service",
)
AREA_OF_PATH = {
    "locations": "locations",
    "postal-codes": "locations",
    "products": "catalog",
    "stock": "stock",
    "holds": "stock",
    "availability": "availability",
    "prices": "pricing",
    "promotions": "pricing",
    "codes": "pricing",
    "cards": "cards",
    "routing": "routing",
    "orders": "orders",
    "order-policy": "orders",
    "returns": "orders",
    "fulfillments": "orders",
    "waves": "orders",
    "punctuality": "orders",
    "transfers": "orders",
    "carriers": "carriers",
    "parcels": "carriers",
    "customers": "customers",
    "loyalty": "loyalty",
    "kpis": "kpis",
    "recommendations": "recommendations",
    "plans": "plans",
    "webhooks": "webhooks",
    "health": "service",
    "openapi.json": "service",
    "asyncapi.json": "service",
}
"""The area of a route, by the first segment of its path behind /v1."""
ANSWERS = {
    "200": "The request succeeded.",
    "201": "The resource was created.",
    "202": "The request was accepted and is processed later.",
    "204": "The request succeeded; there is no body.",
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "A unique key of this request, such as a UUID. A repeated request with the same "
    "key gets the first answer again, for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The ETag of an earlier answer: the answer is 304 while it is current.",
    "schema": {"type": "string"},
}
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def document() -> dict[str, Any]:
    """OpenAPI 3.1 of the routes of all areas; the tag of an operation is its area.

    ``x-function`` names the Lambda that answers an operation when that is not the one of its area.
    """
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "NoRain",
            "version": VERSION,
            "description": "One truth about stock and customers for every channel of a retailer. "
            "Problems are RFC 9457 documents (application/problem+json) with a machine-readable "
            "`code`. Amounts of money are in minor units. Instants are RFC 3339 in UTC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {"oauth": _oauth()}},
    }
    for area in AREAS:
        part = _part(area)
        for path, operations in part["paths"].items():
            for operation in operations.values():
                operation["tags"] = [area_of(path)]
                if area_of(path) != area:
                    operation["x-function"] = area
                _complete(_gateway_path(path), operation)
            whole["paths"].setdefault(_gateway_path(path), {}).update(operations)
        _add_schemas(whole["components"]["schemas"], part, area)
    whole["components"]["schemas"].update(deepcopy(SHAPES))
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        whole["components"]["schemas"].pop(unused, None)
    add_examples(whole["paths"])
    join_lines(whole["components"]["schemas"])
    return whole


def area_of(path: str) -> str:
    """The area that a route belongs to; its code lies in functions/<area>."""
    return AREA_OF_PATH[path.removeprefix("/v1/").split("/")[0]]


def _add_schemas(known: dict[str, Any], part: dict[str, Any], area: str) -> None:
    """Merge the schemas of an area. Raises ValueError when two areas define a name differently."""
    for name, shape in part.get("components", {}).get("schemas", {}).items():
        if known.setdefault(name, shape) != shape:
            raise ValueError(f"{area} defines the schema {name} differently from another area")


def _part(area: str) -> dict[str, Any]:
    app = importlib.import_module(f"functions.{area}.api").app
    schemes = {"oauth": _oauth()}
    text = app.get_openapi_json_schema(
        title=area, version=VERSION, openapi_version="3.1.0", security_schemes=schemes
    )
    part: dict[str, Any] = json.loads(text)
    return _with_one_form(part)


def _with_one_form(part: dict[str, Any]) -> dict[str, Any]:
    """One schema for a recursive model that has the same form in requests and in answers: pydantic
    makes two, ``X-Input`` and ``X-Output``, of which clients would make two classes of one name."""
    known = part.get("components", {}).get("schemas", {})
    pairs = [name.removesuffix("-Input") for name in known if name.endswith("-Input")]
    text = json.dumps(part)
    for name in pairs:
        for form in ("Input", "Output"):
            text = text.replace(
                f'"#/components/schemas/{name}-{form}"', f'"#/components/schemas/{name}"'
            )
    one: dict[str, Any] = json.loads(text)
    schemas = one.get("components", {}).get("schemas", {})
    for name in pairs:
        sent, answered = schemas.pop(f"{name}-Input"), schemas.pop(f"{name}-Output")
        if sent != answered:
            raise ValueError(f"{name} differs in requests and answers: make two models of it")
        schemas[name] = sent
    return one


def _oauth() -> dict[str, Any]:
    scopes = {f"{RESOURCE_SERVER}/{name}": text for name, text in {**SCOPES, **REACHES}.items()}
    return {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes}},
    }


def _gateway_path(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Declare the headers and problems of an operation, in place of the errors of Powertools."""
    responses = operation["responses"]
    for status in ("422", "500"):
        responses.pop(status, None)
    for status in ("204", "304"):
        responses.get(status, {}).pop("content", None)
    for status, text in ANSWERS.items():
        if responses.get(status, {}).get("description") == "Successful Response":
            responses[status]["description"] = text
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["name"] == "near":
            parameter["explode"] = False
    if operation["operationId"] in IDEMPOTENT:
        parameters.append(IDEMPOTENCY_KEY)
    if "304" in responses:
        parameters.append(IF_NONE_MATCH)
    if not parameters:
        del operation["parameters"]
    responses.update(problem_responses(path, operation))


def join_lines(part: Any) -> None:
    """Join the lines of descriptions, which come from docstrings in the code."""
    if isinstance(part, dict):
        if isinstance(part.get("description"), str):
            part["description"] = " ".join(part["description"].split())
        for value in part.values():
            join_lines(value)
    elif isinstance(part, list):
        for value in part:
            join_lines(value)


def main() -> None:
    DOCUMENT.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
