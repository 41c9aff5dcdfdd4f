"""What orders and holds do to positions: one transaction, with whatever else it writes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part, Tried
from shared.aws.items import to_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock.model.limits import Within
from shared.stock.model.position import DUE, LANDED, Cause, Effect, summed
from shared.stock.model.slots import Draw, Instead, draw
from shared.stock.store import slots
from shared.stock.store.rows import counters_of, expected_item, stock, without_none

SALE_ATTEMPTS = 12
"""About 2.5 s in all: half of the pauses, and what the attempts themselves take."""
PATIENT = 6
"""Attempts for which a buyer leaves a fold to whoever has begun it."""


@dataclass(frozen=True, slots=True)
class EffectOutcome:
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
) -> EffectOutcome:
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
            return _standing(beside) or EffectOutcome(short=short)
        if all(draws):
            owners = [(number, one) for number, drawn in enumerate(draws) for one in drawn]
            parts = [_draw_part(whole[number], one, cause, at) for number, one in owners]
            tried = tables.attempt([*beside, *parts])
            if tried.written:
                return EffectOutcome()
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
) -> EffectOutcome | None:
    """What is final of the refusals: parts beside the effects, and positions without slots."""
    refused = {refused.index: refused.item for refused in tried.refused}
    if mine := {index: item for index, item in refused.items() if index < beside}:
        return EffectOutcome(refused=mine)
    short = [
        (whole[number], refused[index])
        for index, (number, drawn) in enumerate(owners, start=beside)
        if index in refused and drawn.slot is None and "slots" not in (refused[index] or {})
    ]
    return EffectOutcome(short=short) if short else None


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
    seen = slots.seen(effect.sku, effect.location_id)
    if seen is None or effect.floor is None or not _may_split(effect):
        return [Draw(None, effect.reserved)]
    if seen.slots and effect.floor <= seen.kept:
        return [Draw(seen.slots[slots.start() % len(seen.slots)], effect.reserved)]
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
    item, whole = slots.look(sku, location_id)
    if hot and item is not None and slots.split(item, effect.floor, at):
        item, whole = slots.look(sku, location_id)
    slots.remember(sku, location_id, whole)
    found = draw(whole, effect.reserved, effect.floor, slots.start(), most)
    if not isinstance(found, Instead):
        return found
    if found is Instead.SHORT:
        if whole.slots and not any(slot.available for slot in whole.slots):
            # Nothing hangs on it: whole, the position answers the next ones with less effort.
            with suppress(Busy):
                slots.fold(sku, location_id, at, alone=True)
        return _Short({**item, "available": whole.sellable} if item else None)
    drawn = _folded(effect, at, patient=patient)
    if drawn and effect.floor > whole.kept and any(slot.available for slot in whole.slots):
        # It is hot still: with more kept, new slots serve this buyer's like and the others.
        item, _ = slots.look(sku, location_id)
        if item is not None:
            slots.split(item, effect.floor, at, rest=timedelta())
        return []
    return drawn


def _folded(effect: Effect, at: datetime, *, patient: bool) -> Sequence[Draw]:
    if slots.fold(effect.sku, effect.location_id, at, alone=patient):
        return [Draw(None, effect.reserved)]
    return []


def _warm(effect: Effect, at: datetime) -> bool:
    return slots.warm(effect.sku, effect.location_id, at)


def _standing(beside: Sequence[Part]) -> EffectOutcome | None:
    """The refusal of those parts of ``beside`` that put what stands already: a request that has
    been carried out is told so, before it is told that nothing is left."""
    puts = {
        index: Key(put["TableName"], put["Item"]["pk"]["S"], put["Item"]["sk"]["S"])
        for index, part in enumerate(beside)
        if (put := part.get("Put"))
    }
    found = tables.get_many(puts.values(), consistent=True) if puts else {}
    refused = {index: found[key] for index, key in puts.items() if key in found}
    return EffectOutcome(refused=refused) if refused else None


def _draw_part(effect: Effect, drawn: Draw, cause: Cause, at: datetime) -> Part:
    if drawn.slot is None:
        return _effect_part(replace(effect, reserved=drawn.units), cause, at)
    return slots.sale_part(
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
        "sellable": effect.sellable(available, counters_of(refused or {})),
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
    return without_none(entry)


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
        values[":expected"] = [expected_item(row) for row in effect.expected]
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
