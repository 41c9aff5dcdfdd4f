"""Guard-rails and canaries of the promotions: requests and answers."""

from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, model_validator

from shared.pricing.model.money import WHOLE
from shared.web.contract import MOST_MINOR_UNITS, Answer, Input, Instant

BasisPoints = Annotated[int, Strict(), Ge(0), Le(WHOLE)]


class WhatIfNeeded(Input):
    """The what-if that a draft needs before it is published."""

    days: Annotated[int, Strict(), Ge(1), Le(366)]
    """Least number of days that the what-if looks back."""
    orders: Annotated[int, Strict(), Ge(0), Le(10**6)]
    """Least number of orders in the what-if."""


class RailsDocument(Input):
    """Limits on what a book may do. A limit that is left out does not apply."""

    unit_discount: BasisPoints | None = None
    """Largest part of its list price that a unit may lose, in hundredths of a percent. Checked
    against the percentages and gifts of a draft, and against its what-if."""
    unit_margin: Annotated[int, Strict(), Ge(-WHOLE), Le(WHOLE)] | None = None
    """Least margin of a unit as a part of what the shopper pays, in hundredths of a percent.
    Checked against the what-if, for products with a margin."""
    discounts: BasisPoints | None = None
    """Largest part of the list prices of all orders of the what-if that is taken off, in hundredths
    of a percent."""
    budget: Annotated[int, Strict(), Ge(1), Le(MOST_MINOR_UNITS)] | None = None
    """Largest budget of a promotion in minor units; every promotion then needs one."""
    end_required: Annotated[bool, Strict()] = False
    """Whether every promotion needs `ends_on`."""
    limits_required: Annotated[bool, Strict()] = False
    """Whether every promotion needs `limits`."""
    what_if: WhatIfNeeded | None = None
    """The what-if that every draft needs; required with `unit_margin` and `discounts`."""

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if self.what_if is None and not (self.unit_margin is None and self.discounts is None):
            raise ValueError("unit_margin and discounts are measured by a what_if: ask for one")
        return self

    def stored(self) -> dict[str, Any]:
        """The document without what is not given."""
        document: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return document


class RailsAnswer(Answer):
    """The guard-rails of the promotions."""

    version: int
    """Version of the guard-rails, also in the ETag; 0 has no limits."""
    changed_at: Instant | None = None
    """When they were written."""
    changed_by: str | None = None
    """Who wrote them."""
    guard_rails: RailsDocument
    """The limits."""


class BookCanaryInput(Input):
    """The share of the shoppers."""

    percent: Annotated[float, Ge(0.01), Le(99), Field(allow_inf_nan=False)]
    """Percentage of the shoppers, chosen by their profile or session."""


class BookCanaryAnswer(Answer):
    """A book that prices for a share of the shoppers."""

    version: int
    """Version of the book that is tried."""
    percent: float
    """Percentage of the shoppers."""
    since: Instant
    """When the canary started."""
    by: str
    """Who started it."""
