"""The export for offline tills, read by a second reader that knows the JSON lines only.

It shares no code with shared/pricing, and finds the best combination by trying all of them.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, product
from typing import Any
from zoneinfo import ZoneInfo

from shared.catalog.model import PriceRow, Product
from shared.instants import start_of_day
from shared.pricing.exporting import export_lines
from tests.support.pricing import AT

Doc = dict[str, Any]
Units = tuple[Doc, int, Doc | None, bool]
STAGES = {
    "percent_off": "item",
    "amount_off": "item",
    "buy_get": "buy_get",
    "order_amount_off": "order",
}
DAIRY = {"attributes": {"department": ["dairy"]}}


def promotion(name: str, does: Doc, group: str, stacks: list[str] | str, **more: Any) -> Doc:
    return {
        "promotion_id": name,
        "title": name,
        "does": [does],
        "group": group,
        "stacks_with": stacks,
        **more,
    }


BOOK: Doc = {
    "currency": "USD",
    "promotions": [
        promotion(
            "dairy",
            {"kind": "percent_off", "basis_points": 1250, "products": DAIRY},
            "sale",
            ["order"],
        ),
        promotion(
            "cent",
            {"kind": "amount_off", "amount": 33, "products": {"skus": ["P1", "P4"]}},
            "sale",
            ["sale"],
            people={"tiers": ["gold"]},
        ),
        promotion(
            "web",
            {"kind": "percent_off", "basis_points": 700},
            "sale",
            ["order", "sale"],
            channels=["web"],
        ),
        promotion(
            "three",
            {"kind": "buy_get", "buy": 2, "get": 1, "products": {"skus": ["P2", "P3"]}},
            "bundle",
            "all",
        ),
        promotion(
            "spend",
            {"kind": "order_amount_off", "amount": 777},
            "order",
            ["sale"],
            when={"subtotal": {"at_least": 3000}},
        ),
        promotion(
            "over",
            {"kind": "order_percent_off", "basis_points": 9000},
            "order",
            "all",
            ends_on="2026-11-19",
            time_zone="America/Denver",
        ),
    ],
    "taxes": {"DE": {"included": True, "rates": {"standard": 190_000, "food": 70_000}}},
}
ROWS = (
    PriceRow(399, groups=("staff",)),
    PriceRow(389, channels=("pos",), min_quantity=4),
    PriceRow(
        379,
        starts_at=start_of_day(date(2026, 11, 20), "America/Denver"),
        ends_at=start_of_day(date(2026, 11, 21), "America/Denver"),
        zone="America/Denver",
    ),
)


def exported() -> list[Doc]:
    departments = ("dairy", "bakery")
    products = [
        Product(
            f"P{number}",
            "A product",
            499 + 371 * number,
            "USD",
            1.0,
            attributes={"department": departments[number % 2], "tax_class": "food"},
            prices=ROWS if number == 1 else (),
        )
        for number in range(5)
    ]
    lines = export_lines(products, 7, BOOK, AT, 150)
    return [json.loads(json.dumps(line)) for line in lines]


# -- the second reader


def unit_price(item: Doc, cart: Doc, quantity: int, at: datetime) -> int:
    found = [((False, False, False, 1, date.min), item["price"]["amount"])]
    for row in item.get("prices", ()):
        day = at.astimezone(ZoneInfo(row.get("time_zone", "UTC"))).date().isoformat()
        if (
            row["min_quantity"] <= quantity
            and cart["channel"] in row.get("channels", [cart["channel"]])
            and ("locations" not in row or cart["location_id"] in row["locations"])
            and ("groups" not in row or set(row["groups"]) & set(cart["groups"]))
            and row.get("starts_on", day) <= day <= row.get("ends_on", day)
        ):
            starts = date.fromisoformat(row.get("starts_on", "0001-01-01"))
            special = ("groups" in row, "locations" in row, "channels" in row)
            found.append(((*special, row["min_quantity"], starts), row["amount"]))
    return int(max(found)[1])


def applies(one: Doc, cart: Doc, at: datetime) -> bool:
    day = at.astimezone(ZoneInfo(one.get("time_zone", "UTC"))).date().isoformat()
    return (
        cart["channel"] in one.get("channels", [cart["channel"]])
        and one.get("ends_on", day) >= day
        and cart["tier"] in one.get("people", {}).get("tiers", [cart["tier"]])
    )


def within(one: Doc, item: Doc) -> bool:
    named = one["does"][0].get("products", {})
    wanted = named.get("attributes", {})
    return item["sku"] in named.get("skus", [item["sku"]] if not wanted else []) or (
        bool(wanted) and all(item["attributes"].get(name) in some for name, some in wanted.items())
    )


def together(one: Doc, other: Doc) -> bool:
    return all(
        first["stacks_with"] == "all" or second["group"] in first["stacks_with"]
        for first, second in ((one, other), (other, one))
    )


def subsets(some: Sequence[Doc]) -> Iterator[tuple[Doc, ...]]:
    for size in range(len(some) + 1):
        yield from combinations(some, size)


def included(amount: int, percent: int) -> int:
    """The tax in an amount."""
    return (amount * percent * 2 + 100 + percent) // (2 * (100 + percent))


def rounded(amount: int, points: int) -> int:
    return (amount * points + 5_000) // 10_000


def groups_of(lines: Sequence[Doc], bundles: Sequence[Doc]) -> list[Units]:
    """The units by line, bundle, and whether they are free."""
    free = {line["line_id"]: line["quantity"] for line in lines}
    found: dict[tuple[str, str | None, bool], int] = {}
    for bundle in bundles:
        mine = [line for line in lines if within(bundle, line["item"])]
        dearest = sorted(mine, key=lambda line: -line["price"])
        units = [line["line_id"] for line in dearest for _ in range(free[line["line_id"]])]
        for place, line_id in enumerate(units[: len(units) // 3 * 3]):
            key = line_id, str(bundle["promotion_id"]), place % 3 == 2
            found[key] = found.get(key, 0) + 1
            free[line_id] -= 1
    for line_id, units_left in free.items():
        if units_left:
            found[line_id, None, False] = units_left
    by_id = {line["line_id"]: line for line in lines}
    named = {None: None} | {bundle["promotion_id"]: bundle for bundle in bundles}
    return [
        (by_id[line], units, named[bundle], gift) for (line, bundle, gift), units in found.items()
    ]


def most_saved(lines: Sequence[Doc], promotions: Sequence[Doc]) -> int:
    kinds: dict[str, list[Doc]] = {"item": [], "buy_get": [], "order": []}
    for one in promotions:
        kinds[STAGES[one["does"][0]["kind"]]].append(one)
    best = 0
    for bundles in subsets(kinds["buy_get"]):
        groups = groups_of(lines, bundles)
        choices = [
            [
                clique
                for clique in subsets([one for one in kinds["item"] if within(one, line["item"])])
                if all(
                    together(*pair)
                    for pair in combinations([*clique, *([bundle] if bundle else [])], 2)
                )
            ]
            for line, _, bundle, _ in groups
        ]
        for cliques in product(*choices):
            for orders in subsets(kinds["order"]):
                best = max(best, saved(groups, cliques, orders))
    return best


def saved(groups: Sequence[Any], cliques: Sequence[Any], orders: Sequence[Doc]) -> int:
    listed = [line["price"] * units for line, units, _, _ in groups]
    left = []
    for total, (_, units, _, gift), clique in zip(listed, groups, cliques, strict=True):
        rest = total
        for one in clique:
            does = one["does"][0]
            percentage = rounded(rest, does.get("basis_points", 0))
            cut = does["amount"] * units if "amount" in does else percentage
            rest -= min(rest, cut)
        left.append(0 if gift else rest)
    for order in orders:
        may = [
            all(together(order, one) for one in (*clique, *([bundle] if bundle else [])))
            for (_, _, bundle, _), clique in zip(groups, cliques, strict=True)
        ]
        enough = sum(total for total, yes in zip(listed, may, strict=True) if yes) >= 3000
        rest = sum(amount for amount, yes in zip(left, may, strict=True) if yes)
        left.append(-min(rest, order["does"][0]["amount"]) if enough else 0)
    return int(sum(listed) - sum(left))


def test_a_second_reader_comes_to_the_same_prices() -> None:
    lines = exported()
    items = {line["sku"]: line for line in lines if line["kind"] == "product"}
    (book,) = (line["document"] for line in lines if line["kind"] == "book")
    vectors = [line for line in lines if line["kind"] == "vector"]
    assert len(vectors) == 150
    taken: set[str] = set()
    for vector in vectors:
        cart, quote = vector["cart"], vector["quote"]
        at = datetime.fromisoformat(quote["at"])
        units: dict[str, int] = {}
        for line in cart["lines"]:
            units[line["sku"]] = units.get(line["sku"], 0) + line["quantity"]
        for line in cart["lines"]:
            line["item"] = items[line["sku"]]
            line["price"] = unit_price(line["item"], cart, units[line["sku"]], at)
        prices = [line["price"] for line in cart["lines"]]
        assert prices == [line["unit_price"] for line in quote["lines"]]
        running = [one for one in book["promotions"] if applies(one, cart, at)]
        assert quote["totals"]["discounts"] == most_saved(cart["lines"], running)
        nets = sum(line["net"] for line in quote["lines"])
        totals = quote["totals"]
        assert totals["list_total"] - totals["discounts"] == totals["net"] == nets
        assert totals["total"] == nets + cart["shipping"]
        assert totals["tax"] == included(nets, 7) + included(cart["shipping"], 19)
        assert quote["valid_until"] > quote["at"]
        taken |= {discount["promotion_id"] for discount in quote["discounts"]}
    assert taken == {"dairy", "cent", "web", "three", "spend"}


def test_the_same_seed_has_the_same_vectors_and_no_product_has_none() -> None:
    assert exported() == exported()
    (header,) = export_lines([], 0, None, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0), 10)
    assert header["kind"] == "header"
