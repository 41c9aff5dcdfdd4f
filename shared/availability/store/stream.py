"""What the stream of table ``availability`` tells of packs: the writes of their items."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.availability.model.pack import Pack, Slice, with_slice
from shared.availability.store.packs import packs, slice_of_item
from shared.aws.items import from_item


@dataclass(frozen=True, slots=True)
class ItemWrite:
    """One write of an item: what stood there, if anything did, and what stands there then."""

    before: Slice | None
    after: Slice

    @property
    def spreads(self) -> bool:
        """Whether it was one of those that spread a pack over more items: it has no news."""
        return self.after.of != (self.before.of if self.before else 1)


def write_of(images: Mapping[str, Any]) -> ItemWrite | None:
    """None for an item that is no more."""
    if "NewImage" not in images:
        return None
    before = slice_of_item(from_item(images["OldImage"])) if "OldImage" in images else None
    return ItemWrite(before, slice_of_item(from_item(images["NewImage"])))


def whole_packs(
    write: ItemWrite, later: Iterable[Mapping[str, Any]], known: dict[str, Pack]
) -> tuple[Pack | None, Pack]:
    """The whole pack before ``write`` and after it. ``known``, empty for the first record of a
    batch, is what the records so far have left; ``later`` are the images of those that follow.

    A pack of one item is in the images. One that lies in more is read as it is now, once, and what
    the batch has done to it is taken back: then the packs of its records follow each other. What
    was written after the batch is in them already, and so is not seen to cross a threshold together
    with what the batch has written: it is when its own record is told.
    """
    sku = write.after.pack.sku
    if write.after.of == 1:
        return write.before.pack if write.before else None, write.after.pack
    if sku not in known:
        pack = packs([sku], consistent=True).get(sku, write.after.pack)
        same = (
            write_of(images)
            for images in later
            if images.get("NewImage", {}).get("pk") == {"S": f"SKU#{sku}"}
        )
        for one in reversed([write, *same]):
            if one is not None and one.before is not None and not one.spreads:
                pack = with_slice(pack, one.before)
        known[sku] = pack
    before = with_slice(known[sku], write.before) if write.before else None
    known[sku] = with_slice(known[sku], write.after)
    return before, known[sku]
