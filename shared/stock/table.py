"""Positions, holds, the ledger and the marks of applied messages: table ``stock``.

    pk SKU#<sku>        sk LOC#<location>                 a position
    pk SKU#<sku>        sk MOVE#<location>#<version>      the ledger: what each write of it did
    pk HOLD#<hold_id>   sk HOLD                           a hold
    pk EVENT#<source>#<digest of the id>   sk EVENT       a movement without sequence was applied
    pk SKIPPED#<bucket>   sk <as_of>#<sequence>#<digest>  counts that changed nothing, packed

    by_location  location_key, pk          every position of a location
    by_deadline  deadline_key, deadline    the open holds by their expiry

A position that runs hot is spread over slots, see shared/stock/slot_table.py; what is read here is
the whole of it.

Every write of a position raises its ``version`` and leaves in ``last`` what it was, so that the
stream (old image, new image, ``last``) tells the ledger and availability everything.
"""

import hashlib
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part, Refused, Tried
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, Conflict, HoldClosed, NotFound, OutOfStock
from shared.instants import rfc3339
from shared.stock import slot_table
from shared.stock.audit import AUDITED
from shared.stock.feed import (
    COUNTED,
    HELD,
    RELEASED,
    Basis,
    Bound,
    Change,
    Counted,
    Entry,
    Event,
    History,
    Moved,
    Needs,
    Row,
    Skip,
    fold,
    hidden_by,
)
from shared.stock.model import (
    DUE,
    LANDED,
    LONGEST_HOLD,
    SHARED,
    TAKEN,
    Cause,
    Effect,
    Expected,
    Hold,
    HoldLine,
    HoldState,
    Limit,
    Position,
    Seen,
    Stamp,
    Within,
    given_back,
    summed,
    taken,
)
from shared.stock.rules import FREELY, Facts, Terms
from shared.stock.skipped import Pack, Place, bound_of, bucket_of, find, newest_of, packs
from shared.stock.slots import Draw, Instead, draw

SHOWN = (COUNTED, AUDITED)
"""What the list of movements shows also when it has changed nothing."""
SEEN = "seq:"
"""``seq:<source>``: the sequences of that source's movements, see model.Seen."""
KEPT = timedelta(days=400)
"""How long the ledger and the marks of applied movements are kept: 13 months."""
HOLD_KEPT = timedelta(days=45)
HOLD_ATTEMPTS = 20
"""How often a hold is decided anew when the positions of its channel's floors have changed."""
SHARDS = 4
"""Keys of the index of deadlines, so that no one of them takes the writes of all holds."""
SALE_ATTEMPTS = 12
"""About 2.5 s in all: half of the pauses, and what the attempts themselves take."""
PATIENT = 6
"""Attempts for which a buyer leaves a fold to whoever has begun it."""
FOLDED = 50
"""Events in one write: each without sequence takes a part of the transaction."""
LEDGER_PAGE = 100
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
LEDGER_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the looks at a ledger that is behind; then the message comes again."""


def stock() -> str:
    return table_name("stock")


# Positions


def position(sku: str, location_id: str, *, consistent: bool = True) -> Position | None:
    found = tables.get(stock(), f"SKU#{sku}", f"LOC#{location_id}", consistent=consistent)
    return _whole(found) if found else None


def positions(sku: str) -> Iterator[Position]:
    """Every position of ``sku``, by location: one Query of its item collection."""
    for item in tables.query(
        stock(),
        "pk = :pk AND begins_with(sk, :loc)",
        to_item({":pk": f"SKU#{sku}", ":loc": "LOC#"}),
    ):
        yield _whole(item)


def positions_page(
    sku: str, limit: int, after: str | None = None
) -> tuple[list[Position], str | None]:
    """At most ``limit`` positions of ``sku`` behind location ``after``, and the location to go on
    after."""
    page = tables.query_page(
        stock(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": f"SKU#{sku}",
                ":first": "LOC#" if after is None else f"LOC#{after}!",
                ":last": "LOC#~",
            }
        ),
        limit,
    )
    rows = [_whole(item) for item in page.items]
    return rows, rows[-1].location_id if page.last and rows else None


def positions_of(
    places: Iterable[tuple[str, str]], *, consistent: bool = False
) -> dict[tuple[str, str], Position]:
    """The positions that exist among ``places`` (sku, location_id): one call per 100."""
    keys = [Key(stock(), f"SKU#{sku}", f"LOC#{location_id}") for sku, location_id in places]
    found = map(_whole, tables.get_many(keys, consistent=consistent).values())
    return {(row.sku, row.location_id): row for row in found}


def _whole(item: Mapping[str, Any]) -> Position:
    """The position of ``item`` with what its slots have: read only when there are any."""
    return position_of_item(slot_table.whole_item(item["sku"], item["location_id"], item))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What hindered a transaction, nothing when it was written.

    ``refused`` are the parts beside the effects whose condition was false, with what stands there;
    ``short`` the effects, each with the position's item (or None) and all that is available.
    """

    refused: Mapping[int, Mapping[str, Any] | None] = field(default_factory=dict)
    short: Sequence[tuple[Effect, Mapping[str, Any] | None]] = ()

    @property
    def written(self) -> bool:
        return not self.refused and not self.short


def carry_out(
    effects: Iterable[Effect], cause: Cause, at: datetime, beside: Sequence[Part] = ()
) -> Outcome:
    """Does ``effects`` and what is ``beside`` them in one transaction, or nothing.

    A position that runs hot on the way is split into slots, and sold from them. Every attempt that
    fails shows why: what is there, or that another was quicker; so it ends, after SALE_ATTEMPTS
    at most, and whoever finds all slots together short is refused.

    Raises Busy.
    """
    whole = summed(effects)
    draws = [_first_draws(effect) for effect in whole]
    hot: set[int] = set()
    most = (tables.WRITE_PARTS - len(beside)) // max(1, len(whole))
    for attempt in range(SALE_ATTEMPTS):
        if short := _looked(whole, draws, hot, at, most, patient=attempt < PATIENT):
            return _standing(beside) or Outcome(short=short)
        if all(draws):
            owners = [(number, one) for number, drawn in enumerate(draws) for one in drawn]
            parts = [_draw_part(whole[number], one, cause, at) for number, one in owners]
            tried = tables.attempt([*beside, *parts])
            if tried.written:
                return Outcome()
            if hindered := _hindered(tried, len(beside), whole, owners):
                return hindered
            for index, (number, one) in enumerate(owners, start=len(beside)):
                if index not in tried.busy or not _may_split(whole[number]):
                    continue
                # Another was at that slot: any other does. At the position, look what it is.
                draws[number] = [] if one.slot is None else _first_draws(whole[number])
                if one.slot is None and _warm(whole[number], at):
                    hot.add(number)
            for refused in tried.refused:
                draws[owners[refused.index - len(beside)][0]] = []
        tables.pause(attempt)
    raise Busy("too many writers on the same items")


