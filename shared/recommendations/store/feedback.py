"""Counts suggestions that were shown and taken: by channel and kind for each day, and for a person.

    TAKEN#<channel>#<kind>#<slot>   DAY#<day>         {shown, taken, ttl}
    AGAIN#<home>                    DAY#<day>         {shown, taken, ttl}
    REQUEST#<name>                  FEEDBACK          {digest, ttl}

A slot takes 1,000 writes a second.
"""

from datetime import date, datetime, timedelta

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.errors import Busy
from shared.recommendations.store.rows import again_key, table
from shared.web.idempotency import KEPT_SECONDS, Request
from shared.web.portions import checksum

SLOTS = 8
KEPT = timedelta(days=400)


def record(
    request: Request,
    channel: str,
    kind: str,
    home: str | None,
    shown: int,
    taken: int,
    now: datetime,
) -> None:
    """Counts once, however often the request is repeated. Raises KeyReused, Busy."""
    day = now.date()
    slot = checksum(request.name) % SLOTS
    parts = [
        _request_part(request, now),
        _count_part(Key(table(), f"TAKEN#{channel}#{kind}#{slot}", _day(day)), shown, taken, now),
    ]
    if home is not None:
        key = Key(table(), again_key(home).pk, _day(day))
        parts.append(_count_part(key, shown, taken, now))
    refused = tables.transact(parts)
    if not refused:
        return
    stored = refused[0].item
    if stored is None:
        raise Busy("the request is being carried out")
    request.check(stored["digest"])


def counted(channel: str, kind: str, day: date) -> tuple[int, int]:
    """How many suggestions of a day were shown and taken (eventually consistent)."""
    keys = [Key(table(), f"TAKEN#{channel}#{kind}#{slot}", _day(day)) for slot in range(SLOTS)]
    found = tables.get_many(keys).values()
    return sum(row["shown"] for row in found), sum(row["taken"] for row in found)


def _day(day: date) -> str:
    return f"DAY#{day.isoformat()}"


def _request_part(request: Request, now: datetime) -> Part:
    condition = Condition()
    # Holds when the request has not been carried out.
    condition.require("attribute_not_exists(pk)")
    item = {
        "pk": f"REQUEST#{request.name}",
        "sk": "FEEDBACK",
        "digest": request.digest,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": table(), "Item": to_item(item), **condition.arguments()}}


def _count_part(key: Key, shown: int, taken: int, now: datetime) -> Part:
    """Unconditional: the request beside it is counted once."""
    update = Update()
    update.add("shown", shown)
    update.add("taken", taken)
    update.set("ttl", int((now + KEPT).timestamp()))
    return {"Update": update.request(key.table, key.pk, key.sk)}
