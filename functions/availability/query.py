"""GET /v1/availability, for which every millisecond counts: it loads no resolver and no pydantic.

The route is declared in api.py, with its types: the API document says to whoever deploys it that
this function answers it (``x-function``).
"""

import os
from datetime import UTC, datetime

from shared.availability.contract.parameters import parse
from shared.availability.reply import reply
from shared.aws.clients import dynamodb
from shared.web.auth import caller
from shared.web.lean import Event, LeanAnswer, serve

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    dynamodb()  # a client takes 50 ms: before the first request, and into the snapshot


def get_availability(event: Event) -> LeanAnswer:
    made = reply(
        parse(event.get("queryStringParameters") or {}),
        caller(event),
        event.get("headers", {}).get("if-none-match"),
        datetime.now(UTC),
    )
    return made.status, made.headers, made.body


handler = serve(get_availability)
