"""Payments and totals of an order in requests and answers."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from shared.cards.contract.cards import CardId, Code, Pin
from shared.cards.model.card import Card, amount_to_pay
from shared.errors import invalid
from shared.orders.model import Order, Payment, PaymentStatus, Report, ReportKind, Tender, Totals
from shared.orders.model.payments import StoreCredit, captured
from shared.web.contract import Answer, Currency, Id, Input, Instant, InstantInput, Money, Price

Reference = Annotated[str, StringConstraints(max_length=200)]


class CardTenderInput(Input):
    """A gift card or store credit that NoRain has issued."""

    code: Code
    """The code of the card."""
    pin: Pin | None = None
    """The PIN of a card that has one."""
    subject: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Whoever tries the code, such as a session or a shopper: failures are counted by it."""


class PaymentInput(Input):
    """A payment of a new order."""

    status: Literal["authorized", "paid", "pending"]
    """`authorized` or `paid`; a `pending` order waits for POST /v1/orders/{order_id}/payments."""
    payment_id: Id | None = None
    """The channel's id of the payment, unique in the order; default: its number."""
    tender: Tender = "card"
    """How the shopper pays."""
    amount: Price | None = None
    """The authorized or paid amount; default: what other payments leave of the total."""
    reference: Reference | None = None
    """The payment provider's reference."""
    expires_at: InstantInput | None = None
    """When the authorization runs out."""
    card: CardTenderInput | None = None
    """The gift card or store credit that pays, in the transaction of the order; default amount:
    what is on it, as far as the order needs it. Takes the scope `cards:read`."""

    @model_validator(mode="after")
    def _of_card(self) -> Self:
        if self.card is not None:
            if self.status != "paid" or self.tender not in {"card", "gift_card"}:
                raise ValueError("a card pays at once: status is paid, tender gift_card")
            if self.reference is not None or self.expires_at is not None:
                raise ValueError("a payment with a card has no reference and no expires_at")
        return self

    def card_payment(self, number: int, missing: int, card: Card, path: str) -> Payment:
        """The payment with ``card`` of as much as the order needs, or ``amount``.

        Raises CardShort when the card has less than ``amount``, or nothing; InvalidRequest for more
        than the order needs.
        """
        wanted = None if self.amount is None else self.amount.amount
        amount = amount_to_pay(card, wanted, missing, f"{path}.amount")
        payment = Payment(
            self.payment_id or str(number),
            tender="gift_card",
            card_id=card.card_id,
            card_suffix=card.suffix,
        )
        return captured(payment, amount)

    def payment(self, number: int, missing: int) -> Payment:
        """The payment of ``missing`` minor units unless ``amount`` says otherwise."""
        amount = missing if self.amount is None else self.amount.amount
        payment = Payment(
            self.payment_id or str(number),
            tender=self.tender,
            reference=self.reference,
            expires_at=self.expires_at if self.status == "authorized" else None,
        )
        match self.status:
            case "authorized":
                return Payment(
                    payment.payment_id,
                    tender=payment.tender,
                    reference=payment.reference,
                    authorized=amount,
                    expires_at=payment.expires_at,
                )
            case "paid":
                return captured(payment, amount)
            case "pending":
                return payment


class PaymentReceived(Input):
    """The payment of a pending order."""

    status: Literal["authorized", "paid"]
    """Whether the payment is authorized or paid."""
    reference: Reference | None = None
    """The payment provider's reference."""
    amount: Price | None = None
    """The charged amount; default: the value of the remaining units."""

    def report(self, order: Order) -> Report:
        """Raises InvalidRequest when the currency is not that of the order."""
        return Report(
            "authorized" if self.status == "authorized" else "captured",
            amount=_minor_units(self.amount, order, "$.amount"),
            reference=self.reference,
        )


class PaymentReport(Input):
    """What the payment provider, or the till, has done."""

    kind: ReportKind
    """`authorized`, `captured` (also paid at once), `voided`, `declined`, `expired`, `refunded`."""
    payment_id: Id | None = None
    """Which payment of the order; default: the first one that this can be about, or a new one."""
    amount: Price | None = None
    """The amount; default: all that this can be about. What is `voided`, `declined` or `expired`
    is the whole authorization, as far as it is not captured."""
    reference: Reference | None = None
    """The payment provider's reference."""
    tender: Tender | None = None
    """How the shopper pays; for a new payment."""
    expires_at: InstantInput | None = None
    """When the authorization runs out."""
    card: CardTenderInput | None = None
    """A gift card or store credit that pays what the order waits for, with this report; `kind` is
    `captured`. Takes the scope `cards:read`."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.amount is not None and self.kind in {"voided", "declined", "expired"}:
            raise ValueError(f"{self.kind} takes no amount: it ends the whole authorization")
        if self.expires_at is not None and self.kind != "authorized":
            raise ValueError("only an authorization has expires_at")
        beside = (self.payment_id, self.reference, self.tender)
        if self.card is not None and (self.kind != "captured" or any(beside)):
            raise ValueError("a card pays at once: give kind captured, and nothing of a payment")
        return self

    def minor_units(self, order: Order) -> int | None:
        """Raises InvalidRequest when the currency is not that of the order."""
        return _minor_units(self.amount, order, "$.amount")

    def report(self, order: Order) -> Report:
        """Raises InvalidRequest when the currency is not that of the order."""
        return Report(
            self.kind,
            self.payment_id,
            self.minor_units(order),
            self.reference,
            self.tender,
            self.expires_at,
        )


def _minor_units(price: Price | None, order: Order, path: str) -> int | None:
    if price is None:
        return None
    currency = order.lines[0].currency
    if price.currency != currency:
        raise invalid(f"{path}.currency", f"use the currency of the order: {currency}")
    return price.amount


class TenderOfOrder(Answer):
    """What pays for a new order."""

    payment_id: Id
    """The id of the payment in the order."""
    tender: Tender
    """How the shopper pays."""
    amount: Money
    """What was paid, or authorized."""


class PaymentSummary(Answer):
    """The payments of an order together. An order that is still pending at `deadline` is
    cancelled."""

    status: Literal["authorized", "paid", "pending"]
    """`pending`: the payments cover less than the shopper owes."""
    reference: str | None = None
    """The payment provider's reference of the first payment that has one."""
    deadline: Instant | None = None
    """When a pending order is cancelled without payment."""


