"""Writes the effects of orders and holds on positions, in one transaction with further parts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part, Tried
from shared.aws.expression import Attribute, Update
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock.model.limits import OwnFence
from shared.stock.model.position import DUE, LANDED, Cause, Effect, sum_effects
from shared.stock.model.slots import Draw, NoDraw, plan_draws
from shared.stock.store import slots
from shared.stock.store.rows import counters_of, expected_item, stock_table, without_none

SALE_ATTEMPTS = 12
"""About 2.5 s in all: the pauses take half of it, the attempts the other half."""
PATIENT_ATTEMPTS = 6
"""Attempts during which a buyer leaves a fold to the process that has begun it."""


@dataclass(frozen=True, slots=True)
class EffectOutcome:
    """Why a transaction was refused; empty when it was written.

    ``refused`` are the parts beside the effects whose condition was false, with the stored items;
    ``short`` are the effects that lack units, each with the position's item (or None), whose
    ``available`` includes all slots.
    """

    refused: Mapping[int, Mapping[str, Any] | None] = field(default_factory=dict)
    short: Sequence[tuple[Effect, Mapping[str, Any] | None]] = ()

    @property
    def written(self) -> bool:
        return not self.refused and not self.short


def commit_effects(
    effects: Iterable[Effect], cause: Cause, at: datetime, beside: Sequence[Part] = ()
) -> EffectOutcome:
    """Writes ``effects`` and the parts ``beside`` them in one transaction, or nothing.

    A position that becomes hot on the way is split into slots and sold from them. Every failed
    attempt shows its reason, the stored item or a conflict, so the loop ends after SALE_ATTEMPTS at
    most. A buyer is refused as short only when all slots together have too few units.

    Raises Busy.
    """
    summed = sum_effects(effects)
    draws = [_first_draws(effect) for effect in summed]
    hot: set[int] = set()
    most = (tables.WRITE_PARTS - len(beside)) // max(1, len(summed))
    for attempt in range(SALE_ATTEMPTS):
        if short := _refresh_draws(
            summed, draws, hot, at, most, patient=attempt < PATIENT_ATTEMPTS
        ):
            return _already_stored(beside) or EffectOutcome(short=short)
        if all(draws):
            owners = [
                (number, drawn_part) for number, drawn in enumerate(draws) for drawn_part in drawn
            ]
            parts = [
                _draw_part(summed[number], drawn_part, cause, at) for number, drawn_part in owners
            ]
            tried = tables.attempt([*beside, *parts])
            if tried.written:
                return EffectOutcome()
            if refusal := _final_refusal(tried, len(beside), summed, owners):
                return refusal
            for index, (number, drawn_part) in enumerate(owners, start=len(beside)):
                if index not in tried.busy or not _may_split(summed[number]):
                    continue
                # Conflict at a slot: try any other slot. Conflict at the position: read it first.
                draws[number] = [] if drawn_part.slot is None else _first_draws(summed[number])
                if drawn_part.slot is None and _runs_hot(summed[number], at):
                    hot.add(number)
            for refused in tried.refused:
                draws[owners[refused.index - len(beside)][0]] = []
        tables.pause(attempt)
    raise Busy("too many writers on the same items")


def _refresh_draws(
    summed: Sequence[Effect],
    draws: list[Sequence[Draw]],
    hot: Collection[int],
    at: datetime,
    most: int,
    *,
    patient: bool,
) -> list[tuple[Effect, Mapping[str, Any] | None]]:
    """Plans the empty ``draws`` anew; returns the effects that are short."""
    short = []
    for number, effect in enumerate(summed):
        if draws[number]:
            continue
        planned = _read_and_plan(effect, at, most, hot=number in hot, patient=patient)
        if isinstance(planned, _Shortage):
            short.append((effect, planned.item))
        else:
            draws[number] = planned
    return short


def _final_refusal(
    tried: Tried, beside: int, summed: Sequence[Effect], owners: Sequence[tuple[int, Draw]]
) -> EffectOutcome | None:
    """The refusals that no further attempt can change: parts beside the effects, and positions
    without slots."""
    refused = {refused.index: refused.item for refused in tried.refused}
    if refused_beside := {index: item for index, item in refused.items() if index < beside}:
        return EffectOutcome(refused=refused_beside)
    short = [
        (summed[number], refused[index])
        for index, (number, drawn) in enumerate(owners, start=beside)
        if index in refused and drawn.slot is None and "slots" not in (refused[index] or {})
    ]
    return EffectOutcome(short=short) if short else None


@dataclass(frozen=True, slots=True)
class _Shortage:
    item: Mapping[str, Any] | None


def _may_split(effect: Effect) -> bool:
    """Whether slots can serve the effect: slots only sell. They do not count for a ring fence, and
    do not enforce a floor that depends on the position."""
    return (
        effect.reserved > 0
        and not effect.on_hand
        and effect.floor is not None
        and effect.since is None
        and not effect.counters
        and not effect.supply
    )


def _first_draws(effect: Effect) -> Sequence[Draw]:
    """Where to begin: at the position, unless this process has seen it split or contended. Then at
    a slot, or nowhere until the position has been read."""
    seen = slots.cached_slots(effect.sku, effect.location_id)
    if seen is None or effect.floor is None or not _may_split(effect):
        return [Draw(None, effect.reserved)]
    if seen.slots and effect.floor <= seen.kept:
        return [Draw(seen.slots[slots.random_start() % len(seen.slots)], effect.reserved)]
    return []


def _read_and_plan(
    effect: Effect, at: datetime, most: int, *, hot: bool, patient: bool
) -> Sequence[Draw] | _Shortage:
    """Where to take the units of ``effect``, from a fresh read; nowhere while the position is being
    folded. At most ``most`` draws.

    Splits the position first when it is ``hot``. ``patient`` leaves a fold to the process that has
    begun it.
    """
    sku, location_id = effect.sku, effect.location_id
    if effect.floor is None or not _may_split(effect):
        # The effect may bring the position's own units below 0, which slots do not allow.
        return _fold_and_draw(effect, at, patient=patient)
    item, whole = slots.read_whole(sku, location_id)
    if hot and item is not None and slots.split(item, effect.floor, at):
        item, whole = slots.read_whole(sku, location_id)
    slots.cache_slots(sku, location_id, whole)
    planned = plan_draws(whole, effect.reserved, effect.floor, slots.random_start(), most)
    if not isinstance(planned, NoDraw):
        return planned
    if planned is NoDraw.SHORT:
        if whole.slots and not any(slot.available for slot in whole.slots):
            # Best effort: folding the empty slots makes the next reads cheaper.
            with suppress(Busy):
                slots.fold(sku, location_id, at, alone=True)
        return _Shortage({**item, "available": whole.sellable} if item else None)
    drawn = _fold_and_draw(effect, at, patient=patient)
    if drawn and effect.floor > whole.kept and any(slot.available for slot in whole.slots):
        # Still hot: split again, with enough kept unsold for this buyer's floor.
        item, _ = slots.read_whole(sku, location_id)
        if item is not None:
            slots.split(item, effect.floor, at, rest=timedelta())
        return []
    return drawn


def _fold_and_draw(effect: Effect, at: datetime, *, patient: bool) -> Sequence[Draw]:
    if slots.fold(effect.sku, effect.location_id, at, alone=patient):
        return [Draw(None, effect.reserved)]
    return []


def _runs_hot(effect: Effect, at: datetime) -> bool:
    """Records a conflict at the position; whether it is hot now."""
    return slots.record_conflict(effect.sku, effect.location_id, at)


def _already_stored(beside: Sequence[Part]) -> EffectOutcome | None:
    """The refusal of those puts in ``beside`` whose item exists already: a request that was carried
    out before gets its answer again, not a refusal for lack of stock."""
    puts = {
        index: Key(put["TableName"], put["Item"]["pk"]["S"], put["Item"]["sk"]["S"])
        for index, part in enumerate(beside)
        if (put := part.get("Put"))
    }
    stored = tables.get_many(puts.values(), consistent=True) if puts else {}
    refused = {index: stored[key] for index, key in puts.items() if key in stored}
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
        _effect_entry(effect, cause, rfc3339(at)),
        at,
    )


def effect_parts(
    effects: Iterable[Effect], cause: Cause, at: datetime
) -> tuple[list[Effect], list[Part]]:
    """The summed effects, and the transaction part that writes each of them.

    The order is that of PositionKey, the same for everybody. ``at`` is the instant of the act by
    our own clock. The parts are refused where only the slots of a split position have enough units:
    use commit_effects to sell from slots.
    """
    summed = sum_effects(effects)
    return summed, [_effect_part(effect, cause, at) for effect in summed]


def shortage(effect: Effect, refused: Mapping[str, Any] | None) -> dict[str, Any]:
    """One line of OutOfStock, from the ``effect`` and the item that ``refused`` it (or None)."""
    available = refused["available"] if refused else 0
    return {
        "sku": effect.sku,
        "location_id": effect.location_id,
        "wanted": effect.reserved - effect.on_hand,
        "sellable": effect.sellable(available, counters_of(refused or {})),
    }


def _effect_entry(effect: Effect, cause: Cause, occurred_at: str) -> dict[str, Any]:
    entry = {
        "id": cause.id,
        "source": cause.source,
        "type": cause.type,
        "reason": cause.reason,
        "reference": cause.reference,
        "occurred_at": occurred_at,
        "delta": effect.on_hand,
        "own": True,
    }
    return without_none(entry)


def _effect_part(effect: Effect, cause: Cause, at: datetime) -> Part:
    """The part of a transaction that writes ``effect`` into the position."""
    instant = rfc3339(at)
    update = Update()
    update.set("sku", effect.sku)
    update.set("location_id", effect.location_id)
    update.set("location_key", f"LOC#{effect.location_id}")
    update.add("on_hand", effect.on_hand)
    update.add("reserved", effect.reserved)
    update.add("available", effect.on_hand - effect.reserved)
    update.add("damaged", effect.damaged)
    update.add("version", 1)
    update.set("updated_at", instant)
    update.set("own_at", instant)
    update.set("last", [_effect_entry(effect, cause, instant)])
    if effect.on_hand:
        update.set("handled_at", instant)
    if not _only_takes(effect) and not _only_promises(effect):
        update.add("freed", 1)
    for counter, delta in effect.counters:
        # A counter that was tidied away starts so high that it does not fall below 0.
        update.add(counter, delta, start=max(0, -delta))
    _change_supply(update, effect)
    units = effect.reserved - effect.on_hand
    if effect.floor is not None:
        _require_floor(update, effect)
    elif min(effect.on_hand, effect.reserved, effect.damaged) < 0:
        # Holds while the position exists: only an arrival of goods may create it.
        update.require("attribute_exists(pk)")
    if units > 0 and (effect.floor is None or effect.floor < 0):
        # Holds while there are no slots, or the position covers the units without them.
        update.require("attribute_not_exists(slots) OR available >= {}", units)
    request = update.request(stock_table(), f"SKU#{effect.sku}", f"LOC#{effect.location_id}")
    return {"Update": request}


def _change_supply(update: Update, effect: Effect) -> None:
    """Changes the promised units of supplies, and the supply itself when some of it has arrived."""
    for part in effect.supply:
        for kind, delta in ((DUE, part.due), (LANDED, part.landed)):
            if not delta:
                continue
            counter = Attribute(f"{kind}{part.reference}")
            update.add(counter, delta)
            if delta < 0:
                # Holds while at least as many units are promised as are taken away.
                update.require("{} >= {}", counter, -delta)
            elif kind == DUE:
                # Holds while the supply has enough units that are not promised.
                update.require(
                    "attribute_not_exists({0}) OR {0} <= {1}", counter, part.quantity - delta
                )
        if part.feed_version is not None:
            # Holds while no feed has written since the supply was read.
            _require_stored(update, "feed_version", part.feed_version)
    if effect.expected is not None:
        update.set("expected", [expected_item(row) for row in effect.expected])
        update.add("feed_version", 1)


def _only_promises(effect: Effect) -> bool:
    """Whether the effect only changes the promised units of supplies."""
    return not (effect.on_hand or effect.reserved or effect.damaged or effect.counters)


def _only_takes(effect: Effect) -> bool:
    """Whether the effect raises no floor: it takes units, and counts all of them."""
    return (
        not effect.on_hand
        and effect.reserved > 0
        and all(delta == effect.reserved for _, delta in effect.counters)
    )


def _require_floor(update: Update, effect: Effect) -> None:
    """Requires that the write leaves the floor, or stays within the channel's own fence.

    A position that does not exist has no ``available``: every comparison with it is false.
    """
    units = effect.reserved - effect.on_hand
    needed = (effect.floor or 0) + units
    own = effect.within
    if own is not None and (room := _room(own, effect)) >= 0:
        # Holds while the floor is left; or while the fence's channels have not taken all that was
        # promised to them. They have taken nothing while the counter does not exist.
        update.require(
            "available >= {0} OR (available >= {1} AND (attribute_not_exists({2}) OR {2} <= {3}))",
            needed,
            own.floor + units,
            Attribute(own.counter),
            room,
        )
    else:
        # Holds while the floor is left.
        update.require("available >= {}", needed)
    if effect.since is not None:
        # Holds while nothing but takes was written since the floor was computed: a take raises no
        # floor, any other write may.
        feed_version, freed = effect.since
        _require_stored(update, "feed_version", feed_version)
        _require_stored(update, "freed", freed)


def _require_stored(update: Update, name: str, value: int) -> None:
    """Requires that the attribute has ``value``; 0 stands for an attribute that does not exist."""
    if value:
        update.require(f"{name} = {{}}", value)
    else:
        update.require(f"attribute_not_exists({name})")


def _room(own: OwnFence, effect: Effect) -> int:
    """The highest value of the fence's counter at which all units still lie within the fence."""
    return own.promised - dict(effect.counters).get(own.counter, 0)
