"""Requests of new orders."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.cards.contract.cards import CardId
from shared.cards.model.card import Card
from shared.customers.contract.statements import CustomerIdentity
from shared.errors import InvalidRequest, invalid
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, Ordered, Words
from shared.orders.contract.contacts import AddressInput, CollectorInput, ShipTo, contacts
from shared.orders.contract.pauses import PauseInput
from shared.orders.contract.payments import CardTenderInput, PaymentInput
from shared.orders.contract.quoted import order_quote, quoted_line
from shared.orders.model import Line, Method, Order, SubstitutionConsent, missing
from shared.orders.model.pausing import MOST_PAUSES
from shared.pricing.contract.quotes import QuoteToken
from shared.pricing.model.quote import Quote
from shared.web.contract import Channel, Id, Input, LocationId, Price, Sku

OrderId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,59}$",
    ),
]

Defect = dict[str, str]
PRICE_MISSING = "give the price of one unit, or the quote_token of a price quote"
Reference = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class KnownCustomer(Input):
    """A customer whose profile the channel knows."""

    profile_id: Annotated[Id, Field()]
    """A profile id from POST /v1/customers/resolve or GET /v1/customers. Requires the scope
    `customers:read` (403 otherwise)."""


class OrderLineInput(Input):
    """A line of a new order."""

    line_id: Id
    """The channel's id of the line, unique in the order."""
    sku: Sku
    quantity: Ordered
    """Number of units."""
    unit_price: Price | None = None
    """Price of one unit; all lines have the same currency. Leave it out with a `quote_token`."""
    tax: Price | None = None
    """Tax of all units of the line that is added to the price; leave it out where prices include
    it."""
    method: Method
    """`ship` to `ship_to`, or `pickup` at `location_id`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected. Leave it out for a ship line."""
    backorder: bool = False
    """Whether units without stock may wait for a later supply instead of refusing the order."""
    gift_wrap: bool = False
    """Whether the units are wrapped as a gift."""
    ship_to_store: bool = False
    """Whether units of a pickup line that its location does not have may be sent there from another
    one; `expected_at` says when they are there."""
    card_id: CardId | None = None
    """The gift card that the line sells: an inactive card from POST /v1/cards with `unit_price` on
    it. It can be spent once it was handed over. Takes the scope `cards:write`."""
    substitution: SubstitutionConsent = "none"
    """What a location may hand over where units are not found: no other SKU, one that the shopper
    agrees to (`ask`), or any (`allow`). A substitute is never dearer."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.method == "pickup" and self.location_id is None:
            raise ValueError("a pickup line needs location_id")
        if self.method == "ship" and self.location_id is not None:
            raise ValueError("a ship line has no location_id: the router chooses the location")
        if self.method == "ship" and self.ship_to_store:
            raise ValueError("ship_to_store is for pickup lines")
        return self


def new_line(line: OrderLineInput, price: Price) -> Line:
    """The line before its units are open."""
    return Line(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=price.amount,
        currency=price.currency,
        method=line.method,
        open=0,
        location_id=line.location_id,
        backorder=line.backorder,
        tax=line.tax.amount if line.tax else 0,
        gift_wrap=line.gift_wrap,
        ship_to_store=line.ship_to_store,
        substitution=line.substitution,
        card_id=line.card_id,
    )


def lines_at_prices(lines: Sequence[OrderLineInput], path: str) -> tuple[Line, ...]:
    """The lines at the prices of the request. Raises InvalidRequest naming those without one."""
    errors = [
        {"path": f"{path}[{number}].unit_price", "message": PRICE_MISSING}
        for number, line in enumerate(lines)
        if line.unit_price is None
    ]
    if errors:
        raise InvalidRequest("a line has no price", errors)
    return tuple(new_line(line, line.unit_price) for line in lines if line.unit_price is not None)


class ShippingInput(Input):
    """What the shopper pays for the shipping of an order."""

    price: Price | None = None
    """Price of the shipping."""
    tax: Price | None = None
    """Tax that is added to the price; leave it out where the price includes it."""


class OrderInput(Input):
    """A new order."""

    order_id: OrderId | None = None
    """The channel's own order id; default: an id derived from the Idempotency-Key."""
    reference: Reference | None = None
    """What the channel calls the order, such as its web order number. Orders are found by it; it
    need not be unique."""
    channel: Channel
    """The selling channel; the client needs the scope `channel:<name>`."""
    customer: KnownCustomer | CustomerIdentity | None = None
    """A profile, or what the channel knows about the person; leave it out for a guest."""
    hold_id: Id | None = None
    """Use the units of this hold, exactly as they are held."""
    payment: PaymentInput | None = None
    """The payment of the order. Give this or `payments`."""
    payments: Annotated[list[PaymentInput], Field(min_length=1, max_length=10)] | None = None
    """The payments of an order that is paid with more than one tender. The order waits for what
    they do not cover."""
    lines: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)]
    """The lines of the order."""
    quote_token: QuoteToken | None = None
    """The quote of POST /v1/prices/quote that the shopper pays: for the same lines, within 15
    minutes. Prices, discounts, taxes and the shipping are those of the quote."""
    price_hold_id: Id | None = None
    """The price hold of POST /v1/prices/hold with this quote: the order uses what it keeps. Its
    card amounts pay, and need no payment; the quote is valid as long as the hold is open."""
    ship_to: ShipTo | None = None
    """The delivery address; required when a line is shipped."""
    bill_to: AddressInput | None = None
    """Where the invoice goes."""
    collector: CollectorInput | None = None
    """The person who collects the goods of pickup lines."""
    gift_message: Words | None = None
    """What is written on the card of a gift."""
    shipping: ShippingInput | None = None
    """What the shopper pays for the shipping."""
    service_level: ServiceLevel = "standard"
    """The service level of the delivery."""
    ship_complete: bool = False
    """Whether the shopper wants all units together: while some wait for stock, the others are
    neither picked nor shipped."""
    pauses: Annotated[list[PauseInput], Field(min_length=1, max_length=MOST_PAUSES)] | None = None
    """Reasons why nobody shall work on the order yet. Its units are reserved at once."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        counts = Counter(line.line_id for line in self.lines)
        repeated = [line_id for line_id, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"line_id must be unique; repeated: {', '.join(repeated)}")
        if self.ship_to is None and any(line.method == "ship" for line in self.lines):
            raise ValueError("an order with ship lines needs ship_to")
        if (self.payment is None) == (self.payments is None):
            raise ValueError("give payment, or payments for more than one tender")
        ids = [payment.payment_id for payment in self.payments or [] if payment.payment_id]
        if len(set(ids)) < len(ids):
            raise ValueError("payment_id must be unique in the order")
        if self.price_hold_id is not None and (self.quote_token is None or self.cards()):
            raise ValueError("a price hold has the cards: send its quote_token, and no cards")
        if self.quote_token is not None and self.shipping is not None:
            raise ValueError("the quote has the shipping: leave shipping out")
        return self

    def order(self, order_id: str, now: datetime, quote: Quote | None = None) -> Order:
        """The order as a draft, before its lines are open. ``quote`` is that of ``quote_token``.

        Raises InvalidRequest naming each line without a price, each part of the order that is not
        as it was quoted, each amount whose currency is not that of the first line, and each part of
        an address that its country refuses.
        """
        if quote is not None:
            _check_quote(quote, self.lines, self.channel, self.ship_to)
        lines = tuple(self._lines(quote))
        self._check_currency(lines[0].currency)
        shipping = self.shipping or ShippingInput()
        draft = Order(
            order_id=order_id,
            channel=self.channel,
            placed_at=now,
            payments=(),
            lines=lines,
            service_level=self.service_level,
            ship_complete=self.ship_complete,
            ship_to=self.ship_to.place() if self.ship_to else None,
            hold_id=self.hold_id,
            reference=self.reference,
            pauses=tuple(
                pause.pause(f"placed-{number}", now, f"$.pauses[{number}]")
                for number, pause in enumerate(self.pauses or ())
            ),
            shipping=shipping.price.amount if shipping.price else 0,
            shipping_tax=shipping.tax.amount if shipping.tax else 0,
            contacts=replace(
                contacts(self.ship_to, self.bill_to, self.collector),
                gift_message=self.gift_message,
            ),
        )
        if quote is not None:
            draft = replace(draft, **order_quote(quote))
        return draft if self.cards() or self.price_hold_id else self.paid(draft, {})

    def shopper(self, otherwise: str) -> str:
        """What tells the buyer from others: the profile, else the source's id of the person, else
        name and address; ``otherwise`` when nothing is known."""
        if isinstance(self.customer, KnownCustomer):
            return self.customer.profile_id
        if self.customer is not None:
            return f"{self.customer.source}\n{self.customer.source_id}"
        if self.ship_to is not None and self.ship_to.lines is not None:
            return f"{self.ship_to.name}\n{self.ship_to.lines}\n{self.ship_to.postal_code}"
        return otherwise

    def cards(self) -> dict[str, CardTenderInput]:
        """The cards that pay, by the JSON path of their payments."""
        return {path: one.card for path, one in self._tendered().items() if one.card is not None}

    def paid(self, draft: Order, cards: Mapping[str, Card]) -> Order:
        """``draft`` with its payments; ``cards`` are those of ``self.cards()``.

        Raises CardShort, InvalidRequest for a card that pays twice, or for an amount that the order
        does not need.
        """
        if len({card.card_id for card in cards.values()}) < len(cards):
            raise invalid("$.payments", "a card pays once: add its amounts up")
        for number, (path, tendered) in enumerate(self._tendered().items(), 1):
            if (card := cards.get(path)) is not None:
                payment = tendered.card_payment(number, missing(draft), card, path)
            else:
                payment = tendered.payment(number, missing(draft))
            draft = replace(draft, payments=(*draft.payments, payment))
        return draft

    def _tendered(self) -> dict[str, PaymentInput]:
        """The payments by their JSON paths."""
        if self.payment is not None:
            return {"$.payment": self.payment}
        return {f"$.payments[{at}]": payment for at, payment in enumerate(self.payments or ())}

    def _lines(self, quote: Quote | None) -> Iterator[Line]:
        if quote is None:
            yield from lines_at_prices(self.lines, "$.lines")
            return
        quoted = {line.line_id: line for line in quote.lines}
        for line in self.lines:
            price = Price(amount=quoted[line.line_id].unit_price, currency=quote.currency)
            yield quoted_line(new_line(line, price), quoted[line.line_id], quote)

    def _check_currency(self, currency: str) -> None:
        prices: dict[str, Price | None] = {}
        for number, line in enumerate(self.lines):
            prices[f"$.lines[{number}].unit_price"] = line.unit_price
            prices[f"$.lines[{number}].tax"] = line.tax
        if self.shipping is not None:
            prices["$.shipping.price"] = self.shipping.price
            prices["$.shipping.tax"] = self.shipping.tax
        if self.payment is not None:
            prices["$.payment.amount"] = self.payment.amount
        for number, payment in enumerate(self.payments or []):
            prices[f"$.payments[{number}].amount"] = payment.amount
        errors = [
            {"path": f"{path}.currency", "message": f"use the currency of the lines: {currency}"}
            for path, price in prices.items()
            if price is not None and price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the order has more than one currency", errors)


def _check_quote(
    quote: Quote, lines: Sequence[OrderLineInput], channel: str, ship_to: ShipTo | None
) -> None:
    """Raises InvalidRequest that names each part of the order that is not as it was quoted."""
    defects = [*_defects_of_lines(quote, lines), *_defects_of_place(quote, channel, ship_to)]
    if defects:
        raise InvalidRequest("the order is not what was quoted", defects)


def _defects_of_lines(quote: Quote, lines: Sequence[OrderLineInput]) -> Iterator[Defect]:
    quoted = {line.line_id: line for line in quote.lines}
    for number, line in enumerate(lines):
        path = f"$.lines[{number}]"
        of_quote = quoted.pop(line.line_id, None)
        if of_quote is None:
            yield _defect(f"{path}.line_id", "the quote has no such line")
        elif line.sku != of_quote.sku:
            yield _defect(f"{path}.sku", f"the quote is for {of_quote.sku}")
        elif line.quantity != of_quote.quantity:
            yield _defect(f"{path}.quantity", f"the quote is for {of_quote.quantity} units")
        elif line.unit_price is not None and (line.unit_price.amount, line.unit_price.currency) != (
            of_quote.unit_price,
            quote.currency,
        ):
            price = f"{of_quote.unit_price} {quote.currency}"
            yield _defect(f"{path}.unit_price", f"the quote says {price}: leave it out")
        elif line.tax is not None:
            yield _defect(f"{path}.tax", "the quote has the tax: leave it out")
        elif quote.given.method not in {None, line.method}:
            yield _defect(f"{path}.method", f"the quote is for {quote.given.method}")
    for line_id in quoted:
        yield _defect("$.lines", f"the quote has a line {line_id}")


def _defects_of_place(quote: Quote, channel: str, ship_to: ShipTo | None) -> Iterator[Defect]:
    given = quote.given
    if given.channel not in {None, channel}:
        yield _defect("$.channel", f"the quote is for {given.channel}")
    if ship_to is None or quote.tax_included is None:
        return
    if ship_to.country != given.country:
        yield _defect("$.ship_to.country", f"the quote has the taxes of {given.country}")
    elif given.postal_code not in {None, ship_to.postal_code}:
        yield _defect("$.ship_to.postal_code", f"the quote has the taxes of {given.postal_code}")


def _defect(path: str, message: str) -> Defect:
    return {"path": path, "message": message}