def _looked(
    whole: Sequence[Effect],
    draws: list[Sequence[Draw]],
    hot: Collection[int],
    at: datetime,
    most: int,
    *,
    patient: bool,
) -> list[tuple[Effect, Mapping[str, Any] | None]]:
    """Fills in ``draws`` what has to be looked for; the effects that are short."""
    short = []
    for number, effect in enumerate(whole):
        if draws[number]:
            continue
        found = _draws(effect, at, most, hot=number in hot, patient=patient)
        if isinstance(found, _Short):
            short.append((effect, found.item))
        else:
            draws[number] = found
    return short


def _hindered(
    tried: Tried, beside: int, whole: Sequence[Effect], owners: Sequence[tuple[int, Draw]]
) -> Outcome | None:
    """What is final of the refusals: parts beside the effects, and positions without slots."""
    refused = {refused.index: refused.item for refused in tried.refused}
    if mine := {index: item for index, item in refused.items() if index < beside}:
        return Outcome(refused=mine)
    short = [
        (whole[number], refused[index])
        for index, (number, drawn) in enumerate(owners, start=beside)
        if index in refused and drawn.slot is None and "slots" not in (refused[index] or {})
    ]
    return Outcome(short=short) if short else None


@dataclass(frozen=True, slots=True)
class _Short:
    item: Mapping[str, Any] | None


def _may_split(effect: Effect) -> bool:
    """Whether slots can do it: they sell, and nothing else. They do not count for a ring fence,
    and keep no floor that moves."""
    return (
        effect.reserved > 0
        and not effect.on_hand
        and effect.floor is not None
        and effect.since is None
        and not effect.counters
        and not effect.supply
    )


def _first_draws(effect: Effect) -> Sequence[Draw]:
    """Where to begin: at the position, unless this process has seen it split or contended; then
    at a slot, or nowhere before looking."""
    seen = slot_table.seen(effect.sku, effect.location_id)
    if seen is None or effect.floor is None or not _may_split(effect):
        return [Draw(None, effect.reserved)]
    if seen.slots and effect.floor <= seen.kept:
        return [Draw(seen.slots[slot_table.start() % len(seen.slots)], effect.reserved)]
    return []


def _draws(
    effect: Effect, at: datetime, most: int, *, hot: bool, patient: bool
) -> Sequence[Draw] | _Short:
    """Where to take what ``effect`` needs, as it stands now; nowhere while it is being folded.
    At most ``most`` draws.

    Splits the position first when it is ``hot``. ``patient`` leaves a fold to whoever is at it.
    """
    sku, location_id = effect.sku, effect.location_id
    if effect.floor is None or not _may_split(effect):
        # It brings the position's own units below what is safe with slots.
        return _folded(effect, at, patient=patient)
    item, whole = slot_table.look(sku, location_id)
    if hot and item is not None and slot_table.split(item, effect.floor, at):
        item, whole = slot_table.look(sku, location_id)
    slot_table.remember(sku, location_id, whole)
    found = draw(whole, effect.reserved, effect.floor, slot_table.start(), most)
    if not isinstance(found, Instead):
        return found
    if found is Instead.SHORT:
        if whole.slots and not any(slot.available for slot in whole.slots):
            # Nothing hangs on it: whole, the position answers the next ones with less effort.
            with suppress(Busy):
                slot_table.fold(sku, location_id, at, alone=True)
        return _Short({**item, "available": whole.sellable} if item else None)
    drawn = _folded(effect, at, patient=patient)
    if drawn and effect.floor > whole.kept and any(slot.available for slot in whole.slots):
        # It is hot still: with more kept, new slots serve this buyer's like and the others.
        item, _ = slot_table.look(sku, location_id)
        if item is not None:
            slot_table.split(item, effect.floor, at, rest=timedelta())
        return []
    return drawn


def _folded(effect: Effect, at: datetime, *, patient: bool) -> Sequence[Draw]:
    if slot_table.fold(effect.sku, effect.location_id, at, alone=patient):
        return [Draw(None, effect.reserved)]
    return []


def _warm(effect: Effect, at: datetime) -> bool:
    return slot_table.warm(effect.sku, effect.location_id, at)


def _standing(beside: Sequence[Part]) -> Outcome | None:
    """The refusal of those parts of ``beside`` that put what stands already: a request that has
    been carried out is told so, before it is told that nothing is left."""
    puts = {
        index: Key(put["TableName"], put["Item"]["pk"]["S"], put["Item"]["sk"]["S"])
        for index, part in enumerate(beside)
        if (put := part.get("Put"))
    }
    found = tables.get_many(puts.values(), consistent=True) if puts else {}
    refused = {index: found[key] for index, key in puts.items() if key in found}
    return Outcome(refused=refused) if refused else None


def _draw_part(effect: Effect, drawn: Draw, cause: Cause, at: datetime) -> Part:
    if drawn.slot is None:
        return _effect_part(replace(effect, reserved=drawn.units), cause, at)
    return slot_table.sale_part(
        effect.sku,
        effect.location_id,
        drawn.slot,
        drawn.units,
        effect.floor or 0,
        _effect_entry(effect, cause, at),
        at,
    )


def effect_parts(
    effects: Iterable[Effect], cause: Cause, at: datetime
) -> tuple[list[Effect], list[Part]]:
    """The parts of a transaction that do ``effects``, and beside each the effect that it is.

    Effects on one position are summed first; the order is that of (sku, location_id), the same
    for everybody. ``at`` is the instant of the act by our own clock. They are refused where a
    position is split and only its slots have enough: carry_out takes from those.
    """
    whole = summed(effects)
    return whole, [_effect_part(effect, cause, at) for effect in whole]


def short_of(effect: Effect, refused: Mapping[str, Any] | None) -> dict[str, Any]:
    """One line of OutOfStock, from the ``effect`` and the item that ``refused`` it (or None)."""
    available = refused["available"] if refused else 0
    return {
        "sku": effect.sku,
        "location_id": effect.location_id,
        "wanted": effect.reserved - effect.on_hand,
        "sellable": effect.sellable(available, _counters(refused or {})),
    }


def _effect_entry(effect: Effect, cause: Cause, at: datetime) -> dict[str, Any]:
    entry = {
        "id": cause.id,
        "source": cause.source,
        "type": cause.type,
        "reason": cause.reason,
        "reference": cause.reference,
        "occurred_at": rfc3339(at),
        "delta": effect.on_hand,
        "own": True,
    }
    return _present(entry)


