"""All packs with their products, page by page: tables ``availability`` and ``catalog``."""

from collections.abc import Iterator
from datetime import datetime

from shared.availability.model.channel import confidence_in, sellable_columns
from shared.availability.model.pack import Columns
from shared.availability.store.packs import columns_of, is_first
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.stock.store import rules

PAGE = 100
"""Items of one page: one call for their products, and about a megabyte of memory."""


def sellable_products(channel: str, at: datetime) -> Iterator[tuple[str, Product | None, Columns]]:
    """Every SKU with a pack, its product if there is one, and the columns that ``channel`` may
    sell.

    A Scan reads each pack once, as it is when its page is read: 0.5 read units per 4 KB. A pack in
    several items is read as a whole when its first item is met, and the other items are skipped:
    the Scan meets them at other times, and they may have been spread in between.
    """
    after = None
    while True:
        page = tables.scan_page(table_name("availability"), PAGE, after)
        packs = columns_of(item for item in page.items if is_first(item))
        products = catalog.products(packs) if packs else {}
        selling = rules.selling(channel, packs, at, confidence_in(packs), products)
        for sku, pack in sellable_columns(packs, selling).items():
            yield sku, products.get(sku), pack
        after = page.last
        if after is None:
            return
