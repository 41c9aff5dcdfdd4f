"""Packs, table ``availability``.

    pk SKU#<sku>   sk PACK#0   all locations of the SKU   packs: 0.5 read units for 500 locations
                   sk PACK#1 ... PACK#<n-1>   with PACK#0, what is more than one item should hold

An item holds the columns of model.Columns deflated in ``pack``, beside ``as_of`` and ``version``.
It is written by ``project``, and by rebuild_table.py from the positions at any time. What is not
ordinary in the life of the product (``available_from``, ``discontinued``) is in every item:
``put_life`` writes it, whoever writes the item otherwise carries it over.

A pack of more than MOST_BYTES lies in n items, n a power of two, each with the locations that
model.slice_of gives it; ``packs`` is n, and is left out when it is 1. n grows and never shrinks.
It grows by one transaction over all items of the SKU that says nothing new (``_spread``), and no
other write changes ``packs``. So items that tell the same n belong together: every location is in
one of them. Items that tell different ones were read while n grew, and are read again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from shared.availability.model.channel import found_in
from shared.availability.model.pack import (
    Columns,
    Pack,
    PackChange,
    Slice,
    confident,
    decode,
    encode,
    fold,
    joined,
    slice_of,
    sliced,
    slices_for,
    unpack,
    whole,
)
from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
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
MOST_BYTES = 32_000
"""Of one ``pack``: about 4,000 locations, 2,000 when all have sold. A change writes all of it."""
MOST_SLICES = 64
"""A transaction has 100 parts and 4 MB: beyond these (190,000 locations) slices grow."""
MOST_KNOWN = 10_000

_known: dict[str, int] = {}
"""How many items the packs lie in that do not lie in one, as this process has last seen it. It
saves reading PACK#0 to know; what it says is compared with every item that is read."""


def pack_key(sku: str, number: int = 0) -> Key:
    return Key(table_name("availability"), f"SKU#{sku}", f"PACK#{number}")


def is_first(item: Item) -> bool:
    """Whether it is the item that every pack has: others of the table are no packs, or more of
    one."""
    return bool(item["sk"] == "PACK#0")


def packs(skus: Iterable[str], *, consistent: bool = False) -> dict[str, Pack]:
    """The packs that exist among ``skus``: one call per 100, and one more for those that lie in
    more than one item.

    Raises Busy when these grow faster than they can be read.
    """
    found = tables.get_many((pack_key(sku) for sku in skus), consistent=consistent)
    return packs_of(found.values(), consistent=consistent)


def packs_of(first: Iterable[Item], *, consistent: bool = False) -> dict[str, Pack]:
    """By SKU the packs whose first items have been read; the others are read where there are any.

    Raises Busy as ``packs``.
    """
    return {
        sku: whole([pack_of_item(item) for item in items])
        for sku, items in _complete(first, consistent=consistent).items()
    }


def columns(skus: Iterable[str]) -> dict[str, Columns]:
    """The packs that exist among ``skus``, as they are stored: calls as for ``packs``."""
    keys = [pack_key(sku) for sku in skus]
    if len(keys) == 1:
        item = tables.get(keys[0].table, keys[0].pk, keys[0].sk)  # half the latency of a batch
        return columns_of([item] if item else [])
    return columns_of(tables.get_many(keys).values())


def confidence(skus: Iterable[str]) -> ConfidenceOf:
    """What the packs of ``skus`` say of picks; they are read when the first is asked for."""
    wanted = list(skus)

    @cache
    def read() -> dict[str, Columns]:
        return columns(wanted)

    def found(sku: str) -> Mapping[str, int]:
        return found_in(read())(sku)

    return found


def columns_of(first: Iterable[Item]) -> dict[str, Columns]:
    """As ``packs_of``."""
    return {
        sku: joined([unpack(item["pack"], item["as_of"], life_of_item(item)) for item in items])
        for sku, items in _complete(first).items()
    }


def _complete(first: Iterable[Item], *, consistent: bool = False) -> dict[str, list[Item]]:
    """By SKU all items of the packs whose first items are given, in their order.

    No call when each is the only one, else one for all others. Those that do not belong together
    are read again: consistently, for a copy that lags may lag for long.
    """
    found = {_sku(item): [item] for item in first}
    left = {sku: _of(item) for sku, (item,) in found.items() if _of(item) > 1}
    for attempt in range(READS):
        if not left:
            break
        if attempt > 1:
            tables.pause(attempt)
        known = 1 if attempt == 0 else 0
        asked = {sku: [pack_key(sku, at) for at in range(known, of)] for sku, of in left.items()}
        read = tables.get_many(
            (key for keys in asked.values() for key in keys),
            consistent=consistent or attempt > 0,
        )
        for sku, keys in asked.items():
            items = [*found[sku][:known], *(read[key] for key in keys if key in read)]
            of = max(map(_of, items), default=1)
            # Holds when no item is of another spreading, and none is missing.
            if len(items) == of == min(map(_of, items), default=1):
                found[sku] = items
                del left[sku]
            else:
                left[sku] = of
    if left:
        raise Busy(f"the availability of {', '.join(left)} is being spread")
    return found


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


