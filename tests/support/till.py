"""An offline till: it prices carts from the lines of `norain prices export` alone.

Written from the documents (the descriptions of the API and shared/design of prices), it shares no
code with shared/: every combination of promotions is tried, or they go by priority. It knows no
bounds, so that it is for small carts and books.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support.till_sale import Sale
from tests.support.till_values import Json, Line, Receipt


class Till:
    """The products and the book of an export."""

    def __init__(self, lines: Sequence[Json]) -> None:
        self.products = {line["sku"]: line for line in lines if line["kind"] == "product"}
        books = [line["document"] for line in lines if line["kind"] == "book"]
        self.book: Json = books[0] if books else {"currency": None}
        self.promotions = sorted(
            self.book.get("promotions", ()),
            key=lambda one: (one.get("priority", 100), one["promotion_id"]),
        )

    def receipt(self, cart: Json, at: datetime) -> Receipt:
        """The price of a cart before taxes."""
        units: Counter[str] = Counter()
        for line in cart["lines"]:
            units[line["sku"]] += line["quantity"]
        lines = [
            Line(
                line["line_id"],
                line["sku"],
                line["quantity"],
                self.unit_price(line["sku"], cart, units[line["sku"]], at),
                self.products[line["sku"]].get("attributes", {}),
            )
            for line in cart["lines"]
        ]
        currency = self.products[lines[0].sku]["price"]["currency"]
        promotions = self.promotions if self.book["currency"] == currency else []
        return Sale(lines, promotions, cart, at).receipt(self.book.get("mode") == "first")

    def taxes(self, cart: Json, nets: Sequence[int], shipping: int) -> tuple[bool, int] | None:
        """Whether prices contain the tax, and its sum over the lines' ``nets`` and the shipping;
        None without taxes for the country."""
        taxes = self.book.get("taxes", {}).get(cart["country"] or "")
        if taxes is None:
            return None
        rates, by_rate = taxes["rates"], Counter[int]()
        for line, net in zip(cart["lines"], nets, strict=True):
            attributes = self.products[line["sku"]].get("attributes", {})
            named = attributes.get("tax_class", "standard")
            by_rate[rates.get(named, rates["standard"])] += net
        by_rate[rates.get("shipping", rates["standard"])] += shipping
        included, total = bool(taxes["included"]), 0
        for rate, net in by_rate.items():
            divisor = 1_000_000 + (rate if included else 0)
            whole, rest = divmod(net * rate, divisor)
            total += whole + (2 * rest >= divisor)
        return included, total

    def unit_price(self, sku: str, cart: Json, units: int, at: datetime) -> int:
        item = self.products[sku]
        ranks: list[tuple[list[bool], int, str, int]] = [
            ([False] * 4, 1, "", -item["price"]["amount"])
        ]
        for row in item.get("prices", ()):
            day = at.astimezone(ZoneInfo(row.get("time_zone") or "UTC")).date().isoformat()
            named = [
                (row.get("groups"), cart["groups"]),
                (row.get("locations"), [cart["location_id"]]),
                (row.get("location_groups"), cart["location_groups"]),
                (row.get("channels"), [cart["channel"]]),
            ]
            if (
                all(not wanted or set(wanted) & set(there) for wanted, there in named)
                and (row.get("min_quantity") or 1) <= units
                and (row.get("starts_on") or day) <= day <= (row.get("ends_on") or day)
            ):
                special = [bool(wanted) for wanted, _ in named]
                starts_on = row.get("starts_on") or ""
                ranks.append((special, row["min_quantity"], starts_on, -row["amount"]))
        return -max(ranks)[3]
