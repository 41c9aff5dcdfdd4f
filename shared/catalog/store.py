"""Products, table ``catalog``.

    pk SKU#<sku>   sk PRODUCT   a product          find, products: 0.5 read units each
    by_title       listing      PRODUCT#<shard>    page: in the order of the titles
                   title_key    <folded title>#<sku>
    by_group       group_key    <item_group_id>    variants: the products of one group
                   pk

The titles are spread over SHARDS partitions of the index by their SKU, each of which takes some 500
product changes a second; a list merges the shards. Products that older code has put are in
OLD_LISTING until they are put again, and are listed with the others. Older code lists only those:
during a deploy, and after a return to it, it misses what was put meanwhile.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Any

from shared.aws.clients import dynamodb
from shared.aws.dynamodb import Key, Page, get_many, query_page
from shared.aws.items import Item, to_item
from shared.aws.settings import table_name
from shared.catalog.model import GROUP, ORDINARY, Life, PriceRow, Product, Variant
from shared.instants import rfc3339

SHARDS = 8
OLD_LISTING = "PRODUCT"
LISTINGS = (OLD_LISTING, *(f"PRODUCT#{shard}" for shard in range(SHARDS)))
SPARE = 8
"""Products read of a shard beyond its even share of a page: seldom a shard has more."""
MAX_VARIANTS = 100
ParallelMap = Callable[[Callable[[str], Page], Iterable[str]], Iterable[Page]]
FOLDED_BYTES = 900
"""Limit on the title's bytes in its key, which has 1,024: the rest is room for the SKU."""


def product_key(sku: str) -> Key:
    return Key(table_name("catalog"), f"SKU#{sku}", "PRODUCT")


def products(skus: Iterable[str], *, consistent: bool = False) -> dict[str, Product]:
    """The existing products among ``skus``, by SKU. Takes one call per 100."""
    items = get_many((product_key(sku) for sku in skus), consistent=consistent)
    return {item["sku"]: product_of_item(item) for item in items.values()}


def titles(skus: Iterable[str]) -> dict[str, str]:
    """The titles of the existing products among ``skus``, by SKU."""
    return {sku: product.title for sku, product in products(sorted(set(skus))).items()}


def variants(skus: Iterable[str]) -> dict[str, list[Variant]]:
    """The other products of the same group by SKU, from at most MAX_VARIANTS products of the group.
    A product without a group has no entry. Takes one call for the groups and one per group."""
    groups = {
        item["sku"]: item["attributes"][GROUP]
        for item in get_many(map(product_key, skus), only=("sku", "attributes")).values()
        if GROUP in item.get("attributes", {})
    }
    members = {group: _members(group) for group in dict.fromkeys(groups.values())}
    return {
        sku: [variant for variant in members[group] if variant.sku != sku]
        for sku, group in groups.items()
    }


def _members(group: str) -> list[Variant]:
    result = query_page(
        table_name("catalog"),
        "group_key = :group",
        {":group": {"S": group}},
        MAX_VARIANTS,
        IndexName="by_group",
    )
    return [Variant(item["sku"], item["title"], item["attributes"]) for item in result.items]


def find(sku: str) -> Product | None:
    """The product, read with strong consistency."""
    key = product_key(sku)
    items = get_many([key], consistent=True)
    return product_of_item(items[key]) if items else None


def put(product: Product) -> bool:
    """Create or replace the product. Returns whether it is new."""
    before = dynamodb().put_item(
        TableName=table_name("catalog"), Item=_item(product), ReturnValues="ALL_OLD"
    )
    return not before.get("Attributes")


@dataclass(frozen=True, slots=True)
class ProductPage:
    products: list[Product]
    after: str | None
    """The next page starts after this title_key."""


def page(
    limit: int, *, beginning: str = "", after: str | None = None, each: ParallelMap = map
) -> ProductPage:
    """At most ``limit`` products whose title starts with ``beginning``, in the order of titles: one
    call for each of LISTINGS, rarely a few more. ``each`` is a map function, for example that of a
    thread pool.
    """
    prefix = fold_title(beginning)
    firsts = each(lambda listing: _titles(listing, prefix, after, limit), LISTINGS)
    shards = [
        _all_titles(listing, prefix, first, limit)
        for listing, first in zip(LISTINGS, firsts, strict=True)
    ]
    found: list[dict[str, Any]] = []
    for item in merge(*shards, key=itemgetter("title_key")):
        # While a product moves to its shard, the index may show it in both.
        if not found or found[-1]["title_key"] != item["title_key"]:
            found.append(item)
        if len(found) > limit:
            break
    return ProductPage(
        [product_of_item(item) for item in found[:limit]],
        found[limit - 1]["title_key"] if len(found) > limit else None,
    )


