"""Products in their table."""

import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.aws.dynamodb import get_many, query_page
from shared.aws.items import to_item
from shared.catalog import store
from shared.catalog.model import Life, PriceRow, Product, Variant

pytestmark = pytest.mark.usefixtures("fake_tables")


def product(sku: str = "milk", title: str = "Whole Milk", **more: Any) -> Product:
    return Product(sku, title, price=349, currency="USD", kg=3.79, **more)


def test_a_product_is_read_as_it_was_put() -> None:
    full = product(
        margin=87,
        salvage=0,
        gtin="5901234123457",
        season_ends_at=datetime(2026, 12, 24, 18, tzinfo=UTC),
        attributes={"department": "dairy"},
        life=Life(datetime(2026, 12, 1, tzinfo=UTC), discontinued=True),
        prices=(
            PriceRow(299, ("pos", "web"), ("denver",), ("staff",), 6),
            PriceRow(
                329,
                starts_at=datetime(2026, 12, 1, tzinfo=UTC),
                ends_at=datetime(2026, 12, 2, tzinfo=UTC),
                zone="UTC",
            ),
        ),
    )
    assert store.find("milk") is None
    assert store.put(full)
    assert store.find("milk") == full
    assert not store.put(product())
    assert store.find("milk") == product()


def test_products_are_those_that_exist() -> None:
    store.put(product("a"))
    store.put(product("b"))
    assert store.products(["a", "b", "c", "a"]) == {"a": product("a"), "b": product("b")}


def test_others_read_products_in_their_own_call() -> None:
    store.put(product("a"))
    found = get_many([store.product_key("a"), store.product_key("b")])
    assert [store.product_of_item(item) for item in found.values()] == [product("a")]


def test_the_list_is_in_the_order_of_the_titles_page_after_page() -> None:
    titles = ["pear", "Apple", "apple", "Banana", "zebra # 5", "Éclair"]
    for index, title in enumerate(titles):
        store.put(product(f"s{index}", title))
    found: list[str] = []
    after = None
    while True:
        page = store.page(2, after=after)
        found += [entry.sku for entry in page.products]
        after = page.after
        if after is None:
            break
    assert found == ["s1", "s2", "s3", "s0", "s4", "s5"]


def listed(limit: int, beginning: str = "") -> list[str]:
    """The SKUs of all pages, each of which is full but the last."""
    found: list[str] = []
    after = None
    while True:
        page = store.page(limit, beginning=beginning, after=after)
        found += [entry.sku for entry in page.products]
        after = page.after
        if after is None:
            return found
        assert len(page.products) == limit


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_the_shards_are_listed_in_one_order_whatever_the_page(limit: int) -> None:
    """Among them products that older code has put into the one partition of all titles."""
    for number in range(120):
        store.put(product(f"s{number}", f"Shirt {(number * 37) % 120:03}"))
    for number in range(0, 120, 5):
        put_by_older_code(f"s{number}")
    expected = sorted(range(120), key=lambda number: f"{(number * 37) % 120:03}")
    assert listed(limit) == [f"s{number}" for number in expected]
    tens = [number for number in expected if 30 <= (number * 37) % 120 < 40]
    assert listed(limit, "shirt 03") == [f"s{number}" for number in tens]
    assert listed(limit, "trousers") == []


def test_a_page_is_a_call_for_each_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(400):
        store.put(product(f"s{number}", f"Shirt {number:03}"))
    read: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        page = query_page(*arguments, **options)
        read.append(len(page.items))
        return page

    monkeypatch.setattr(store, "query_page", counted)
    assert len(store.page(50).products) == 50
    assert (len(read), sum(read)) == (9, 8 * (50 // 8 + 8 + 1))


def test_a_shard_with_most_of_the_titles_is_read_on() -> None:
    skus = [sku for sku in map(str, range(1000)) if zlib.crc32(sku.encode()) % store.SHARDS == 3]
    for sku in skus[:60]:
        store.put(product(sku, f"Shirt {int(sku):04}"))
    assert listed(50) == skus[:60]


def test_what_older_code_has_put_moves_to_its_shard_when_it_is_put_again() -> None:
    store.put(product("a"))
    put_by_older_code("a")
    assert listed(9) == ["a"]
    store.put(product("a"))
    assert listed(9) == ["a"]
    key = store.product_key("a")
    (item,) = get_many([key]).values()
    assert item["listing"] == "PRODUCT#3"


def put_by_older_code(sku: str) -> None:
    key = store.product_key(sku)
    dynamodb().update_item(
        TableName=key.table,
        Key=to_item({"pk": key.pk, "sk": key.sk}),
        UpdateExpression="SET listing = :old",
        ExpressionAttributeValues=to_item({":old": store.OLD_LISTING}),
    )


def test_a_query_is_how_the_title_begins_in_any_case() -> None:
    store.put(product("a", "Whole  Milk 1 GA"))
    store.put(product("b", "Whole Bread"))
    store.put(product("c", "Milk, whole"))
    assert [entry.sku for entry in store.page(9, beginning="WHOLE m").products] == ["a"]
    assert [entry.sku for entry in store.page(9, beginning="whole").products] == ["b", "a"]


def test_a_new_title_leaves_its_old_place() -> None:
    store.put(product("a", "Old"))
    store.put(product("a", "New"))
    assert store.page(9, beginning="old").products == []
    assert [entry.sku for entry in store.page(9).products] == ["a"]


def test_the_variants_of_a_product_are_the_others_of_its_group_as_they_are_now() -> None:
    for sku, group in (("a", "shirt"), ("b", "shirt"), ("c", "shirt"), ("d", "hat"), ("e", "")):
        store.put(product(sku, attributes={"item_group_id": group} if group else {}))
    found = store.variants(["a", "d", "e", "unknown"])
    assert {sku: [one.sku for one in others] for sku, others in found.items()} == {
        "a": ["b", "c"],
        "d": [],
    }
    assert found["a"][0] == Variant("b", "Whole Milk", {"item_group_id": "shirt"})
    store.put(product("b"))
    assert [one.sku for one in store.variants(["a"])["a"]] == ["c"]
