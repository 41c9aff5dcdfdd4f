"""All packs with their products, page by page: tables ``availability`` and ``catalog``."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.availability.model.channel import confidence_in, sellable_columns
from shared.availability.model.pack import Columns
from shared.availability.store.packs import columns_of, is_first
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.aws.walks import Segment, key_after, start_key
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.stock.store import rules

PAGE = 100
"""Items of one page: one call for their products, and about a megabyte of memory."""


class SellableProduct(NamedTuple):
    """``product`` is None when the catalog does not have the SKU; ``pack`` are the columns that the
    channel may sell."""

    sku: str
    product: Product | None
    pack: Columns


def sellable_page(
    channel: str, at: datetime, segment: Segment, after: Mapping[str, str] | None
) -> tuple[list[SellableProduct], Mapping[str, str] | None]:
    """The SKUs with a pack on one page of the segment, and the key to continue after.

    A Scan reads each pack once, as it is when its page is read: 0.5 read units per 4 KB. A pack in
    several items is read as a whole when its first item is met, and the other items are skipped:
    the Scan meets them at other times, and they may have been spread in between.
    """
    page = tables.scan_page(
        table_name("availability"), PAGE, start_key(after), **segment.scan_arguments
    )
    packs = columns_of(item for item in page.items if is_first(item))
    products = catalog.products(packs) if packs else {}
    selling = rules.selling(channel, packs, at, confidence_in(packs), products)
    sellable = [
        SellableProduct(sku, products.get(sku), pack)
        for sku, pack in sellable_columns(packs, selling).items()
    ]
    return sellable, key_after(page.last)
