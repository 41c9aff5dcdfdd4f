"""The export for offline tills, read by a till that shares no code with the system: it comes to
every vector, to the cent of each line and promotion."""

import json
import random
from collections import Counter
from datetime import date
from typing import Any

import pytest

from shared.catalog.model import PriceRow, Product
from shared.instants import start_of_day
from shared.pricing.contract.book import BookDocument
from shared.pricing.exporting import export_lines
from tests.support.pricing import AT
from tests.support.till import Till

Json = dict[str, Any]
DAIRY = {"attributes": {"department": ["dairy"]}}
BAKERY = {"attributes": {"department": ["bakery"]}}


def promotion(name: str, *does: Json, **more: Any) -> Json:
    return {"promotion_id": name, "title": name, "does": list(does), **more}


SALE = {"group": "sale", "stacks_with": ["order", "points", "deal"]}
PROMOTIONS: list[Json] = [
    promotion(
        "dairy",
        {"kind": "percent_off", "basis_points": 1250, "products": DAIRY},
        priority=20,
        **SALE,
    ),
    promotion(
        "list-5",
        {"kind": "percent_off", "basis_points": 500, "of": "list", "products": BAKERY},
        group="sale",
        stacks_with=["sale", "order"],
        time_zone="America/Denver",
        when={"hours": {"days": ["fri", "sat"], "opens": "10:00", "closes": "18:00"}},
    ),
    promotion(
        "gold",
        {"kind": "amount_off", "amount": 33, "products": {"skus": ["P1", "P4"]}},
        people={"tiers": ["gold"]},
        **SALE,
    ),
    promotion(
        "staff",
        {"kind": "fixed_price", "amount": 700, "products": {"excluded": {"skus": ["P0"]}}},
        people={"groups": ["staff"]},
        group="sale",
        priority=5,
    ),
    promotion(
        "many",
        {
            "kind": "quantity_tiers",
            "products": BAKERY,
            "tiers": [
                {"min_quantity": 3, "basis_points": 700},
                {"min_quantity": 6, "basis_points": 1200},
            ],
        },
        **SALE,
    ),
    promotion(
        "three",
        {"kind": "buy_get", "buy": 2, "get": 1, "products": {"skus": ["P2", "P3"]}},
        group="deal",
        stacks_with=["sale", "order"],
    ),
    promotion(
        "toast",
        {
            "kind": "buy_get",
            "buy": 1,
            "get": 2,
            "basis_points": 5000,
            "products": BAKERY,
            "get_products": DAIRY,
            "most": 1,
        },
        group="deal",
        stacks_with="all",
        priority=90,
    ),
    promotion(
        "breakfast",
        {
            "kind": "bundle_price",
            "amount": 1111,
            "parts": [{"quantity": 1, "products": DAIRY}, {"quantity": 1, "products": BAKERY}],
        },
        channels=["web"],
        group="deal",
        stacks_with=["order"],
    ),
    promotion(
        "present",
        {"kind": "gift", "sku": "P0"},
        when={"subtotal": {"at_least": 4000}},
        group="deal",
        stacks_with=["order"],
    ),
    promotion(
        "spend",
        {"kind": "order_amount_off", "amount": 777},
        when={"all": [{"subtotal": {"at_least": 3000}}, {"not": {"quantity": {"at_least": 20}}}]},
        group="order",
        stacks_with=["sale"],
    ),
    promotion(
        "friends",
        {"kind": "order_percent_off", "basis_points": 850, "products": DAIRY},
        code="required",
        group="order",
        stacks_with=["sale", "deal", "order"],
        priority=10,
    ),
    promotion(
        "welcome",
        {"kind": "order_percent_off", "basis_points": 1500},
        {"kind": "shipping_percent_off", "basis_points": 5000},
        code="required",
        people={"first_order": True},
    ),
    promotion("free", {"kind": "shipping_price", "amount": 99}, when={"method": ["pickup"]}),
    promotion(
        "more-points",
        {"kind": "points_multiplier", "basis_points": 20_000, "products": DAIRY},
        {"kind": "points_multiplier", "basis_points": 30_000, "products": {"skus": ["P2"]}},
    ),
    promotion(
        "over",
        {"kind": "order_percent_off", "basis_points": 9000},
        ends_on="2026-11-19",
        time_zone="America/Denver",
        stacks_with="all",
    ),
]
TAXES = {
    "DE": {"included": True, "rates": {"standard": 190_000, "food": 70_000}},
    "US": {"included": False, "rates": {"standard": 71_250, "shipping": 0}},
}
FRIDAY = start_of_day(date(2026, 11, 20), "America/Denver")
SATURDAY = start_of_day(date(2026, 11, 21), "America/Denver")
ROWS = (
    PriceRow(399, groups=("staff",)),
    PriceRow(389, channels=("pos",), min_quantity=4),
    PriceRow(382, locations=("denver",)),
    PriceRow(377, location_groups=("mountain", "coast")),
    PriceRow(371, location_groups=("mountain",), channels=("web",)),
    PriceRow(379, starts_at=FRIDAY, ends_at=SATURDAY, zone="America/Denver"),
)


