"""What anybody may ask, without a token."""

import json
from typing import Any

from functions.service.api import DOCUMENT, EVENTS, handler
from tests.support.events import event


def get(path: str) -> dict[str, Any]:
    made = event("locations/get_location")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["routeKey"] = f"GET {path}"
    del made["requestContext"]["authorizer"]
    return handler(made, None)


def test_it_says_that_it_is_well() -> None:
    answer = get("/v1/health")
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "ok"})


def test_the_api_document_is_the_committed_one() -> None:
    answer = get("/v1/openapi.json")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "application/json"
    assert json.loads(answer["body"]) == json.loads(DOCUMENT.read_text())


def test_any_other_route_is_not_found() -> None:
    answer = get("/v1/nothing")
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["code"] == "not_found"


def test_the_document_of_the_events_is_the_committed_one() -> None:
    answer = get("/v1/asyncapi.json")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == json.loads(EVENTS.read_text())
