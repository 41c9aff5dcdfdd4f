"""The stream of table ``availability``: writes of the items of packs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.availability.model.pack import Pack, Slice, with_slice
from shared.availability.store.packs import packs, slice_of_item
from shared.aws.items import from_item


@dataclass(frozen=True, slots=True)
class ItemWrite:
    """One write of an item: the slice before it, if there was one, and after it."""

    before: Slice | None
    after: Slice

    @property
    def spreads(self) -> bool:
        """Whether the write only spread a pack over more items, without a change of units."""
        return self.after.of != (self.before.of if self.before else 1)


def write_of(images: Mapping[str, Any]) -> ItemWrite | None:
    """The write of the images; None for a deleted item."""
    if "NewImage" not in images:
        return None
    before = slice_of_item(from_item(images["OldImage"])) if "OldImage" in images else None
    return ItemWrite(before, slice_of_item(from_item(images["NewImage"])))


def whole_packs(
    write: ItemWrite, later: Iterable[Mapping[str, Any]], latest: dict[str, Pack]
) -> tuple[Pack | None, Pack]:
    """The whole pack before ``write`` and after it. ``latest``, empty for the first record of a
    batch, collects the packs after the records so far; ``later`` are the images of the records that
    follow.

    A pack of one item is in the images. A pack of several is read once, as it is now, and the
    batch's own writes are undone, so that the packs of its records follow each other. Writes after
    the batch are in it already, so a threshold that is crossed by both together is reported with
    the later record.
    """
    sku = write.after.pack.sku
    if write.after.of == 1:
        return write.before.pack if write.before else None, write.after.pack
    if sku not in latest:
        pack = packs([sku], consistent=True).get(sku, write.after.pack)
        same = (
            write_of(images)
            for images in later
            if images.get("NewImage", {}).get("pk") == {"S": f"SKU#{sku}"}
        )
        for one in reversed([write, *same]):
            if one is not None and one.before is not None and not one.spreads:
                pack = with_slice(pack, one.before)
        latest[sku] = pack
    before = with_slice(latest[sku], write.before) if write.before else None
    latest[sku] = with_slice(latest[sku], write.after)
    return before, latest[sku]
