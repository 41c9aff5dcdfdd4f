"""Substitutes in requests."""

from typing import Annotated, Self

from pydantic import Strict, model_validator

from shared.errors import invalid
from shared.orders.model import LocationReason, Order
from shared.orders.model.substituting import Substitute
from shared.web.contract import Id, Input, Price, Sku, Units


class SubstituteInput(Input):
    """Units of another SKU that the location hands over instead."""

    line_id: Id
    """The id of the order line whose units are not there."""
    quantity: Units
    """Number of units that are replaced, one by one."""
    sku: Sku
    """The SKU that the location hands over instead."""
    reason: LocationReason
    """Why the units of the line are not handed over; the reason corrects the stock."""
    unit_price: Price | None = None
    """Price of one unit of the substitute, which is not dearer than that of the line; default: the
    lower one of the line and the product. For callers with `orders:write`."""

    def substitute(self, order: Order) -> Substitute:
        """Raises InvalidRequest for another currency than that of the order."""
        price, currency = self.unit_price, order.lines[0].currency
        if price is not None and price.currency != currency:
            raise invalid("$.unit_price.currency", f"use the currency of the order: {currency}")
        return Substitute(
            self.line_id,
            self.quantity,
            self.sku,
            self.reason,
            price.amount if price else None,
        )


class ConsentInput(Input):
    """What the shopper says to a substitute."""

    line_id: Id
    """The line of the substitute, which has `consent_by`."""
    agreed: Annotated[bool, Strict()]
    """Whether the shopper takes the substitute."""
    cancel: Annotated[bool, Strict()] = False
    """With a refusal: the units that it was for are cancelled, instead of being looked for
    elsewhere."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.agreed and self.cancel:
            raise ValueError("a substitute that the shopper takes is not cancelled")
        return self
