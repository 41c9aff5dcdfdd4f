"""Rebuilds packs from the positions: tables ``stock`` and ``availability``.

Law 11: at any time, without interrupting the service. The old pack answers until the new one
replaces it, and a pack that is correct is not written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.availability.model.pack import merge_slices, rebuilt_pack, with_confidence
from shared.availability.model.positions import change_of
from shared.availability.store import confidence
from shared.availability.store.packs import (
    WRITES,
    is_first,
    life_in_catalog,
    pack_key,
    put_life,
    replace_slices,
    stored_slices,
)
from shared.aws import dynamodb as tables
from shared.aws.items import Item, to_item
from shared.aws.settings import table_name
from shared.errors import Busy
from shared.stock.store import audit, position_of_item


def rebuild(sku: str) -> bool:
    """Makes the pack of ``sku`` equal to its positions, with the life of its product from the
    catalog; False when it was correct already.

    The pack is read first and written only while it is unchanged: a change that is projected
    meanwhile makes it start again, and one that is projected afterwards folds over it by its
    version. One Query, three reads, at most one write; a pack of several items costs one more read
    and one transaction, and one more transaction when it needs more items.

    A reader of several items at that moment may find some before and some after the rebuild: each
    location appears once, in one of the two states.

    Raises Busy when others write the pack WRITES times in between.
    """
    for _ in tables.attempts(WRITES):
        slices = stored_slices(sku)
        before = merge_slices([part.pack for part in slices]) if slices else None
        truth = [
            change_of(position_of_item(item))
            for item in tables.query(
                table_name("stock"),
                "pk = :pk AND begins_with(sk, :loc)",
                to_item({":pk": f"SKU#{sku}", ":loc": "LOC#"}),
                ConsistentRead=True,
            )
        ]
        pack = rebuilt_pack(sku, before, truth) or before
        if pack is not None and before is None:
            pack = replace(pack, life=life_in_catalog(sku))
        if pack is not None:
            pack = with_confidence(pack, confidence.confidence_of([sku]).get(sku, {}))
        if pack is None:
            return False
        if pack is before:
            return put_life(sku, pack.as_of)
        if replace_slices(slices, pack):
            put_life(sku, pack.as_of)
            return True
    raise Busy(f"too many writers on the availability of {sku}")


def stocked_skus(
    limit: int, after: Item | None = None, part: Mapping[str, int] | None = None
) -> tuple[set[str], Item | None]:
    """The SKUs of about ``limit`` positions behind ``after``, and the key to continue after.
    ``part`` is a segment of a parallel Scan."""
    places, last = audit.position_keys_page(limit, after, part)
    return {sku for sku, _ in places}, last


def packed_skus(
    limit: int, after: Item | None = None, part: Mapping[str, int] | None = None
) -> tuple[set[str], Item | None]:
    """The SKUs of at most ``limit`` items behind ``after``, and the key to continue after.
    ``part`` is a segment of a parallel Scan."""
    page = tables.scan_page(
        table_name("availability"), limit, after, ProjectionExpression="pk, sk", **(part or {})
    )
    return {item["pk"].removeprefix("SKU#") for item in page.items if is_first(item)}, page.last


def without_pack(skus: Iterable[str]) -> set[str]:
    """Those of ``skus`` that have no pack: one call per 100, 0.5 read units per 4 KB of packs."""
    keys = {pack_key(sku): sku for sku in skus}
    existing = tables.get_many(keys, only=("version",))
    return {sku for key, sku in keys.items() if key not in existing}
