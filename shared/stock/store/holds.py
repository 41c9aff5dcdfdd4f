"""Opens, extends, binds, converts, releases and expires holds."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part, Refused
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.errors import Busy, Conflict, HoldClosed, NotFound, OutOfStock
from shared.instants import rfc3339
from shared.stock.model.events import HELD, RELEASED
from shared.stock.model.limits import Limit
from shared.stock.model.position import (
    LONGEST_HOLD,
    Cause,
    Effect,
    Hold,
    HoldLine,
    HoldState,
    PositionKey,
    hold_effects,
    release_effects,
)
from shared.stock.model.rules import UNRESTRICTED, FloorFacts, SellingTerms
from shared.stock.store.effects import commit_effects, effect_parts, shortage
from shared.stock.store.position_reads import positions_of
from shared.stock.store.rows import (
    HOLD_KEPT,
    SHARDS,
    facts_of_item,
    hold_item,
    hold_of_item,
    stock_table,
)
from shared.web.portions import WHOLE, Portion

HOLDS = "norain/holds"
"""The source of the holds' entries in the ledger."""
HOLD_ATTEMPTS = 20
"""How often a hold is decided anew because the positions that its floors depend on have changed."""


def find_hold(hold_id: str) -> Hold | None:
    """The hold as it is stored now (strongly consistent); None when it does not exist."""
    item = tables.get(stock_table(), f"HOLD#{hold_id}", "HOLD", consistent=True)
    return hold_of_item(item) if item else None


def get_hold(hold_id: str) -> Hold:
    """The hold as it is stored now. Raises NotFound."""
    hold = find_hold(hold_id)
    if hold is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold


def forget_promise(hold_id: str, order_id: str) -> None:
    """Removes the promise and the payment reference from a hold that was converted into the
    order."""
    update = Update()
    update.remove("promise", "payment_reference")
    # Holds while the hold exists and belongs to this order.
    update.require("order_id = {}", order_id)
    tables.write("update_item", **update.request(stock_table(), f"HOLD#{hold_id}", "HOLD"))


def convert_part(
    hold: Hold, order_id: str, at: datetime, payment_reference: str | None = None
) -> Part:
    """The transaction part that converts the hold: its units stay reserved, for the order from now
    on."""
    update = Update()
    update.set("state", HoldState.CONVERTED.value)
    update.set("order_id", order_id)
    update.set("closed_at", rfc3339(at))
    update.remove("deadline_key", "deadline")
    # Holds while nobody has released, expired or converted the hold.
    update.require("#state = {}", HoldState.OPEN.value)
    # Holds before the expiry: the worker that expires holds may be late.
    update.require("expires_at > {}", rfc3339(at))
    # Holds while the hold is bound to no payment, or to this one.
    if payment_reference is None:
        update.require("attribute_not_exists(payment_reference)")
    else:
        _require_payment(update, payment_reference)
    return {"Update": update.request(stock_table(), f"HOLD#{hold.hold_id}", "HOLD")}


def _require_payment(update: Update, payment_reference: str) -> None:
    update.require(
        "attribute_not_exists(payment_reference) OR payment_reference = {}", payment_reference
    )


def open_hold(hold: Hold, selling: Mapping[PositionKey, SellingTerms] | None = None) -> Hold:
    """Reserves every line or none, in one transaction over the hold and its positions.

    ``selling`` are the terms of the hold's channel by PositionKey: how much it must leave of each
    position. Where the terms depend on the position, it is read first; when it has changed
    meanwhile, the item that refused the write is used to decide again.

    Returns the stored hold: an existing hold of the same id is left as it is.

    Raises OutOfStock with every short position, Busy.
    """
    places = {(line.sku, line.location_id) for line in hold.lines}
    terms = {place: UNRESTRICTED if selling is None else selling[place] for place in places}
    facts: dict[PositionKey, FloorFacts] = {}
    if moving := [place for place in places if terms[place].moves]:
        positions = positions_of(moving, consistent=True)
        facts = {place: FloorFacts.of(positions.get(place)) for place in moving}
    for attempt in range(HOLD_ATTEMPTS):
        limits = {place: terms[place].limit(facts.get(place)) for place in places}
        counted_hold = replace(hold, lines=_with_counters(hold.lines, limits))
        refusals = _open(counted_hold, limits)
        if isinstance(refusals, Hold):
            return refusals
        short = []
        for effect, item in refusals:
            place = effect.sku, effect.location_id
            facts[place] = facts_of_item(item)
            sellable = terms[place].sellable(facts[place])
            if sellable < effect.reserved:
                short.append({**shortage(effect, item), "sellable": sellable})
        if short:
            raise OutOfStock(short)
        tables.pause(attempt)
    raise Busy("too many writers on the same positions")


