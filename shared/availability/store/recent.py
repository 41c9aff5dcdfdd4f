"""What answers about availability read, kept in the memory of the process for a moment.

A popular SKU is asked for thousands of times a second, and the partition of its pack gives 3,000
read units a second. So each process reads a pack at most about once a second:

    1,000 warm processes x 1.1 reads/s x 2 units (a pack of 2,000 locations) = 2,200 units/s

A Lambda process answers one request at a time: 20,000 requests a second of 5.4 ms keep 108
processes busy, of 24 ms 480 (``python -m tests.bench availability.hot``). With more than 1,350
processes, or with larger packs, DynamoDB refuses some of the reads; then packs of up to
STALE_SECONDS are answered, and the answer says how old they are. Only a process without such a pack
refuses the request, with 503.

Reservations, routing and the publisher of events read the table (packs.py), never this memory.
"""

from collections.abc import Iterable, Mapping, Sequence

from shared.availability.model.pack import Columns
from shared.availability.store import packs
from shared.aws.cache import CachedByKey, Values
from shared.catalog import store as catalog
from shared.catalog.model import Product, Variant

PACK_SECONDS = 1
STALE_SECONDS = 5
CATALOG_SECONDS = 5
"""Names, variants and attributes of products; what a product's dates of sale say is in its pack."""
MOST_LOCATIONS = 200_000
"""Locations over all packs that a process keeps, of about 110 bytes each: 22 MB."""
MOST_PRODUCTS = 5_000


def columns(skus: Iterable[str]) -> Values[Columns]:
    """The columns of the packs that exist among ``skus``, PACK_SECONDS old at most, or
    STALE_SECONDS while DynamoDB refuses reads. They are shared: nobody may change them.

    Raises Busy when DynamoDB refuses the read of a pack that this process has not kept.
    """
    return packs_cache.get(skus)


def variants(skus: Iterable[str]) -> Mapping[str, Sequence[Variant]]:
    """The other variants of ``skus``, CATALOG_SECONDS old at most; raises Busy as ``columns``."""
    return variants_cache.get(skus).by_key


def products(skus: Iterable[str]) -> Mapping[str, Product]:
    """The products that exist among ``skus``, CATALOG_SECONDS old at most; raises Busy as
    ``columns``."""
    return products_cache.get(skus).by_key


packs_cache = CachedByKey(
    packs.columns,
    seconds=PACK_SECONDS,
    stale_seconds=STALE_SECONDS,
    most=MOST_LOCATIONS,
    size=lambda pack: 1 + len(pack.locations),
)
variants_cache = CachedByKey(
    catalog.variants,
    seconds=CATALOG_SECONDS,
    stale_seconds=2 * CATALOG_SECONDS,
    most=MOST_PRODUCTS,
    size=lambda variants: 1 + len(variants),
)
products_cache = CachedByKey(
    catalog.products,
    seconds=CATALOG_SECONDS,
    stale_seconds=2 * CATALOG_SECONDS,
    most=MOST_PRODUCTS,
)


def clear() -> None:
    """Makes the next answers read everything again."""
    for cache in (packs_cache, variants_cache, products_cache):
        cache.clear()