def project(
    sku: str, changes: Sequence[PackChange], confidence: Mapping[str, int] | None = None
) -> bool:
    """Folds ``changes`` into the pack of ``sku``; whether there was anything new in them. With
    them goes what is known of the picks at its locations.

    One strongly consistent read of the items that have the locations, and one write of each when
    there is news. Another writer of the same item between the two makes it read again, so that
    neither loses what the other has folded. An item that would grow too large is spread first. Only
    for the first pack of a SKU the catalog is asked for the life of the product.

    Raises Busy when that happens WRITES times.
    """
    left, news, new = list(changes), False, False
    for _ in tables.attempts(WRITES):
        slices, of = _slices(sku, {change.location_id for change in left})
        by_slice: dict[int, list[PackChange]] = defaultdict(list)
        for change in left:
            by_slice[slice_of(change.location_id, of)].append(change)
        left = []
        for number, folded in by_slice.items():
            before = slices.get(number)
            pack = fold(sku, before.pack if before else None, folded)
            if pack is None:
                continue
            if before is None:
                pack, new = replace(pack, life=life_in_catalog(sku)), True
            if confidence is not None:
                pack = confident(pack, confidence)
            after = Slice(pack, number, of)
            item = _item(after, after.next_version)
            if len(item["pack"]) > MOST_BYTES and of < MOST_SLICES:
                needed = slices_for(pack, 2 * of, MOST_BYTES, MOST_SLICES)
                _spread(sku, pack.as_of, needed, pack.life)
            elif _put(item, before):
                news = True
                continue
            left += folded
        if not left:
            if new:  # a product may have been put behind the look at the catalog
                put_life(sku, max(change.at for change in changes))
            return news
    raise Busy(f"too many writers on the availability of {sku}")


def life_in_catalog(sku: str) -> Life:
    """As it stands now (strongly consistent)."""
    product = catalog.find(sku)
    return product.life if product else ORDINARY


def put_life(sku: str, at: datetime) -> bool:
    """Makes the pack say what the catalog says of the life of its product, from ``at`` on; whether
    it said anything else. A SKU without a pack has none of it.

    It is called behind every write of a product, and by whoever has made a pack of what the catalog
    said before that. It reads the pack, then the catalog, and ends when they agree. So whatever
    overtakes what, the pack ends up with what the catalog said last: who has written the pack looks
    at the catalog once more, and who writes the catalog later than that finds what was written.

    Two reads when they agree already; one write more, of all items in one transaction, when not.

    Raises Busy when others write the pack WRITES times in between.
    """
    news, key = False, pack_key(sku)
    for _ in tables.attempts(WRITES):
        item = tables.get(key.table, key.pk, key.sk, consistent=True)
        life = life_in_catalog(sku)
        if item is None or life_of_item(item) == life:
            return news
        others = _complete([item], consistent=True)[sku][1:]
        updates = [_living(one, life, at) for one in (item, *others)]
        if len(updates) == 1:  # half the price of a transaction
            refused = tables.write("update_item", **updates[0]) is not None
        else:
            refused = bool(tables.transact([{"Update": update} for update in updates]))
        news = news or not refused
    raise Busy(f"too many writers on the availability of {sku}")


def _living(item: Item, life: Life, at: datetime) -> dict[str, Any]:
    """The arguments of an update of ``item``, which leaves its locations as they are."""
    words = life_attributes(life)
    told = {f":{name}": value for name, value in words.items() if value is not None}
    gone = [name for name, value in words.items() if value is None]
    sets = ["version = :next", "as_of = :as_of", *(f"{name[1:]} = {name}" for name in told)]
    removes = f" REMOVE {', '.join(gone)}" if gone else ""
    return {
        "TableName": table_name("availability"),
        "Key": to_item({"pk": item["pk"], "sk": item["sk"]}),
        "UpdateExpression": f"SET {', '.join(sets)}{removes}",
        # Holds while nobody has written the item since it was read. It gets the next version, so
        # that whoever has read it before, and would put it back without this, reads it again.
        "ConditionExpression": "version = :read",
        "ExpressionAttributeValues": to_item(
            {
                ":read": item["version"],
                ":next": item["version"] + _of(item),
                ":as_of": max(item["as_of"], rfc3339(at)),
                **told,
            }
        ),
    }


def stored(sku: str) -> list[Slice]:
    """All slices of the pack as it stands now (strongly consistent); none when there is no pack.

    Raises Busy as ``packs``.
    """
    key = pack_key(sku)
    item = tables.get(key.table, key.pk, key.sk, consistent=True)
    items = _complete([item], consistent=True)[sku] if item else []
    return [slice_of_item(one) for one in items]


