"""Codes and limits of promotions: what an order uses of them. Pure.

An order that a promotion made cheaper uses each of its limits once, and of its budget what it took
off. The counters are changed in the order's transaction (store/uses.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

from shared.pricing.model.slots import SLOTS, is_spread

CODE_FORM = re.compile(r"^[A-Z0-9]{3,40}$")
LimitName = Literal["uses", "per_day", "per_person", "budget", "code"]
CodeRefusal = Literal["unknown", "blocked", "not_started", "expired", "exhausted"]


def normal_code(text: str) -> str:
    """A code as shoppers type it, without spaces and dashes, in capitals."""
    return re.sub(r"[\s-]", "", text).upper()


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a promotion may be used: by all orders, by those of a local day, by those of one
    person; ``budget`` is what it may take off in all, in minor units. None is no limit."""

    uses: int | None = None
    per_day: int | None = None
    per_person: int | None = None
    budget: int | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            document.get("uses"),
            document.get("per_day"),
            document.get("per_person"),
            document.get("budget"),
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class GivenCode:
    """A code that the shopper typed and that is valid: ``uses`` is how often it may be used."""

    code: str
    promotion_id: str
    uses: int | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it is stored; from ``starts_at`` to before ``ends_at`` where these are given."""

    code: str
    promotion_id: str
    uses: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    blocked: bool = False

    def refusal(self, now: datetime, used: int) -> CodeRefusal | None:
        """Why the code is not valid now, after ``used`` uses; None when it is."""
        if self.blocked:
            return "blocked"
        if self.starts_at is not None and now < self.starts_at:
            return "not_started"
        if self.ends_at is not None and now >= self.ends_at:
            return "expired"
        return "exhausted" if self.uses is not None and used >= self.uses else None

    def given(self) -> GivenCode:
        return GivenCode(self.code, self.promotion_id, self.uses)


@dataclass(frozen=True, slots=True)
class Use:
    """What an order uses of a promotion: ``amount`` minor units of its budget. ``day`` is the local
    day of its daily limit; ``code_uses`` how often ``code`` may be used. ``slots`` are those of its
    large limits in which it is counted; without one it is counted by the limit itself."""

    promotion_id: str
    amount: int
    limits: Limits = NO_LIMITS
    day: str | None = None
    code: str | None = None
    code_uses: int | None = None
    slots: tuple[tuple[LimitName, int], ...] = field(default=(), compare=False)

    def slot(self, limit: LimitName) -> int | None:
        return dict(self.slots).get(limit)

    def in_slot(self, limit: LimitName, slot: int) -> Self:
        return replace(self, slots=tuple(({**dict(self.slots), limit: slot}).items()))

    def spread(self, number: int) -> Self:
        """With a slot for each of its large limits; ``number`` is that of the order."""
        limits = self.limits
        large: dict[LimitName, bool] = {
            "uses": is_spread(limits.uses, limits.budget),
            "per_day": self.day is not None and is_spread(limits.per_day),
            "code": self.code is not None and is_spread(self.code_uses),
        }
        slot = number % SLOTS
        return replace(self, slots=tuple((name, slot) for name in large if large[name]))

    def to_json(self) -> dict[str, Any]:
        """Without what is None."""
        document = {
            "promotion_id": self.promotion_id,
            "amount": self.amount,
            "day": self.day,
            "code": self.code,
            "code_uses": self.code_uses,
            "slots": dict(self.slots) or None,
            **{f"limit_{name}": getattr(self.limits, name) for name in LIMITS},
        }
        return {name: value for name, value in document.items() if value is not None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            document["promotion_id"],
            document["amount"],
            Limits(**{name: document.get(f"limit_{name}") for name in LIMITS}),
            document.get("day"),
            document.get("code"),
            document.get("code_uses"),
            tuple(document.get("slots", {}).items()),
        )


LIMITS = ("uses", "per_day", "per_person", "budget")
