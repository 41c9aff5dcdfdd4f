"""Where a use is counted whose slot has too little left of a large limit (model/slots.py)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.pricing.model.slots import next_step, total
from shared.pricing.model.uses import Use
from shared.pricing.store.uses import Counter, of_row


def moved(uses: Iterable[Use], full: Sequence[Counter], now: datetime) -> tuple[Use, ...]:
    """The uses; those that the slots ``full`` have refused are in slots that can count them. 2
    calls for each of these, and a transaction for a portion. The order's transaction decides: it
    may be refused again.

    Raises PromotionExhausted when neither the limit nor a slot has enough left.
    """
    return tuple(_moved(use, [slot for slot in full if slot.use == use], now) for use in uses)


def _moved(use: Use, full: Iterable[Counter], now: datetime) -> Use:
    for slot in full:
        use = use.in_slot(slot.name, _next_slot(slot, now))
    return use


def _next_slot(full: Counter, now: datetime) -> int:
    # The limit is read before its slots: once it has handed out everything no slot gets more, so
    # that none was filled between the two reads.
    whole = full.of_limit().key
    limit = of_row(tables.get(whole.table, whole.pk, whole.sk, consistent=True))
    slots = full.of_slots()
    rows = tables.get_many([slot.key for slot in slots.values()], consistent=True)
    counted = {number: of_row(rows.get(slot.key)) for number, slot in slots.items()}
    step = next_step(full.wanted, limit, counted)
    if step is None:
        raise full.exhausted(asdict(total([limit, *counted.values()])))
    if step.portion is not None:
        slot, before = slots[step.slot], counted[step.slot]
        # Refused when somebody else was faster: the slot is tried all the same.
        tables.transact(slot.handing_parts(step.portion, before, now))
    return step.slot
