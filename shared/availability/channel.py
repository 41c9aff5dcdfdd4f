"""What a channel is told of a pack: what it could take, by the rules of channel stock. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.availability.model import Columns, Pack
from shared.instants import rfc3339
from shared.stock.rules import Facts, Selling

NOTHING: Mapping[str, int] = {}


def told(packs: Mapping[str, Columns], selling: Selling) -> dict[str, Columns]:
    """The packs by SKU with the units that the channel may sell in the place of those available:
    by the same terms that bound it when it takes."""
    if selling.asks_for_confidence:
        for sku, pack in packs.items():
            known = zip(pack.locations, pack.confidence, strict=False)
            selling.know(sku, {place: sure for place, sure in known if sure is not None})
    return {
        sku: pack if selling.free(sku) else replace(pack, available=_sellable(sku, pack, selling))
        for sku, pack in packs.items()
    }


def columns_of(pack: Pack) -> Columns:
    """The columns of a pack, but for what floors do not depend on: supply is left out."""
    order = sorted(pack.rows)
    rows = [pack.rows[location] for location in order]
    return Columns(
        rfc3339(pack.as_of),
        order,
        [row.available for row in rows],
        [row.version for row in rows],
        {},
        {str(at): row.reserved for at, row in enumerate(rows) if row.reserved},
        {str(at): dict(row.counters) for at, row in enumerate(rows) if row.counters},
        [row.confidence for row in rows],
    )


def of_pack(pack: Pack, columns: Columns, selling: Selling) -> Pack:
    """The pack, whose columns are given too, with the units that the channel may sell."""
    seen = told({pack.sku: columns}, selling)[pack.sku]
    if seen is columns:
        return pack
    units = dict(zip(seen.locations, seen.available, strict=True))
    rows = {place: replace(row, available=units[place]) for place, row in pack.rows.items()}
    return replace(pack, rows=rows)


def _sellable(sku: str, pack: Columns, selling: Selling) -> list[int]:
    return [
        selling[sku, location].sellable(
            Facts(
                available,
                available + pack.reserved.get(str(place), 0),
                pack.counters.get(str(place), NOTHING),
            )
        )
        for place, (location, available) in enumerate(
            zip(pack.locations, pack.available, strict=True)
        )
    ]
