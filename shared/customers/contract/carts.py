"""The cart of a customer."""

from typing import Annotated

from annotated_types import Len
from pydantic import AfterValidator, Field

from shared.customers.model.golden_record import Cart
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Id,
    Input,
    Instant,
    Sku,
)


class CartLine(Input):
    """Units of a SKU in a cart."""

    sku: Sku
    quantity: Annotated[Count, Field(ge=1)]
    """Number of units."""


def _once(lines: list[CartLine]) -> list[CartLine]:
    if len({line.sku for line in lines}) < len(lines):
        raise ValueError("a sku can have one line only")
    return lines


class CartContent(Input):
    """The new content of a cart."""

    lines: Annotated[list[CartLine], Len(max_length=200), AfterValidator(_once)]
    """The lines of the cart; they replace all lines."""
    channel: Channel | None = None
    """The channel that changed the cart."""


class CustomerCart(Answer):
    """The cart that all channels share."""

    profile_id: Id
    """The id of the customer's profile."""
    lines: list[CartLine]
    """The lines of the cart."""
    channel: Channel | None = None
    """The channel that changed the cart last."""
    updated_at: Instant | None = None
    """When the cart was changed."""


def cart_answer(profile_id: str, cart: Cart) -> CustomerCart:
    return CustomerCart(
        profile_id=profile_id,
        lines=[CartLine(sku=sku, quantity=units) for sku, units in sorted(cart.lines.items())],
        channel=cart.channel,
        updated_at=cart.updated_at,
    )
