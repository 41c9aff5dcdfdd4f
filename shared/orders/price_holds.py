"""Keep what an order will use while its payment is being made, so that nobody is charged for what
somebody else gets: uses of codes and promotions, amounts of cards, points."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.cards.model.card import Cause, Spend
from shared.cards.store.parts import hold_part, release_part
from shared.customers.model.person import Profile
from shared.customers.store import find, not_erased_condition
from shared.errors import Busy, Conflict, NotFound, PriceHoldClosed
from shared.loyalty.spending import end_hold_parts, hold_parts
from shared.loyalty.wallets import homes_of
from shared.orders.buyers import uses_of_person
from shared.orders.store.benefits import Benefit, card_refusal, counted, full_slots, given_back
from shared.pricing.model.price_hold import HeldAmount, PriceHold
from shared.pricing.model.quote import Quote
from shared.pricing.store import price_holds as store
from shared.pricing.store.slots import moved
from shared.pricing.tokens import check_valid
from shared.web.idempotency import Request
from shared.web.portions import checksum


@dataclass(frozen=True, slots=True)
class HeldCard:
    """What is to be kept of a card. ``pin_hash`` is that of the right PIN."""

    held: HeldAmount
    pin_hash: str | None = None


def open_hold(
    quote: Quote,
    deadline: datetime,
    cards: Callable[[], Sequence[HeldCard]],
    request: Request,
    now: datetime,
    answer: Callable[[PriceHold], str],
) -> str:
    """Keep what an order with the quote uses, once per request, and return the answer; a replay
    gets the first answer before anything is decided. ``cards`` finds the cards.

    Raises QuoteExpired, CodeExhausted, PromotionExhausted, CardShort, CardNotUsable, PointsShort,
    NeedsContact, Gone, Busy.
    """
    hold_id = f"ph-{request.name[:24]}"
    if (earlier := _answered(hold_id, request)) is not None:
        return earlier
    try:
        check_valid(quote.at, quote.engine, now)
        uses = tuple(use.spread(checksum(hold_id)) for use in quote.uses)
        new = PriceHold(hold_id, "open", deadline, quote.digest, quote.currency, uses=uses)
        return _opened(new, quote, cards(), request, now, answer)
    except Conflict:
        # The same request may have taken meanwhile what is missing now.
        if (earlier := _answered(hold_id, request)) is not None:
            return earlier
        raise


def _answered(hold_id: str, request: Request) -> str | None:
    found = store.find(hold_id)
    if found is None:
        return None
    _, item = found
    request.check(item["request"])
    return str(item["answer"])


def _opened(
    hold: PriceHold,
    quote: Quote,
    cards: Sequence[HeldCard],
    request: Request,
    now: datetime,
    answer: Callable[[PriceHold], str],
) -> str:
    cause = Cause(hold.hold_id, "price_hold.opened")
    kept: list[Benefit] = []
    for card in cards:
        spend = Spend(card.held.card_id, card.held.amount, quote.currency, card.pin_hash)
        kept.append(Benefit(hold_part(spend, cause, now), partial(card_refusal, spend, now)))
    hold = replace(hold, cards=tuple(card.held for card in cards))
    for _ in tables.attempts():
        person = find(quote.profile_id) if quote.profile_id is not None else None
        home = person.profile_id if person else None
        elsewhere, checks = uses_of_person(quote.uses, home, home)
        draws, taken = _points(hold, quote, person, now)
        hold = replace(hold, home=home, draws=tuple(draws))
        text = answer(hold)
        benefits = [*kept, *counted(hold.uses, home, elsewhere, now)]
        parts = [benefit.part for benefit in benefits]
        others = [*checks, *taken, *([not_erased_condition(home)] if home else [])]
        opened = store.opened_part(hold, request, text)
        refused = {one.index: one.item for one in tables.transact([*parts, opened, *others])}
        if not refused:
            return text
        if len(parts) in refused and (earlier := _answered(hold.hold_id, request)) is not None:
            return earlier
        full = full_slots(benefits, refused)
        hold = replace(hold, uses=moved(hold.uses, full, now))
        # Somebody else has used points or promotions of the person: read them again.
    raise Busy("too many changes of this wallet at once")


def _points(
    hold: PriceHold, quote: Quote, person: Profile | None, now: datetime
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Part]]:
    if quote.given.points is None or person is None:
        return (), ()
    spending = hold_parts(homes_of(person), quote.given.points.points, hold.hold_id, now)
    return spending.draws, spending.parts


def release(hold_id: str, now: datetime, *, only_expired: bool = False) -> bool:
    """Give back what the hold keeps. A hold that was released before is left as it is; whether
    something was written.

    Raises NotFound, PriceHoldClosed for a hold that an order has claimed, Busy.
    """
    for _ in tables.attempts():
        found = store.find(hold_id)
        if found is None:
            raise NotFound(f"there is no price hold {hold_id}", hold_id=hold_id)
        hold, _item = found
        if hold.state == "claimed":
            raise PriceHoldClosed(hold_id, hold.state)
        if hold.state == "released" or (only_expired and hold.claimable(now)):
            return False
        if not tables.transact(list(_released_parts(hold, now))):
            return True
    raise Busy(f"price hold {hold_id} is being changed by too many at once")


def _released_parts(hold: PriceHold, now: datetime) -> Iterable[Part]:
    cause = Cause(f"{hold.hold_id}:released", "price_hold.released")
    yield store.released_part(hold, now)
    for held in hold.cards:
        yield release_part(held.card_id, held.amount, cause, now)
    yield from (benefit.part for benefit in given_back(hold.uses, hold.home, now))
    if hold.draws:
        yield from end_hold_parts(hold.draws, hold.hold_id, now, spent=False)
