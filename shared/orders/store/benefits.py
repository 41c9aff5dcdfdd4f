"""What an order uses of codes and limits, as parts of its transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Part
from shared.errors import Refusal
from shared.orders.model import Order
from shared.orders.model.used import home_of, uses_of
from shared.pricing.store.uses import Counter, counters, is_kept


@dataclass(frozen=True, slots=True)
class Benefit:
    """A part of the transaction, and the refusal of the order when its condition fails; the item as
    it is stored says why."""

    part: Part
    refusal: Callable[[Mapping[str, Any] | None], Refusal]


def benefits(
    before: Order | None, order: Order, now: datetime, used_elsewhere: Mapping[str, int]
) -> list[Benefit]:
    """Counts the uses of a new order, and takes back those that it has no longer.
    ``used_elsewhere``: by promotion the uses by other home profiles of the same person."""
    old, new = uses_of(before), uses_of(order)
    home = home_of(order)
    found = []
    for use in new:
        if use not in old:
            for counter in counters(use, home):
                counted = _of_person(counter, used_elsewhere)
                found.append(Benefit(counted.part(now), counted.exhausted))
    for use in old:
        if use not in new:
            returned = (counter for counter in counters(use, home) if is_kept(counter, now))
            found += [Benefit(counter.returned(), counter.exhausted) for counter in returned]
    return found


def check_refused(used: Sequence[Benefit], refused: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Raises the refusal of the first benefit whose number is among ``refused``."""
    for number, benefit in enumerate(used):
        if number in refused:
            raise benefit.refusal(refused[number])


def _of_person(counter: Counter, used_elsewhere: Mapping[str, int]) -> Counter:
    """The counter of one home profile, with the limit that the others of the person leave."""
    if counter.name != "per_person" or counter.uses is None:
        return counter
    left = counter.uses - used_elsewhere.get(counter.use.promotion_id, 0)
    if left <= 0:
        raise counter.exhausted({"uses": counter.uses})
    return replace(counter, uses=left)