def _effect_part(effect: Effect, cause: Cause, at: datetime) -> Part:
    values: dict[str, Any] = {
        ":sku": effect.sku,
        ":location_id": effect.location_id,
        ":location_key": f"LOC#{effect.location_id}",
        ":on_hand": effect.on_hand,
        ":reserved": effect.reserved,
        ":available": effect.on_hand - effect.reserved,
        ":damaged": effect.damaged,
        ":at": rfc3339(at),
        ":last": [_effect_entry(effect, cause, at)],
        ":zero": 0,
        ":one": 1,
    }
    update = (
        "SET sku = :sku, location_id = :location_id, location_key = :location_key,"
        " on_hand = if_not_exists(on_hand, :zero) + :on_hand,"
        " reserved = if_not_exists(reserved, :zero) + :reserved,"
        " available = if_not_exists(available, :zero) + :available,"
        " damaged = if_not_exists(damaged, :zero) + :damaged,"
        " version = if_not_exists(version, :zero) + :one,"
        " updated_at = :at, own_at = :at, #last = :last"
    )
    names = {"#last": "last"}
    if effect.on_hand:
        update += ", handled_at = :at"
    if not _only_takes(effect) and not _only_promises(effect):
        update += ", freed = if_not_exists(freed, :zero) + :one"
    for index, (name, delta) in enumerate(effect.counters):
        # A counter that is gone has nothing left to give back.
        update += f", #counter{index} = if_not_exists(#counter{index}, :from{index}) + :by{index}"
        names[f"#counter{index}"] = name
        values |= {f":from{index}": max(0, -delta), f":by{index}": delta}
    supplied, conditions = _supply_part(effect, names, values)
    arguments: dict[str, Any] = {
        "TableName": stock(),
        "Key": tables.key(f"SKU#{effect.sku}", f"LOC#{effect.location_id}"),
        "UpdateExpression": update + supplied,
        "ExpressionAttributeNames": names,
    }
    takes = effect.reserved - effect.on_hand
    if effect.floor is not None:
        conditions.append(_floor_condition(effect, names, values))
    elif min(effect.on_hand, effect.reserved, effect.damaged) < 0:
        # Holds when there is something to take from; goods may come where none have been.
        conditions.append("attribute_exists(pk)")
    if takes > 0 and (effect.floor is None or effect.floor < 0):
        # Holds while there are no slots, or none of what they sell is taken from under them.
        conditions.append("(attribute_not_exists(slots) OR available >= :takes)")
        values[":takes"] = takes
    if conditions:
        arguments["ConditionExpression"] = " AND ".join(conditions)
    return {"Update": {**arguments, "ExpressionAttributeValues": to_item(values)}}


def _supply_part(
    effect: Effect, names: dict[str, str], values: dict[str, Any]
) -> tuple[str, list[str]]:
    """What is set, and on which conditions, for the promised units of supplies."""
    update = ""
    conditions = []
    for index, part in enumerate(effect.supply):
        for kind, delta in ((DUE, part.due), (LANDED, part.landed)):
            if not delta:
                continue
            name = f"{kind[:-1]}{index}"
            names[f"#{name}"] = f"{kind}{part.reference}"
            values[f":{name}"] = delta
            update += f", #{name} = if_not_exists(#{name}, :zero) + :{name}"
            if delta < 0:
                # Holds while as many are promised.
                conditions.append(f"#{name} >= :{name}_least")
                values[f":{name}_least"] = -delta
            elif kind == DUE:
                # Holds while so many of the supply are not promised.
                conditions.append(f"(attribute_not_exists(#{name}) OR #{name} <= :{name}_most)")
                values[f":{name}_most"] = part.quantity - delta
        if part.feed_version is not None:
            # Holds while the supply is as it was read: no feed has written since.
            conditions.append("feed_version = :supply_read")
            values[":supply_read"] = part.feed_version
    if effect.expected is not None:
        update += ", expected = :expected, feed_version = if_not_exists(feed_version, :zero) + :one"
        values[":expected"] = [_expected_item(row) for row in effect.expected]
    return update, list(dict.fromkeys(conditions))


def _only_promises(effect: Effect) -> bool:
    """Whether it changes nothing but what is promised of supplies."""
    return not (effect.on_hand or effect.reserved or effect.damaged or effect.counters)


def _only_takes(effect: Effect) -> bool:
    """Whether it raises no floor: units are taken, and all of them counted."""
    return (
        not effect.on_hand
        and effect.reserved > 0
        and all(delta == effect.reserved for _, delta in effect.counters)
    )


def _floor_condition(effect: Effect, names: dict[str, str], values: dict[str, Any]) -> str:
    """Holds while enough is left after the write, for everybody or within the taker's own fence.

    A position that is not there has no available, and every comparison is false.
    """
    units = effect.reserved - effect.on_hand
    condition = "available >= :needed"
    values[":needed"] = (effect.floor or 0) + units
    if (own := effect.within) is not None and (room := _room(own, effect)) >= 0:
        # Holds while its channels have not had what was promised to them. Without a counter they
        # have had nothing.
        condition = (
            f"({condition} OR (available >= :inside"
            " AND (attribute_not_exists(#own) OR #own <= :room)))"
        )
        names["#own"] = own.counter
        values |= {":inside": own.floor + units, ":room": room}
    if effect.since is not None:
        # Holds while nothing but takes has been written since the floor was computed: takes raise
        # no floor, anything else may.
        feeds, freed = effect.since
        condition += " AND feed_version = :feeds" if feeds else NO_FEED
        condition += " AND freed = :freed" if freed else " AND attribute_not_exists(freed)"
        values |= {":feeds": feeds} if feeds else {}
        values |= {":freed": freed} if freed else {}
    return condition


NO_FEED = " AND attribute_not_exists(feed_version)"


def _room(own: Within, effect: Effect) -> int:
    """What its counter may be at most, for all of the units to lie within the fence."""
    return own.promised - dict(effect.counters).get(own.counter, 0)


# Feeds


def applied_of(events: Iterable[Event]) -> set[tuple[str, str]]:
    """The (source, id) among ``events`` that are marked as applied: one call per 100."""
    marked = {
        Key(stock(), *_mark_key(event.source, event.id)): (event.source, event.id)
        for event in events
        if isinstance(event, Moved) and event.sequence is None
    }
    return {marked[key] for key in tables.get_many(marked)}


def apply(
    events: Sequence[Event],
    found: Position | None,
    applied: Iterable[tuple[str, str]],
    now: datetime,
) -> int:
    """``apply_batch`` for one position: the number of writes of it.

    Raises Busy when others write faster, or the ledger stays behind.
    """
    place = events[0].sku, events[0].location_id
    positions = {} if found is None else {place: found}
    result = apply_batch({place: events}, positions, applied, now)[place]
    if isinstance(result, Exception):
        raise result
    return result


