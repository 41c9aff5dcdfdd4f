"""Reads accounts, earnings and standings, and writes them in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.loyalty.model.account import Account
from shared.loyalty.model.earning import Booking, Earning
from shared.loyalty.model.programme import Programme
from shared.loyalty.model.tiers import Standing
from shared.loyalty.store.rows import (
    POINTS,
    SHARDS,
    account_of,
    account_put,
    earning_key,
    earning_of,
    earning_put,
    partition,
    points_key,
    standing_of,
    standing_put,
    table,
    tier_key,
)
from shared.web.idempotency import KEPT_SECONDS, Request
from shared.web.portions import WHOLE, Portion

MOST_EARNINGS = 100
"""Earnings of an answer."""


def read_accounts(homes: Iterable[str]) -> dict[str, Account]:
    """The accounts of these homes, in their order, in one call."""
    keys = {home: points_key(home) for home in homes}
    items = tables.get_many(keys.values(), consistent=True)
    return {home: account_of(home, items.get(key)) for home, key in keys.items()}


def read_standings(homes: Iterable[str], today: date) -> dict[str, Standing]:
    """The standings of these homes, in one call of 0.5 units each."""
    keys = {home: tier_key(home) for home in homes}
    items = tables.get_many(keys.values())
    return {home: standing_of(home, items.get(key), today) for home, key in keys.items()}


def read_wallets(
    homes: Iterable[str], today: date
) -> tuple[dict[str, Account], dict[str, Standing]]:
    """Accounts and standings of these homes, in one call."""
    homes = list(homes)
    keys = [*map(points_key, homes), *map(tier_key, homes)]
    items = tables.get_many(keys, consistent=True)
    accounts = {home: account_of(home, items.get(points_key(home))) for home in homes}
    standings = {home: standing_of(home, items.get(tier_key(home)), today) for home in homes}
    return accounts, standings


def read_booking(home: str, order_id: str, today: date) -> tuple[Account, Earning | None, Standing]:
    """What a change of an order touches, in one call."""
    key = earning_key(home, order_id)
    items = tables.get_many([points_key(home), tier_key(home), key], consistent=True)
    earning = items.get(key)
    return (
        account_of(home, items.get(points_key(home))),
        earning_of(earning) if earning else None,
        standing_of(home, items.get(tier_key(home)), today),
    )


def pending_of(home: str) -> Iterator[Earning]:
    """The earnings of the home that wait for the end of their return window, at most
    MOST_EARNINGS, those of the latest order ids first."""
    rows = tables.query_page(
        table(),
        "pk = :pk AND begins_with(sk, :earn)",
        to_item({":pk": partition(home), ":earn": "EARN#"}),
        MOST_EARNINGS,
        ScanIndexForward=False,
    ).items
    return (earning for row in rows if (earning := earning_of(row)).pending)


def account_parts(
    before: Mapping[str, Account], after: Mapping[str, Account], now: datetime, zone: str
) -> list[Part]:
    """The writes of the accounts that have changed."""
    return [
        account_put(account, now, zone)
        for home, account in after.items()
        if account != before[home]
    ]


def booking_parts(
    before: tuple[Account, Earning | None, Standing],
    after: Booking,
    programme: Programme,
    now: datetime,
) -> list[Part]:
    """The writes of the items that have changed. The account is always written with the row of an
    order, so that nothing is booked for a closed account."""
    account, earning, standing = before
    parts: list[Part] = []
    if after.earning != earning:
        parts.append(earning_put(after.earning))
    if after.account != account or parts:
        parts.append(account_put(after.account, now, programme.time_zone))
    if after.standing != standing:
        parts.append(standing_put(after.standing, now))
    return parts


def written(parts: Sequence[Part]) -> bool:
    """Writes all parts or none; False when somebody has written one of the items since it was
    read."""
    return not parts or not tables.transact(parts)


def request_digest(home: str, name: str) -> str | None:
    """The digest of a request that was carried out; None for a new one."""
    item = tables.get(table(), partition(home), f"REQUEST#{name}", consistent=True)
    return item["digest"] if item else None


def request_part(home: str, request: Request, now: datetime) -> Part:
    condition = Condition()
    # Holds when the request has not been carried out.
    condition.require("attribute_not_exists(pk)")
    item = {
        "pk": partition(home),
        "sk": f"REQUEST#{request.name}",
        "digest": request.digest,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": table(), "Item": to_item(item), **condition.arguments()}}


Due = tuple[str, str]
"""A home and the sort key of one of its items."""


def overdue(now: datetime, page: int, portion: Portion = WHOLE) -> Iterator[Due]:
    """Items whose deadline has passed, of the homes of the portion (eventually consistent)."""
    for shard in portion.shards(SHARDS):
        rows = tables.query(
            table(),
            "deadline_key = :key AND deadline <= :now",
            to_item({":key": f"DUE#{shard}", ":now": rfc3339(now)}),
            IndexName="by_deadline",
            Limit=page,
        )
        for row in rows:
            home = row["pk"].removeprefix("WALLET#")
            if portion.has(home):
                yield home, row["sk"]


def order_of(sk: str) -> str | None:
    """The order of a due earning; None for the account or the standing."""
    return sk.removeprefix("EARN#") if sk.startswith("EARN#") else None


def is_account(sk: str) -> bool:
    return sk == POINTS


def close(home: str, now: datetime) -> None:
    """Close the account for good and delete everything else of it: for an erasure."""
    for _ in tables.attempts():
        account = read_accounts([home])[home]
        if account.closed:
            break
        condition = Condition()
        # Holds while nobody has written the account since it was read.
        if account.version:
            condition.require("version = {}", account.version)
        else:
            condition.require("attribute_not_exists(pk)")
        item = {
            "pk": partition(home),
            "sk": POINTS,
            "closed_at": rfc3339(now),
            "version": account.version + 1,
        }
        put: Part = {"Put": {"TableName": table(), "Item": to_item(item), **condition.arguments()}}
        if written([put]):
            break
    _delete_rest(home)


def _delete_rest(home: str) -> None:
    rows: Iterator[dict[str, Any]] = tables.query(
        table(),
        "pk = :pk",
        to_item({":pk": partition(home)}),
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )
    tables.delete_many(table(), [(row["pk"], row["sk"]) for row in rows if row["sk"] != POINTS])
