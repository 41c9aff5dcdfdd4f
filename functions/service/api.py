"""Whether the service answers, and what it can be asked."""

from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from shared.web.api import api, serve

app = api()

DOCUMENT = Path(__file__).with_name("openapi.json")
EVENTS = Path(__file__).with_name("asyncapi.json")


class Health(BaseModel):
    status: str


@app.get("/v1/health", security=[], summary="Whether the service answers")
def get_health() -> Health:
    return Health(status="ok")


@app.get(
    "/v1/openapi.json",
    security=[],
    summary="The API document",
    description="OpenAPI 3.1 of every route.",
    responses={200: {"description": "OpenAPI 3.1", "content": {"application/json": {}}}},
)
def get_document() -> Response[str]:
    return _answer(DOCUMENT)


@app.get(
    "/v1/asyncapi.json",
    security=[],
    summary="The document of the events",
    description="AsyncAPI 3 of what goes to the event bus, and of what the stock feed takes.",
    responses={200: {"description": "AsyncAPI 3", "content": {"application/json": {}}}},
)
def get_events() -> Response[str]:
    return _answer(EVENTS)


def _answer(document: Path) -> Response[str]:
    return Response(
        status_code=200,
        content_type="application/json",
        body=_text(document),
        headers={"Cache-Control": "public, max-age=300"},
    )


@cache
def _text(document: Path) -> str:
    return document.read_text()


handler = serve(app)
