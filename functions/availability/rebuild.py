"""Rebuilds packs from the positions (`norain rebuild availability` invokes it).

    {"skus": {"of": "positions" | "packs", "after": key?}}  ->  {"skus": [...], "after": key?}
    {"rebuild": [sku, ...]}                                 ->  {"rebuilt": [...], "left": [...]}

``rebuilt`` are the packs that were wrong before, ``left`` those that the time was not enough for.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.store import rebuild as table
from shared.aws.items import Item

READERS = 8
PAGE = 2000
MOST_SKUS = 20_000
"""SKUs in one answer: Lambda returns at most 6 MB."""
SPARE_MS = 20_000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "skus" in event:
        return _skus(event["skus"], context)
    return _rebuild(event["rebuild"], context)


def _skus(asked: dict[str, Any], context: Any) -> dict[str, Any]:
    page = {"positions": table.stocked_skus, "packs": table.packed_skus}[asked["of"]]
    names: set[str] = set()
    after: Item | None = asked.get("after")
    while True:
        skus, after = page(PAGE, after)
        names |= skus
        if after is None or len(names) > MOST_SKUS or _late(context):
            return {"skus": sorted(names), "after": after}


def _rebuild(skus: list[str], context: Any) -> dict[str, Any]:
    def one(sku: str) -> bool | None:
        return None if _late(context) else table.rebuild(sku)

    with ThreadPoolExecutor(READERS) as pool:
        changed = dict(zip(skus, pool.map(one, skus), strict=True))
    rebuilt = [sku for sku, news in changed.items() if news]
    left = [sku for sku, news in changed.items() if news is None]
    logger.info("rebuilt", extra={"skus": len(skus), "rebuilt": len(rebuilt), "left": len(left)})
    return {"rebuilt": rebuilt, "left": left}


def _late(context: Any) -> bool:
    return bool(context.get_remaining_time_in_millis() < SPARE_MS)