def apply_batch(
    batch: Mapping[Place, Sequence[Event]],
    found: Mapping[Place, Position],
    applied: Iterable[tuple[str, str]],
    now: datetime,
    each: Each = map,
) -> dict[Place, int | Exception]:
    """Brings the events of each place into its position. Answers the number of its writes, or what
    hindered it, which does not hinder the others.

    ``found`` and ``applied`` may be stale: what they show as done is done, and a write that was
    decided on an old position is refused and decided anew. ``each`` is a map, of threads maybe.

    A count that changes nothing is not written but noted, packed with its neighbours:

        who skips    notes the count, then reads the position (consistent) and decides again
        who writes   writes the position, then reads the notes (consistent), and brings in what is
                     newer than he knew

    So one of the two sees the other. A message is done when both steps are: when its worker dies
    between them, it comes again, and they are made up for.
    """
    known = set(applied)
    done: dict[Place, int | Exception] = dict.fromkeys(batch, 0)
    noted: dict[Place, Counted] = {}
    positions = dict(found)
    skipped, left = _skipped(batch, positions, known, noted)
    for attempt in range(tables.ATTEMPTS):
        skipped |= _bring(left, positions, known, now, each, noted, done)
        if not skipped:
            return done
        if attempt:
            tables.pause(attempt)
        _note(skipped.values(), now)
        noted |= skipped
        positions = positions_of(skipped, consistent=True)
        skipped, left = _skipped(
            {place: batch[place] for place in skipped}, positions, known, noted
        )
    hindered = Busy("counts and movements keep overtaking each other")
    return done | dict.fromkeys([*skipped, *left], hindered)


def _skipped(
    batch: Mapping[Place, Sequence[Event]],
    found: Mapping[Place, Position],
    known: Collection[tuple[str, str]],
    noted: Mapping[Place, Counted],
) -> tuple[dict[Place, Counted], dict[Place, Sequence[Event]]]:
    """The counts to be noted, and the events that take more than that."""
    skipped: dict[Place, Counted] = {}
    left: dict[Place, Sequence[Event]] = {}
    for place, events in batch.items():
        decided = fold(found.get(place), events, known)
        if not isinstance(decided, Skip) or any(isinstance(event, Moved) for event in events):
            left[place] = events
        elif decided.count != noted.get(place):
            skipped[place] = decided.count
    return skipped, left


def _bring(
    batch: Mapping[Place, Sequence[Event]],
    found: Mapping[Place, Position],
    known: set[tuple[str, str]],
    now: datetime,
    each: Each,
    noted: dict[Place, Counted],
    done: dict[Place, int | Exception],
) -> dict[Place, Counted]:
    """Writes what is to be written, counts it in ``done``, and answers what is to be noted.

    What hides some of the events is looked for before the write, and again behind it.
    """
    skipped: dict[Place, Counted] = {}
    events, positions, left = dict(batch), dict(found), list(batch)

    def write(place: Place) -> int | Skip | Exception:
        try:
            return _apply(events[place], positions.get(place), known, now, noted.get(place))
        except Exception as hindered:
            return hindered

    bounds = {
        place: bound
        for place in left
        if (bound := hidden_by(positions.get(place), events[place])) is not None
    }
    for attempt in range(tables.ATTEMPTS):
        hiding = {
            place: count
            for place, count in noted_counts(bounds, each).items()
            if count not in events[place]
        }
        positions.update(positions_of(hiding, consistent=True))
        noted.update(hiding)
        events.update({place: [*events[place], count] for place, count in hiding.items()})
        if attempt:
            left = list(hiding)
        results: dict[Place, int | Skip | Exception] = dict(
            zip(left, each(write, left), strict=True)
        )
        for place, result in results.items():
            if isinstance(result, Skip):
                skipped[place] = result.count
            elif isinstance(result, Exception):
                done[place] = result
            else:
                done[place] = _writes(done[place]) + result
        bounds = {
            place: bounds[place]
            for place, result in results.items()
            if place in bounds and isinstance(result, int) and result
        }
        if not bounds:
            return skipped
    done |= dict.fromkeys(bounds, Busy("newer counts keep coming"))
    return skipped


def _writes(so_far: int | Exception) -> int:
    return so_far if isinstance(so_far, int) else 0


def _apply(
    events: Sequence[Event],
    found: Position | None,
    known: set[tuple[str, str]],
    now: datetime,
    noted: Counted | None,
) -> int | Skip:
    """The number of writes, or Skip when there was none and a count other than ``noted`` must be.

    The newest count goes with every part: it hides some of it whether it is written or skipped.
    """
    counts = [event for event in events if isinstance(event, Counted)]
    newest = sorted(counts, key=lambda count: count.stamp)[-1:]
    others = [event for event in events if event not in newest]
    writes = 0
    skip: Skip | None = None
    for start in range(0, max(1, len(others)), FOLDED):
        if start:
            found = position(events[0].sku, events[0].location_id)
        result = _apply_some([*newest, *others[start : start + FOLDED]], found, known, now)
        if isinstance(result, int):
            writes += result
        elif result.count != noted:
            skip = result
    return skip if skip and not writes else writes


def _apply_some(
    events: Sequence[Event], found: Position | None, known: set[tuple[str, str]], now: datetime
) -> int | Skip:
    """One write, none or Skip; ``known`` takes up what others have marked meanwhile."""
    for attempt in range(tables.ATTEMPTS):
        decided = _decide(events, found, known, now)
        if decided is None:
            return 0
        if isinstance(decided, Skip):
            return decided
        refusals = _write(decided, now)
        if not refusals:
            return 1
        for refused in refusals:
            if refused.index:
                known.add(decided.marks[refused.index - 1])
            elif refused.item:
                if _crowded(decided, refused.item):
                    slot_table.fold(decided.sku, decided.location_id, now)
                found = position_of_item(refused.item)
        tables.pause(attempt)
    raise Busy("too many feeds write the same position")


def _decide(
    events: Sequence[Event], found: Position | None, known: set[tuple[str, str]], at: datetime
) -> Change | Skip | None:
    decided = fold(found, events, known)
    waits = iter(LEDGER_WAITS)
    while isinstance(decided, Needs):
        now = position(events[0].sku, events[0].location_id)
        if now is not None and now.slots and any(map(_is_net, events)):
            # Only folded, the ledger shows every sale of the slots.
            slot_table.fold(now.sku, now.location_id, at)
            now = position(events[0].sku, events[0].location_id)
        decided = fold(now, events, known)
        if now is None or not isinstance(decided, Needs):
            continue
        try:
            decided = fold(now, events, known, _history(now, decided))
        except Busy:
            wait = next(waits, None)
            if wait is None:
                raise
            time.sleep(wait)
    return decided


def _is_net(event: Event) -> bool:
    return isinstance(event, Counted) and event.net_through is not None


