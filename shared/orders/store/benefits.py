"""What an order uses of codes, limits and cards, as parts of its transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from shared.aws.dynamodb import Part
from shared.cards.model.card import Card, Cause, Spend
from shared.cards.store.parts import explain_refusal, issue_part, refund_part, spend_part
from shared.errors import Busy, CardNotUsable, KeyReused, Refusal
from shared.orders.model import Order
from shared.orders.model.used import home_of, uses_of
from shared.pricing.store.uses import Counter, counters, is_kept


@dataclass(frozen=True, slots=True)
class Benefit:
    """A part of the transaction, and the refusal of the order when its condition fails; the item as
    it is stored says why."""

    part: Part
    refusal: Callable[[Mapping[str, Any] | None], Refusal]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a new order beside its document. ``used_elsewhere``: by promotion the uses
    by other home profiles of the same person. ``pin_hashes``: of right PINs, by card."""

    used_elsewhere: Mapping[str, int] = field(default_factory=dict)
    pin_hashes: Mapping[str, str] = field(default_factory=dict)


NOTHING_KNOWN = Known()


def benefits(before: Order | None, order: Order, now: datetime, known: Known) -> list[Benefit]:
    """The uses and card amounts of a new order; what an order gives back of them."""
    return [
        *_uses(before, order, now, known),
        *_card_amounts(before, order, now, known),
        *_credits(before, order, now),
    ]


def _uses(before: Order | None, order: Order, now: datetime, known: Known) -> Iterator[Benefit]:
    old, new = uses_of(before), uses_of(order)
    home = home_of(order)
    for use in new:
        if use not in old:
            for counter in counters(use, home):
                counted = _of_person(counter, known.used_elsewhere)
                yield Benefit(counted.part(now), counted.exhausted)
    for use in old:
        if use not in new:
            for counter in counters(use, home):
                if is_kept(counter, now):
                    yield Benefit(counter.returned(), counter.exhausted)


def _card_amounts(
    before: Order | None, order: Order, now: datetime, known: Known
) -> Iterator[Benefit]:
    """What is taken from cards and given back to them, one part for each card."""
    cause = _cause(order)
    kept = {payment.payment_id: payment for payment in before.payments} if before else {}
    currency = order.lines[0].currency
    for payment in order.payments:
        if payment.card_id is None:
            continue
        earlier = kept.get(payment.payment_id)
        taken = payment.captured - (earlier.captured if earlier else 0)
        returned = payment.refunded - (earlier.refunded if earlier else 0)
        if taken > returned:
            pin_hash = known.pin_hashes.get(payment.card_id)
            spend = Spend(payment.card_id, taken - returned, currency, pin_hash)
            part = spend_part(spend, replace(cause, type="order.placed"), now)
            yield Benefit(part, partial(_card_refusal, spend, now))
        elif returned > taken:
            yield Benefit(refund_part(payment.card_id, returned - taken, cause, now), _no_such_card)


def _credits(before: Order | None, order: Order, now: datetime) -> Iterator[Benefit]:
    """The store credit that the shopper takes instead of money."""
    earlier = {credit.card_id: credit.amount for credit in before.credits} if before else {}
    cause = _cause(order)
    for credit in order.credits:
        amount = credit.amount - earlier.get(credit.card_id, 0)
        if amount and credit.is_new and credit.card_id not in earlier:
            card = Card(
                card_id=credit.card_id,
                kind="store_credit",
                currency=order.lines[0].currency,
                balance=amount,
                state="active",
                suffix=credit.card_suffix,
                issued_at=now,
                loaded=amount,
            )
            yield Benefit(issue_part(card, cause, now), _issued_before)
        elif amount:
            yield Benefit(refund_part(credit.card_id, amount, cause, now), _no_such_card)


def _issued_before(_: Mapping[str, Any] | None) -> Refusal:
    return KeyReused("this Idempotency-Key has issued a card before")


def _cause(order: Order) -> Cause:
    return Cause(f"{order.order_id}@{order.version + 1}", "order.changed", order.order_id)


def _card_refusal(spend: Spend, now: datetime, stored: Mapping[str, Any] | None) -> Refusal:
    try:
        explain_refusal(stored, spend, now)
    except Refusal as refusal:
        return refusal
    return Busy("the card is being used by somebody else; trying again is safe")


def _no_such_card(_: Mapping[str, Any] | None) -> Refusal:
    return CardNotUsable("unknown")


def check_refused(used: Sequence[Benefit], refused: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Raises the refusal of the first benefit whose number is among ``refused``."""
    for number, benefit in enumerate(used):
        if number in refused:
            raise benefit.refusal(refused[number])


def _of_person(counter: Counter, used_elsewhere: Mapping[str, int]) -> Counter:
    """The counter of one home profile, with the limit that the others of the person leave."""
    if counter.name != "per_person" or counter.uses is None:
        return counter
    left = counter.uses - used_elsewhere.get(counter.use.promotion_id, 0)
    if left <= 0:
        raise counter.exhausted({"uses": counter.uses})
    return replace(counter, uses=left)
