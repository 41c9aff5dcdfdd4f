"""The routes of the service itself: health, the API document and the event document."""

from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, Field

from shared.web.api import api, serve

app = api()

DOCUMENT = Path(__file__).with_name("openapi.json")
EVENTS = Path(__file__).with_name("asyncapi.json")


class Health(BaseModel):
    """The service answers requests."""

    status: str = Field(description="Always `ok`.")


@app.get(
    "/v1/health",
    operation_id="getHealth",
    security=[],
    summary="Check that the service answers",
    description="Answers without a token and without reading a table.",
)
def get_health() -> Health:
    return Health(status="ok")


@app.get(
    "/v1/openapi.json",
    operation_id="getApiDocument",
    security=[],
    summary="Read the API document",
    description="Returns the OpenAPI 3.1 document of every route.",
    responses={200: {"description": "OpenAPI 3.1", "content": {"application/json": {}}}},
)
def get_document() -> Response[str]:
    return _answer(DOCUMENT)


@app.get(
    "/v1/asyncapi.json",
    operation_id="getEventDocument",
    security=[],
    summary="Read the event document",
    description="Returns the AsyncAPI 3 document of the events that NoRain sends and receives.",
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