def _crowded(change: Change, item: Mapping[str, Any]) -> bool:
    """Whether it is for the slots of ``item`` that ``change`` was refused."""
    if "slots" not in item:
        return False
    match change.basis:
        case Basis.ADD:
            return bool(item["available"] + change.units < 0)
        case Basis.ON_HAND:
            return bool(change.units < item["reserved"])
    return True


def noted_counts(bounds: Mapping[Place, Bound], each: Each = map) -> dict[Place, Counted]:
    """The newest count of each place that was skipped, if it is not before the place's bound.

    One strongly consistent query of each bucket: 1 read unit when nothing lies behind the bounds.
    """
    wanted: dict[int, dict[Place, Bound]] = defaultdict(dict)
    for place, bound in bounds.items():
        wanted[bucket_of(place[1])][place] = bound
    found: dict[Place, Counted] = {}
    for counts in each(lambda bucket: _noted_in(bucket, wanted[bucket]), wanted):
        found |= counts
    return found


def _noted_in(bucket: int, wanted: Mapping[Place, Bound]) -> dict[Place, Counted]:
    best: dict[Place, Counted] = {}
    for item in tables.query(
        stock(),
        "pk = :pk AND sk >= :since",
        to_item({":pk": _bucket_key(bucket), ":since": _bound_key(min(wanted.values()))}),
        ScanIndexForward=False,
        ConsistentRead=True,
    ):
        at, sequence, _ = item["sk"].split("#")
        pack = Pack(
            bucket,
            (datetime.fromisoformat(at), int(sequence) - 1),
            item["places"],
            item["counts"],
        )
        missing = [
            place
            for place, bound in wanted.items()
            if bound <= pack.newest and not (place in best and bound_of(best[place]) > pack.newest)
        ]
        if not missing:
            break
        best = newest_of([best, find(pack, missing)])
    return {place: count for place, count in best.items() if bound_of(count) >= wanted[place]}


def _note(counts: Iterable[Counted], now: datetime) -> None:
    """Keeps counts that were skipped, one of each place: an item per bucket and batch."""
    items = []
    for pack in packs(counts):
        content = hashlib.sha256(pack.places + pack.counts).hexdigest()[:16]
        items.append(
            to_item(
                {
                    "pk": _bucket_key(pack.bucket),
                    "sk": f"{_bound_key(pack.newest)}#{content}",
                    "places": pack.places,
                    "counts": pack.counts,
                    "ttl": int((now + KEPT).timestamp()),
                }
            )
        )
    tables.put_many(stock(), items)


def _bucket_key(bucket: int) -> str:
    return f"SKIPPED#{bucket:02d}"


def _bound_key(bound: Bound) -> str:
    at, sequence = bound
    return f"{rfc3339(at)}#{sequence + 1:019d}"


