"""What a plan of an order is made from, and what must still be read for one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.orders.model import OrderChange
from shared.orders.model.supplies import SkuLocation
from shared.orders.model.transfers import Transfer
from shared.orders.sourcing.supply import Supply
from shared.stock.model.position import Position
from shared.stock.model.rules import FloorFacts


@dataclass(frozen=True, slots=True)
class Sourced:
    """``change`` assigns units that ``supply`` has, or that transfers which shrink have freed."""

    change: OrderChange
    supply: Supply


@dataclass(frozen=True, slots=True)
class Needs:
    """What to read, strongly consistent, before planning again.

    - ``packs``: SKUs whose packs, products and demand make the Supply.
    - ``stock``: positions that units are taken from, as (SKU, location_id).
    - ``positions``: positions whose expected supply or balance the plan depends on.
    - ``transfers``: SKUs whose transfers have units that have not left yet.

    ``routed`` is the routing made so far, when nothing of this can change it.
    """

    packs: frozenset[str] = frozenset()
    stock: frozenset[SkuLocation] = frozenset()
    positions: frozenset[SkuLocation] = frozenset()
    transfers: frozenset[str] = frozenset()
    routed: Sourced | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What has been read so far.

    ``learnt`` are the facts of positions by (location_id, SKU) that are newer than the packs of
    ``supply``. A position that was read and does not exist is None in ``positions``.
    """

    supply: Supply | None = None
    learnt: Mapping[tuple[str, str], FloorFacts] = field(default_factory=dict)
    positions: Mapping[SkuLocation, Position | None] = field(default_factory=dict)
    transfers: Mapping[str, Sequence[Transfer]] = field(default_factory=dict)
    routed: Sourced | None = None

    def unread(self, places: Iterable[SkuLocation]) -> frozenset[SkuLocation]:
        return frozenset(place for place in places if place not in self.positions)

    def existing(self, places: Iterable[SkuLocation]) -> dict[SkuLocation, Position]:
        """The positions that exist among ``places``; all of them must have been read."""
        return {
            place: position
            for place in sorted(places)
            if (position := self.positions[place]) is not None
        }
