"""Changes of an order after it was placed, in requests and answers."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.errors import InvalidRequest, invalid
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, MOST_ORDERED, LineUnits, Words, units
from shared.orders.contract.contacts import AddressInput, CollectorInput, ShipTo, contacts
from shared.orders.contract.orders import OrderAnswer, order_answer
from shared.orders.contract.placement import OrderLineInput, ShippingInput, lines_at_prices
from shared.orders.model import (
    Contacts,
    Method,
    Order,
    SubstitutionConsent,
    missing,
    owed,
    promised_dates,
)
from shared.orders.model.revising import LineRevision, Move, Revision
from shared.web.contract import (
    Answer,
    Id,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Money,
    Price,
)


class LineChange(Input):
    """A change of a line. What is left out stays."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Annotated[int, Field(strict=True, ge=0, le=MOST_ORDERED)] | None = None
    """The number of units that the shopper wants in all; 0 removes the line. Units less are
    cancelled."""
    unit_price: Price | None = None
    """Price of one unit."""
    tax: Price | None = None
    """Tax of all units that is added to the price; default: in proportion to the quantity."""
    method: Method | None = None
    """`ship` or `pickup`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected."""
    backorder: bool | None = None
    """Whether units without stock may wait for a later supply."""
    ship_to_store: bool | None = None
    """Whether units of a pickup line may be sent to its location from another one."""
    substitution: SubstitutionConsent | None = None
    """What a location may hand over where units are not found."""


class FulfillmentMove(Input):
    """Units of a fulfillment that go to another location, or into a parcel of their own."""

    fulfillment_id: Id
    """The fulfillment that has the units."""
    location_id: LocationId | None = None
    """The location that is to serve them; default: the same one, in a parcel of their own."""
    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """The units that move, or stay when no location is named; default: all."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.location_id is None and self.lines is None:
            raise ValueError("give location_id, or the lines of one of two parcels")
        return self


class RevisionInput(Input):
    """What to change about an order. What is left out stays."""

    reason: Words
    """Why the order is changed."""
    ship_to: ShipTo | None = None
    """The new delivery address, whole."""
    bill_to: AddressInput | None = None
    """The new billing address, whole."""
    collector: CollectorInput | None = None
    """The person who collects the goods."""
    service_level: ServiceLevel | None = None
    """The service level of the delivery."""
    shipping: ShippingInput | None = None
    """What the shopper pays for the shipping now."""
    lines: Annotated[list[LineChange], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """Changes of lines."""
    add: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """New lines."""
    fulfillments: (
        Annotated[list[FulfillmentMove], Field(min_length=1, max_length=MOST_LINES)] | None
    ) = None
    """Units that a person gives to another location, or splits."""
    wanted_at: InstantInput | None = None
    """When the shopper wants the goods, later than promised. Their units stay reserved, and the
    locations begin in time for it. In a change of its own."""

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if len(self.model_fields_set - {"reason"}) == 0:
            raise ValueError("nothing is changed: give at least one field beside reason")
        if self.wanted_at is not None and self.model_fields_set - {"reason", "wanted_at"}:
            raise ValueError("wanted_at is a change of its own: send the others before it")
        names = [line.line_id for line in self.lines or []]
        names += [line.line_id for line in self.add or []]
        if len(set(names)) < len(names):
            raise ValueError("line_id must be unique over lines and add")
        return self

    def revision(self, order: Order) -> Revision:
        """Raises InvalidRequest for what does not fit the order: a line that it does not have,
        another currency, too many lines, an address that its country refuses."""
        self._check(order)
        shipping = self.shipping
        return Revision(
            reason=self.reason,
            ship_to=self.ship_to.place() if self.ship_to else None,
            contacts=self._contacts(order),
            service_level=self.service_level,
            shipping=shipping.price.amount if shipping and shipping.price else None,
            shipping_tax=shipping.tax.amount if shipping and shipping.tax else None,
            lines=tuple(_line_revision(line) for line in self.lines or []),
            added=lines_at_prices(self.add or (), "$.add"),
            moves=tuple(
                Move(move.fulfillment_id, move.location_id, units(move.lines))
                for move in self.fulfillments or []
            ),
            wanted_at=self.wanted_at,
        )

    def _contacts(self, order: Order) -> Contacts | None:
        if self.ship_to is None and self.bill_to is None and self.collector is None:
            return None
        given, old = contacts(self.ship_to, self.bill_to, self.collector), order.contacts
        return Contacts(
            ship_to=given.ship_to if self.ship_to else old.ship_to,
            bill_to=given.bill_to or old.bill_to,
            collector=given.collector or old.collector,
            delivery_note=given.delivery_note if self.ship_to else old.delivery_note,
            gift_message=old.gift_message,
        )

    def _check(self, order: Order) -> None:
        currency = order.lines[0].currency
        names = {line.line_id for line in order.lines}
        errors = []
        prices: dict[str, Price | None] = {}
        for number, line in enumerate(self.lines or []):
            if line.line_id not in names:
                message = f"order {order.order_id} has no line {line.line_id}"
                errors.append({"path": f"$.lines[{number}].line_id", "message": message})
            prices[f"$.lines[{number}].unit_price"] = line.unit_price
            prices[f"$.lines[{number}].tax"] = line.tax
        for number, added in enumerate(self.add or []):
            prices[f"$.add[{number}].unit_price"] = added.unit_price
            prices[f"$.add[{number}].tax"] = added.tax
        if self.shipping is not None:
            prices["$.shipping.price"] = self.shipping.price
            prices["$.shipping.tax"] = self.shipping.tax
        errors += [
            {"path": f"{path}.currency", "message": f"use the currency of the order: {currency}"}
            for path, price in prices.items()
            if price is not None and price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the change does not fit the order", errors)
        if len(names) + len(self.add or []) > MOST_LINES:
            raise invalid("$.add", f"an order has at most {MOST_LINES} lines")


def _line_revision(line: LineChange) -> LineRevision:
    return LineRevision(
        line_id=line.line_id,
        quantity=line.quantity,
        unit_price=line.unit_price.amount if line.unit_price else None,
        tax=line.tax.amount if line.tax else None,
        method=line.method,
        location_id=line.location_id,
        backorder=line.backorder,
        ship_to_store=line.ship_to_store,
        substitution=line.substitution,
    )


class PromiseChange(Answer):
    """The promised date of a line before and after the change."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    was: Instant | None = None
    """When the last of its open units was promised."""
    now: Instant | None = None
    """When the last of its open units would be promised."""


class RevisionQuote(Answer):
    """What a change would cost and promise."""

    order: OrderAnswer
    """The order as it would be."""
    difference: Money
    """What the shopper would owe more; negative for less."""
    payment_due: Money
    """What would have to be paid or authorized in addition."""
    promises: list[PromiseChange]
    """The lines whose promised date would change."""


def revision_quote(before: Order, after: Order) -> RevisionQuote:
    currency = before.lines[0].currency
    was, now = promised_dates(before.fulfillments), promised_dates(after.fulfillments)
    return RevisionQuote(
        order=order_answer(after),
        difference=Money(amount=owed(after) - owed(before), currency=currency),
        payment_due=Money(amount=missing(after), currency=currency),
        promises=[
            PromiseChange(
                line_id=line.line_id, was=was.get(line.line_id), now=now.get(line.line_id)
            )
            for line in after.lines
            if was.get(line.line_id) != now.get(line.line_id)
        ],
    )