def _write(change: Change, now: datetime) -> Sequence[Refused]:
    update = _feed_update(change, now)
    if not change.marks:
        refused = tables.write("update_item", **update)
        return [refused] if refused else []
    marks: list[Part] = [
        {
            "Put": {
                "TableName": stock(),
                "Item": to_item(
                    {
                        **dict(zip(("pk", "sk"), _mark_key(source, mark), strict=True)),
                        "source": source,
                        "id": mark,
                        "ttl": int((now + KEPT).timestamp()),
                    }
                ),
                # Holds when this movement has not been applied by anybody.
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for source, mark in change.marks
    ]
    return tables.transact([{"Update": update}, *marks])


def _feed_update(change: Change, now: datetime) -> dict[str, Any]:
    landed = sum(landing.units for landing in change.landings)
    sets = [
        "sku = :sku, location_id = :location_id, location_key = :location_key",
        "reserved = if_not_exists(reserved, :zero) + :landed",
        "damaged = if_not_exists(damaged, :zero)",
        "version = if_not_exists(version, :zero) + :one",
        "feed_version = if_not_exists(feed_version, :zero) + :one",
        "updated_at = :now, #last = :last",
    ]
    names = {"#last": "last"}
    values: dict[str, Any] = {
        ":sku": change.sku,
        ":location_id": change.location_id,
        ":location_key": f"LOC#{change.location_id}",
        ":units": change.units,
        ":landed": landed,
        ":free": change.units - landed,
        ":zero": 0,
        ":one": 1,
        ":now": rfc3339(now),
        ":last": [entry_item(entry) for entry in change.entries],
    }
    match change.basis:
        case Basis.ADD:
            sets += [
                "on_hand = if_not_exists(on_hand, :zero) + :units",
                "available = if_not_exists(available, :zero) + :free",
            ]
        case Basis.ON_HAND:
            sets += ["on_hand = :units", "available = :free - if_not_exists(reserved, :zero)"]
        case Basis.AVAILABLE:
            sets += ["available = :free", "on_hand = :units + if_not_exists(reserved, :zero)"]
    if change.counted is not None:
        sets.append("counted = :counted")
        values[":counted"] = _stamp_item(change.counted)
    if change.moved_at is not None:
        sets.append("moved_at = :moved_at")
        values[":moved_at"] = rfc3339(change.moved_at)
    if change.expected is not None:
        sets.append("expected = :expected")
        values[":expected"] = [_expected_item(row) for row in change.expected]
    for index, (source, seen) in enumerate(change.seen.items()):
        sets.append(f"#seen{index} = :seen{index}")
        names[f"#seen{index}"] = f"{SEEN}{source}"
        values[f":seen{index}"] = [seen.floor, *seen.sequences]
    standing = []
    for index, landing in enumerate(change.landings):
        names[f"#due{index}"] = f"{DUE}{landing.reference}"
        values[f":due{index}"] = landing.due
        # Holds while nobody has been promised more of the supply, or less.
        standing.append(
            f"#due{index} = :due{index}"
            if landing.due
            else f"(attribute_not_exists(#due{index}) OR #due{index} = :due{index})"
        )
        if landing.units:
            names[f"#landed{index}"] = f"{LANDED}{landing.reference}"
            values |= {f":left{index}": landing.due - landing.units, f":in{index}": landing.units}
            sets.append(
                f"#due{index} = :left{index},"
                f" #landed{index} = if_not_exists(#landed{index}, :zero) + :in{index}"
            )
    update = "SET " + ", ".join(sets)
    if change.forgotten:
        removed = {
            f"#gone{index}": f"{SEEN}{source}" for index, source in enumerate(change.forgotten)
        }
        names |= removed
        update += " REMOVE " + ", ".join(removed)

    condition, compared = _feed_condition(change)
    values |= compared
    return {
        "TableName": stock(),
        "Key": tables.key(f"SKU#{change.sku}", f"LOC#{change.location_id}"),
        "UpdateExpression": update,
        "ConditionExpression": " AND ".join([condition, *standing]),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
    }


def _feed_condition(change: Change) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {}
    # Holds while no other feed has written since the position was read.
    conditions = ["attribute_not_exists(feed_version)"]
    if change.feed_version:
        conditions = ["feed_version = :feed_version"]
        values[":feed_version"] = change.feed_version
    if change.quiet_since is not None:
        # Holds while every hand-over and return is contained in the count.
        conditions.append("(attribute_not_exists(handled_at) OR handled_at <= :quiet_since)")
        values[":quiet_since"] = rfc3339(change.quiet_since)
    if change.basis is Basis.AVAILABLE and change.own_at is None:
        # Holds while no order and no hold has touched the position.
        conditions.append("attribute_not_exists(own_at)")
    elif change.own_at is not None:
        # Holds while none has touched it since it was read.
        conditions.append("own_at = :own_at")
        values[":own_at"] = rfc3339(change.own_at)
    if change.version is not None:
        # Holds while nobody has written since the ledger was read.
        conditions.append("version = :version")
        values[":version"] = change.version
    # Holds while there are no slots, or none of what they sell is taken from under them.
    match change.basis:
        case Basis.ADD if change.units < 0:
            conditions.append("(attribute_not_exists(slots) OR available >= :taken)")
            values[":taken"] = -change.units
        case Basis.ON_HAND:
            conditions.append("(attribute_not_exists(slots) OR reserved <= :units)")
        case Basis.AVAILABLE:
            conditions.append("attribute_not_exists(slots)")
    return " AND ".join(conditions), values


def _mark_key(source: str, mark: str) -> tuple[str, str]:
    return f"EVENT#{source}#{hashlib.sha256(mark.encode()).hexdigest()[:32]}", "EVENT"


# The ledger


def record(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger's row for the write that made the image ``new`` of ``old`` (plain values).

    The same images give the same row: to write it twice is to write it once. What an audit
    corrects says itself by how much: the images show also what nobody has recorded.
    """
    before = old or {}
    delta = new["on_hand"] - before.get("on_hand", 0)
    reserved_delta = new["reserved"] - before.get("reserved", 0)
    entries = [dict(entry) for entry in new.get("last", ())]
    told = sum(entry.get("delta", 0) for entry in entries)
    for entry in entries:
        if entry["type"] == COUNTED:
            entry["delta"] = delta - told
        if entry["type"] == AUDITED:
            delta, reserved_delta = entry["delta"], entry.pop("reserved_delta")
    recorded_at = datetime.fromisoformat(new["updated_at"])
    return {
        "pk": new["pk"],
        "sk": _move_key(new["location_id"], new["version"]),
        "sku": new["sku"],
        "location_id": new["location_id"],
        "version": new["version"],
        "feed_version": new.get("feed_version", 0),
        "on_hand": new["on_hand"],
        "available": new["available"],
        "delta": delta,
        "reserved_delta": reserved_delta,
        "recorded_at": new["updated_at"],
        "previous_at": before.get("updated_at"),
        "moved_at": new.get("moved_at"),
        "entries": entries,
        "ttl": int((recorded_at + KEPT).timestamp()),
    }


def put_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Raises Busy when the table does not take them all; all may be put again."""
    tables.put_many(stock(), [to_item(row) for row in rows])


def ledger(
    sku: str, location_id: str, *, before: int | None = None, consistent: bool = False
) -> Iterator[Row]:
    """The rows of a position, newest first, those below version ``before`` when it is given."""
    last = "~" if before is None else f"{before - 1:012d}"
    for item in tables.query(
        stock(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": f"SKU#{sku}",
                ":first": f"MOVE#{location_id}#",
                ":last": f"MOVE#{location_id}#{last}",
            }
        ),
        ScanIndexForward=False,
        ConsistentRead=consistent,
        Limit=LEDGER_PAGE,
    ):
        yield row_of_item(item)


def movements_page(
    sku: str, location_id: str, limit: int, before: int | None = None
) -> tuple[list[Row], int | None]:
    """Rows that show a change of on_hand or a count, newest first, and the version to go on below.

    At most ``limit`` entries, unless one row alone has more.
    """
    page: list[Row] = []
    shown = 0
    for row in ledger(sku, location_id, before=before):
        entries = sum(bool(entry.delta) or entry.type in SHOWN for entry in row.entries)
        if not entries:
            continue
        if page and shown + entries > limit:
            return page, page[-1].version
        page.append(row)
        shown += entries
    return page, None


def _history(found: Position, needs: Needs) -> History:
    """The rows back to where nothing is needed any more, without a gap.

    Raises Busy when the stream has not brought them all yet.
    """
    rows: list[Row] = []
    for row in ledger(found.sku, found.location_id, consistent=True):
        if rows and row.version != rows[-1].version - 1:
            raise Busy("the ledger has a gap")
        rows.append(row)
        if needs.reached(row):
            break
    if found.folded_at is not None and found.folded_at > needs.own_since:
        told = {entry.id for row in rows for entry in row.entries}
        sales = slot_table.sales_since(found.sku, found.location_id, needs.own_since, told)
        rows += map(row_of_item, sales)
    holds = {
        entry.reference
        for row in rows
        for entry in row.entries
        if entry.type == HELD and entry.reference
    }
    items = tables.get_many(
        (Key(stock(), f"HOLD#{hold_id}", "HOLD") for hold_id in holds), consistent=True
    )
    return History(
        rows,
        {
            hold.hold_id: hold.closed_at
            for hold in map(hold_of_item, items.values())
            if hold.state is HoldState.CONVERTED and hold.closed_at
        },
    )


def _move_key(location_id: str, version: int) -> str:
    return f"MOVE#{location_id}#{version:012d}"


# Holds


def find_hold(hold_id: str) -> Hold | None:
    """The hold as it stands now (strongly consistent)."""
    found = tables.get(stock(), f"HOLD#{hold_id}", "HOLD", consistent=True)
    return hold_of_item(found) if found else None


def known_hold(hold_id: str) -> Hold:
    """Raises NotFound."""
    hold = find_hold(hold_id)
    if hold is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold


def convert_part(
    hold: Hold, order_id: str, at: datetime, payment_reference: str | None = None
) -> Part:
    """Makes the hold an order: its units stay reserved, and are the order's from now on."""
    paid_for = "attribute_not_exists(payment_reference)"
    values = {}
    if payment_reference is not None:
        paid_for = f"({paid_for} OR payment_reference = :payment)"
        values[":payment"] = payment_reference
    return {
        "Update": {
            "TableName": stock(),
            "Key": tables.key(f"HOLD#{hold.hold_id}", "HOLD"),
            "UpdateExpression": (
                "SET #state = :converted, order_id = :order_id, closed_at = :at"
                " REMOVE deadline_key, deadline"
            ),
            # Holds while nobody has released, swept or converted it, and it has not expired:
            # the sweep may be late, the clock is not. A bound hold is for its own payment.
            "ConditionExpression": f"#state = :open AND expires_at > :at AND {paid_for}",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item(
                {
                    ":converted": HoldState.CONVERTED.value,
                    ":open": HoldState.OPEN.value,
                    ":order_id": order_id,
                    ":at": rfc3339(at),
                    **values,
                }
            ),
        }
    }


def open_hold(hold: Hold, selling: Mapping[tuple[str, str], Terms] | None = None) -> Hold:
    """Reserves every line or none: one transaction of the hold and each position once.

    ``selling`` are the terms of the hold's channel by (sku, location_id): what it leaves of each
    position. Where that depends on the position, one read goes before; when the position has
    changed meanwhile, its image as it refused the write is decided on anew.

    Answers the hold that stands then: another of the same id is left as it is.

    Raises OutOfStock with every short position, Busy.
    """
    places = {(line.sku, line.location_id) for line in hold.lines}
    terms = {place: FREELY if selling is None else selling[place] for place in places}
    known: dict[tuple[str, str], Facts] = {}
    if moving := [place for place in places if terms[place].moves]:
        found = positions_of(moving, consistent=True)
        known = {place: Facts.of(found.get(place)) for place in moving}
    for attempt in range(HOLD_ATTEMPTS):
        limits = {place: terms[place].limit(known.get(place)) for place in places}
        wanted = replace(hold, lines=_counted(hold.lines, limits))
        refusals = _open(wanted, limits)
        if isinstance(refusals, Hold):
            return refusals
        short = []
        for effect, item in refusals:
            place = effect.sku, effect.location_id
            known[place] = facts_of_item(item)
            sellable = terms[place].sellable(known[place])
            if sellable < effect.reserved:
                short.append({**short_of(effect, item), "sellable": sellable})
        if short:
            raise OutOfStock(short)
        tables.pause(attempt)
    raise Busy("too many writers on the same positions")


def _counted(
    lines: Iterable[HoldLine], limits: Mapping[tuple[str, str], Limit]
) -> tuple[HoldLine, ...]:
    return tuple(
        replace(line, counters=limits[line.sku, line.location_id].counters) for line in lines
    )


def _open(
    hold: Hold, limits: Mapping[tuple[str, str], Limit]
) -> Hold | Sequence[tuple[Effect, Mapping[str, Any] | None]]:
    """The hold that stands then, or the effects that were refused, with the positions' items."""
    put: Part = {
        "Put": {
            "TableName": stock(),
            "Item": to_item(_hold_item(hold)),
            # Holds when this request has not been carried out before.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }
    cause = Cause("norain/holds", hold.hold_id, HELD, "reserved", hold.hold_id)
    done = carry_out(taken(hold.lines, limits), cause, hold.opened_at, [put])
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
    refused = tables.write(
        "update_item",
        TableName=stock(),
        Key=tables.key(f"HOLD#{hold.hold_id}", "HOLD"),
        UpdateExpression="SET expires_at = :until, deadline = :until, #ttl = :ttl",
        # Holds while it is open, not expired, and would expire earlier.
        ConditionExpression="#state = :open AND expires_at > :now AND expires_at < :until",
        ExpressionAttributeNames={"#state": "state", "#ttl": "ttl"},
        ExpressionAttributeValues=to_item(
            {
                ":open": HoldState.OPEN.value,
                ":now": rfc3339(now),
                ":until": rfc3339(until),
                ":ttl": int((until + HOLD_KEPT).timestamp()),
            }
        ),
    )
    stands = known_hold(hold.hold_id) if refused is None else _hold_of(refused, hold.hold_id)
    check_claim(stands, now, stands.payment_reference)
    return stands


def bind_hold(hold: Hold, payment_reference: str, expires_at: datetime, now: datetime) -> Hold:
    """The hold, kept for a payment that is under way: it expires at the later of the two instants,
    and becomes an order of that payment only.

    Raises Conflict when it is bound to another payment, HoldClosed when it has expired or is
    closed.
    """
    until = min(expires_at, hold.opened_at + LONGEST_HOLD)
    for longer in (True, False):
        update = "SET payment_reference = :payment"
        values: dict[str, Any] = {
            ":open": HoldState.OPEN.value,
            ":now": rfc3339(now),
            ":until": rfc3339(until),
            ":payment": payment_reference,
        }
        names = {"#state": "state"}
        if longer:
            update += ", expires_at = :until, deadline = :until, #ttl = :ttl"
            values[":ttl"] = int((until + HOLD_KEPT).timestamp())
            names["#ttl"] = "ttl"
        refused = tables.write(
            "update_item",
            TableName=stock(),
            Key=tables.key(f"HOLD#{hold.hold_id}", "HOLD"),
            UpdateExpression=update,
            # Holds while it is open, not expired, and bound to no other payment; at first also
            # while it would expire earlier.
            ConditionExpression=(
                "#state = :open AND expires_at > :now"
                " AND (attribute_not_exists(payment_reference) OR payment_reference = :payment)"
                f" AND expires_at {'<' if longer else '>='} :until"
            ),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values),
        )
        if refused is None:
            return known_hold(hold.hold_id)
        check_claim(_hold_of(refused, hold.hold_id), now, payment_reference)
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
        stands = _hold_of(refused, hold.hold_id)
    if stands.state is HoldState.CONVERTED:
        raise HoldClosed(hold.hold_id, stands.state.value)


def expire_hold(hold: Hold, now: datetime) -> bool:
    """Gives the units of an expired hold back; whether it was this call that did."""
    return _close(hold, HoldState.EXPIRED, now) is None


def due_holds(now: datetime) -> Iterator[Hold]:
    """The open holds whose expiry has passed, as the index shows them; each is read again."""
    for shard in range(SHARDS):
        keys = [
            Key(stock(), row["pk"], row["sk"])
            for row in tables.query(
                stock(),
                "deadline_key = :shard AND deadline <= :now",
                to_item({":shard": f"HOLD#{shard}", ":now": rfc3339(now)}),
                IndexName="by_deadline",
            )
        ]
        for hold in map(hold_of_item, tables.get_many(keys, consistent=True).values()):
            if hold.state is HoldState.OPEN and hold.expires_at <= now:
                yield hold


def _close(hold: Hold, state: HoldState, now: datetime) -> Refused | None:
    """Closes the hold and gives its units back, in one transaction; Refused when another was
    quicker."""
    condition = "#state = :open"
    if state is HoldState.EXPIRED:
        condition += " AND expires_at <= :at"
    close: Part = {
        "Update": {
            "TableName": stock(),
            "Key": tables.key(f"HOLD#{hold.hold_id}", "HOLD"),
            "UpdateExpression": (
                "SET #state = :state, closed_at = :at REMOVE deadline_key, deadline"
            ),
            # Holds while nobody has released, swept or converted it; for the sweep, also while
            # nobody has extended it.
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item(
                {
                    ":state": state.value,
                    ":open": HoldState.OPEN.value,
                    ":at": rfc3339(now),
                }
            ),
        }
    }
    cause = Cause("norain/holds", hold.hold_id, RELEASED, "reserved", hold.hold_id)
    _, parts = effect_parts(given_back(hold.lines), cause, now)
    return next(iter(tables.transact([close, *parts])), None)


def _hold_of(refused: Refused, hold_id: str) -> Hold:
    if refused.item is None:
        raise NotFound(f"there is no hold {hold_id}")
    return hold_of_item(refused.item)


# Items


def position_of_item(item: Mapping[str, Any]) -> Position:
    """A position from the plain values of its item: of a read, or an image of the stream.

    What its slots have not sold is free: so many as they had when the item was written.
    """
    granted = item.get("granted", 0)
    return Position(
        sku=item["sku"],
        location_id=item["location_id"],
        on_hand=item["on_hand"],
        reserved=item["reserved"] - granted,
        available=item["available"] + granted,
        version=item["version"],
        updated_at=datetime.fromisoformat(item["updated_at"]),
        damaged=item.get("damaged", 0),
        expected=tuple(_expected(row) for row in item.get("expected", ())),
        feed_version=item.get("feed_version", 0),
        counted=_stamp(item.get("counted")),
        moved_at=_instant(item.get("moved_at")),
        handled_at=_instant(item.get("handled_at")),
        own_at=_instant(item.get("own_at")),
        seen={
            name.removeprefix(SEEN): Seen(value[0], tuple(value[1:]))
            for name, value in item.items()
            if name.startswith(SEEN)
        },
        slots=item.get("slots", 0),
        folded_at=_instant(item.get("folded_at")),
        counters=_counters(item),
        freed=item.get("freed", 0),
        due=_of_supplies(item, DUE),
        landed=_of_supplies(item, LANDED),
    )


def _of_supplies(item: Mapping[str, Any], kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): units
        for name, units in item.items()
        if name.startswith(kind) and units
    }


def facts_of_item(item: Mapping[str, Any] | None) -> Facts:
    """What a floor depends on, of the item of an Outcome that was short."""
    if item is None:
        return Facts.of(None)
    since = item.get("feed_version", 0), item.get("freed", 0)
    return Facts(item["available"], item["on_hand"], _counters(item), since)


def _counters(item: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: value for name, value in item.items() if name.startswith((TAKEN, SHARED)) and value
    }


def hold_of_item(item: Mapping[str, Any]) -> Hold:
    return Hold(
        hold_id=item["pk"].removeprefix("HOLD#"),
        lines=tuple(
            HoldLine(**{**line, "counters": tuple(line.get("counters", ()))})
            for line in item["lines"]
        ),
        channel=item["channel"],
        state=HoldState(item["state"]),
        opened_at=datetime.fromisoformat(item["opened_at"]),
        expires_at=datetime.fromisoformat(item["expires_at"]),
        digest=item["digest"],
        answer=item["answer"],
        closed_at=_instant(item.get("closed_at")),
        order_id=item.get("order_id"),
        payment_reference=item.get("payment_reference"),
        promise=item.get("promise"),
    )


def _expected(row: Mapping[str, Any]) -> Expected:
    return Expected(
        quantity=row["quantity"],
        expected_at=datetime.fromisoformat(row["expected_at"]),
        reference=row["reference"],
        stamp=_stamp(row.get("stamp")),
    )


def _stamp(row: Mapping[str, Any] | None) -> Stamp | None:
    if row is None:
        return None
    return Stamp(datetime.fromisoformat(row["at"]), row["sequence"], row["source"], row["id"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _stamp_item(stamp: Stamp) -> dict[str, Any]:
    return {
        "at": rfc3339(stamp.at),
        "sequence": stamp.sequence,
        "source": stamp.source,
        "id": stamp.id,
    }


def _expected_item(row: Expected) -> dict[str, Any]:
    return _present(
        {
            "quantity": row.quantity,
            "expected_at": rfc3339(row.expected_at),
            "reference": row.reference,
            "stamp": _stamp_item(row.stamp) if row.stamp else None,
        }
    )


def entry_item(entry: Entry) -> dict[str, Any]:
    return _present(
        {
            "id": entry.id,
            "source": entry.source,
            "type": entry.type,
            "reason": entry.reason,
            "reference": entry.reference,
            "occurred_at": rfc3339(entry.occurred_at),
            "delta": entry.delta,
            "own": entry.own or None,
        }
    )


def row_item(sku: str, location_id: str, row: Row) -> dict[str, Any]:
    return {
        "pk": f"SKU#{sku}",
        "sk": _move_key(location_id, row.version),
        "sku": sku,
        "location_id": location_id,
        "version": row.version,
        "feed_version": row.feed_version,
        "on_hand": row.on_hand,
        "available": row.available,
        "delta": row.delta,
        "reserved_delta": row.reserved_delta,
        "recorded_at": rfc3339(row.recorded_at),
        "previous_at": rfc3339(row.previous_at) if row.previous_at else None,
        "moved_at": rfc3339(row.moved_at) if row.moved_at else None,
        "entries": [entry_item(entry) for entry in row.entries],
        "ttl": int((row.recorded_at + KEPT).timestamp()),
    }


def row_of_item(item: Mapping[str, Any]) -> Row:
    return Row(
        version=item["version"],
        feed_version=item["feed_version"],
        on_hand=item["on_hand"],
        available=item["available"],
        delta=item["delta"],
        reserved_delta=item["reserved_delta"],
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        moved_at=_instant(item.get("moved_at")),
        entries=tuple(
            Entry(
                id=entry["id"],
                source=entry["source"],
                type=entry["type"],
                reason=entry["reason"],
                occurred_at=datetime.fromisoformat(entry["occurred_at"]),
                delta=entry.get("delta"),
                reference=entry.get("reference"),
                own=entry.get("own", False),
            )
            for entry in item["entries"]
        ),
        previous_at=_instant(item.get("previous_at")),
    )


def _hold_item(hold: Hold) -> dict[str, Any]:
    return {
        "pk": f"HOLD#{hold.hold_id}",
        "sk": "HOLD",
        "lines": [
            _present(
                {
                    "sku": line.sku,
                    "location_id": line.location_id,
                    "quantity": line.quantity,
                    "counters": list(line.counters) or None,
                }
            )
            for line in hold.lines
        ],
        "channel": hold.channel,
        "state": hold.state.value,
        "opened_at": rfc3339(hold.opened_at),
        "expires_at": rfc3339(hold.expires_at),
        "digest": hold.digest,
        "answer": hold.answer,
        "promise": hold.promise,
        "deadline_key": f"HOLD#{zlib.crc32(hold.hold_id.encode()) % SHARDS}",
        "deadline": rfc3339(hold.expires_at),
        "ttl": int((hold.expires_at + HOLD_KEPT).timestamp()),
    }


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
