"""Counters of how often promotions and codes were used, table ``pricing``.

    pk LIMIT#<promotion>   sk ALL            {uses, spent}        by all orders
                           sk DAY#<date>     {uses, spent, ttl}   by those of a local day
    pk USES#<hash>         sk <promotion>    {uses, spent}        by those of one home profile
    pk CODE#<code>         sk USES           {uses, spent}        of a code with a limit

    pk <pk of the limit>#<slot>   sk that of the limit   the slots of a large limit (slots.py)

A counter is an item of the order's transaction. Its condition is arithmetic on one number, so that
nothing is read before it is written.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Condition, Update
from shared.aws.settings import table_name
from shared.errors import CodeExhausted, PromotionExhausted
from shared.pricing.model.slots import NOTHING, Counted, Wanted, most_at_once, rotation, total
from shared.pricing.model.uses import LimitName, Limits, Use

KEPT = timedelta(days=40)
"""How long the counter of a day is kept."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of ``use``, and how often it may be used, for how much. ``slot`` is the slot of the
    limit that counts; None is the limit's own counter."""

    use: Use
    name: LimitName
    pk: str
    sk: str
    uses: int | None = None
    budget: int | None = None
    slot: int | None = None

    @property
    def key(self) -> Key:
        """Each slot is a partition of its own."""
        pk = self.pk if self.slot is None else f"{self.pk}#{self.slot}"
        return Key(table_name("pricing"), pk, self.sk)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.use.amount, self.uses, self.budget)

    def of_limit(self) -> Self:
        return replace(self, slot=None)

    def of_slots(self) -> dict[int, Self]:
        """Those of the slots by number, this one first; none of a limit that is not spread."""
        numbers = rotation(self.slot) if self.slot is not None else []
        return {number: replace(self, slot=number) for number in numbers}

    def of_whole(self) -> list[Self]:
        """That of the limit and those of its slots: their sum is what was used."""
        return [self.of_limit(), *self.of_slots().values()]

    def part(self, now: datetime) -> Part:
        """Counts the use."""
        update = self._added(1, self.use.amount, now)
        if self.slot is not None:
            # Holds while the slot has a use left of its portions, and what the order takes off.
            if self.uses is not None:
                update.require("uses < {}", 0)
            if self.budget is not None:
                update.require("spent <= {}", -self.use.amount)
            return self._written(update)
        # A missing counter has counted nothing; the limits are at least 1, the budget at least what
        # the order takes off (quoting.py).
        if self.uses is not None:
            # Holds while the limit has not been reached.
            update.require("attribute_not_exists(uses) OR uses < {}", self.uses)
        if self.budget is not None:
            # Holds while the budget has room for what the order takes off.
            room = self.budget - self.use.amount
            update.require("attribute_not_exists(spent) OR spent <= {}", room)
        return self._written(update)

    def returned(self) -> Part:
        """Takes the use back."""
        update = Update()
        update.add("uses", -1)
        update.add("spent", -self.use.amount)
        return self._written(update)

    def handing_parts(self, portion: Counted, slot: Counted, now: datetime) -> list[Part]:
        """Hands a portion of the limit to this slot, of which ``slot`` was read."""
        of_limit = self.of_limit()
        handed = of_limit._added(portion.uses, portion.spent, now)
        # Holds while the limit has the portion left, as its counter allows an order.
        if self.uses is not None:
            left = self.uses - portion.uses
            handed.require("attribute_not_exists(uses) OR uses <= {}", left)
        if self.budget is not None:
            left = self.budget - portion.spent
            handed.require("attribute_not_exists(spent) OR spent <= {}", left)
        got = self._added(-portion.uses, -portion.spent, now)
        # Holds while nobody else has changed the slot, by a portion or a use.
        if slot == NOTHING:
            got.require("attribute_not_exists(pk) OR (uses = {} AND spent = {})", 0, 0)
        else:
            got.require("uses = {} AND spent = {}", slot.uses, slot.spent)
        return [of_limit._written(handed), self._written(got)]

    def _added(self, uses: int, spent: int, now: datetime) -> Update:
        update = Update()
        update.add("uses", uses)
        update.add("spent", spent)
        if self.name == "per_day":
            update.set("ttl", int((now + KEPT).timestamp()))
        return update

    def _written(self, update: Update) -> Part:
        key = self.key
        return {"Update": update.request(key.table, key.pk, key.sk)}

    def exhausted(self, stored: Mapping[str, Any] | None) -> PromotionExhausted:
        """The refusal of the order whose use was not counted; ``stored`` is the counter, or the sum
        of the limit and its slots."""
        limit = self.name
        if self.uses is None or (stored or {}).get("uses", 0) < self.uses:
            limit = "budget"
        use = self.use
        if use.code is not None:
            return CodeExhausted(use.promotion_id, limit, use.code)
        return PromotionExhausted(use.promotion_id, limit)