def written(before: Sequence[Slice], pack: Pack) -> bool:
    """Whether ``pack``, which was made of the stored slices ``before``, now stands in their place:
    all of it, in one transaction over the slices that it changes.

    What needs more slices is spread before that.
    """
    of = slices_for(pack, max(1, len(before)), MOST_BYTES, MOST_SLICES)
    if of > max(1, len(before)):
        spread = _spread_from(before, pack.sku, pack.as_of, of, pack.life)
        if spread is None:
            return False
        before = spread
    parts: list[tables.Part] = []
    for part in sliced(pack, of):
        old = before[part.number] if before else None
        if old is None or old.pack.rows != part.pack.rows:
            version = old.next_version if old else 1
            parts.append({"Put": _guarded(_item(part, version), old)})
    if len(parts) == 1:  # half the price of a transaction
        return tables.write("put_item", **parts[0]["Put"]) is None
    return not parts or not tables.transact(parts)


def _slices(sku: str, locations: Iterable[str]) -> tuple[dict[int, Slice], int]:
    """The slices that have ``locations`` as they stand now, by number, and how many there are: one
    call when this process knows how many. A SKU without a pack has none, of one.

    Raises Busy as ``packs``.
    """
    wanted, of = list(locations), _known.get(sku, 1)
    for _ in range(READS):
        numbers = sorted({slice_of(location, of) for location in wanted})
        if len(numbers) == 1:
            key = pack_key(sku, numbers[0])
            item = tables.get(key.table, key.pk, key.sk, consistent=True)
            items = [item] if item else []
        else:
            keys = [pack_key(sku, number) for number in numbers]
            items = list(tables.get_many(keys, consistent=True).values())
        told = {_of(item) for item in items}
        # Holds when these are the items that have the locations; what has no pack yet has one.
        if (told == {of} and len(items) == len(numbers)) or (not told and of == 1):
            return {part.number: part for part in map(slice_of_item, items)}, of
        of = max(told, default=1)
        _know(sku, of)
    raise Busy(f"the availability of {sku} is being spread")


def _know(sku: str, of: int) -> None:
    if len(_known) > MOST_KNOWN:
        _known.clear()
    _known[sku] = of


def _spread(sku: str, as_of: datetime, of: int, life: Life = ORDINARY) -> None:
    """Spreads the pack over ``of`` items, unless it is by now, or another writer comes between."""
    before = stored(sku)
    if len(before) < of and _spread_from(before, sku, as_of, of, life):
        _know(sku, of)


def _spread_from(
    before: Sequence[Slice], sku: str, as_of: datetime, of: int, life: Life
) -> list[Slice] | None:
    """The pack of the stored slices ``before`` in ``of`` items that say the same, written in one
    transaction; None when another writer has come between. A pack that is not there yet has
    nothing in any of them, ``as_of`` then, and has the ``life``."""
    was = [part.pack for part in before]
    pack = whole(was) if was else Pack(sku, {}, as_of, life=life)
    after = sliced(pack, of)
    parts: list[tables.Part] = []
    for part in after:
        old = before[part.number] if part.number < len(before) else None
        parts.append({"Put": _guarded(_item(part, part.pack.version), old)})
    return None if tables.transact(parts) else after


def _item(part: Slice, version: int) -> dict[str, Any]:
    pack, key = part.pack, pack_key(part.pack.sku, part.number)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "packs": part.of if part.of > 1 else None,
        "pack": encode(pack.rows, pack.prior),
        "as_of": rfc3339(pack.as_of),
        "version": version,
        # What the worker that keeps promises is woken by: supplies of which units are promised, and
        # more that is promised than there is.
        "awaited": any(row.awaited for row in pack.rows.values()) or None,
        "short": any(row.available < 0 for row in pack.rows.values()) or None,
        **life_attributes(pack.life),
    }


def _put(item: Item, before: Slice | None) -> bool:
    return tables.write("put_item", **_guarded(item, before)) is None


def _guarded(item: Item, before: Slice | None) -> dict[str, Any]:
    """The arguments of a put of ``item``, which was made of ``before``."""
    arguments: dict[str, Any] = {"TableName": table_name("availability"), "Item": to_item(item)}
    if before is None:
        # Holds for the first writer of the item.
        arguments["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        # Holds while nobody has written since the read that the item was made of: neither a
        # change of its locations nor a spreading, which writes all items of the SKU.
        arguments["ConditionExpression"] = "version = :read"
        arguments["ExpressionAttributeValues"] = to_item({":read": before.pack.version})
    return arguments


def slice_of_item(item: Item) -> Slice:
    return Slice(pack_of_item(item), int(item["sk"].removeprefix("PACK#")), _of(item))


def _of(item: Item) -> int:
    """How many items the pack of which it is one lies in."""
    return int(item.get("packs", 1))


def _sku(item: Item) -> str:
    return str(item["pk"]).removeprefix("SKU#")
