"""Where sellable units of a return go, by the rules of the order policy. Pure.

    sellable ─┬─> shelf       on sale at once, where they came back
              ├─> send_to     on hand, and reserved for a transfer to another location
              └─> hold_back   unsellable, until their owner puts them on sale

Rules apply in their order, and the first one that matches decides. Where none does, units go on the
shelf.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.locations.model import Kind, Location
from shared.orders.model import transfers
from shared.orders.model.order import Line, Order, UnsoldUnits
from shared.orders.model.transfers import Transfer, TransferChange, TransferLine
from shared.stock.model.position import Effect

Restock = Literal["shelf", "send_to", "hold_back"]


@dataclass(frozen=True, slots=True)
class RestockRule:
    """What to do with units for which all that is given matches; an empty set matches everything.

    ``price_from`` and ``price_below`` bound the price of a unit, in minor units of the order's
    currency. ``to_location_id`` and ``transit`` (until the units should arrive there) are those of
    ``send_to``, ``owner`` is that of ``hold_back``.
    """

    action: Restock
    location_types: frozenset[Kind] = frozenset()
    location_groups: frozenset[str] = frozenset()
    location_ids: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    product_groups: frozenset[str] = frozenset()
    price_from: int | None = None
    price_below: int | None = None
    to_location_id: str | None = None
    owner: str | None = None
    transit: timedelta = timedelta(days=3)


SHELF = RestockRule("shelf")


@dataclass(frozen=True, slots=True)
class Restocking:
    """The rules, and what they look at: the locations by id, and the product groups by SKU."""

    rules: tuple[RestockRule, ...] = ()
    locations: Mapping[str, Location] = field(default_factory=dict)
    product_groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def rule(self, line: Line, location_id: str, reasons: frozenset[str]) -> RestockRule:
        """The first rule that matches units of ``line`` at the location. A rule with reasons
        matches when it has all of ``reasons``. Units are not sent to where they are."""
        for rule in self.rules:
            if self._matches(rule, line, location_id, reasons):
                return SHELF if rule.to_location_id == location_id else rule
        return SHELF

    def _matches(
        self, rule: RestockRule, line: Line, location_id: str, reasons: frozenset[str]
    ) -> bool:
        location = self.locations.get(location_id)
        types = {location.type} if location else set[Kind]()
        groups = location.groups if location else frozenset[str]()
        return (
            (not rule.location_types or not rule.location_types.isdisjoint(types))
            and (not rule.location_groups or not rule.location_groups.isdisjoint(groups))
            and (not rule.location_ids or location_id in rule.location_ids)
            and (not rule.reasons or reasons <= rule.reasons)
            and (
                not rule.product_groups
                or not rule.product_groups.isdisjoint(self.product_groups.get(line.sku, ()))
            )
            and (rule.price_from is None or line.unit_price >= rule.price_from)
            and (rule.price_below is None or line.unit_price < rule.price_below)
        )


ON_SHELF = Restocking()


@dataclass(frozen=True, slots=True)
class SellableUnits:
    """Units of a line that came back and can be sold again, with the reasons of their return."""

    line_id: str
    quantity: int
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Restocked:
    """What becomes of units that the position counts as damaged so far. ``details`` are what an
    event says of each of the rows, in their order."""

    effects: tuple[Effect, ...] = ()
    transfers: tuple[TransferChange, ...] = ()
    unsold: tuple[UnsoldUnits, ...] = ()
    details: tuple[dict[str, Any], ...] = ()


def restock(
    order: Order,
    location_id: str,
    rows: Sequence[SellableUnits],
    restocking: Restocking,
    now: datetime,
    actor: str,
) -> Restocked:
    """Decide where the units of ``rows`` go. Units for one location are one transfer, which is
    stored in the transaction of the order."""
    effects: list[Effect] = []
    unsold: list[UnsoldUnits] = []
    details: list[dict[str, Any]] = []
    sent: dict[str, Counter[str]] = {}
    expected_at: dict[str, datetime] = {}
    for row in rows:
        line = order.line(row.line_id)
        rule = restocking.rule(line, location_id, row.reasons)
        units = row.quantity
        detail: dict[str, Any] = {"restock": rule.action}
        match rule.action:
            case "shelf":
                effects.append(Effect(line.sku, location_id, units, 0, damaged=-units))
                detail = {}
            case "send_to":
                to = rule.to_location_id or ""
                effects.append(Effect(line.sku, location_id, units, units, damaged=-units))
                sent.setdefault(to, Counter())[line.sku] += units
                expected_at[to] = min(expected_at.get(to, now + rule.transit), now + rule.transit)
                detail["transfer_id"] = _transfer_id(order, location_id, to)
            case "hold_back":
                unsold.append(UnsoldUnits(row.line_id, units, rule.owner))
                detail["owner"] = rule.owner
        details.append(detail)
    return Restocked(
        tuple(effects),
        tuple(
            _request(order, location_id, to, units, expected_at[to], now, actor)
            for to, units in sorted(sent.items())
        ),
        tuple(unsold),
        tuple(details),
    )


def _request(
    order: Order,
    location_id: str,
    to: str,
    units: Mapping[str, int],
    expected_at: datetime,
    now: datetime,
    actor: str,
) -> TransferChange:
    """The transfer; ``restock`` reserves its units itself, because they arrive at the same time."""
    requested = transfers.request(
        Transfer(
            transfer_id=_transfer_id(order, location_id, to),
            from_location_id=location_id,
            to_location_id=to,
            lines=tuple(TransferLine(sku, n, n) for sku, n in sorted(units.items())),
            requested_at=now,
            expected_at=expected_at,
        ),
        now,
        actor,
    )
    transfers.check(requested.transfer)
    return requested


def _transfer_id(order: Order, location_id: str, to: str) -> str:
    return transfers.own_id(order.order_id, order.version + 1, location_id, to)
