"""Packs, table ``availability``.

    pk SKU#<sku>   sk PACK#0   all locations of the SKU   0.5 read units for 500 locations
                   sk PACK#1 ... PACK#<n-1>   with PACK#0, a pack that is too large for one item

An item holds the columns of model.pack.Columns, deflated, in ``pack``, beside ``as_of`` and
``version``. It is written by projection.py, and by rebuild.py from the positions at any time. The
life of an unusual product (``available_from``, ``discontinued``) is in every item: ``put_life``
writes it, all other writers carry it over.

A pack of more than MOST_BYTES lies in n items, n a power of two, each with the locations that
model.pack.slice_of gives it; ``packs`` is n, left out when it is 1. n never shrinks. It grows in
one transaction over all items of the SKU that changes no units (``_spread``); no other write
changes ``packs``. So items with the same n belong together and contain every location once. Items
with different n were read while n grew, and are read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from shared.availability.model.channel import confidence_in
from shared.availability.model.pack import (
    Columns,
    Pack,
    Slice,
    decode,
    encode,
    merge_columns,
    merge_slices,
    slices_needed,
    split_pack,
    unpack,
)
from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.catalog.model import ORDINARY, Life
from shared.catalog.store import life_attributes, life_of_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock.model.rules import ConfidenceOf

Item = Mapping[str, Any]

WRITES = 20
READS = 8
MOST_BYTES = 8_000
"""Size of one ``pack``: about 1,000 locations, 500 when all of them sell. A change rewrites all of
it, so that smaller packs cost fewer write units; 500 locations are still read in one call."""
MOST_SLICES = 64
"""A transaction has 100 parts and 4 MB: with more than 50,000 locations slices grow beyond
MOST_BYTES."""


def pack_key(sku: str, number: int = 0) -> Key:
    return Key(table_name("availability"), f"SKU#{sku}", f"PACK#{number}")


def is_first(item: Item) -> bool:
    """Whether it is the first item of a pack: the table also has further items of packs, and items
    of other kinds."""
    return bool(item["sk"] == "PACK#0")


def packs(skus: Iterable[str], *, consistent: bool = False) -> dict[str, Pack]:
    """The packs that exist among ``skus``: one call per 100, and one more for those that lie in
    several items.

    Raises Busy when packs grow faster than they can be read.
    """
    items = tables.get_many((pack_key(sku) for sku in skus), consistent=consistent)
    return packs_of(items.values(), consistent=consistent)


def packs_of(first: Iterable[Item], *, consistent: bool = False) -> dict[str, Pack]:
    """By SKU the packs whose first items have been read; further items are read where there are
    any.

    Raises Busy as ``packs``.
    """
    return {
        sku: merge_slices([pack_of_item(item) for item in items])
        for sku, items in _with_other_slices(first, consistent=consistent).items()
    }


def columns(skus: Iterable[str]) -> dict[str, Columns]:
    """The columns of the packs that exist among ``skus``: calls as for ``packs``."""
    keys = [pack_key(sku) for sku in skus]
    if len(keys) == 1:
        item = tables.get(keys[0].table, keys[0].pk, keys[0].sk)  # half the latency of a batch
        return columns_of([item] if item else [])
    return columns_of(tables.get_many(keys).values())


def lazy_confidence(skus: Iterable[str]) -> ConfidenceOf:
    """The confidence in the stock of ``skus``, from their packs, which are read when first
    needed."""
    names = list(skus)

    @cache
    def read() -> dict[str, Columns]:
        return columns(names)

    def confidence(sku: str) -> Mapping[str, int]:
        return confidence_in(read())(sku)

    return confidence


def columns_of(first: Iterable[Item]) -> dict[str, Columns]:
    """As ``packs_of``."""
    return {
        sku: merge_columns(
            [unpack(item["pack"], item["as_of"], life_of_item(item)) for item in items]
        )
        for sku, items in _with_other_slices(first).items()
    }


def _with_other_slices(first: Iterable[Item], *, consistent: bool = False) -> dict[str, list[Item]]:
    """By SKU all items of the packs whose first items are given, in their order.

    No call when every pack is one item, otherwise one call for all others. Items that do not belong
    together are read again, consistently, because a lagging copy may lag for long.
    """
    items_by_sku = {_sku(item): [item] for item in first}
    incomplete = {
        sku: slice_count(item) for sku, (item,) in items_by_sku.items() if slice_count(item) > 1
    }
    for attempt in range(READS):
        if not incomplete:
            break
        if attempt > 1:
            tables.pause(attempt)
        known = 1 if attempt == 0 else 0
        asked = {
            sku: [pack_key(sku, at) for at in range(known, of)] for sku, of in incomplete.items()
        }
        read = tables.get_many(
            (key for keys in asked.values() for key in keys),
            consistent=consistent or attempt > 0,
        )
        for sku, keys in asked.items():
            items = [*items_by_sku[sku][:known], *(read[key] for key in keys if key in read)]
            of = max(map(slice_count, items), default=1)
            # True when no item is of another spreading, and none is missing.
            if len(items) == of == min(map(slice_count, items), default=1):
                items_by_sku[sku] = items
                del incomplete[sku]
            else:
                incomplete[sku] = of
    if incomplete:
        raise Busy(f"the packs of {', '.join(incomplete)} are being spread over more items")
    return items_by_sku


def pack_of_item(item: Item) -> Pack:
    """The locations of one item."""
    rows, prior = decode(item["pack"])
    return Pack(
        sku=_sku(item),
        rows=rows,
        as_of=datetime.fromisoformat(item["as_of"]),
        version=item["version"],
        prior=prior,
        life=life_of_item(item),
    )


def life_in_catalog(sku: str) -> Life:
    """The life of the product as it is stored now (strongly consistent)."""
    product = catalog.find(sku)
    return product.life if product else ORDINARY


def put_life(sku: str, at: datetime) -> bool:
    """Copies the life of the product from the catalog into the pack, from ``at`` on; False when the
    pack had it already or does not exist.

    It is called after every write of a product, and by whoever has made a pack from an earlier read
    of the catalog. It reads the pack, then the catalog, and ends when they agree. So the pack ends
    up with the catalog's last value in whatever order writes overtake each other: a writer of the
    pack reads the catalog once more, and a later writer of the catalog finds the pack.

    Two reads when they agree; one more write, of all items in one transaction, when they differ.

    Raises Busy when others write the pack WRITES times in between.
    """
    changed, key = False, pack_key(sku)
    for _ in tables.attempts(WRITES):
        item = tables.get(key.table, key.pk, key.sk, consistent=True)
        life = life_in_catalog(sku)
        if item is None or life_of_item(item) == life:
            return changed
        others = _with_other_slices([item], consistent=True)[sku][1:]
        updates = [_life_update(one, life, at) for one in (item, *others)]
        if len(updates) == 1:  # half the price of a transaction
            refused = tables.write("update_item", **updates[0]) is not None
        else:
            refused = bool(tables.transact([{"Update": update} for update in updates]))
        changed = changed or not refused
    raise Busy(f"too many writers on the availability of {sku}")


def _life_update(item: Item, life: Life, at: datetime) -> dict[str, Any]:
    """The arguments of an update of ``item``, which leaves its locations as they are."""
    update = Update()
    update.set("version", item["version"] + slice_count(item))
    update.set("as_of", max(item["as_of"], rfc3339(at)))
    for name, value in life_attributes(life).items():
        if value is None:
            update.remove(name)
        else:
            update.set(name, value)
    # Holds while nobody has written the item since it was read. The new version makes a writer that
    # has read the item without this change read it again.
    update.require("version = {}", item["version"])
    return update.request(table_name("availability"), item["pk"], item["sk"])


def stored_slices(sku: str) -> list[Slice]:
    """All slices of the pack as it is stored now (strongly consistent); none when there is no pack.

    Raises Busy as ``packs``.
    """
    key = pack_key(sku)
    item = tables.get(key.table, key.pk, key.sk, consistent=True)
    items = _with_other_slices([item], consistent=True)[sku] if item else []
    return [slice_of_item(one) for one in items]


def replace_slices(before: Sequence[Slice], pack: Pack) -> bool:
    """Puts ``pack``, made from the stored slices ``before``, in their place, in one transaction
    over the slices that change; False when another writer came in between.

    A pack that needs more slices is spread first.
    """
    of = slices_needed(pack, max(1, len(before)), MOST_BYTES, MOST_SLICES)
    if of > max(1, len(before)):
        spread = spread_from(before, pack.sku, pack.as_of, of, pack.life)
        if spread is None:
            return False
        before = spread
    parts: list[tables.Part] = []
    for part in split_pack(pack, of):
        old = before[part.number] if before else None
        if old is None or old.pack.rows != part.pack.rows:
            version = old.next_version if old else 1
            parts.append({"Put": put_request(item_of_slice(part, version), old)})
    if len(parts) == 1:  # half the price of a transaction
        return tables.write("put_item", **parts[0]["Put"]) is None
    return not parts or not tables.transact(parts)


def spread_from(
    before: Sequence[Slice], sku: str, as_of: datetime, of: int, life: Life
) -> list[Slice] | None:
    """The pack of the stored slices ``before`` in ``of`` items with the same rows, written in one
    transaction; None when another writer has come in between. A pack that does not exist yet gets
    empty items, as of ``as_of`` and with ``life``."""
    was = [part.pack for part in before]
    pack = merge_slices(was) if was else Pack(sku, {}, as_of, life=life)
    after = split_pack(pack, of)
    parts: list[tables.Part] = []
    for part in after:
        old = before[part.number] if part.number < len(before) else None
        parts.append({"Put": put_request(item_of_slice(part, part.pack.version), old)})
    return None if tables.transact(parts) else after


def item_of_slice(part: Slice, version: int) -> dict[str, Any]:
    pack, key = part.pack, pack_key(part.pack.sku, part.number)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "packs": part.of if part.of > 1 else None,
        "pack": encode(pack.rows, pack.prior),
        "as_of": rfc3339(pack.as_of),
        "version": version,
        # These wake the worker that keeps promises: supplies with promised units, and locations
        # where more units are promised than there are.
        "awaited": max([row.awaited for row in pack.rows.values()], default=0) > 0 or None,
        "short": min([row.available for row in pack.rows.values()], default=0) < 0 or None,
        **life_attributes(pack.life),
    }


def put_request(item: Item, before: Slice | None) -> dict[str, Any]:
    """The arguments of a put of ``item``, which was made from ``before``."""
    condition = Condition()
    if before is None:
        # Holds for the first writer of the item.
        condition.require("attribute_not_exists(pk)")
    else:
        # Holds while nobody has written since the item was read: neither a change of its locations
        # nor a spreading, which writes all items of the SKU.
        condition.require("version = {}", before.pack.version)
    table = table_name("availability")
    return {"TableName": table, "Item": to_item(item), **condition.arguments()}


def slice_of_item(item: Item) -> Slice:
    return Slice(pack_of_item(item), int(item["sk"].removeprefix("PACK#")), slice_count(item))


def slice_count(item: Item) -> int:
    """The number of items of the pack that the item belongs to."""
    return int(item.get("packs", 1))


def _sku(item: Item) -> str:
    return str(item["pk"]).removeprefix("SKU#")
