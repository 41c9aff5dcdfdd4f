"""A card, what it can be spent for, and what staff do with it.

A card is a gift card or a store credit of its bearer. ``balance`` is the money on it, ``held`` the
part that is kept for orders which are being paid. Amounts are integer minor units of ``currency``.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.errors import (
    CardNotUsable,
    CardShort,
    CardSpent,
    Conflict,
    InvalidTransition,
    invalid,
)

CardKind = Literal["gift_card", "store_credit"]
StoredState = Literal["inactive", "active", "blocked", "replaced"]
CardState = Literal["inactive", "active", "blocked", "replaced", "expired", "used_up"]
EntryKind = Literal[
    "issued",
    "sold",
    "unsold",
    "activated",
    "loaded",
    "spent",
    "refunded",
    "held",
    "released",
    "blocked",
    "unblocked",
    "replaced",
    "transferred",
    "adjusted",
]
BlockReason = Literal["lost", "stolen", "fraud", "wrong_pins", "returned", "other"]
NotUsable = Literal[
    "unknown",
    "inactive",
    "blocked",
    "replaced",
    "expired",
    "currency",
    "pin_needed",
    "wrong_pin",
    "not_for_sale",
]
"""Why a card cannot be used; only callers with `cards:write` are told."""
MOST_ON_CARD = 1_000_000
"""Minor units that staff can put on one card. A refund may exceed it, so that no money is lost."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a card changes: ``id`` and ``type`` name the event behind it, such as
    ``order-17@4``, ``order.placed``."""

    id: str
    type: str
    order_id: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """An amount that shall be paid with a card. ``pin_hash`` is from ``usable``
    (shared/cards/looking_up.py), None for a card without a PIN."""

    card_id: str
    amount: int
    currency: str
    pin_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """``loaded`` is what was put on the card other than by refunds, so ``loaded - balance`` is what
    was spent. ``state`` is the stored state; ``state_at`` derives `expired` and `used_up`.
    ``state_before`` is the state that ends with the block."""

    card_id: str
    kind: CardKind
    currency: str
    balance: int
    state: StoredState
    suffix: str
    issued_at: datetime
    held: int = 0
    loaded: int = 0
    expires_at: datetime | None = None
    pin_hash: str | None = None
    state_before: StoredState | None = None
    block_reason: BlockReason | None = None
    replaced_by: str | None = None
    version: int = 0
    sold_by: str | None = None
    """The order that sells the card; it activates the card when it hands it over."""

    @property
    def available(self) -> int:
        return self.balance - self.held

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def state_at(self, now: datetime) -> CardState:
        if self.state != "active":
            return self.state
        if self.expired(now):
            return "expired"
        return "used_up" if self.balance == 0 else "active"


def not_usable(card: Card | None, currency: str | None, now: datetime) -> NotUsable | None:
    """Why the card cannot be used at all, whatever its PIN and its balance; None when it can.
    ``currency`` None stands for any."""
    if card is None:
        return "unknown"
    if card.state != "active":
        return card.state
    if card.expired(now):
        return "expired"
    return "currency" if currency not in {None, card.currency} else None


def explain(card: Card | None, spend: Spend, now: datetime) -> None:
    """Raises why ``card`` refuses ``spend``: CardNotUsable, or CardShort with what is available.
    Returns when it does not refuse it: another writer was in between, and a retry may succeed."""
    reason = not_usable(card, spend.currency, now)
    if card is None or reason is not None:
        raise CardNotUsable(reason or "unknown")
    if card.pin_hash is not None and card.pin_hash != spend.pin_hash:
        raise CardNotUsable("wrong_pin")
    if card.available < spend.amount:
        raise CardShort(card.available, card.currency, card.suffix)


def explain_return(card: Card | None, amount: int) -> None:
    """Raises why a sold card of ``amount`` cannot be taken back: CardSpent with its balance, or
    CardNotUsable. Returns when another writer was in between."""
    if card is None:
        raise CardNotUsable("unknown")
    if card.state == "replaced":
        raise CardNotUsable("replaced")
    if card.available != amount or card.loaded != amount:
        raise CardSpent(card.balance, amount, card.currency, card.suffix)


def amount_to_pay(card: Card, wanted: int | None, needed: int, path: str) -> int:
    """What the card pays of ``needed``: ``wanted``, or as much as is on it. ``path`` is the JSON
    path of the amount.

    Raises InvalidRequest for more than is needed, CardShort for more than is on the card, or when
    nothing is.
    """
    amount = min(card.available, needed) if wanted is None else wanted
    if amount > needed or not needed:
        raise invalid(path, f"{needed} is needed of this card")
    if amount > card.available or not amount:
        raise CardShort(card.available, card.currency, card.suffix)
    return amount


def load(card: Card, amount: int, currency: str, now: datetime) -> Card:
    """Raises InvalidTransition for a card that is blocked, replaced or expired."""
    _must_be(card, "load", ("inactive", "active", "used_up"), now)
    _must_match(card, currency)
    _must_hold(card.balance + amount)
    return replace(card, balance=card.balance + amount, loaded=card.loaded + amount)


def activate(card: Card, now: datetime) -> Card:
    _must_be(card, "activate", ("inactive",), now)
    if card.sold_by is not None:
        raise Conflict(
            f"order {card.sold_by} activates the card when it is handed over",
            order_id=card.sold_by,
        )
    return replace(card, state="active")


def block(card: Card, reason: BlockReason, now: datetime) -> Card:
    """What is held for an order stays held, and can still be spent or released."""
    _must_be(card, "block", ("inactive", "active", "expired", "used_up"), now)
    return replace(card, state="blocked", state_before=card.state, block_reason=reason)


def unblock(card: Card, now: datetime) -> Card:
    """The card is again what it was before the block. Raises InvalidTransition also for a sold card
    that came back: it was emptied for good."""
    _must_be(card, "unblock", ("blocked",), now)
    if card.state_before is None:
        raise InvalidTransition("unblock", "returned", ())
    return replace(card, state=card.state_before, state_before=None, block_reason=None)


def adjust(card: Card, delta: int, currency: str) -> Card:
    """Corrects the balance in any state but `replaced`. Raises CardShort below 0."""
    if card.state == "replaced":
        raise InvalidTransition("adjust", "replaced", ("active", "blocked", "inactive"))
    _must_match(card, currency, "$.delta.currency")
    if card.available + delta < 0:
        raise CardShort(card.available, card.currency, card.suffix)
    if delta > 0:
        _must_hold(card.balance + delta, "$.delta.amount")
    return replace(card, balance=card.balance + delta, loaded=card.loaded + delta)


def transfer(source: Card, target: Card, amount: int, currency: str, now: datetime) -> list[Card]:
    """Both cards after ``amount`` has moved from ``source`` to ``target``."""
    _must_be(source, "transfer", ("active",), now)
    _must_be(target, "transfer", ("active", "used_up"), now)
    _must_match(source, currency)
    _must_match(target, currency)
    if source.available < amount:
        raise CardShort(source.available, source.currency, source.suffix)
    _must_hold(target.balance + amount)
    return [
        replace(source, balance=source.balance - amount, loaded=source.loaded - amount),
        replace(target, balance=target.balance + amount, loaded=target.loaded + amount),
    ]


def must_not_have_expired(card: Card, now: datetime) -> None:
    """Raises InvalidRequest for a new card with an expiry in the past."""
    if card.expired(now):
        raise invalid("$.expires_on", "this day has passed")


def replacement(old: Card, new: Card, now: datetime) -> list[Card]:
    """The old card, ended and empty, and ``new`` with its balance. ``new`` has a new id, suffix and
    PIN, and an expiry if that was stated; else the old one's is kept. A replaced card can be
    replaced again when a refund has come to it later.

    Raises Conflict while an order holds a part of the balance, InvalidRequest when the card had a
    PIN and the new one has none, or when the card has expired and no new expiry was stated;
    InvalidTransition for an empty card that was replaced or, being sold, came back.
    """
    must_not_have_expired(new, now)
    if old.state == "replaced" and old.balance == 0:
        raise InvalidTransition("replace", "replaced", ("active", "blocked", "inactive"))
    if old.state == "blocked" and old.state_before is None and old.balance == 0:
        raise InvalidTransition("replace", "returned", ())
    if old.held:
        raise Conflict(
            f"an order that is being paid holds {old.held} of the balance: replace the card when"
            " that has ended; block it until then",
            held=old.held,
        )
    if old.pin_hash is not None and new.pin_hash is None:
        raise invalid("$.pin", "the card has a PIN: state one for the new card")
    if new.expires_at is None and old.expired(now):
        raise invalid("$.expires_on", "the card has expired: state when the new card expires")
    ended = replace(
        old, state="replaced", state_before=None, balance=0, loaded=0, replaced_by=new.card_id
    )
    begun = replace(
        new,
        kind=old.kind,
        currency=old.currency,
        balance=old.balance,
        loaded=old.balance if old.state == "replaced" else old.loaded,
        state="inactive" if "inactive" in {old.state, old.state_before} else "active",
        expires_at=new.expires_at or old.expires_at,
    )
    return [ended, begun]


def _must_be(card: Card, action: str, allowed: tuple[CardState, ...], now: datetime) -> None:
    state = card.state_at(now)
    if state not in allowed:
        raise InvalidTransition(action, state, allowed)


def _must_match(card: Card, currency: str, path: str = "$.amount.currency") -> None:
    if currency != card.currency:
        raise invalid(path, f"the card is in {card.currency}; amounts are not converted")


def _must_hold(balance: int, path: str = "$.amount.amount") -> None:
    if balance > MOST_ON_CARD:
        raise invalid(path, f"a card holds at most {MOST_ON_CARD} minor units")
