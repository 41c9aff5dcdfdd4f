"""Holds: opened, extended, bound, converted, released, expired."""

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
from shared.stock.store.positions import positions_of
from shared.stock.store.rows import (
    HOLD_KEPT,
    SHARDS,
    facts_of_item,
    hold_item,
    hold_of_item,
    stock_table,
)

HOLDS = "norain/holds"
"""The source of what holds do, in the ledger."""
HOLD_ATTEMPTS = 20
"""How often a hold is decided anew when the positions of its channel's floors have changed."""


# Holds


def find_hold(hold_id: str) -> Hold | None:
    """The hold as it stands now (strongly consistent)."""
    found = tables.get(stock_table(), f"HOLD#{hold_id}", "HOLD", consistent=True)
    return hold_of_item(found) if found else None


def get_hold(hold_id: str) -> Hold:
    """Raises NotFound."""
    hold = find_hold(hold_id)
    if hold is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold


def forget_promise(hold_id: str, order_id: str) -> None:
    """Takes from a hold that has become the order what was promised with it, and to whom."""
    update = Update()
    update.remove("promise", "payment_reference")
    # Holds while the hold exists and belongs to this order.
    update.require("order_id = {}", order_id)
    tables.write("update_item", **update.request(stock_table(), f"HOLD#{hold_id}", "HOLD"))


def convert_part(
    hold: Hold, order_id: str, at: datetime, payment_reference: str | None = None
) -> Part:
    """Makes the hold an order: its units stay reserved, and are the order's from now on."""
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
    """Reserves every line or none: one transaction of the hold and each position once.

    ``selling`` are the terms of the hold's channel by (sku, location_id): what it leaves of each
    position. Where that depends on the position, one read goes before; when the position has
    changed meanwhile, its image as it refused the write is decided on anew.

    Answers the hold that stands then: another of the same id is left as it is.

    Raises OutOfStock with every short position, Busy.
    """
    places = {(line.sku, line.location_id) for line in hold.lines}
    terms = {place: UNRESTRICTED if selling is None else selling[place] for place in places}
    known: dict[PositionKey, FloorFacts] = {}
    if moving := [place for place in places if terms[place].moves]:
        found = positions_of(moving, consistent=True)
        known = {place: FloorFacts.of(found.get(place)) for place in moving}
    for attempt in range(HOLD_ATTEMPTS):
        limits = {place: terms[place].limit(known.get(place)) for place in places}
        wanted = replace(hold, lines=_with_counters(hold.lines, limits))
        refusals = _open(wanted, limits)
        if isinstance(refusals, Hold):
            return refusals
        short = []
        for effect, item in refusals:
            place = effect.sku, effect.location_id
            known[place] = facts_of_item(item)
            sellable = terms[place].sellable(known[place])
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
    """The hold that stands then, or the effects that were refused, with the positions' items."""
    put: Part = {
        "Put": {
            "TableName": stock_table(),
            "Item": to_item(hold_item(hold)),
            # Holds when this request has not been carried out before.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }
    cause = Cause(HOLDS, hold.hold_id, HELD, "reserved", hold.hold_id)
    done = commit_effects(hold_effects(hold.lines, limits), cause, hold.opened_at, [put])
    if done.written:
        return hold
    if stands := done.refused.get(0):
        return hold_of_item(stands)
    return done.short


def extend_hold(hold: Hold, expires_at: datetime, now: datetime) -> Hold:
    """The hold with the later of the two expiries, LONGEST_HOLD after it was opened at most.

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
    stands = get_hold(hold.hold_id) if refused is None else _refusing_hold(refused, hold.hold_id)
    check_claim(stands, now, stands.payment_reference)
    return stands


def _set_expiry(update: Update, until: datetime) -> None:
    update.set("expires_at", rfc3339(until))
    update.set("deadline", rfc3339(until))
    update.set("ttl", int((until + HOLD_KEPT).timestamp()))


def bind_hold(hold: Hold, payment_reference: str, expires_at: datetime, now: datetime) -> Hold:
    """The hold, kept for a payment that is under way: it expires at the later of the two instants,
    and becomes an order of that payment only.

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


def check_claim(stands: Hold, now: datetime, payment_reference: str | None) -> None:
    """Raises HoldClosed or Conflict when ``stands`` cannot be claimed for this payment."""
    if not stands.claimable(now):
        closed = HoldState.EXPIRED if stands.state is HoldState.OPEN else stands.state
        raise HoldClosed(stands.hold_id, closed.value)
    if stands.payment_reference not in (None, payment_reference):
        raise Conflict(
            f"hold {stands.hold_id} is bound to another payment",
            hold_id=stands.hold_id,
        )


def release_hold(hold: Hold, now: datetime) -> None:
    """Gives the units back; a hold that was given back already is left as it is.

    Raises HoldClosed when it has become an order, Busy.
    """
    stands = hold
    if hold.state is HoldState.OPEN and (refused := _close(hold, HoldState.RELEASED, now)):
        stands = _refusing_hold(refused, hold.hold_id)
    if stands.state is HoldState.CONVERTED:
        raise HoldClosed(hold.hold_id, stands.state.value)


def expire_hold(hold: Hold, now: datetime) -> bool:
    """Gives the units of an expired hold back; whether it was this call that did."""
    return _close(hold, HoldState.EXPIRED, now) is None


OnUnreadable = Callable[[str], None]
"""Told of what cannot be read, from within the handling of the error."""


def due_holds(now: datetime, unread: OnUnreadable | None = None) -> Iterator[Hold]:
    """The open holds whose expiry has passed, as the index shows them; each is read again. What
    cannot be read is told to ``unread``, and keeps no other waiting; without, it raises."""
    for shard in range(SHARDS):
        try:
            rows = _due_items(f"HOLD#{shard}", now)
        except Exception:
            if unread is None:
                raise
            unread(f"shard {shard}")
            continue
        for row in rows:
            try:
                hold = hold_of_item(row)
            except Exception:
                if unread is None:
                    raise
                unread(row["pk"])
                continue
            if hold.state is HoldState.OPEN and hold.expires_at <= now:
                yield hold


def _due_items(shard: str, now: datetime) -> Iterable[Mapping[str, Any]]:
    rows = tables.query(
        stock_table(),
        "deadline_key = :shard AND deadline <= :now",
        to_item({":shard": shard, ":now": rfc3339(now)}),
        IndexName="by_deadline",
    )
    keys = [Key(stock_table(), row["pk"], row["sk"]) for row in rows]
    return tables.get_many(keys, consistent=True).values()


def _close(hold: Hold, state: HoldState, now: datetime) -> Refused | None:
    """Closes the hold and gives its units back, in one transaction; Refused when another was
    quicker."""
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
    if refused.item is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold_of_item(refused.item)
