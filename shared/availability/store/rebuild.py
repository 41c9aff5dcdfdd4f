"""Packs made again from the positions: tables ``stock`` and ``availability``.

Law 11: at any time, without a gap in service. The old pack answers until the new one stands in its
place, and a pack that says what the positions say is not written at all.
"""

from dataclasses import replace

from shared.availability.model.pack import merge_slices, rebuilt_pack, with_confidence
from shared.availability.model.positions import change_of
from shared.availability.store import confidence
from shared.availability.store.packs import (
    WRITES,
    is_first,
    life_in_catalog,
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
    """Makes the pack of ``sku`` say what its positions say, and what the catalog says of the life
    of its product; whether it said anything else.

    The pack is read first and written only while it is still the same: a change that is projected
    meanwhile makes it begin again, and one that is projected afterwards folds over it by its
    version as over any other pack. One Query, three reads, at most one write; for a pack of more
    items one read more and one transaction, and one more that says nothing new when it needs more
    still.

    Who reads several items in that moment may find some as they were and others as they are: each
    location is told once, as before or as after.

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


def stocked_skus(limit: int, after: Item | None = None) -> tuple[set[str], Item | None]:
    """The SKUs of about ``limit`` positions behind ``after``, and the key to go on after."""
    places, last = audit.position_keys_page(limit, after)
    return {sku for sku, _ in places}, last


def packed_skus(limit: int, after: Item | None = None) -> tuple[set[str], Item | None]:
    """The SKUs of at most ``limit`` items behind ``after``, and the key to go on after."""
    page = tables.scan_page(table_name("availability"), limit, after, ProjectionExpression="pk, sk")
    return {item["pk"].removeprefix("SKU#") for item in page.items if is_first(item)}, page.last