def _with_counters(
    lines: Iterable[HoldLine], limits: Mapping[PositionKey, Limit]
) -> tuple[HoldLine, ...]:
    return tuple(
        replace(line, counters=limits[line.sku, line.location_id].counters) for line in lines
    )


def _open(
    hold: Hold, limits: Mapping[PositionKey, Limit]
) -> Hold | Sequence[tuple[Effect, Mapping[str, Any] | None]]:
    """The stored hold, or the effects that were refused, with the positions' items."""
    put: Part = {
        "Put": {
            "TableName": stock_table(),
            "Item": to_item(hold_item(hold)),
            # Holds while this request has not been carried out.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }
    cause = Cause(HOLDS, hold.hold_id, HELD, "reserved", hold.hold_id)
    outcome = commit_effects(hold_effects(hold.lines, limits), cause, hold.opened_at, [put])
    if outcome.written:
        return hold
    if stored := outcome.refused.get(0):
        return hold_of_item(stored)
    return outcome.short


def extend_hold(hold: Hold, expires_at: datetime, now: datetime) -> Hold:
    """The hold with the later of the two expiries, at most LONGEST_HOLD after it was opened.

    Raises HoldClosed when it has expired or is closed.
    """
    until = min(expires_at, hold.opened_at + LONGEST_HOLD)
    update = Update()
    _set_expiry(update, until)
    # Holds while the hold is open.
    update.require("#state = {}", HoldState.OPEN.value)
    # Holds before the expiry.
    update.require("expires_at > {}", rfc3339(now))
    # Holds while the hold would expire earlier.
    update.require("expires_at < {}", rfc3339(until))
    refused = tables.write(
        "update_item", **update.request(stock_table(), f"HOLD#{hold.hold_id}", "HOLD")
    )
    stored = get_hold(hold.hold_id) if refused is None else _refusing_hold(refused, hold.hold_id)
    check_claim(stored, now, stored.payment_reference)
    return stored


def _set_expiry(update: Update, until: datetime) -> None:
    update.set("expires_at", rfc3339(until))
    update.set("deadline", rfc3339(until))
    update.set("ttl", int((until + HOLD_KEPT).timestamp()))


def bind_hold(hold: Hold, payment_reference: str, expires_at: datetime, now: datetime) -> Hold:
    """The hold, bound to a payment that is under way: it expires at the later of the two instants,
    and can only become an order of that payment.

    Raises Conflict when it is bound to another payment, HoldClosed when it has expired or is
    closed.
    """
    until = min(expires_at, hold.opened_at + LONGEST_HOLD)
    for longer in (True, False):
        update = Update()
        update.set("payment_reference", payment_reference)
        if longer:
            _set_expiry(update, until)
        # Holds while the hold is open.
        update.require("#state = {}", HoldState.OPEN.value)
        # Holds before the expiry.
        update.require("expires_at > {}", rfc3339(now))
        # Holds while the hold is bound to no other payment.
        _require_payment(update, payment_reference)
        # Holds while the hold would expire earlier; the second attempt leaves the expiry as it is.
        update.require(f"expires_at {'<' if longer else '>='} {{}}", rfc3339(until))
        refused = tables.write(
            "update_item", **update.request(stock_table(), f"HOLD#{hold.hold_id}", "HOLD")
        )
        if refused is None:
            return get_hold(hold.hold_id)
        check_claim(_refusing_hold(refused, hold.hold_id), now, payment_reference)
    raise Busy(f"hold {hold.hold_id} is being changed by too many at once")


def check_claim(stored: Hold, now: datetime, payment_reference: str | None) -> None:
    """Raises HoldClosed or Conflict when the stored hold cannot be claimed for this payment."""
    if not stored.claimable(now):
        closed = HoldState.EXPIRED if stored.state is HoldState.OPEN else stored.state
        raise HoldClosed(stored.hold_id, closed.value)
    if stored.payment_reference not in (None, payment_reference):
        raise Conflict(
            f"hold {stored.hold_id} is bound to another payment",
            hold_id=stored.hold_id,
        )


def release_hold(hold: Hold, now: datetime) -> None:
    """Gives the units back; a hold that has been closed already is left as it is.

    Raises HoldClosed when it has become an order, Busy.
    """
    stored = hold
    if hold.state is HoldState.OPEN and (refused := _close(hold, HoldState.RELEASED, now)):
        stored = _refusing_hold(refused, hold.hold_id)
    if stored.state is HoldState.CONVERTED:
        raise HoldClosed(hold.hold_id, stored.state.value)


def expire_hold(hold: Hold, now: datetime) -> bool:
    """Gives the units of an expired hold back; whether this call did it."""
    return _close(hold, HoldState.EXPIRED, now) is None


OnUnreadable = Callable[[str], None]
"""Called with the name of an unreadable item, inside the handling of the error."""


def due_holds(
    now: datetime, unread: OnUnreadable | None = None, portion: Portion = WHOLE
) -> Iterator[Hold]:
    """The portion's open holds whose expiry has passed, from the index, each shard in random order;
    each hold is read again. Unreadable items are passed to ``unread`` and do not stop the others;
    without ``unread`` the error is raised."""
    for shard in portion.shards(SHARDS):
        items = _due_items(f"HOLD#{shard}", now, portion)
        while True:
            try:
                item = next(items, None)
            except Exception:
                if unread is None:
                    raise
                unread(f"shard {shard}")
                break
            if item is None:
                break
            try:
                hold = hold_of_item(item)
            except Exception:
                if unread is None:
                    raise
                unread(item["pk"])
                continue
            if hold.state is HoldState.OPEN and hold.expires_at <= now:
                yield hold


def _due_items(shard: str, now: datetime, portion: Portion) -> Iterator[Mapping[str, Any]]:
    rows = tables.query(
        stock_table(),
        "deadline_key = :shard AND deadline <= :now",
        to_item({":shard": shard, ":now": rfc3339(now)}),
        IndexName="by_deadline",
    )
    keys = [
        Key(stock_table(), row["pk"], row["sk"])
        for row in rows
        if portion.has(row["pk"].removeprefix("HOLD#"))
    ]
    random.shuffle(keys)
    for first in range(0, len(keys), tables.READ_KEYS):
        batch = keys[first : first + tables.READ_KEYS]
        yield from tables.get_many(batch, consistent=True).values()


def _close(hold: Hold, state: HoldState, now: datetime) -> Refused | None:
    """Closes the hold and gives its units back, in one transaction; Refused when it was closed or
    extended meanwhile."""
    update = Update()
    update.set("state", state.value)
    update.set("closed_at", rfc3339(now))
    update.remove("deadline_key", "deadline")
    # Holds while nobody has released, expired or converted the hold.
    update.require("#state = {}", HoldState.OPEN.value)
    if state is HoldState.EXPIRED:
        # Holds while nobody has extended the hold.
        update.require("expires_at <= {}", rfc3339(now))
    close: Part = {"Update": update.request(stock_table(), f"HOLD#{hold.hold_id}", "HOLD")}
    cause = Cause(HOLDS, hold.hold_id, RELEASED, "reserved", hold.hold_id)
    _, parts = effect_parts(release_effects(hold.lines), cause, now)
    return next(iter(tables.transact([close, *parts])), None)


def _refusing_hold(refused: Refused, hold_id: str) -> Hold:
    """The stored hold that refused the write. Raises NotFound when there is none."""
    if refused.item is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold_of_item(refused.item)
