"""What an order uses of codes, limits and cards, as parts of its transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from shared.aws.dynamodb import Part
from shared.cards.model.card import Card, Cause, Spend
from shared.cards.store.parts import (
    activate_part,
    block_and_empty_part,
    explain_refusal,
    explain_refused_return,
    issue_part,
    refund_part,
    sell_part,
    spend_held_part,
    spend_part,
    unsell_part,
)
from shared.errors import Busy, CardNotUsable, KeyReused, PriceHoldClosed, Refusal
from shared.orders.model import Order
from shared.orders.model.selling_cards import is_handed_over, is_sold
from shared.orders.model.used import home_of, uses_of
from shared.pricing.model.price_hold import PriceHold
from shared.pricing.model.uses import Use
from shared.pricing.store.price_holds import claimed_part, hold_of_item
from shared.pricing.store.uses import Counter, counters, is_kept


@dataclass(frozen=True, slots=True)
class Benefit:
    """A part of the transaction, and the refusal of the order when its condition fails; the item as
    it is stored says why. ``slot`` is a slot of a large limit: others may count the use."""

    part: Part
    refusal: Callable[[Mapping[str, Any] | None], Refusal]
    slot: Counter | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a new order beside its document. ``used_elsewhere``: by promotion the uses
    by other home profiles of the same person. ``pin_hashes``: of right PINs, by card.
    ``price_hold`` keeps what the order uses."""

    used_elsewhere: Mapping[str, int] = field(default_factory=dict)
    pin_hashes: Mapping[str, str] = field(default_factory=dict)
    price_hold: PriceHold | None = None


NOTHING_KNOWN = Known()


def benefits(before: Order | None, order: Order, now: datetime, known: Known) -> list[Benefit]:
    """The uses and card amounts of a new order, and the cards that it sells; what an order gives
    back of them."""
    sold = list(_sold_cards(before, order, now))
    if known.price_hold is not None:
        return [*_held(order, known.price_hold, now), *sold]
    old, new = uses_of(before), uses_of(order)
    home = home_of(order)
    return [
        *counted([use for use in new if use not in old], home, known.used_elsewhere, now),
        *given_back([use for use in old if use not in new], home, now),
        *_card_amounts(before, order, now, known),
        *_credits(before, order, now),
        *sold,
    ]


def _sold_cards(before: Order | None, order: Order, now: datetime) -> Iterator[Benefit]:
    """What happens to the cards that the lines sell."""
    cause = _cause(order)
    for line in order.lines:
        if line.card_id is None:
            continue
        earlier = before.line(line.line_id) if before else None
        card_id, amount = line.card_id, line.net
        if earlier is None:
            cause = replace(cause, type="order.placed")
            part = sell_part(card_id, amount, line.currency, cause, now)
            yield Benefit(part, _not_for_sale)
        elif is_handed_over(line) and not is_handed_over(earlier):
            yield Benefit(activate_part(card_id, cause, now), _not_for_sale)
        elif is_sold(earlier) and not is_sold(line):
            if is_handed_over(line):
                part = block_and_empty_part(card_id, amount, cause, now)
                yield Benefit(part, partial(_not_taken_back, amount))
            else:
                yield Benefit(unsell_part(card_id, cause, now), _not_for_sale)


def _not_for_sale(_: Mapping[str, Any] | None) -> Refusal:
    return CardNotUsable("not_for_sale")


def _not_taken_back(amount: int, stored: Mapping[str, Any] | None) -> Refusal:
    try:
        explain_refused_return(stored, amount)
    except Refusal as refusal:
        return refusal
    return Busy("the card is being used by somebody else; trying again is safe")


def _held(order: Order, hold: PriceHold, now: datetime) -> Iterator[Benefit]:
    """What a price hold has kept for the new order. It has counted the uses; those of a person move
    to the home profile of the order."""
    yield Benefit(claimed_part(hold, order.order_id, now), partial(_closed, hold, now))
    cause = Cause(f"{order.order_id}@1", "order.placed", order.order_id)
    for card in hold.cards:
        yield Benefit(spend_held_part(card.card_id, card.amount, cause, now), _no_such_card)
    home = home_of(order)
    if home == hold.home:
        return
    for use in hold.uses:
        for before in counters(use, hold.home):
            if before.name == "per_person":
                yield Benefit(before.returned(), before.exhausted)
        for after in counters(use, home):
            if after.name == "per_person":
                moved = replace(after, uses=None)
                yield Benefit(moved.part(now), moved.exhausted)


def _closed(hold: PriceHold, now: datetime, stored: Mapping[str, Any] | None) -> Refusal:
    state = hold_of_item(stored).state_at(now) if stored else "gone"
    return PriceHoldClosed(hold.hold_id, state)


def counted(
    uses: Iterable[Use], home: str | None, used_elsewhere: Mapping[str, int], now: datetime
) -> Iterator[Benefit]:
    """The uses by the person of a home profile."""
    for use in uses:
        for counter in counters(use, home):
            limited = _of_person(counter, used_elsewhere)
            slot = limited if limited.slot is not None else None
            yield Benefit(limited.part(now), limited.exhausted, slot)


def given_back(uses: Iterable[Use], home: str | None, now: datetime) -> Iterator[Benefit]:
    """The uses that come back to the person of a home profile."""
    for use in uses:
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
            yield Benefit(part, partial(card_refusal, spend, now))
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


def card_refusal(spend: Spend, now: datetime, stored: Mapping[str, Any] | None) -> Refusal:
    try:
        explain_refusal(stored, spend, now)
    except Refusal as refusal:
        return refusal
    return Busy("the card is being used by somebody else; trying again is safe")


def _no_such_card(_: Mapping[str, Any] | None) -> Refusal:
    return CardNotUsable("unknown")


def full_slots(
    used: Sequence[Benefit], refused: Mapping[int, Mapping[str, Any] | None]
) -> tuple[Counter, ...]:
    """The slots of large limits among the benefits whose number is among ``refused``. Raises the
    refusal of the first other one."""
    full = []
    for number, benefit in enumerate(used):
        if number in refused:
            if benefit.slot is None:
                raise benefit.refusal(refused[number])
            full.append(benefit.slot)
    return tuple(full)


def _of_person(counter: Counter, used_elsewhere: Mapping[str, int]) -> Counter:
    """The counter of one home profile, with the limit that the others of the person leave."""
    if counter.name != "per_person" or counter.uses is None:
        return counter
    left = counter.uses - used_elsewhere.get(counter.use.promotion_id, 0)
    if left <= 0:
        raise counter.exhausted({"uses": counter.uses})
    return replace(counter, uses=left)
