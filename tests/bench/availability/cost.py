"""Calls and units of each question and of a change, as DynamoDB Local tells them."""

import contextlib
import io
import random
from collections.abc import Iterator
from datetime import timedelta

from functions.availability.query import handler
from shared.availability.model import pack
from shared.availability.model.pack import PackChange
from shared.availability.store import packs, projection, recent
from shared.aws import dynamodb
from shared.catalog import store as catalog
from shared.catalog.model import Product
from tests.bench.availability.shelves import AT, counted, empty_tables, open_stores, question, stock
from tests.bench.report import Row, Table, Tell
from tests.support.units import metered

STORES = (10, 50, 500, 2_000, 10_000)
CHANGES = 50
BASKETS = (1, 5, 20, 100)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    with empty_tables():
        tell("shelves")
        open_stores(500)
        for stores in STORES:
            stock(f"of-{stores}", stores)
        stock("sold", 500, sold=True)
        for size in ("s", "m", "l"):
            sku = f"shirt-{size}"
            group = {"item_group_id": "shirt", "size": size}
            catalog.put(Product(sku, f"Shirt {size}", 1999, "USD", 0.2, attributes=group))
            if size != "m":
                stock(sku, 500)
        for number in range(max(BASKETS)):
            stock(f"sku-{number}", 500, number)
        with contextlib.redirect_stdout(io.StringIO()):
            asked = question(sku="sku-0")
            with counted() as cold:
                handler(asked, None)
            extra = sum(one["units"] for one in cold) - 0.5
            rows = [
                *(_row(f"1 SKU x {stores:,} locations", f"of-{stores}") for stores in STORES),
                *(
                    _row(
                        f"a basket of {skus} x 500 locations",
                        ",".join(f"sku-{number}" for number in range(skus)),
                    )
                    for skus in BASKETS
                ),
                _row("1 SKU x 500 locations, all of them have sold", "sold"),
                _row("1 SKU that nobody has, with variants", "shirt-m"),
            ]
        yield Table(
            "a question's cost",
            rows,
            (
                f"and every 30 s, for 500 locations: {len(cold) - 1} calls, {extra:g} read units",
                "read units from ReturnConsumedCapacity of DynamoDB Local; eventually consistent",
            ),
        )
        yield Table(
            "a change's cost",
            [_changed(stores, tell) for stores in STORES],
            (f"{CHANGES} changes of a location each by a process that knows the SKU",),
        )


def _changed(stores: int, tell: Tell) -> Row:
    tell(f"changes of {stores:,} locations")
    chance, sku = random.Random(stores), f"of-{stores}"
    projection.project(sku, [_change(chance.randrange(stores), 0)])
    with metered() as units:
        for number in range(CHANGES):
            assert projection.project(sku, [_change(chance.randrange(stores), 1 + number)])
    slices = packs.stored_slices(sku)
    return {
        "locations": stores,
        "items": len(slices),
        "reads": units.reads / CHANGES,
        "writes": units.writes / CHANGES,
        "read units": units.read / CHANGES,
        "write units": units.write / CHANGES,
        "as one item, bytes": len(
            pack.encode(pack.merge_slices([one.pack for one in slices]).rows)
        ),
    }


def _change(place: int, number: int) -> PackChange:
    version = 1_000_000 + number
    at = AT + timedelta(seconds=number)
    return PackChange(f"store-{place:04}", version, pack.PackRow(number % 40, version), at)


def _row(title: str, skus: str) -> Row:
    recent.clear()
    with counted() as used:
        answer = handler(question(sku=skus, limit="200"), None)
    assert answer["statusCode"] == 200, answer["body"]
    first = packs.pack_key(skus.partition(",")[0])
    item = dynamodb.get(first.table, first.pk, first.sk)
    return {
        "question": title,
        "calls": len(used),
        "read units": sum(one["units"] for one in used),
        "PACK#0, bytes": len(item["pack"]) if item else None,
        "answer, bytes": len(answer["body"]),
    }