def exported(promotions: list[Json], vectors: int, seed: int, mode: str) -> list[Json]:
    departments = ("dairy", "bakery")
    products = [
        Product(
            f"P{number}",
            "A product",
            499 + 371 * number,
            "USD",
            1.0,
            attributes={"department": departments[number % 2]}
            | ({"tax_class": "food"} if number % 3 else {}),
            prices=ROWS if number == 1 else (),
        )
        for number in range(5)
    ]
    draft = {"currency": "USD", "promotions": promotions, "taxes": TAXES, "mode": mode}
    document = BookDocument.model_validate(draft).stored()
    lines = export_lines(products, 7, document, AT, vectors, seed)
    return [json.loads(json.dumps(line)) for line in lines]


def check(lines: list[Json]) -> Counter[str]:
    """Every vector; which promotions were taken, how often."""
    till, taken = Till(lines), Counter[str]()
    for vector in lines:
        if vector["kind"] != "vector":
            continue
        cart, quote = vector["cart"], vector["quote"]
        at = till.receipt(cart, AT)
        told = json.dumps(vector)
        assert [line.price for line in at.lines] == [
            line["unit_price"] for line in quote["lines"]
        ], told
        assert at.saving == quote["totals"]["discounts"], told
        if till.book.get("mode") == "first":
            for cuts, line in zip(at.cuts, quote["lines"], strict=True):
                assert dict(cuts) == {
                    row["promotion_id"]: row["amount"] for row in line["discounts"]
                }, told
        shipping = quote["shipping"]
        cut = at.shipping_cut
        assert shipping["discounts"] == (
            [{"promotion_id": cut[0], "amount": cut[1]}] if cut else []
        ), told
        for points, line in zip(at.points, quote["lines"], strict=True):
            told_points = line.get("points_multiplier")
            assert points == (
                (told_points["promotion_id"], told_points["basis_points"]) if told_points else None
            ), told
        # Of the nets of the quote: equal savings may lie on other lines.
        totals, nets = quote["totals"], [line["net"] for line in quote["lines"]]
        included, tax = totals["tax_included"], totals["tax"]
        assert till.taxes(cart, nets, totals["shipping"]) == (included, tax), told
        assert totals["total"] == sum(nets) + totals["shipping"] + (0 if included else tax)
        taken.update(row["promotion_id"] for row in quote["discounts"])
        taken.update(point[0] for point in at.points if point)
        taken["codes"] += bool(cart["codes"])
        taken["location_groups"] += bool(quote["given"].get("location_groups"))
    return taken


@pytest.mark.parametrize("mode", ["best", "first"])
def test_a_till_comes_to_every_vector_of_random_books(mode: str) -> None:
    rng = random.Random(7)
    taken: Counter[str] = Counter()
    for seed in range(30):
        some = rng.sample(PROMOTIONS, 6 if mode == "best" else 11)
        taken += check(exported(some, 12, seed, mode))
    assert taken["codes"] > 20
    assert taken["location_groups"] > 5
    assert {one["promotion_id"] for one in PROMOTIONS} - set(taken) == {"over"}


def test_a_till_without_a_book_knows_prices_and_no_taxes() -> None:
    product = Product("P1", "A product", 870, "USD", 1.0, prices=ROWS)
    lines = [json.loads(json.dumps(line)) for line in export_lines([product], 0, None, AT, 40)]
    till = Till(lines)
    for vector in lines[2:]:
        receipt = till.receipt(vector["cart"], AT)
        assert receipt.nets == [line["net"] for line in vector["quote"]["lines"]]
        assert receipt.saving == 0
        assert "tax" not in vector["quote"]["totals"]
