"""A price hold: what an order with a quote will use, kept while its payment is being made. Pure.

open ─> claimed      by the order
  └──> released     by the channel, or when the deadline has passed
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.pricing.model.uses import Use

PriceHoldState = Literal["open", "claimed", "released"]
LONGEST = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class HeldAmount:
    """``amount`` minor units of a card; ``suffix`` are the last characters of its code."""

    card_id: str
    suffix: str
    amount: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PriceHold:
    """``digest`` is that of the quote, ``home`` the profile whose uses were counted. ``draws`` are
    where the points come from (shared/loyalty/spending.py)."""

    hold_id: str
    state: PriceHoldState
    deadline: datetime
    digest: str
    currency: str
    home: str | None = None
    uses: tuple[Use, ...] = ()
    cards: tuple[HeldAmount, ...] = ()
    draws: tuple[Mapping[str, Any], ...] = ()

    def claimable(self, now: datetime) -> bool:
        return self.state == "open" and now < self.deadline

    def state_at(self, now: datetime) -> str:
        """``expired`` for an open hold whose deadline has passed."""
        return "expired" if self.state == "open" and now >= self.deadline else self.state
