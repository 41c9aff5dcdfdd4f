"""Ask a tax service for the taxes of a quote, where the book says so: what it answers is signed
with the quote and stored with the order.

The service is the retailer's own, or an adapter to one: POST of TaxQuestion, answered by TaxAnswer
(contract/tax_service.py), over HTTPS with a bearer key. A question may be repeated.
"""

import json
from functools import cache
from typing import Any

import urllib3
from pydantic import ValidationError

from shared.aws.secrets import secret
from shared.errors import TaxUnavailable
from shared.pricing.contract.tax_service import TaxAnswer, TaxQuestion
from shared.pricing.model.quote import LineTax

CONNECT_SECONDS = 1
ANSWER_SECONDS = 3
TRIES = 2
OK = 200


def is_set_up() -> bool:
    """Whether the stack has the address of a service."""
    return bool(_where()[0])


def ask(question: TaxQuestion) -> tuple[dict[str, LineTax], LineTax]:
    """The tax of each line, and that of shipping. Raises TaxUnavailable."""
    url, key = _where()
    if not url:
        raise TaxUnavailable("no tax service is set up")
    body = question.model_dump_json(exclude_none=True).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    for _ in range(TRIES):
        try:
            answer = _pool().request("POST", url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            continue
        if answer.status == OK:
            return _read(question, answer.data)
    raise TaxUnavailable("the tax service does not answer")


def _read(question: TaxQuestion, data: bytes) -> tuple[dict[str, LineTax], LineTax]:
    try:
        answer = TaxAnswer.model_validate_json(data)
    except ValidationError:
        raise TaxUnavailable("the tax service has answered something else") from None
    taxes = {line.line_id: LineTax(line.rate, line.amount) for line in answer.lines}
    if taxes.keys() != {line.line_id for line in question.lines}:
        raise TaxUnavailable("the tax service has not answered every line")
    return taxes, LineTax(answer.shipping.rate, answer.shipping.amount)


def _where() -> tuple[str, str]:
    """Address and key: JSON in the secret ``tax_service``. The key is never logged."""
    try:
        stored: Any = json.loads(secret("tax_service"))
    except (KeyError, ValueError):
        return "", ""
    return (stored.get("url", ""), stored.get("key", "")) if isinstance(stored, dict) else ("", "")


@cache
def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    return urllib3.PoolManager(timeout=timeout, retries=False)
