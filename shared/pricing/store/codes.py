"""Codes of promotions, table ``pricing``.

    pk CODE#<code>   sk CODE   {promotion_id, state, uses?, starts_at?, ends_at?, made_by}
                     sk USES   how often it was used (uses.py)
    pk CODE#<code>#<slot>   sk USES   the same, of the slots of a large limit (slots.py)
    pk IDEM#<name>   sk IDEM   {digest, ttl}   a request that has made codes

A batch is named by its request: its codes follow from the key of the system and that name, so that
a repeated request answers the same codes, and none is stored twice.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Update
from shared.aws.secrets import secret
from shared.aws.settings import table_name
from shared.errors import Conflict, NotFound
from shared.instants import rfc3339
from shared.pricing.model.slots import SLOTS, total
from shared.pricing.model.uses import Code
from shared.pricing.store.uses import of_row
from shared.web.idempotency import KEPT_SECONDS, Request

KEY = "quote_key"
CHARACTERS = 12
"""Of a code that is made here: 60 bits."""
LOOKALIKES = str.maketrans("OIL", "890")
Stored = tuple[Code, int]
"""A code, and how often it was used."""


def made(request: Request, count: int, prefix: str = "") -> list[str]:
    """The codes of a batch."""
    names = (f"code\0{request.name}\0{number}".encode() for number in range(count))
    return [f"{prefix}{_code(name)}" for name in names]


def _code(name: bytes) -> str:
    digest = hmac.digest(secret(KEY), name, hashlib.sha256)
    return b32encode(digest).decode()[:CHARACTERS].translate(LOOKALIKES)


def put(codes: Iterable[Code], request: Request, now: datetime) -> None:
    """Store the codes. Those of the same request change nothing.

    Raises Conflict naming a code that another request has stored, KeyReused for another payload
    under the name of the request.
    """
    parts = [_record_part(request, now), *(_part(code, request) for code in codes)]
    for first in range(0, len(parts), tables.WRITE_PARTS):
        for refused in tables.transact(parts[first : first + tables.WRITE_PARTS]):
            stored = refused.item or {}
            request.check(stored["digest"] if first + refused.index == 0 else request.digest)
            taken = stored["pk"].removeprefix("CODE#")
            raise Conflict(f"there is a code {taken} already", code_text=taken)


def _record_part(request: Request, now: datetime) -> tables.Part:
    update = Update()
    update.set("digest", request.digest)
    update.set("ttl", int(now.timestamp()) + KEPT_SECONDS)
    # Holds when the request is new, or had the same payload.
    update.require("attribute_not_exists(pk) OR digest = {}", request.digest)
    return {"Update": update.request(table_name("pricing"), f"IDEM#{request.name}", "IDEM")}


def _part(code: Code, request: Request) -> tables.Part:
    update = Update()
    update.set("promotion_id", code.promotion_id)
    update.set("made_by", request.name)
    update.assign("#state = if_not_exists(#state, {})", "active")
    for name, value in _terms(code).items():
        update.set(name, value)
    # Holds when the code is new, or was stored by this request.
    update.require("attribute_not_exists(pk) OR made_by = {}", request.name)
    return {"Update": update.request(table_name("pricing"), f"CODE#{code.code}", "CODE")}


def _terms(code: Code) -> dict[str, Any]:
    terms = {
        "uses": code.uses,
        "starts_at": rfc3339(code.starts_at) if code.starts_at else None,
        "ends_at": rfc3339(code.ends_at) if code.ends_at else None,
    }
    return {name: value for name, value in terms.items() if value is not None}


def find(codes: Sequence[str]) -> dict[str, Stored]:
    """The codes that exist, with how often they were used: 1 read call, eventually consistent."""
    return dict(_stored(codes, tables.get_many(key for code in codes for key in _keys(code))))


def _keys(code: str) -> list[tables.Key]:
    """The code, its counter and, as nobody knows yet whether its limit is large, its slots."""
    pk = f"CODE#{code}"
    keys = [(pk, "CODE"), (pk, "USES"), *((f"{pk}#{slot}", "USES") for slot in range(SLOTS))]
    return [tables.Key(table_name("pricing"), *key) for key in keys]


def _stored(
    codes: Sequence[str], rows: Mapping[tables.Key, Mapping[str, Any]]
) -> Iterator[tuple[str, Stored]]:
    for code in codes:
        row, *counters = (rows.get(key) for key in _keys(code))
        if row is not None:
            yield code, (_of_row(code, row), total(list(map(of_row, counters))).uses)


def _of_row(code: str, row: Mapping[str, Any]) -> Code:
    starts_at, ends_at = (
        datetime.fromisoformat(row[name]) if row.get(name) else None
        for name in ("starts_at", "ends_at")
    )
    blocked = row["state"] == "blocked"
    return Code(code, row["promotion_id"], row.get("uses"), starts_at, ends_at, blocked)


def block(code: str) -> None:
    """Nobody may use the code any more. Raises NotFound."""
    update = Update()
    update.assign("#state = {}", "blocked")
    # Holds when the code exists.
    update.require("attribute_exists(pk)")
    missing = tables.write(
        "update_item", **update.request(table_name("pricing"), f"CODE#{code}", "CODE")
    )
    if missing is not None:
        raise NotFound(f"there is no code {code}")
