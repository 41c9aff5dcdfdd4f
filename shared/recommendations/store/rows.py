"""Keys and items of the table ``recommendations``: the store's description has their formats."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339
from shared.recommendations.model.baskets import WINDOW_DAYS, Basket, Change
from shared.recommendations.model.counters import Again, Newcomers, Partners, Place, Popular
from shared.recommendations.model.ranking import Suggested
from shared.recommendations.store.packing import (
    basket_of_text,
    basket_text,
    pack_again,
    pack_fitted,
    pack_partners,
    pack_popular,
    unpack_again,
    unpack_partners,
    unpack_popular,
)

ROWS_KEPT = timedelta(days=800)
"""How long a row stays after its last basket."""
MARKS_KEPT = timedelta(days=WINDOW_DAYS + 50)
"""How long after its day the mark of an order stays: longer than it is counted."""

Row = Mapping[str, Any] | None


def table() -> str:
    return table_name("recommendations")


def again_key(home: str) -> Key:
    return Key(table(), f"AGAIN#{home}", "BOUGHT")


def partners_key(sku: str) -> Key:
    return Key(table(), f"WITH#{sku}", "PARTNERS")


def popular_key(place: Place) -> Key:
    location, department = place
    return Key(table(), f"POPULAR#{location}#{department}", "SOLD")


def newcomers_key() -> Key:
    return Key(table(), "NEW", "ITEMS")


def mark_key(order_id: str) -> Key:
    return Key(table(), f"ORDER#{order_id}", "COUNTED")


@dataclass(frozen=True, slots=True)
class Mark:
    """What was counted of an order, in which version; 0 for nothing yet."""

    version: int = 0
    basket: Basket | None = None


def mark_of(row: Row) -> Mark:
    return Mark() if row is None else Mark(row["version"], basket_of_text(row["basket"]))


def is_closed(row: Row) -> bool:
    """Whether a row of a home says that its person is erased."""
    return row is not None and "closed_at" in row


def again_of(row: Row) -> Again:
    return Again() if row is None or is_closed(row) else unpack_again(row["bought"])


def partners_of(row: Row) -> Partners:
    if row is None:
        return Partners()
    return unpack_partners(row["baskets"], row["weight"], row["partners"])


def popular_of(row: Row) -> Popular:
    return Popular() if row is None else unpack_popular(row["sold"])


def newcomers_of(row: Row) -> Newcomers:
    days = {} if row is None else row["days"]
    return Newcomers({sku: date.fromisoformat(day) for sku, day in days.items()})


def version_of(row: Row) -> int:
    return 0 if row is None else int(row["version"])


def mark_part(change: Change, now: datetime) -> Part:
    condition = Condition()
    if change.counted:
        # Holds while nobody has counted the order since its mark was read.
        condition.require("version = {}", change.counted)
    else:
        # Holds while the order was never counted.
        condition.require("attribute_not_exists(pk)")
    key = mark_key(change.order_id)
    item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": change.version,
        "basket": basket_text(change.after),
        "ttl": int((now + MARKS_KEPT).timestamp()),
    }
    return {"Put": {"TableName": key.table, "Item": to_item(item), **condition.arguments()}}


def again_part(
    home: str, again: Again, suits: Suggested | None, before: Row, now: datetime
) -> Part:
    """``suits``: what suits the home; None leaves what is stored."""
    values = {"bought": pack_again(again)}
    if suits is not None:
        values["fitted"] = pack_fitted(suits)
    return _part(again_key(home), values, before, now)


def partners_part(sku: str, partners: Partners, before: Row, now: datetime) -> Part:
    values = {
        "baskets": partners.baskets,
        "weight": partners.weight,
        "partners": pack_partners(partners),
    }
    return _part(partners_key(sku), values, before, now)


def popular_part(place: Place, popular: Popular, before: Row, now: datetime) -> Part:
    return _part(popular_key(place), {"sold": pack_popular(popular)}, before, now)


def newcomers_part(newcomers: Newcomers, before: Row, now: datetime) -> Part:
    days = {sku: day.isoformat() for sku, day in newcomers.items.items()}
    return _part(newcomers_key(), {"days": days}, before, now)


def _part(key: Key, values: Mapping[str, Any], before: Row, now: datetime) -> Part:
    update = Update()
    for name, value in values.items():
        update.set(name, value)
    version = version_of(before)
    update.set("version", version + 1)
    update.set("ttl", int((now + ROWS_KEPT).timestamp()))
    # Holds while nobody has written the row since it was read.
    if version:
        update.require("version = {}", version)
    else:
        update.require("attribute_not_exists(version)")
    return {"Update": update.request(key.table, key.pk, key.sk)}


def closed_part(home: str, before: Row, now: datetime) -> Part:
    """Replaces what a home buys by the note that its person is erased."""
    key, version = again_key(home), version_of(before)
    condition = Condition()
    # Holds while nobody has written the row since it was read.
    if version:
        condition.require("version = {}", version)
    else:
        condition.require("attribute_not_exists(version)")
    item = {"pk": key.pk, "sk": key.sk, "version": version + 1, "closed_at": rfc3339(now)}
    return {"Put": {"TableName": key.table, "Item": to_item(item), **condition.arguments()}}
