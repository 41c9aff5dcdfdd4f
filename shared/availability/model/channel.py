"""What a channel is told of a pack: what it could take, by the rules of channel stock. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.availability.model.pack import Columns, Pack
from shared.stock.model.rules import ChannelTerms, ConfidenceOf, FloorFacts

NOTHING: Mapping[str, int] = {}


def confidence_in(packs: Mapping[str, Columns] | Mapping[str, Pack]) -> ConfidenceOf:
    """How often picks find a SKU, as its pack says; nothing of one that has no pack."""

    def found(sku: str) -> Mapping[str, int]:
        pack = packs.get(sku)
        if pack is None:
            return NOTHING
        if isinstance(pack, Pack):
            known = [(place, row.confidence) for place, row in pack.rows.items()]
        else:
            known = list(zip(pack.locations, pack.confidence, strict=False))
        return {place: sure for place, sure in known if sure is not None}

    return found


def sellable_columns(packs: Mapping[str, Columns], selling: ChannelTerms) -> dict[str, Columns]:
    """The packs by SKU with the units that the channel may sell in the place of those available:
    by the same terms that bound it when it takes."""
    return {
        sku: pack
        if selling.is_unrestricted(sku)
        else replace(pack, available=_sellable(sku, pack, selling))
        for sku, pack in packs.items()
    }


def sellable_pack(pack: Pack, columns: Columns, selling: ChannelTerms) -> Pack:
    """The pack, whose columns are given too, with the units that the channel may sell."""
    seen = sellable_columns({pack.sku: columns}, selling)[pack.sku]
    if seen is columns:
        return pack
    units = dict(zip(seen.locations, seen.available, strict=True))
    rows = {place: replace(row, available=units[place]) for place, row in pack.rows.items()}
    return replace(pack, rows=rows)


def _sellable(sku: str, pack: Columns, selling: ChannelTerms) -> list[int]:
    return [
        selling[sku, location].sellable(
            FloorFacts(
                available,
                available + pack.reserved.get(str(place), 0),
                pack.counters.get(str(place), NOTHING),
            )
        )
        for place, (location, available) in enumerate(
            zip(pack.locations, pack.available, strict=True)
        )
    ]
