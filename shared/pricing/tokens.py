"""Quote tokens: a quote, compressed and signed, that an order brings back. Nothing is stored."""

import binascii
import hashlib
import hmac
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

from shared.aws.secrets import secret
from shared.errors import QuoteExpired, invalid
from shared.pricing.contract.quotes import MOST_CHARACTERS
from shared.pricing.model.quote import ENGINE, VALID, Quote

SIGNATURE_BYTES = 32
KEY = "quote_key"


def quote_token(quote: Quote) -> str:
    """The token of a quote, as base64url text. The same quote has the same token."""
    packed = zlib.compress(quote.signed_text(), level=9)
    return urlsafe_b64encode(_signature(packed) + packed).decode().rstrip("=")


def read_token(token: str, path: str = "$.quote_token") -> Quote:
    """The quote of a token, which may have expired; ``path`` is the JSON path of the token in the
    request.

    Raises InvalidRequest for what this system has not signed.
    """
    return _quote(_content(token, path))


def check_valid(at: datetime, engine: int, now: datetime) -> None:
    """Raises QuoteExpired for a quote that was made more than 15 minutes ago, or by other rules
    than today's."""
    if engine != ENGINE or now >= at + VALID:
        raise QuoteExpired("the quote has expired: ask for a new one")


def _content(token: str, path: str) -> dict[str, Any]:
    """Nothing is unpacked before its signature is known to be ours."""
    refusal = invalid(path, "this is not a quote_token of POST /v1/prices/quote")
    if len(token) > MOST_CHARACTERS or not token.isascii():
        raise refusal
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        raise refusal from None
    signature, packed = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(packed)):
        raise refusal
    content: dict[str, Any] = json.loads(zlib.decompress(packed))
    return content


def _signature(packed: bytes) -> bytes:
    return hmac.digest(secret(KEY), b"quote\0" + packed, hashlib.sha256)


def _quote(content: dict[str, Any]) -> Quote:
    discounts = [
        {"promotion_id": promotion_id, "title": title} for promotion_id, title in content["titles"]
    ]
    totals = {"tax_included": content["tax_included"]}
    return Quote.from_json({**content, "discounts": discounts, "totals": totals})
