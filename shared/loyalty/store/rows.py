"""Accounts, earnings and standings as items of the table ``loyalty``, and back. Unknown attributes
of newer code are left out when an item is read; a writer replaces the whole item."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339, start_of_day
from shared.loyalty.model.account import Account, Entry, Lot, Points, next_day
from shared.loyalty.model.earning import Earning
from shared.loyalty.model.programme import Terms
from shared.loyalty.model.tiers import Standing
from shared.stored import from_row
from shared.web.portions import checksum

SHARDS = 16
"""Partitions of the index by_deadline, so that a month's end of a million accounts is read in
parallel."""
POINTS = "POINTS"
TIER = "TIER"


def table() -> str:
    return table_name("loyalty")


def partition(home: str) -> str:
    return f"WALLET#{home}"


def points_key(home: str) -> Key:
    return Key(table(), partition(home), POINTS)


def tier_key(home: str) -> Key:
    return Key(table(), partition(home), TIER)


def earning_key(home: str, order_id: str) -> Key:
    return Key(table(), partition(home), f"EARN#{order_id}")


def due_key(home: str) -> str:
    """The partition of by_deadline that has the items of the home while they have a deadline."""
    return f"DUE#{checksum(home) % SHARDS}"


def account_of(home: str, item: Mapping[str, Any] | None) -> Account:
    if item is None:
        return Account(home)
    if "closed_at" in item:
        return Account(home, version=item["version"], closed=True)
    alone = item.get("alone")
    return Account(
        home,
        _points_of(item),
        item["pending"],
        _points_of(alone) if alone else None,
        item.get("partners", {}),
        item.get("generation", 0),
        item["version"],
    )


def _points_of(row: Mapping[str, Any]) -> Points:
    lots = tuple(Lot(date.fromisoformat(day), *figures) for day, *figures in row["lots"])
    return Points(lots, row["debt"])


def _points_row(points: Points) -> dict[str, Any]:
    return {
        "lots": [
            [lot.expires_on.isoformat(), lot.points, lot.held, lot.told] for lot in points.lots
        ],
        "debt": points.debt,
    }


def account_put(account: Account, now: datetime, zone: str) -> Part:
    """Writes the account with its new entries as ``last``, from which the worker of the stream
    makes a row of the ledger."""
    values: dict[str, Any] = {
        **_points_row(account.points),
        "available": account.available,
        "held": account.points.held,
        "pending": account.pending,
        "version": account.version + 1,
        "updated_at": rfc3339(now),
        "last": [entry_row(entry) for entry in account.entries],
    }
    if account.alone is not None:
        values["alone"] = _points_row(account.alone)
        values["partners"] = dict(account.partners)
    if account.generation:
        values["generation"] = account.generation
    day = next_day(account)
    return _put(
        points_key(account.home),
        account.home,
        values,
        account.version,
        start_of_day(day, zone) if day else None,
    )


def entry_row(entry: Entry) -> dict[str, Any]:
    """Without what is 0 or None."""
    row: dict[str, Any] = {"kind": entry.kind, "points": entry.points, "cause": entry.cause}
    for name in ("available", "held", "debt", "pending", "for_home", "days", "reason"):
        if value := getattr(entry, name):
            row[name] = value
    if entry.expires_on is not None:
        row["expires_on"] = entry.expires_on.isoformat()
    return row


def entry_of(row: Mapping[str, Any]) -> Entry:
    given = dict(row)
    if "expires_on" in given:
        given["expires_on"] = date.fromisoformat(given["expires_on"])
    return from_row(Entry, given)


def earning_of(item: Mapping[str, Any]) -> Earning:
    due = item.get("available_at")
    return Earning(
        home=item["pk"].partition("#")[2],
        order_id=item["sk"].partition("#")[2],
        terms=from_row(Terms, item["terms"]),
        order_version=item["order_version"],
        pending=item["pending"],
        pending_spend=item["pending_spend"],
        available_at=datetime.fromisoformat(due) if due else None,
        matured=tuple((date.fromisoformat(day), points) for day, points in item["matured"]),
        counted=tuple((month, amount) for month, amount in item["counted"]),
        version=item["version"],
    )


def earning_put(earning: Earning) -> Part:
    values = {
        "terms": _terms(earning.terms),
        "order_version": earning.order_version,
        "pending": earning.pending,
        "pending_spend": earning.pending_spend,
        "available_at": rfc3339(earning.available_at) if earning.available_at else None,
        "matured": [[day.isoformat(), points] for day, points in earning.matured],
        "counted": [[month, amount] for month, amount in earning.counted],
        "version": earning.version + 1,
    }
    key = earning_key(earning.home, earning.order_id)
    return _put(key, earning.home, values, earning.version, earning.available_at)


def standing_of(home: str, item: Mapping[str, Any] | None, today: date) -> Standing:
    """``today`` is when somebody without a stored standing joins."""
    if item is None:
        return Standing(home, today)
    since, review_at = item.get("since"), item.get("review_at")
    return Standing(
        home,
        date.fromisoformat(item["joined_on"]),
        item["tier"],
        date.fromisoformat(since) if since else None,
        datetime.fromisoformat(review_at) if review_at else None,
        item["months"],
        item["version"],
    )


def standing_put(standing: Standing, now: datetime) -> Part:
    values = {
        "tier": standing.tier,
        "joined_on": standing.joined_on.isoformat(),
        "since": standing.since.isoformat() if standing.since else None,
        "review_at": rfc3339(standing.review_at) if standing.review_at else None,
        "months": dict(standing.months),
        "version": standing.version + 1,
        "updated_at": rfc3339(now),
    }
    return _put(
        tier_key(standing.home), standing.home, values, standing.version, standing.review_at
    )


def _put(
    key: Key, home: str, values: Mapping[str, Any], version: int, deadline: datetime | None
) -> Part:
    item: dict[str, Any] = {"pk": key.pk, "sk": key.sk, **values}
    if deadline is not None:
        item |= {"deadline_key": due_key(home), "deadline": rfc3339(deadline)}
    condition = Condition()
    # Holds while nobody has written the item since it was read, and the person is not erased, which
    # closes the account under a further version.
    if version:
        condition.require("version = {}", version)
    else:
        condition.require("attribute_not_exists(pk)")
    return {"Put": {"TableName": table(), "Item": to_item(item), **condition.arguments()}}


def _terms(terms: Terms) -> dict[str, int]:
    return {name: value for name, value in asdict(terms).items() if value is not None}
