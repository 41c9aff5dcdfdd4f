"""The bins of a location, table ``stock``.

    pk BINS#<location>   sk BIN#<sku>   {sku, bin}     1 write unit for each bin that is set

A bin is an item of its own and not an attribute of its position: orders, feeds and counts write
positions all the time and would be in conflict with the writer of a bin, every write of a position
goes to the ledger and to the availability, and a SKU has its bin before its first units arrive.
"""

from collections.abc import Iterable, Mapping

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.stock.model.position import PositionKey
from shared.stock.store.rows import stock_table


def put_bins(location_id: str, bins: Mapping[str, str | None]) -> None:
    """Set the bin of each SKU, or remove it where it is None: one call for 25 SKUs."""
    pk = f"BINS#{location_id}"
    items = [
        to_item({"pk": pk, "sk": f"BIN#{sku}", "sku": sku, "bin": name})
        for sku, name in bins.items()
        if name is not None
    ]
    tables.put_many(stock_table(), items)
    removed = [(pk, f"BIN#{sku}") for sku, name in bins.items() if name is None]
    tables.delete_many(stock_table(), removed)


def bins_of(places: Iterable[PositionKey], *, consistent: bool = False) -> dict[PositionKey, str]:
    """The bins of those (SKU, location) that have one: one call per 100."""
    keys = {bin_key(sku, location_id): (sku, location_id) for sku, location_id in places}
    items = tables.get_many(keys, consistent=consistent)
    return {keys[key]: item["bin"] for key, item in items.items()}


def bins_page(
    location_id: str, limit: int, after: str | None = None
) -> tuple[list[tuple[str, str]], str | None]:
    """(SKU, bin) of at most ``limit`` SKUs behind ``after``, and the SKU to continue after."""
    first = "BIN#" if after is None else f"BIN#{after}!"
    page = tables.query_page(
        stock_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item({":pk": f"BINS#{location_id}", ":first": first, ":last": "BIN#~"}),
        limit,
    )
    rows = [(item["sku"], item["bin"]) for item in page.items]
    return rows, rows[-1][0] if page.last and rows else None


def bin_key(sku: str, location_id: str) -> Key:
    return Key(stock_table(), f"BINS#{location_id}", f"BIN#{sku}")