def counters(use: Use, home: str | None) -> list[Counter]:
    """The counters of a use by the person of the home profile ``home``; None for somebody whom
    nobody knows, or who was erased."""
    limits = use.limits
    found = []
    if limits.uses is not None or limits.budget is not None:
        pk = f"LIMIT#{use.promotion_id}"
        found.append(Counter(use, "uses", pk, "ALL", limits.uses, limits.budget))
    if limits.per_day is not None and use.day is not None:
        pk = f"LIMIT#{use.promotion_id}"
        found.append(Counter(use, "per_day", pk, f"DAY#{use.day}", limits.per_day))
    if limits.per_person is not None and home is not None:
        sk = use.promotion_id
        found.append(Counter(use, "per_person", _of_home(home), sk, limits.per_person))
    if use.code is not None and use.code_uses is not None:
        found.append(Counter(use, "code", f"CODE#{use.code}", "USES", use.code_uses))
    return [replace(counter, slot=use.slot(counter.name)) for counter in found]


def of_row(row: Mapping[str, Any] | None) -> Counted:
    return Counted(row["uses"], row["spent"]) if row else NOTHING


def is_kept(counter: Counter, now: datetime) -> bool:
    """Whether the counter still exists: that of a day is deleted after KEPT."""
    if counter.name != "per_day" or counter.use.day is None:
        return True
    day = datetime.fromisoformat(counter.use.day).replace(tzinfo=now.tzinfo)
    return now < day + KEPT - timedelta(days=2)


def uses_by(homes: Iterable[str], promotion_ids: Iterable[str]) -> dict[tuple[str, str], int]:
    """How often the promotions were used by the home profiles, by (home, promotion); strongly
    consistent."""
    named = tuple(promotion_ids)
    keys = {
        (home, promotion_id): tables.Key(table_name("pricing"), _of_home(home), promotion_id)
        for home in homes
        for promotion_id in named
    }
    rows = tables.get_many(keys.values(), consistent=True)
    return {name: rows[key]["uses"] if key in rows else 0 for name, key in keys.items()}


def unchanged_part(home: str, promotion_id: str, uses: int) -> Part:
    """Checks that the uses by another home profile of the person are still those that were read."""
    condition = Condition()
    if uses:
        condition.require("uses = {}", uses)
    else:
        condition.require("attribute_not_exists(uses) OR uses = {}", 0)
    where = {"TableName": table_name("pricing"), "Key": tables.key(_of_home(home), promotion_id)}
    return {"ConditionCheck": {**where, **condition.arguments()}}


def _of_home(home: str) -> str:
    """A home profile in a key: a hash, so that nothing of an erased person remains."""
    return f"USES#{hashlib.sha256(home.encode()).hexdigest()[:32]}"


def remaining(
    limited: Sequence[tuple[str, Limits, str]], homes: Iterable[str] = ()
) -> dict[str, int | None]:
    """What may still be used of the promotions, of (id, limits, local day) each, by a person with
    these home profiles: 0 where a limit has been reached, else what one order may still take of the
    budget, None without one. Eventually consistent: the order's transaction decides."""
    asked: list[Counter] = []
    for promotion_id, limits, day in limited:
        use = Use(promotion_id, 0, limits, day).spread(0)
        asked += [*counters(use, None), *_of_persons(use, homes)]
    keys = [one.key for counter in asked for one in counter.of_whole()]
    rows = tables.get_many(keys)
    left: dict[str, int | None] = {}
    by_person: dict[str, int] = {}
    for counter in asked:
        limit = of_row(rows.get(counter.of_limit().key))
        slots = [of_row(rows.get(slot.key)) for slot in counter.of_slots().values()]
        promotion_id, used = counter.use.promotion_id, total([limit, *slots]).uses
        if counter.name == "per_person":
            used = by_person[promotion_id] = by_person.get(promotion_id, 0) + used
        if counter.uses is not None and used >= counter.uses:
            left[promotion_id] = 0
        elif counter.budget is not None and left.get(promotion_id) != 0:
            left[promotion_id] = most_at_once(counter.budget, limit, slots)
    return left


def _of_persons(use: Use, homes: Iterable[str]) -> list[Counter]:
    """The counters of the home profiles of a person."""
    return [
        counter for home in homes for counter in counters(use, home) if counter.name == "per_person"
    ]
