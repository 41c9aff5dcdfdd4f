"""The common parts of every API: validation, problem+json, the caller, one log line per request.

An area makes its resolver with ``api()``, declares its routes on it, and ends with
``handler = serve(app)``. A route raises a Refusal (shared/errors.py) and never builds an error.
"""

import base64
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter, Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from shared.errors import InvalidRequest, KeyMissing, MalformedRequest, NotFound, Refusal
from shared.instants import milliseconds
from shared.web.auth import Caller, caller
from shared.web.crash import crash
from shared.web.idempotency import Request
from shared.web.problem import defects, headers, problem

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

logger = Logger(service="norain", utc=True)
# The resolver logs a crash with its message, which may hold personal data; `serve` logs it without.
logging.getLogger(APIGatewayHttpResolver.__module__).addFilter(lambda line: not line.exc_info)


def api() -> APIGatewayHttpResolver:
    app = APIGatewayHttpResolver(
        enable_validation=True,
        response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
    )

    app.exception_handler(Refusal)(_refuse)
    app.exception_handler(RequestValidationError)(_refuse_input)
    app.exception_handler(NotFoundError)(_refuse_route)
    return app


def routes() -> Router:
    """The routes of one resource, to be included in the app of an area."""
    return Router()  # type: ignore[no-untyped-call]


def serve(app: APIGatewayHttpResolver) -> Handler:
    """The Lambda handler of ``app``. A crash is logged without its message and answered as 500."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            answer = app.resolve(event, context)
        except Exception as error:
            refusal = _unreadable(event)
            if refusal is None:
                logger.error("the request failed", extra=crash(error))
            answer = {
                "statusCode": refusal.status if refusal else HTTPStatus.INTERNAL_SERVER_ERROR,
                "body": problem(refusal),
                "headers": headers(refusal),
            }
        answer["body"] = answer.get("body") or ""  # the local gateway fails on null
        # By default an answer is personal or for one caller only: caches must not keep it.
        answer["headers"] = {"Cache-Control": "no-store", **answer.get("headers", {})}
        request = event.get("requestContext", {})
        logger.info(
            "answered",
            extra={
                "route": event.get("routeKey"),
                "status": int(answer["statusCode"]),
                "ms": round((time.perf_counter() - started) * 1000, 1),
                "request_id": request.get("requestId"),
                "client_id": caller(event).client_id,
            },
        )
        return answer

    return handler


def caller_of(app: BaseRouter) -> Caller:
    """The caller of the request that ``app`` (a resolver, or a router in it) is answering."""
    return caller(app.current_event.raw_event)


def now_in_milliseconds() -> datetime:
    """The current time in the precision in which instants are stored."""
    return milliseconds(datetime.now(UTC))


def request_of(app: BaseRouter) -> Request:
    """The name and digest of the request that ``app`` is answering.

    Raises KeyMissing without an Idempotency-Key.
    """
    event = app.current_event
    key = event.headers.get("idempotency-key")
    if not key:
        raise KeyMissing("this request needs an Idempotency-Key header")
    return Request.of(caller_of(app).actor, key, event.http_method, event.path, event.json_body)


def stored_answer(status: HTTPStatus, text: str) -> Response[Any]:
    """The answer that is stored as JSON for the repetitions of its request, as it is. Its route
    declares its model with ``answered_with``, which the resolver would fill and write again."""
    return Response(status, content_type="application/json", body=text)


def document_answer(media: str, content: bytes) -> Response[Any]:
    """A file, such as a PDF. The gateway decodes it, as HTTP APIs do with ``isBase64Encoded``; the
    resolver would read bytes as text. Its route declares it with ``document_of``."""
    body = base64.b64encode(content).decode()
    answer: Response[Any] = Response(HTTPStatus.OK, content_type=media, body=body)
    answer.base64_encoded = True
    return answer


def document_of(description: str, *media: str) -> dict[int, Any]:
    """The ``responses`` of a route that returns a ``document_answer``."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {HTTPStatus.OK: {"description": description, "content": dict.fromkeys(media, binary)}}


def answered_with(status: HTTPStatus, description: str, model: Any) -> dict[int, Any]:
    """The ``responses`` of a route that returns a ``stored_answer``."""
    content = {"application/json": {"model": model}}
    return {status: {"description": description, "content": content}}


def _refuse(refusal: Refusal) -> Response[str]:
    return Response(refusal.status, body=problem(refusal), headers={**headers(refusal)})


def _refuse_input(error: RequestValidationError) -> Response[str]:
    return _refuse(_invalid(error))


def _refuse_route(_: NotFoundError) -> Response[str]:
    return _refuse(NotFound("there is no such route"))


def _unreadable(event: dict[str, Any]) -> MalformedRequest | None:
    """The refusal of a body that makes the resolver crash: bytes that are not UTF-8, a number of
    thousands of digits, thousands of nested lists. None when the body is readable."""
    try:
        APIGatewayProxyEventV2(event).json_body  # noqa: B018 (parsed only to see the error)
    except (ValueError, RecursionError):
        return MalformedRequest(
            "the body is not JSON", [{"path": "$", "message": "it cannot be read"}]
        )
    return None


def _invalid(error: RequestValidationError) -> InvalidRequest:
    found = defects(error.errors())
    if any(entry["type"] == "json_invalid" for entry in error.errors()):
        return MalformedRequest("the body is not JSON", found)
    return InvalidRequest("the request does not fit its schema", found)
