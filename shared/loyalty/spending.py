"""Points that pay for an order: the parts of its transaction, for the verbs of orders.

    spending = spend_parts(homes, points, order_id, now)     # homes of the buyer, the order's first
    transact([..., *spending.parts])                         # refused: ask for the parts again
    order: spending.draws, as JSON                           # which lots, for what comes back

    refund_parts(draws, already, points, order_id, now)      # a cancel or a return
    hold_parts(...), end_hold_parts(draws, ..., spent=...)   # a price hold: released, or converted

Each part is conditional on the version of its account; at most 3 accounts are touched. What makes
a spending happen once is the document that is written with it: the order, or the hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Part
from shared.errors import Gone
from shared.loyalty.model import sharing
from shared.loyalty.model.account import Account, EntryKind
from shared.loyalty.model.sharing import Draw
from shared.loyalty.store import accounts as store
from shared.loyalty.store.programmes import programme


@dataclass(frozen=True, slots=True)
class Spending:
    """``draws`` are JSON values for the order or the hold; ``amount`` is what the points are worth,
    in minor units of the ``currency`` of the programme."""

    parts: Sequence[Part]
    draws: Sequence[Mapping[str, Any]]
    amount: int
    currency: str


def spend_parts(homes: Sequence[str], points: int, order_id: str, now: datetime) -> Spending:
    """Spend ``points`` (1 or more) of the person with these homes, the first of them the home that
    the order belongs to. Takes one read call.

    Raises PointsShort, Gone for a wallet that is closed.
    """
    return _draw(homes, points, order_id, now, "spent")


def hold_parts(homes: Sequence[str], points: int, hold_id: str, now: datetime) -> Spending:
    """Keep ``points`` for a price hold. Raises like ``spend_parts``."""
    return _draw(homes, points, hold_id, now, "held")


def _draw(
    homes: Sequence[str], points: int, cause: str, now: datetime, kind: EntryKind
) -> Spending:
    plan = programme()
    stored = store.read_accounts(homes)
    if any(account.closed for account in stored.values()):
        raise Gone("this wallet was closed with the profile")
    accounts = sharing.current(stored, plan.today(now))
    after, draws = sharing.spend(accounts, homes[0], points, cause, kind=kind)
    return Spending(
        store.account_parts(stored, _touched(stored, after, draws), now, plan.time_zone),
        [draw.to_json() for draw in draws],
        plan.worth(points),
        plan.currency,
    )


def _touched(
    stored: Mapping[str, Account], after: Mapping[str, Account], draws: Sequence[Draw]
) -> dict[str, Account]:
    """The accounts that are drawn on, and those that were separated: others have only expired
    points, which somebody else books."""
    drawn = {draw.home for draw in draws}
    return {
        home: account
        for home, account in after.items()
        if home in drawn
        or account.generation != stored[home].generation
        or account.partners != stored[home].partners
    }


def refund_parts(
    draws: Sequence[Mapping[str, Any]], already: int, points: int, order_id: str, now: datetime
) -> list[Part]:
    """Give ``points`` of an order back to the lots that they came from, after ``already`` that
    were. A closed account gets nothing. Takes one read call.

    Raises ValueError for more points than the order has taken.
    """
    plan = programme()
    given = [Draw.from_json(row) for row in draws]
    stored = store.read_accounts(draw.home for draw in given)
    if stored[given[0].home].closed:
        return []
    after = sharing.refund(
        sharing.without_expired_lots(stored, plan.today(now)),
        given,
        already,
        points,
        order_id,
        today=plan.today(now),
        fresh=plan.expires_on(now),
    )
    return store.account_parts(stored, after, now, plan.time_zone)


def end_hold_parts(
    draws: Sequence[Mapping[str, Any]], cause: str, now: datetime, *, spent: bool
) -> list[Part]:
    """End a hold: its points are ``spent`` by the order ``cause``, which keeps the draws of the
    hold, or available again. Takes one read call."""
    plan = programme()
    given = [Draw.from_json(row) for row in draws]
    stored = store.read_accounts(draw.home for draw in given)
    if stored[given[0].home].closed:
        return []
    after = sharing.end_hold(
        sharing.without_expired_lots(stored, plan.today(now)),
        given,
        cause,
        spent=spent,
        today=plan.today(now),
        fresh=plan.expires_on(now),
    )
    return store.account_parts(stored, after, now, plan.time_zone)
