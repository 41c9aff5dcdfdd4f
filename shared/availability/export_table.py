"""All packs with their products, page after page: tables ``availability`` and ``catalog``."""

from collections.abc import Iterator
from datetime import datetime

from shared.availability.channel import told
from shared.availability.model import Columns, unpack
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.catalog import table as catalog
from shared.catalog.model import Product
from shared.stock import rules_table

PAGE = 100
"""Packs of one page: a call for their products, and about a megabyte of memory."""


def stocked(channel: str, at: datetime) -> Iterator[tuple[str, Product | None, Columns]]:
    """Every SKU with a pack, its product if there is one, and what ``channel`` is told of it.

    A Scan, each pack once, as it is when its page is read: 0.5 read units per 4 KB.
    """
    after = None
    while True:
        page = tables.scan_page(table_name("availability"), PAGE, after)
        packs = {
            item["pk"].removeprefix("SKU#"): unpack(item["pack"], item["as_of"])
            for item in page.items
            if item["pk"].startswith("SKU#")  # beside packs lies what is known of picks
        }
        products = catalog.products(packs) if packs else {}
        selling = rules_table.selling(channel, packs, at, products)
        for sku, pack in told(packs, selling).items():
            yield sku, products.get(sku), pack
        after = page.last
        if after is None:
            return
