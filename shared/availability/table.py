"""Packs, table ``availability``.

    pk SKU#<sku>   sk PACK#0   all locations of the SKU   packs: 0.5 read units for 500 locations

The item holds the columns of model.Columns deflated in ``pack``, beside ``as_of`` and ``version``.
It is written by ``project``, and by rebuild_table.py from the positions at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.availability.model import Change, Columns, Pack, confident, decode, encode, fold, unpack
from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy
from shared.instants import rfc3339

WRITES = 20


def pack_key(sku: str) -> Key:
    return Key(table_name("availability"), f"SKU#{sku}", "PACK#0")


def packs(skus: Iterable[str]) -> dict[str, Pack]:
    """The packs that exist among ``skus``: one call per 100."""
    found = tables.get_many(pack_key(sku) for sku in skus)
    return {pack.sku: pack for pack in map(pack_of_item, found.values())}


def columns(skus: Iterable[str]) -> dict[str, Columns]:
    """The packs that exist among ``skus``, as they are stored: one call per 100."""
    keys = [pack_key(sku) for sku in skus]
    if len(keys) == 1:
        item = tables.get(keys[0].table, keys[0].pk, keys[0].sk)  # half the latency of a batch
        found = [item] if item else []
    else:
        found = list(tables.get_many(keys).values())
    return {_sku(item): unpack(item["pack"], item["as_of"]) for item in found}


def pack_of_item(item: dict[str, Any]) -> Pack:
    rows, prior = decode(item["pack"])
    return Pack(
        sku=_sku(item),
        rows=rows,
        as_of=datetime.fromisoformat(item["as_of"]),
        version=item["version"],
        prior=prior,
    )


def project(
    sku: str, changes: Sequence[Change], confidence: Mapping[str, int] | None = None
) -> bool:
    """Folds ``changes`` into the pack of ``sku``; whether there was anything new in them. With
    them goes what is known of the picks at its locations.

    One strongly consistent read, and one write when there is news. Another writer of the same
    pack between the two makes it read again, so that neither loses what the other has folded.

    Raises Busy when that happens WRITES times.
    """
    key = pack_key(sku)
    for attempt in range(WRITES):
        pack = fold(sku, stored(key), changes)
        if pack is None:
            return False
        if written(pack if confidence is None else confident(pack, confidence)):
            return True
        tables.pause(attempt)
    raise Busy(f"too many writers on the availability of {sku}")


def stored(key: Key) -> Pack | None:
    """The pack as it stands now (strongly consistent)."""
    item = tables.get(key.table, key.pk, key.sk, consistent=True)
    return pack_of_item(item) if item else None


def written(pack: Pack) -> bool:
    """Whether the pack, which was made of the stored one, now stands in its place."""
    key = pack_key(pack.sku)
    arguments: dict[str, Any] = {
        "TableName": key.table,
        "Item": to_item(
            {
                "pk": key.pk,
                "sk": key.sk,
                "pack": encode(pack.rows, pack.prior),
                "as_of": rfc3339(pack.as_of),
                "version": pack.version + 1,
                # What the worker that gives supplies to their orders is woken by.
                "awaited": any(row.awaited for row in pack.rows.values()) or None,
            }
        ),
    }
    if pack.version == 0:
        # Holds for the first writer of the SKU.
        arguments["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        # Holds while nobody has written since the read that ``pack`` was folded from.
        arguments["ConditionExpression"] = "version = :read"
        arguments["ExpressionAttributeValues"] = to_item({":read": pack.version})
    return tables.write("put_item", **arguments) is None


def _sku(item: dict[str, Any]) -> str:
    return str(item["pk"]).removeprefix("SKU#")
