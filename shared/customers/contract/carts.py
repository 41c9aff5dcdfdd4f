"""The cart of a person."""

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
    sku: Sku
    quantity: Annotated[Count, Field(ge=1)]


def _once(lines: list[CartLine]) -> list[CartLine]:
    if len({line.sku for line in lines}) < len(lines):
        raise ValueError("a sku may stand in one line only")
    return lines


class CartContent(Input):
    lines: Annotated[list[CartLine], Len(max_length=200), AfterValidator(_once)]
    channel: Channel | None = None


class CustomerCart(Answer):
    profile_id: Id
    lines: list[CartLine]
    channel: Channel | None = None
    updated_at: Instant | None = None


def cart_answer(profile_id: str, cart: Cart) -> CustomerCart:
    return CustomerCart(
        profile_id=profile_id,
        lines=[CartLine(sku=sku, quantity=units) for sku, units in sorted(cart.lines.items())],
        channel=cart.channel,
        updated_at=cart.updated_at,
    )
