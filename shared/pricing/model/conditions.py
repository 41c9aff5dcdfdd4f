"""Whether the conditions of a promotion hold, and what is missing when they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from shared.pricing.model.book import Condition, Promotion
from shared.pricing.model.cart import Situation

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Reason = Literal[
    "people",
    "subtotal",
    "quantity",
    "hours",
    "method",
    "sellable",
    "excluded",
    "shipping",
    "saves_less",
    "not_considered",
    "exhausted",
]
"""Why a promotion was not taken. ``excluded``: a condition of it must not hold, and holds.
``shipping``: there is no price of shipping to lower. ``saves_less``: it saves nothing beside the
promotions that were taken. ``not_considered``: more promotions compete than are tried.
``exhausted``: it has been used as often as it may be."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition that does not hold. ``short_by`` is what is missing: minor units of a subtotal,
    or units; None where nothing can be counted."""

    reason: Reason
    short_by: int | None = None


class Touched(NamedTuple):
    """What of the cart a promotion may touch, at list prices; and the same for another set."""

    subtotal: int
    quantity: int


def missing(promotion: Promotion, situation: Situation, own: Sequence[int]) -> Miss | None:
    """The first condition of the promotion that does not hold; None when it applies. ``own`` are
    the indexes of the lines that the promotion may touch."""
    if promotion.people and not promotion.people.include(situation.person):
        return Miss("people")
    touched = Touched(situation.subtotal(own), situation.quantity(own))
    return missing_condition(promotion, situation, touched)


def missing_condition(promotion: Promotion, situation: Situation, touched: Touched) -> Miss | None:
    """As ``missing``, for the conditions ``when`` alone, with what the promotion may touch."""
    if promotion.when is None:
        return None
    return _miss(promotion.when, promotion, situation, touched)


def measures_own(promotion: Promotion) -> bool:
    """Whether a condition depends on the units that the promotion itself may touch."""
    return promotion.when is not None and any(
        leaf.kind in {"subtotal", "quantity"} and leaf.products is None
        for leaf in promotion.when.leaves()
    )


def _miss(
    condition: Condition, promotion: Promotion, situation: Situation, touched: Touched
) -> Miss | None:
    match condition.kind:
        case "all":
            misses = (_miss(one, promotion, situation, touched) for one in condition.of)
            return next((miss for miss in misses if miss), None)
        case "any":
            found = [_miss(one, promotion, situation, touched) for one in condition.of]
            misses_only = [miss for miss in found if miss]
            return min(misses_only, key=_distance) if len(misses_only) == len(found) else None
        case "not":
            holds = _miss(condition.of[0], promotion, situation, touched) is None
            return Miss("excluded") if holds else None
        case _:
            return _leaf(condition, promotion, situation, touched)


def _distance(miss: Miss) -> tuple[bool, int]:
    return miss.short_by is None, miss.short_by or 0


def _leaf(
    condition: Condition, promotion: Promotion, situation: Situation, touched: Touched
) -> Miss | None:
    measured = touched
    if condition.products is not None:
        lines = condition.products.lines(situation.lines)
        measured = Touched(situation.subtotal(lines), situation.quantity(lines))
    match condition.kind:
        case "subtotal":
            short = condition.at_least - measured.subtotal
            return Miss("subtotal", short) if short > 0 else None
        case "quantity":
            short = condition.at_least - measured.quantity
            return Miss("quantity", short) if short > 0 else None
        case "hours":
            local = situation.at.astimezone(ZoneInfo(promotion.zone))
            minute = local.hour * 60 + local.minute
            opens, closes = condition.hours
            holds = DAYS[local.weekday()] in condition.names and opens <= minute < closes
            return None if holds else Miss("hours")
        case "method":
            return None if situation.method in condition.names else Miss("method")
        case _:
            fewest = min(situation.sellable.get(sku, 0) for sku in condition.names)
            return None if fewest >= condition.at_least else Miss("sellable")
