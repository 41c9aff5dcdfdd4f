"""What orders and price holds do with cards: parts of their transactions.

Each part is one conditional update with arithmetic, so nothing is read before it. DynamoDB takes
one part per item, so a transaction has at most one part per card: add up amounts of the same card
first. When a part is refused, give the stored item to ``explain_refusal`` (for
``block_and_empty_part`` to ``explain_refused_return``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Part
from shared.aws.expression import Update
from shared.cards import store
from shared.cards.model.card import Card, Cause, EntryKind, Spend, explain, explain_return
from shared.instants import rfc3339


def spend_part(spend: Spend, cause: Cause, now: datetime) -> Part:
    """Takes the amount from the card."""
    update = _change("spent", cause, now)
    _require_usable(update, spend, now)
    update.assign("balance = balance - {}", spend.amount)
    update.assign("available = available - {}", spend.amount)
    return _part(spend.card_id, update)


def hold_part(spend: Spend, cause: Cause, now: datetime) -> Part:
    """Keeps the amount for an order that is being paid."""
    update = _change("held", cause, now)
    _require_usable(update, spend, now)
    update.assign("held = held + {}", spend.amount)
    update.assign("available = available - {}", spend.amount)
    return _part(spend.card_id, update)


def release_part(card_id: str, amount: int, cause: Cause, now: datetime) -> Part:
    """Ends a hold without a sale, in whatever state the card is. Refused when less is held."""
    update = _change("released", cause, now)
    update.require("held >= {}", amount)
    update.assign("held = held - {}", amount)
    update.assign("available = available + {}", amount)
    return _part(card_id, update)


def spend_held_part(card_id: str, amount: int, cause: Cause, now: datetime) -> Part:
    """Takes a held amount from the card, also when the card has expired or was blocked since: the
    hold has promised it. Refused when less is held."""
    update = _change("spent", cause, now)
    update.require("held >= {}", amount)
    update.assign("held = held - {}", amount)
    update.assign("balance = balance - {}", amount)
    return _part(card_id, update)


def refund_part(card_id: str, amount: int, cause: Cause, now: datetime) -> Part:
    """Gives the amount back in whatever state the card is, so that no money is lost: `replace`
    makes a usable card of one that is blocked, expired or replaced. Refused only when there is no
    such card."""
    update = _change("refunded", cause, now)
    update.require("attribute_exists(pk)")
    update.assign("balance = balance + {}", amount)
    update.assign("available = available + {}", amount)
    return _part(card_id, update)


def issue_part(card: Card, cause: Cause, now: datetime) -> Part:
    """Issues ``card``, such as the store credit of a return (shared/cards/issuing.py new_card)."""
    return store.new_part(card, store.last_of("issued", cause, now))


def sell_part(card_id: str, amount: int, currency: str, cause: Cause, now: datetime) -> Part:
    """Sells an inactive card of ``amount`` by the order of the cause. Refused when it is another
    amount, or sold already."""
    update = _change("sold", cause, now)
    update.require("#state = {}", "inactive")
    update.require("balance = {}", amount)
    update.require("currency = {}", currency)
    update.require("attribute_not_exists(sold_by)")
    update.set("sold_by", cause.order_id)
    return _part(card_id, update)


def unsell_part(card_id: str, cause: Cause, now: datetime) -> Part:
    """The order of the cause sells the card no more, before it was handed over."""
    update = _change("unsold", cause, now)
    update.require("sold_by = {}", cause.order_id)
    update.remove("sold_by")
    return _part(card_id, update)


def activate_part(card_id: str, cause: Cause, now: datetime) -> Part:
    """Makes a sold card usable when it is handed over. Refused when it is not inactive."""
    update = _change("activated", cause, now)
    update.require("#state = {}", "inactive")
    update.set("state", "active")
    return _part(card_id, update)


def block_and_empty_part(card_id: str, amount: int, cause: Cause, now: datetime) -> Part:
    """Ends a sold card of ``amount`` that comes back. Refused when a part of it was spent, is held,
    or more was loaded. It cannot be unblocked."""
    update = _change("blocked", cause, now, reason="returned")
    update.require("available = {}", amount)
    update.require("balance = {}", amount)
    update.require("loaded = {}", amount)
    update.require("#state <> {}", "replaced")
    for name in ("balance", "available", "loaded"):
        update.set(name, 0)
    update.set("state", "blocked")
    update.set("block_reason", "returned")
    update.remove("state_before")
    return _part(card_id, update)


def explain_refusal(item: Mapping[str, Any] | None, spend: Spend, now: datetime) -> None:
    """Raises CardShort or CardNotUsable for the stored ``item`` of a refused spend or hold. Returns
    when the item would not refuse it: another writer was in between, try again."""
    explain(store.card_of_item(item) if item else None, spend, now)


def explain_refused_return(item: Mapping[str, Any] | None, amount: int) -> None:
    """Raises CardSpent or CardNotUsable for the stored ``item`` of a sold card that was not taken
    back. Returns when another writer was in between."""
    explain_return(store.card_of_item(item) if item else None, amount)


def _change(kind: EntryKind, cause: Cause, now: datetime, reason: str | None = None) -> Update:
    update = Update()
    update.assign("version = version + {}", 1)
    update.set("last", store.last_of(kind, cause, now, reason))
    return update


def _require_usable(update: Update, spend: Spend, now: datetime) -> None:
    if spend.amount <= 0:
        raise ValueError("an amount that is paid with a card is above 0")
    update.require("available >= {}", spend.amount)
    update.require("#state = {}", "active")
    update.require("currency = {}", spend.currency)
    # Holds before the card expires.
    update.require("attribute_not_exists(expires_at) OR expires_at > {}", rfc3339(now))
    # Holds for a card without a PIN, and for the right PIN.
    update.require("attribute_not_exists(pin_hash) OR pin_hash = {}", spend.pin_hash or "")


def _part(card_id: str, update: Update) -> Part:
    return {"Update": update.request(store.cards_table(), store.partition(card_id), store.CARD)}
