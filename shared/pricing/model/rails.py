"""Guard-rails: what a book of promotions may do. Pure.

Some are read from the document alone (``broken_by_document``); others are measured by the what-if
of the draft (``broken_by_trial``). Percentages are in basis points, money in minor units.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.pricing.model.money import WHOLE
from shared.pricing.model.what_if import Sums

DOCUMENT = "$"
"""The path of what concerns the book as a whole."""
PERCENTAGES = (
    "percent_off",
    "quantity_tiers",
    "buy_get",
    "order_percent_off",
)


@dataclass(frozen=True, slots=True)
class Trials:
    """What the what-if has to look at: orders of at least ``days``, and at least ``orders``."""

    days: int
    orders: int


@dataclass(frozen=True, slots=True)
class Rails:
    """``version`` 0 has no limit. None is no limit.

    ``unit_discount`` is the largest part of its list price that a unit may lose, ``unit_margin``
    the least part of what a unit costs the shopper that is margin, ``discounts`` the largest part
    of the list prices of all orders that is taken off. ``budget`` is the largest budget of a
    promotion, which then has to have one.
    """

    version: int = 0
    unit_discount: int | None = None
    unit_margin: int | None = None
    discounts: int | None = None
    budget: int | None = None
    end_required: bool = False
    limits_required: bool = False
    what_if: Trials | None = None

    @classmethod
    def from_json(cls, version: int, document: Mapping[str, Any]) -> Self:
        tried = document.get("what_if")
        return cls(
            version,
            document.get("unit_discount"),
            document.get("unit_margin"),
            document.get("discounts"),
            document.get("budget"),
            document.get("end_required", False),
            document.get("limits_required", False),
            Trials(tried["days"], tried["orders"]) if tried else None,
        )


NO_RAILS = Rails()


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken guard-rail: what is at ``path`` of the book, of a promotion or of the whole book
    (None); ``limit`` and ``measured`` are in the same unit, None where nothing is counted."""

    guard_rail: str
    path: str
    sentence: str
    promotion_id: str | None = None
    limit: int | None = None
    measured: int | None = None

    def to_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in fields.items() if value is not None}


def broken_by_document(rails: Rails, document: Mapping[str, Any]) -> list[Breach]:
    """The guard-rails that the promotions of a book break, whatever is sold."""
    return [
        breach
        for number, promotion in enumerate(document.get("promotions") or ())
        for breach in _of_promotion(rails, promotion, f"$.promotions[{number}]")
    ]


def _of_promotion(rails: Rails, promotion: Mapping[str, Any], path: str) -> Iterator[Breach]:
    named = promotion["promotion_id"]
    limits = promotion.get("limits") or {}
    if rails.end_required and not promotion.get("ends_on"):
        yield Breach("end_required", f"{path}.ends_on", f"{named} has no last day", named)
    if rails.limits_required and not limits:
        yield Breach("limits_required", f"{path}.limits", f"{named} has no limits", named)
    if rails.budget is not None:
        budget = limits.get("budget")
        if budget is None or budget > rails.budget:
            found = "no budget" if budget is None else f"a budget of {budget}"
            yield Breach(
                "budget",
                f"{path}.limits.budget",
                f"{named} has {found}; the largest is {rails.budget}",
                named,
                rails.budget,
                budget,
            )
    if rails.unit_discount is not None:
        for number, effect in enumerate(promotion["does"]):
            for field, points in _percentages(effect):
                if points > rails.unit_discount:
                    yield Breach(
                        "unit_discount",
                        f"{path}.does[{number}]{field}",
                        f"{named} takes {_percent(points)} off a unit; the most is "
                        f"{_percent(rails.unit_discount)}",
                        named,
                        rails.unit_discount,
                        points,
                    )


def _percentages(effect: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The percentages off units that an effect states, with their paths in it."""
    match effect["kind"]:
        case "quantity_tiers":
            for number, tier in enumerate(effect["tiers"]):
                yield f".tiers[{number}].basis_points", tier["basis_points"]
        case "gift":
            yield "", WHOLE
        case kind if kind in PERCENTAGES:
            yield ".basis_points", effect.get("basis_points", WHOLE)


def broken_by_trial(rails: Rails, draft: Mapping[str, Any], trial: Sums) -> list[Breach]:
    """The guard-rails that past orders would have broken under the draft."""
    paths = {
        promotion["promotion_id"]: f"$.promotions[{number}]"
        for number, promotion in enumerate(draft.get("promotions") or ())
    }
    found = []
    for named, effect in sorted(trial.promotions.items()):
        path = paths.get(named, DOCUMENT)
        deepest, thinnest = effect.unit_discount, effect.unit_margin
        if rails.unit_discount is not None and deepest > rails.unit_discount:
            sentence = (
                f"with {named} a unit of a past order loses {_percent(deepest)}; the most is "
                f"{_percent(rails.unit_discount)}"
            )
            found.append(
                Breach("unit_discount", path, sentence, named, rails.unit_discount, deepest)
            )
        if rails.unit_margin is not None and thinnest is not None and thinnest < rails.unit_margin:
            sentence = (
                f"with {named} a unit of a past order has a margin of {_percent(thinnest)}; the "
                f"least is {_percent(rails.unit_margin)}"
            )
            found.append(Breach("unit_margin", path, sentence, named, rails.unit_margin, thinnest))
    if rails.discounts is not None and trial.list_total:
        measured = -(-trial.discounts * WHOLE // trial.list_total)
        if measured > rails.discounts:
            sentence = (
                f"the draft takes {_percent(measured)} off the past orders; the most is "
                f"{_percent(rails.discounts)}"
            )
            found.append(Breach("discounts", DOCUMENT, sentence, None, rails.discounts, measured))
    return found


def _percent(points: int) -> str:
    return f"{points / 100:.2f} %"
