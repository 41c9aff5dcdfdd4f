"""Promotions that multiply points: the quote says which, and the price stays as it is."""

from typing import Any

import pytest

from shared.pricing.model.pricing import price
from shared.pricing.model.quote import Priced, Quote
from shared.pricing.tokens import quote_token, read_token
from tests.support.pricing import AT, NOBODY, WEB, book, cart, products

GOODS = products({"A": 1000, "B": 500})


def multiplied(points: int, *skus: str, **more: Any) -> dict[str, Any]:
    effect: dict[str, Any] = {"kind": "points_multiplier", "basis_points": points}
    if skus:
        effect["products"] = {"skus": list(skus)}
    return {"does": [effect], "stacks_with": "none", **more}


def priced(*promotions: dict[str, Any]) -> Priced:
    return price(cart(("A", 2), ("B", 1)), NOBODY, WEB, AT, book(*promotions), GOODS)


def test_the_largest_multiplier_of_a_line_counts_and_no_price_changes() -> None:
    quote = priced(multiplied(20_000), multiplied(30_000, "B")).quote
    assert [line.points_multiplier for line in quote.lines] == [("p0", 20_000), ("p1", 30_000)]
    assert quote.net == 2500
    assert quote.discounts() == []
    assert quote.uses == ()


def test_a_condition_that_fails_is_told_with_what_is_short() -> None:
    found = priced(multiplied(20_000, when={"subtotal": {"at_least": 3000}}))
    assert [line.points_multiplier for line in found.quote.lines] == [None, None]
    (missed,) = found.not_taken
    assert (missed.promotion_id, missed.reason, missed.short_by) == ("p0", "subtotal", 500)


def test_points_and_discounts_do_not_exclude_each_other() -> None:
    sale = {"does": [{"kind": "percent_off", "basis_points": 1000}], "stacks_with": "none"}
    quote = priced(sale, multiplied(20_000, "A")).quote
    assert quote.net == 2250
    assert quote.lines[0].points_multiplier == ("p1", 20_000)


@pytest.mark.usefixtures("fake_tables")
def test_the_token_keeps_multipliers_and_funding() -> None:
    sale = {
        "does": [{"kind": "percent_off", "basis_points": 1000, "products": {"skus": ["B"]}}],
        "funding": {"vendor": "farm", "basis_points": 5000},
    }
    quote = priced(sale, multiplied(20_000, "A")).quote
    assert quote.funding == (("p0", "farm", 5000),)
    (discount,) = quote.discounts()
    assert discount["funding"] == {"vendor": "farm", "basis_points": 5000, "amount": 25}
    assert read_token(quote_token(quote)) == quote
    assert Quote.from_json(quote.to_json()) == quote
    assert quote.digest != priced(multiplied(20_000, "A")).quote.digest
