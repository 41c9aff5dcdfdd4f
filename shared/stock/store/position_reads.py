"""Reads positions: one, several, or those of a SKU."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.stock.model.position import Position, PositionKey
from shared.stock.store import slots
from shared.stock.store.bins import bin_key
from shared.stock.store.rows import position_of_item, stock_table


def position(sku: str, location_id: str, *, consistent: bool = True) -> Position | None:
    """The position, or None when it does not exist."""
    item = tables.get(stock_table(), f"SKU#{sku}", f"LOC#{location_id}", consistent=consistent)
    return _whole(item) if item else None


def position_and_bin(sku: str, location_id: str) -> tuple[Position | None, str | None]:
    """The position and its bin, each None when it does not exist: one call, strongly consistent."""
    place = Key(stock_table(), f"SKU#{sku}", f"LOC#{location_id}")
    at = bin_key(sku, location_id)
    items = tables.get_many([place, at], consistent=True)
    return (
        _whole(items[place]) if place in items else None,
        items[at]["bin"] if at in items else None,
    )


def positions(sku: str) -> Iterator[Position]:
    """Every position of ``sku``, by location: one Query of its item collection."""
    for item in tables.query(
        stock_table(),
        "pk = :pk AND begins_with(sk, :loc)",
        to_item({":pk": f"SKU#{sku}", ":loc": "LOC#"}),
    ):
        yield _whole(item)


def positions_page(
    sku: str, limit: int, after: str | None = None
) -> tuple[list[Position], str | None]:
    """At most ``limit`` positions of ``sku`` behind location ``after``, and the location to
    continue after."""
    page = tables.query_page(
        stock_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": f"SKU#{sku}",
                ":first": "LOC#" if after is None else f"LOC#{after}!",
                ":last": "LOC#~",
            }
        ),
        limit,
    )
    rows = [_whole(item) for item in page.items]
    return rows, rows[-1].location_id if page.last and rows else None


def skus_at(location_id: str, limit: int, after: str | None = None) -> tuple[list[str], str | None]:
    """At most ``limit`` SKUs behind ``after`` that have a position at the location, and the SKU to
    continue after (index ``by_location``, eventually consistent)."""
    page = tables.query_page(
        stock_table(),
        "location_key = :location AND pk BETWEEN :first AND :last",
        to_item(
            {
                ":location": f"LOC#{location_id}",
                ":first": "SKU#" if after is None else f"SKU#{after}!",
                ":last": "SKU#~",
            }
        ),
        limit,
        IndexName="by_location",
    )
    skus = [str(item["pk"]).removeprefix("SKU#") for item in page.items]
    return skus, skus[-1] if page.last and skus else None


def positions_of(
    places: Iterable[PositionKey], *, consistent: bool = False
) -> dict[PositionKey, Position]:
    """The existing positions among ``places``: one call per 100."""
    keys = [Key(stock_table(), f"SKU#{sku}", f"LOC#{location_id}") for sku, location_id in places]
    existing = map(_whole, tables.get_many(keys, consistent=consistent).values())
    return {(row.sku, row.location_id): row for row in existing}


def _whole(item: Mapping[str, Any]) -> Position:
    """The position of ``item`` including its slots, which are read only when there are any."""
    return position_of_item(slots.item_with_granted(item["sku"], item["location_id"], item))