class PaymentAnswer(Answer):
    """A payment of an order; all amounts are sums over its life."""

    payment_id: Id
    """The id of the payment in the order."""
    tender: Tender
    """How the shopper pays."""
    card_suffix: str | None = None
    """The last characters of the code of a card that NoRain has issued."""
    status: PaymentStatus
    """State of the payment."""
    reference: str | None = None
    """The payment provider's reference."""
    authorized: Money
    """What was authorized, or paid at once."""
    capture_due: Money
    """What is to be captured and has not been: the value of goods that were handed over."""
    captured: Money
    """What was captured."""
    released: Money
    """The part of `authorized` that will not be captured."""
    refund_due: Money
    """What is to be refunded and has not been."""
    refunded: Money
    """What was refunded."""
    expires_at: Instant | None = None
    """When the authorization runs out."""


class CreditAnswer(Answer):
    """Store credit that the shopper took instead of money."""

    card_id: CardId
    card_suffix: str
    """The last characters of the code."""
    amount: Money | None = None
    """What the order has put on the card; for callers who may read orders."""
    code: str | None = None
    """The code of a new card: only in the answer to the request that has issued it. It is not
    stored."""


def credit_answer(credit: StoreCredit, currency: str, *, money: bool) -> CreditAnswer:
    return CreditAnswer(
        card_id=credit.card_id,
        card_suffix=credit.card_suffix,
        amount=Money(amount=credit.amount, currency=currency) if money else None,
    )


class TotalsAnswer(Answer):
    """What the shopper owes: without cancelled and returned units."""

    currency: Currency
    """Currency of the amounts."""
    lines: Money
    """Prices of the units, after their discounts."""
    discounts: Money | None = None
    """What promotions take off these units; absent for nothing."""
    shipping: Money
    """Price of the shipping."""
    tax: Money
    """Tax that is added to prices and shipping; 0 where they include it."""
    fees: Money | None = None
    """Fees of returns, kept of their refunds."""
    repriced: Money | None = None
    """What is owed for the remaining units beyond `lines`, because others were cancelled or came
    back, and a promotion of the order says `reprice`; negative where they cost less."""
    total: Money
    """All together."""
    placed: Money
    """The total with cancelled and returned units."""
    paid: Money
    """What was captured and is not due back."""


def summary(order: Order) -> PaymentSummary:
    references = [payment.reference for payment in order.payments if payment.reference]
    statuses = {payment.status for payment in order.payments}
    covered = "paid" if "authorized" not in statuses and "paid" in statuses else "authorized"
    never_paid = statuses <= {"pending", "declined"}
    return PaymentSummary(
        status="pending" if order.unpaid or never_paid else covered,
        reference=next(iter(references), None),
        deadline=order.payment_due_by if order.unpaid else None,
    )


def payment_answer(payment: Payment, currency: str) -> PaymentAnswer:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=currency)

    return PaymentAnswer(
        payment_id=payment.payment_id,
        tender=payment.tender,
        card_suffix=payment.card_suffix,
        status=payment.status,
        reference=payment.reference,
        authorized=money(payment.authorized),
        capture_due=money(payment.awaited),
        captured=money(payment.captured),
        released=money(payment.released),
        refund_due=money(payment.refund_due - payment.refunded),
        refunded=money(payment.refunded),
        expires_at=payment.expires_at,
    )


def totals_answer(remaining: Totals, placed: Totals, paid: int, currency: str) -> TotalsAnswer:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=currency)

    return TotalsAnswer(
        currency=currency,
        lines=money(remaining.lines),
        discounts=money(remaining.discounts) if remaining.discounts else None,
        shipping=money(remaining.shipping),
        tax=money(remaining.tax),
        fees=money(remaining.fees) if remaining.fees else None,
        repriced=money(remaining.repriced) if remaining.repriced else None,
        total=money(remaining.total),
        placed=money(placed.total),
        paid=money(paid),
    )
