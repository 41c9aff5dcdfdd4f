"""Availability in the words of those who take files."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.availability.model.export import GOOGLE_COLUMNS, Stores, decimal, google, schema_org
from shared.availability.model.pack import Columns, PackRow
from shared.catalog.model import Life, Product
from tests.support.places import hours, place
from tests.unit.availability.test_query import pack

AT = datetime(2026, 11, 23, 17, 0, 30, tzinfo=UTC)
SOON = int(AT.timestamp()) + 86_400
MILK = Product("milk", 'Whole "Milk"', 199, "USD", 1.0, gtin="5901234123457")
LOCATIONS = {
    "boulder": place("boulder", ship=False),
    "denver": place("denver"),
    "depot": place("depot", type="warehouse", pickup=False),
    "kiosk": place("kiosk", pickup=False),
}
STORES = Stores.of(LOCATIONS, AT)


def rows(product: Product, columns: Columns, stores: Stores = STORES) -> list[dict[str, str]]:
    lines = list(google(product, columns, stores))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return [dict(zip(GOOGLE_COLUMNS, line[:-1].split("\t"), strict=True)) for line in lines]


def offers(columns: Columns, product: Product = MILK) -> list[dict[str, Any]]:
    line = schema_org(product, columns, STORES)
    assert line.count("\n") == 1
    found: list[dict[str, Any]] = json.loads(line)["offers"]
    return found


def test_google_is_told_of_each_store_that_knows_the_product_and_of_no_warehouse() -> None:
    found = rows(MILK, pack(boulder=6, denver=5, depot=90, kiosk=0, unknown=4))
    assert found[:2] == [
        {
            "store_code": "boulder",
            "id": "milk",
            "quantity": "6",
            "availability": "in_stock",
            "price": "1.99 USD",
            "pickup_method": "buy",
            "pickup_sla": "same_day",
        },
        {
            "store_code": "denver",
            "id": "milk",
            "quantity": "5",
            "availability": "limited_availability",
            "price": "1.99 USD",
            "pickup_method": "buy",
            "pickup_sla": "same_day",
        },
    ]
    (kiosk,) = found[2:]
    assert (kiosk["quantity"], kiosk["availability"]) == ("0", "out_of_stock")
    assert (kiosk["pickup_method"], kiosk["pickup_sla"]) == ("not_supported", "")


def test_a_position_below_zero_is_none_and_an_id_that_is_too_long_is_left_out() -> None:
    (row,) = rows(MILK, pack(denver=-3))
    assert (row["quantity"], row["availability"]) == ("0", "out_of_stock")
    assert rows(replace(MILK, sku="x" * 50), pack(denver=1))
    assert rows(replace(MILK, sku="x" * 51), pack(denver=1)) == []


@pytest.mark.parametrize(
    ("opening", "word"),
    [
        ({"every": "09:00-18:00"}, "same_day"),
        ({"tue": "09:00-18:00"}, "next_day"),
        ({"wed": "09:00-18:00"}, "2-day"),
        ({"sun": "09:00-18:00"}, "6-day"),
    ],
)
def test_pickup_is_promised_by_the_calendar_of_the_store(
    opening: dict[str, str], word: str
) -> None:
    store = place("denver", hours=hours(**opening))
    stores = Stores.of({"denver": store}, AT)
    (row,) = rows(MILK, pack(denver=1), stores)
    assert row["pickup_sla"] == word


def test_in_the_evening_of_the_store_tomorrow_in_utc_is_still_today() -> None:
    late = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # 19:00 on the day before in Denver
    (row,) = rows(MILK, pack(denver=1), Stores.of({"denver": place("denver")}, late))
    assert row["pickup_sla"] == "same_day"


def test_schema_org_is_told_of_what_ships_and_of_each_store_that_hands_over() -> None:
    document = json.loads(schema_org(MILK, pack(boulder=2, denver=3, depot=9, kiosk=1), STORES))
    assert document["@context"] == "https://schema.org"
    assert document["@type"] == "Product"
    assert (document["sku"], document["name"]) == ("milk", 'Whole "Milk"')
    assert document["gtin"] == "5901234123457"
    shipped, *stores = document["offers"]
    assert shipped == {
        "@type": "Offer",
        "price": "1.99",
        "priceCurrency": "USD",
        "availability": "https://schema.org/InStock",
        "inventoryLevel": {"@type": "QuantitativeValue", "value": 13},
        "availableDeliveryMethod": "https://schema.org/ParcelService",
    }
    assert [
        (one["availableAtOrFrom"]["@id"], one["inventoryLevel"]["value"]) for one in stores
    ] == [("urn:norain:location:boulder", 2), ("urn:norain:location:denver", 3)]
    assert {one["availability"] for one in stores} == {"https://schema.org/LimitedAvailability"}


def test_schema_org_is_told_when_it_comes_and_that_it_does_not() -> None:
    (coming,) = offers(pack(denver=PackRow(0, 1, ((SOON, 4),))))
    assert coming["availability"] == "https://schema.org/BackOrder"
    assert coming["availabilityStarts"] == "2026-11-24T17:00:30.000Z"
    (none,) = offers(pack(denver=0))
    assert none["availability"] == "https://schema.org/OutOfStock"


def test_products_that_are_sold_ahead_or_discontinued() -> None:
    """Google's local inventory is what lies in the store now, and knows no preorder."""
    ahead = replace(
        pack(denver=7, boulder=0), life=Life(datetime(2026, 12, 1, tzinfo=UTC), discontinued=True)
    )
    assert {(row["quantity"], row["availability"]) for row in rows(MILK, ahead)} == {
        ("0", "out_of_stock")
    }
    shipped, store = offers(ahead)
    for offer in (shipped, store):
        assert offer["availability"] == "https://schema.org/PreOrder"
        assert offer["availabilityStarts"] == "2026-12-01T00:00:00.000Z"
    coming = pack(denver=PackRow(0, 1, ((SOON, 4),)))
    (early,) = offers(replace(coming, life=Life(AT + timedelta(hours=1))))
    assert early["availability"] == "https://schema.org/PreOrder"
    assert early["availabilityStarts"] == "2026-11-24T17:00:30.000Z"
    (late,) = offers(replace(coming, life=Life(AT + timedelta(days=9))))
    assert late["availabilityStarts"] == "2026-12-02T17:00:30.000Z"
    (ended,) = offers(replace(coming, life=Life(discontinued=True)))
    assert ended["availability"] == "https://schema.org/Discontinued"
    assert "availabilityStarts" not in ended
    left = replace(pack(denver=7), life=Life(discontinued=True))
    assert [row["availability"] for row in rows(MILK, left)] == ["in_stock"]


def test_variants_name_their_group() -> None:
    shirt = replace(MILK, attributes={"item_group_id": "shirts"})
    document = json.loads(schema_org(shirt, pack(denver=1), STORES))
    assert document["inProductGroupWithID"] == "shirts"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (199, "USD", "1.99"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (199, "JPY", "199"),
        (1999, "KWD", "1.999"),
        (100_000_000_01, "USD", "100000000.01"),
    ],
)
def test_money_is_a_decimal_number_of_the_currency(amount: int, currency: str, text: str) -> None:
    assert decimal(amount, currency) == text
