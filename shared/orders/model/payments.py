"""The ledger of an order's payments: what was authorized, captured, released and refunded. Pure.

Payments are made elsewhere, by a payment provider or a till. NoRain tells what is due, and is told
what was done:

    due, told by an event      done, reported by the channel
    payment.due                authorized, or paid at once (captured); declined
    capture.due                captured
    release.due                voided
    refund.due                 refunded

``capture_due``, ``released`` and ``refund_due`` are what NoRain has asked for; ``captured`` and
``refunded`` what has happened. All are sums over the life of the payment, in minor units.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.errors import Conflict

Tender = Literal[
    "card", "gift_card", "points", "cash", "bank_transfer", "wallet", "invoice", "other"
]
Ended = Literal["declined", "expired", "voided"]
PaymentStatus = Literal["pending", "authorized", "paid", "declined", "expired", "voided"]
ReportKind = Literal["authorized", "captured", "voided", "declined", "expired", "refunded"]
RefundTo = Literal["proportional", "first", "last", "store_credit"]
"""Which tenders get money back first. ``store_credit``: in proportion, and store credit instead of
the tenders outside NoRain."""
REAUTHORIZE = timedelta(days=1)
"""How long before an authorization runs out another one is asked for."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Money from one tender of the shopper.

        refunded <= refund_due <= captured <= authorized,  released <= authorized - captured

    A payment that was made at once, without an authorization, counts as authorized as well.
    ``expires_at`` is when the authorization runs out; ``warned``: a new one has been asked for.
    ``ended`` says why an authorization is gone.
    """

    payment_id: str
    tender: Tender = "card"
    reference: str | None = None
    authorized: int = 0
    capture_due: int = 0
    captured: int = 0
    released: int = 0
    refund_due: int = 0
    refunded: int = 0
    expires_at: datetime | None = None
    warned: bool = False
    ended: Ended | None = None
    card_id: str | None = None
    """The gift card or store credit of NoRain (shared/cards) that pays: what is due back is booked
    on it with the order, and nobody reports it."""
    card_suffix: str | None = None
    """The last characters of its code, for people."""
    chosen: int = 0
    """What it gives back in any case, captured or not, because it was to give first."""

    @property
    def capturable(self) -> int:
        """What is authorized and not yet captured, asked for or released."""
        return self.authorized - self.released - max(self.captured, self.capture_due)

    @property
    def awaited(self) -> int:
        """What was asked to be captured and has not been."""
        return max(0, self.capture_due - self.captured)

    @property
    def kept(self) -> int:
        """What is captured and not due back."""
        return self.captured - self.refund_due

    @property
    def covers(self) -> int:
        """What the payment contributes to its order."""
        return self.kept + self.awaited + self.capturable

    @property
    def acts_at(self) -> datetime | None:
        """When a new authorization is asked for, then when this one runs out; None when nothing
        depends on it."""
        if self.expires_at is None or not self.capturable:
            return None
        return self.expires_at if self.warned else self.expires_at - REAUTHORIZE

    @property
    def status(self) -> PaymentStatus:
        if self.captured and self.captured >= self.authorized - self.released:
            return "paid"
        if self.capturable or self.awaited or self.captured:
            return "authorized"
        if self.released:
            return self.ended or "voided"
        return self.ended or "pending"


@dataclass(frozen=True, slots=True)
class StoreCredit:
    """Store credit that the shopper has taken instead of money: ``amount`` over the life of the
    order, on a card that was issued for it (``is_new``) or on one of the shopper's."""

    card_id: str
    card_suffix: str
    amount: int = 0
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """How money goes back: what the shopper has agreed to, and the card of the store credit. The
    tenders get it where there is no card."""

    to: RefundTo = "proportional"
    credit: StoreCredit | None = None


IN_PROPORTION = Refund()


def authorized(amount: int, payment_id: str = "1", reference: str | None = None) -> Payment:
    return Payment(payment_id, reference=reference, authorized=amount)


def paid(amount: int, payment_id: str = "1", reference: str | None = None) -> Payment:
    return captured(Payment(payment_id, reference=reference), amount)


def captured(payment: Payment, amount: int) -> Payment:
    """``amount`` more has been captured. It may be more than was asked for, or authorized."""
    total = payment.captured + amount
    return replace(
        payment,
        captured=total,
        capture_due=max(payment.capture_due, total),
        authorized=max(payment.authorized, total),
        released=min(payment.released, max(payment.authorized, total) - total),
        ended=None,
    )


def authorized_anew(payment: Payment, amount: int, expires_at: datetime | None) -> Payment:
    """``amount`` more is authorized. What was authorized before an authorization ended is gone, and
    one for nothing brings no payment back."""
    if payment.ended is not None and not amount:
        return payment
    before = payment
    if payment.ended is not None:
        before = replace(payment, authorized=payment.captured, released=0)
    return replace(
        before,
        authorized=before.authorized + amount,
        expires_at=expires_at,
        warned=False,
        ended=None,
    )


def ended(payment: Payment, why: Ended) -> Payment:
    """The authorization is gone, as far as it is not captured. What was asked to be captured of it
    and has not been is no longer awaited. Nothing ends when all of it was released before."""
    if payment.released and not payment.capturable and not payment.awaited:
        return payment
    return replace(
        payment,
        released=payment.authorized - payment.captured,
        capture_due=payment.captured,
        ended=why,
    )


def refunded(payment: Payment, amount: int) -> Payment:
    """``amount`` more has been paid back. Raises Conflict for more than was captured."""
    total = payment.refunded + amount
    refundable = payment.captured - payment.refunded
    if amount > refundable:
        raise Conflict(
            f"of payment {payment.payment_id} {refundable} can be refunded",
            payment_id=payment.payment_id,
            refundable=refundable,
        )
    return replace(payment, refunded=total, refund_due=max(payment.refund_due, total))
