"""The OpenAPI document, generated from the routes: ``python -m infra.openapi`` writes it.

The gateway is built from the document, GET /v1/openapi.json answers it, and a test compares it with
the current routes, so it is never out of date.
"""

import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

from shared.web.auth import REACHES, RESOURCE_SERVER, SCOPES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "functions" / "service" / "openapi.json"
AREAS = (
    "locations",
    "catalog",
    "stock",
    "availability",
    "routing",
    "orders",
    "customers",
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
    "routing": "routing",
    "orders": "orders",
    "fulfillments": "orders",
    "transfers": "orders",
    "customers": "customers",
    "webhooks": "webhooks",
    "health": "service",
    "openapi.json": "service",
    "asyncapi.json": "service",
}
"""The area of a route, by the first segment of its path behind /v1."""
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
            "description": "One truth about stock and customers for every channel of a retailer.",
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
                _name_problems(operation)
            whole["paths"].setdefault(_gateway_path(path), {}).update(operations)
        _add_schemas(whole["components"]["schemas"], part, area)
    whole["components"]["schemas"]["Problem"] = PROBLEM
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        whole["components"]["schemas"].pop(unused, None)
    return whole


def area_of(path: str) -> str:
    """The area that a route belongs to; its code lies in functions/<area>."""
    return AREA_OF_PATH[path.removeprefix("/v1/").split("/")[0]]


def _add_schemas(known: dict[str, Any], part: dict[str, Any], area: str) -> None:
    """Merge the schemas of an area. Raises ValueError when two areas define a name differently."""
    for name, shape in part.get("components", {}).get("schemas", {}).items():
        if known.setdefault(name, shape) != shape:
            raise ValueError(f"{area} defines the schema {name} differently from another area")


PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details; further members carry the data of the refusal.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def _part(area: str) -> dict[str, Any]:
    app = importlib.import_module(f"functions.{area}.api").app
    schemes = {"oauth": _oauth()}
    text = app.get_openapi_json_schema(
        title=area, version=VERSION, openapi_version="3.1.0", security_schemes=schemes
    )
    part: dict[str, Any] = json.loads(text)
    return part


def _oauth() -> dict[str, Any]:
    scopes = {f"{RESOURCE_SERVER}/{name}": text for name, text in {**SCOPES, **REACHES}.items()}
    return {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes}},
    }


def _gateway_path(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def _name_problems(operation: dict[str, Any]) -> None:
    """Declare every error as a problem document, in place of the error schemas of Powertools."""
    for status in ("422", "500"):
        operation["responses"].pop(status, None)
    operation["responses"].get("304", {}).pop("content", None)
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "near":
            parameter["explode"] = False
    operation["responses"]["default"] = {
        "description": "refused; the body says why",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def main() -> None:
    DOCUMENT.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
