"""GET /v1/availability, where every millisecond counts: it loads neither the resolver nor pydantic.

The route is declared with its types in api.py; the API document names this function for deployments
(``x-function``).
"""

import os
from datetime import UTC, datetime

from shared.availability.contract.parameters import parse
from shared.availability.reply import reply
from shared.aws.clients import dynamodb
from shared.web.auth import caller
from shared.web.lean import Event, LeanAnswer, serve

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    dynamodb()  # making a client takes 50 ms: do it before the first request, and in the snapshot


def get_availability(event: Event) -> LeanAnswer:
    made = reply(
        parse(event.get("queryStringParameters") or {}),
        caller(event),
        event.get("headers", {}).get("if-none-match"),
        datetime.now(UTC),
    )
    return made.status, made.headers, made.body


handler = serve(get_availability)