def _all_titles(listing: str, prefix: str, first: Page, limit: int) -> Iterator[dict[str, Any]]:
    """The items of a listing in their order: those of its ``first`` page, then of further ones."""
    shown = first
    yield from shown.items
    while shown.last:
        shown = _titles(listing, prefix, shown.last["title_key"]["S"], limit)
        yield from shown.items


def _titles(listing: str, prefix: str, after: str | None, limit: int) -> Page:
    options: dict[str, Any] = {"IndexName": "by_title"}
    if after is not None:
        options["ExclusiveStartKey"] = _start(listing, after)
    condition = "listing = :listing"
    values = {":listing": {"S": listing}}
    if prefix:
        condition += " AND begins_with(title_key, :prefix)"
        values[":prefix"] = {"S": prefix}
    share = limit if listing == OLD_LISTING else min(limit, limit // SHARDS + SPARE)
    return query_page(table_name("catalog"), condition, values, share + 1, **options)


def fold_title(title: str) -> str:
    """A title in its searchable form: case-folded, one space between words, at most FOLDED_BYTES
    bytes."""
    text = " ".join(title.casefold().split())
    return text.encode()[:FOLDED_BYTES].decode(errors="ignore")


def product_of_item(item: dict[str, Any]) -> Product:
    ends = item.get("season_ends_at")
    return Product(
        sku=item["sku"],
        title=item["title"],
        price=item["price"],
        currency=item["currency"],
        kg=float(item["kg"]),
        margin=item.get("margin"),
        salvage=item.get("salvage"),
        gtin=item.get("gtin"),
        season_ends_at=datetime.fromisoformat(ends) if ends else None,
        attributes=item.get("attributes", {}),
        life=life_of_item(item),
        prices=tuple(_row_of_value(value) for value in item.get("prices", ())),
        gift_card=item.get("gift_card", False),
    )


def _row_of_value(value: Mapping[str, Any]) -> PriceRow:
    starts, ends = value.get("starts_at"), value.get("ends_at")
    return PriceRow(
        amount=value["amount"],
        channels=tuple(value.get("channels", ())),
        locations=tuple(value.get("locations", ())),
        groups=tuple(value.get("groups", ())),
        min_quantity=value.get("min_quantity", 1),
        starts_at=datetime.fromisoformat(starts) if starts else None,
        ends_at=datetime.fromisoformat(ends) if ends else None,
        zone=value.get("zone"),
    )


def _value_of_row(row: PriceRow) -> dict[str, Any]:
    """What is not given is not stored."""
    values = {
        "amount": row.amount,
        "channels": list(row.channels) or None,
        "locations": list(row.locations) or None,
        "groups": list(row.groups) or None,
        "min_quantity": row.min_quantity if row.min_quantity > 1 else None,
        "starts_at": rfc3339(row.starts_at) if row.starts_at else None,
        "ends_at": rfc3339(row.ends_at) if row.ends_at else None,
        "zone": row.zone,
    }
    return {name: value for name, value in values.items() if value is not None}


def life_of_item(item: Mapping[str, Any]) -> Life:
    """The life of a product, from any item that has the attributes of ``life_attributes``."""
    begins, ended = item.get("available_from"), item.get("discontinued", False)
    if begins is None and not ended:
        return ORDINARY
    return Life(datetime.fromisoformat(begins) if begins else None, ended)


def life_attributes(life: Life) -> dict[str, Any]:
    """The item attributes of a life; None is not stored."""
    begins = life.available_from
    return {
        "available_from": rfc3339(begins) if begins else None,
        "discontinued": life.discontinued or None,
    }


def _item(product: Product) -> Item:
    ends = product.season_ends_at
    return to_item(
        {
            "pk": f"SKU#{product.sku}",
            "sk": "PRODUCT",
            "listing": f"PRODUCT#{zlib.crc32(product.sku.encode()) % SHARDS}",
            "title_key": _title_key(product.title, product.sku),
            "sku": product.sku,
            "title": product.title,
            "price": product.price,
            "currency": product.currency,
            "kg": product.kg,
            "margin": product.margin,
            "salvage": product.salvage,
            "gtin": product.gtin,
            "season_ends_at": rfc3339(ends) if ends else None,
            "attributes": product.attributes,
            "group_key": product.attributes.get(GROUP),
            **life_attributes(product.life),
            "prices": [_value_of_row(row) for row in product.prices] or None,
            "gift_card": product.gift_card or None,
        }
    )


def _title_key(title: str, sku: str) -> str:
    return f"{fold_title(title)}#{sku}"


def _start(listing: str, after: str) -> Item:
    _, _, sku = after.rpartition("#")
    return to_item({"pk": f"SKU#{sku}", "sk": "PRODUCT", "listing": listing, "title_key": after})
