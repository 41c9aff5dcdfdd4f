"""What a channel may sell of a pack, by the rules of channel stock. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.availability.model.pack import Columns, Pack
from shared.stock.model.rules import ChannelTerms, ConfidenceOf, FloorFacts

NOTHING: Mapping[str, int] = {}


def confidence_in(packs: Mapping[str, Columns] | Mapping[str, Pack]) -> ConfidenceOf:
    """The confidence in the stock of a SKU, from its pack; empty for a SKU without a pack."""

    def confidence_by_location(sku: str) -> Mapping[str, int]:
        pack = packs.get(sku)
        if pack is None:
            return NOTHING
        if isinstance(pack, Pack):
            rated = [(place, row.confidence) for place, row in pack.rows.items()]
        else:
            rated = list(zip(pack.locations, pack.confidence, strict=False))
        return {place: confidence for place, confidence in rated if confidence is not None}

    return confidence_by_location


def sellable_columns(packs: Mapping[str, Columns], selling: ChannelTerms) -> dict[str, Columns]:
    """The packs by SKU with the units that the channel may sell as ``available``, by the same terms
    that a reservation of the channel is bound to."""
    return {
        sku: pack
        if selling.is_unrestricted(sku)
        else replace(pack, available=_sellable(sku, pack, selling))
        for sku, pack in packs.items()
    }


def sellable_pack(pack: Pack, columns: Columns, selling: ChannelTerms) -> Pack:
    """``pack`` (whose ``columns`` are given too) with the units that the channel may sell."""
    sellable = sellable_columns({pack.sku: columns}, selling)[pack.sku]
    if sellable is columns:
        return pack
    units = dict(zip(sellable.locations, sellable.available, strict=True))
    rows = {place: row._replace(available=units[place]) for place, row in pack.rows.items()}
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
