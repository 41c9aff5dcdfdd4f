"""Book what orders earn, and what becomes due of accounts, earnings and standings."""

from dataclasses import replace
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.errors import Busy
from shared.loyalty.model import account as accounts
from shared.loyalty.model import earning as earnings
from shared.loyalty.model import tiers
from shared.loyalty.model.earning import Booking, Earning, EarningOrder
from shared.loyalty.model.programme import NO_PROGRAMME, Programme, Terms
from shared.loyalty.store import accounts as store
from shared.loyalty.store.programmes import programme
from shared.loyalty.store.rows import account_put, standing_put


def follow_order(home: str, order: EarningOrder, now: datetime) -> bool:
    """Book what the order has earned since, or lost by returns. An order that was followed in this
    version or a later one changes nothing. Whether something was written.

    Raises Busy.
    """
    plan = programme()
    for _ in tables.attempts():
        stored = store.read_booking(home, order.order_id, plan.today(now))
        account, earning, standing = stored
        if account.closed:
            return False
        if earning is None:
            if plan.version == NO_PROGRAMME.version or not earnings.earns(order, plan):
                return False
            tier = _own_tier(plan, standing, now)
            terms = Terms(plan.earn_rate, plan.multiplier(tier), plan.return_window_of(tier))
            earning = Earning(home, order.order_id, terms)
        if order.version <= earning.order_version:
            return False
        current = Booking(accounts.expired(account, plan.today(now)), earning, standing)
        after = earnings.follow(current, order, plan, now)
        if after.earning.points == earning.points and after.earning.spend == earning.spend:
            # Most changes of an order concern no points: they cost one read.
            return False
        if store.written(store.booking_parts(stored, after, plan, now)):
            return True
    raise Busy("too many changes of this wallet at once")


def _own_tier(plan: Programme, standing: tiers.Standing, now: datetime) -> str:
    """The tier of the home profile alone, so that an unmerge leaves the points as they are."""
    return tiers.tier_of([standing], plan, now)


def mature(home: str, order_id: str, now: datetime) -> bool:
    """Make the points of an order available when its return window is over, count its spend, and
    raise the tier. Whether something was written."""
    plan = programme()
    for _ in tables.attempts():
        stored = store.read_booking(home, order_id, plan.today(now))
        account, earning, standing = stored
        if account.closed or earning is None:
            return False
        current = Booking(accounts.expired(account, plan.today(now)), earning, standing)
        after = earnings.mature(current, plan, now)
        if after is current:
            return False
        after = replace(after, standing=tiers.risen(after.standing, plan, now))
        if store.written(store.booking_parts(stored, after, plan, now)):
            return True
    raise Busy("too many changes of this wallet at once")


def expire(home: str, now: datetime) -> bool:
    """Book expired points, and tell of those that expire soon. Whether something was written."""
    plan = programme()
    for _ in tables.attempts():
        stored = store.read_accounts([home])[home]
        if stored.closed:
            return False
        today = plan.today(now)
        after = accounts.announced(accounts.expired(stored, today), today)
        if after == stored or store.written([account_put(after, now, plan.time_zone)]):
            return after != stored
    raise Busy("too many changes of this wallet at once")


def review(home: str, now: datetime) -> bool:
    """Lower a tier by one step when its period was not enough. Whether something was written."""
    plan = programme()
    for _ in tables.attempts():
        standings = store.read_standings([home], plan.today(now))
        stored = standings[home]
        after = tiers.reviewed(stored, plan, now)
        if after == stored or store.written([standing_put(after, now)]):
            return after != stored
    raise Busy("too many changes of this standing at once")


def act_on_deadline(home: str, sk: str, now: datetime) -> bool:
    """Do what is due of an item of the home. Whether something was written."""
    if (order_id := store.order_of(sk)) is not None:
        return mature(home, order_id, now)
    return expire(home, now) if store.is_account(sk) else review(home, now)
