"""The wallet of a person: the accounts of all home profiles, read and separated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.aws import dynamodb as tables
from shared.customers.model.person import Profile
from shared.customers.store import find
from shared.errors import Busy, Gone, NotFound
from shared.loyalty.model import sharing, tiers
from shared.loyalty.model.account import Account
from shared.loyalty.model.earning import adjust as adjusted
from shared.loyalty.model.programme import NO_PROGRAMME, NO_TIER, Programme
from shared.loyalty.model.tiers import Standing
from shared.loyalty.store import accounts as store
from shared.loyalty.store.entries import EntryRow, page
from shared.loyalty.store.programmes import programme
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class Wallet:
    """The accounts (current: without expired points, and separated) and the standings of a person
    by home, and the programme in force."""

    profile_id: str
    programme: Programme
    accounts: dict[str, Account]
    standings: dict[str, Standing]

    @property
    def available(self) -> int:
        """The points that can be spent."""
        return sharing.spendable(self.accounts)

    def tier(self, now: datetime) -> str:
        return _tier(self.standings, self.programme, now)


def homes_of(profile: Profile, home: str | None = None) -> Sequence[str]:
    """The homes of a person, first the one that an order belongs to; each may have an account."""
    first = home or profile.profile_id
    return [first, *sorted(profile.member_ids - {first})]


def wallet(profile_id: str, now: datetime) -> Wallet:
    """Takes 2 read calls. Raises NotFound, Gone."""
    profile, plan = find(profile_id), programme()
    accounts, standings = store.read_wallets(homes_of(profile), plan.today(now))
    _must_be_open(accounts)
    return Wallet(
        profile.profile_id,
        plan,
        sharing.current(accounts, plan.today(now)),
        standings,
    )


def _must_be_open(accounts: dict[str, Account]) -> None:
    if any(account.closed for account in accounts.values()):
        raise Gone("this wallet was closed with the profile")


def person_tier(profile: Profile, now: datetime) -> str:
    """The tier of a person, for prices and profiles: one read call of 0.5 units for each home
    profile. NO_TIER without a programme."""
    plan = programme()
    if plan.version == NO_PROGRAMME.version or not plan.tiers:
        return NO_TIER
    return _tier(store.read_standings(homes_of(profile), plan.today(now)), plan, now)


def return_window(profile_id: str, now: datetime) -> timedelta | None:
    """How long the person's tier lets goods be returned; None where the tier says nothing. 2 calls,
    none while no tier of the programme says something. A person who is gone has no tier."""
    plan = programme()
    if all(tier.return_window_days is None for tier in plan.tiers):
        return None
    try:
        days = plan.return_window_of(person_tier(find(profile_id), now))
    except (NotFound, Gone):
        return None
    return None if days is None else timedelta(days=days)


def _tier(standings: Mapping[str, Standing], plan: Programme, now: datetime) -> str:
    return tiers.tier_of(standings.values(), plan, now)


def adjust(profile_id: str, delta: int, reason: str, request: Request, now: datetime) -> Wallet:
    """Give points by hand, or take available ones (``delta`` below 0). A repeated request changes
    nothing more.

    Raises NotFound, Gone, PointsShort, KeyReused, Busy.
    """
    profile, plan = find(profile_id), programme()
    home = profile.profile_id
    for _ in tables.attempts():
        if digest := store.request_digest(home, request.name):
            request.check(digest)
            return wallet(profile_id, now)
        stored = store.read_accounts(homes_of(profile))
        _must_be_open(stored)
        accounts = sharing.current(stored, plan.today(now))
        if delta > 0:
            own = adjusted(accounts[home], delta, request.name, reason, plan.expires_on(now))
            after = {**accounts, home: own}
        else:
            after, _ = sharing.spend(accounts, home, -delta, request.name, kind="adjusted")
        parts = store.account_parts(stored, after, now, plan.time_zone)
        if store.written([*parts, store.request_part(home, request, now)]):
            return wallet(profile_id, now)
    raise Busy("too many changes of this wallet at once")


def separate(profile: Profile, now: datetime) -> None:
    """Book that accounts have left the person by an unmerge. Harmless when nothing has: a wallet is
    separated whenever it is read, this only writes it down."""
    plan = programme()
    for _ in tables.attempts():
        stored = store.read_accounts(homes_of(profile))
        after = sharing.current(stored, plan.today(now))
        apart = {
            home: account
            for home, account in after.items()
            if account.generation != stored[home].generation or account.alone != stored[home].alone
        }
        if not apart or store.written(store.account_parts(stored, apart, now, plan.time_zone)):
            return
    raise Busy("too many changes of this wallet at once")


def entries(
    profile_id: str, limit: int, after: tuple[str, int] | None = None
) -> tuple[Profile, list[EntryRow], tuple[str, int] | None]:
    """The ledger of a person, one account after the other, each the newest first, and where the
    next page begins: behind a version of an account.

    Raises NotFound, Gone.
    """
    profile = find(profile_id)
    homes = list(homes_of(profile))
    start = homes.index(after[0]) if after and after[0] in homes else 0
    rows: list[EntryRow] = []
    for home in homes[start:]:
        before = after[1] if after and after[0] == home else None
        rows += page(home, limit - len(rows), before)
        if len(rows) == limit:
            return profile, rows, (rows[-1].home, rows[-1].version)
    return profile, rows, None
