"""What each effect, condition and stage does, and what other systems got wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.catalog.model import PriceRow, Product
from shared.pricing.model.book import Book
from shared.pricing.model.cart import Cart, Person, Place
from shared.pricing.model.pricing import asks_sellable, price, priced_lines
from shared.pricing.model.quote import Priced
from tests.support.pricing import AT, NOBODY, WEB, book, cart, products

FOOD = products({"A": 1000, "B": 3000, "C": 1999, "D": 700})
ONLY_A = {"skus": ["A"]}


def quoted(
    wanted: Cart,
    rules: Book,
    person: Person = NOBODY,
    place: Place = WEB,
    at: datetime = AT,
    known: dict[str, Product] = FOOD,
    **more: Any,
) -> Priced:
    return price(wanted, person, place, at, rules, known, **more)


def nets(priced: Priced) -> list[int]:
    return [line.net for line in priced.quote.lines]


def reasons(priced: Priced) -> dict[str, tuple[str, int | None]]:
    return {one.promotion_id: (one.reason, one.short_by) for one in priced.not_taken}


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"kind": "percent_off", "basis_points": 1000, "products": ONLY_A}, [1800, 3000]),
        ({"kind": "amount_off", "amount": 150, "products": ONLY_A}, [1700, 3000]),
        ({"kind": "amount_off", "amount": 1500, "products": ONLY_A}, [0, 3000]),
        ({"kind": "fixed_price", "amount": 499, "products": ONLY_A}, [998, 3000]),
        ({"kind": "fixed_price", "amount": 1499, "products": ONLY_A}, [2000, 3000]),
        (
            {
                "kind": "quantity_tiers",
                "tiers": [
                    {"min_quantity": 2, "basis_points": 500},
                    {"min_quantity": 3, "basis_points": 1000},
                ],
            },
            [1800, 2700],
        ),
        ({"kind": "buy_get", "buy": 2, "get": 1}, [1000, 3000]),
        ({"kind": "buy_get", "buy": 1, "get": 1, "basis_points": 5000}, [1500, 3000]),
        (
            {
                "kind": "buy_get",
                "buy": 1,
                "get": 1,
                "products": {"skus": ["B"]},
                "get_products": ONLY_A,
            },
            [1000, 3000],
        ),
        (
            {
                "kind": "bundle_price",
                "amount": 3500,
                "parts": [
                    {"products": ONLY_A, "quantity": 1},
                    {"products": {"skus": ["B"]}, "quantity": 1},
                ],
            },
            [1875, 2625],
        ),
        ({"kind": "gift", "sku": "A", "quantity": 1}, [1000, 3000]),
        ({"kind": "order_percent_off", "basis_points": 1000}, [1800, 2700]),
        ({"kind": "order_amount_off", "amount": 501}, [1800, 2699]),
        ({"kind": "order_amount_off", "amount": 9999}, [0, 0]),
    ],
)
def test_an_effect(effect: dict[str, Any], expected: list[int]) -> None:
    assert nets(quoted(cart(("A", 2), ("B", 1)), book({"does": [effect]}))) == expected


def percent(points: int, **more: Any) -> dict[str, Any]:
    return {"does": [{"kind": "percent_off", "basis_points": points, "products": ONLY_A}], **more}


def test_percentages_stack_on_what_is_left_or_on_the_list_price() -> None:
    two = (percent(1000), percent(2000))
    assert nets(quoted(cart(("A", 1)), book(*two))) == [720]
    of_list = percent(2000)
    of_list["does"][0]["of"] = "list"
    assert nets(quoted(cart(("A", 1)), book(percent(1000), of_list))) == [700]


def test_of_two_that_do_not_stack_the_better_is_taken_and_the_other_explained() -> None:
    priced = quoted(
        cart(("A", 1)), book(percent(1000, stacks_with="none"), percent(2000, stacks_with="none"))
    )
    assert nets(priced) == [800]
    assert reasons(priced) == {"p0": ("saves_less", None)}


def test_a_coupon_that_is_not_for_sale_items_takes_its_share_of_the_others() -> None:
    """shopperlabs and others shared an order discount over lines that it excludes."""
    sale = percent(2000, group="sale", stacks_with=["points"])
    coupon = {
        "does": [{"kind": "order_amount_off", "amount": 500}],
        "group": "coupon",
        "stacks_with": ["points"],
    }
    priced = quoted(cart(("A", 1), ("B", 1), ("D", 1)), book(sale, coupon))
    assert nets(priced) == [800, 2595, 605]


def test_a_threshold_is_measured_on_list_prices() -> None:
    """Otherwise the discount on items would unmake that on the order."""
    order = {
        "does": [{"kind": "order_percent_off", "basis_points": 1000}],
        "when": {"subtotal": {"at_least": 1000}},
    }
    assert nets(quoted(cart(("A", 1)), book(percent(5000), order))) == [450]


def test_what_is_missing_is_said() -> None:
    rules = book(
        percent(1000, when={"subtotal": {"at_least": 2500}}),
        percent(1000, when={"quantity": {"at_least": 5}}),
        percent(1000, when={"any": [{"quantity": {"at_least": 5}}, {"method": ["pickup"]}]}),
        percent(1000, people={"tiers": ["gold"]}),
        percent(1000, people={"first_order": True}),
        percent(1000, when={"method": ["pickup"]}),
        percent(1000, when={"not": {"method": ["ship"]}}),
        percent(1000, when={"hours": {"days": ["sat"]}}),
        percent(1000, when={"sellable": {"skus": ["A"], "at_least": 1}}),
        {"does": [{"kind": "buy_get", "buy": 2, "get": 1}]},
        {"does": [{"kind": "shipping_price", "amount": 0}]},
        percent(1000, channels=["pos"]),
        percent(1000, starts_on="2026-11-22", time_zone="UTC"),
    )
    assert reasons(quoted(cart(("A", 2), method="ship"), rules)) == {
        "p0": ("subtotal", 500),
        "p1": ("quantity", 3),
        "p2": ("quantity", 3),
        "p3": ("people", None),
        "p4": ("people", None),
        "p5": ("method", None),
        "p6": ("excluded", None),
        "p7": ("hours", None),
        "p8": ("sellable", None),
        "p9": ("quantity", 1),
        "p10": ("shipping", None),
    }


def test_conditions_that_hold() -> None:
    person = Person("gold", frozenset({"staff"}), first_order=False)
    people = {"tiers": ["gold"], "groups": ["staff", "b2b"], "first_order": False}
    when = {
        "all": [
            {"subtotal": {"at_least": 3000, "products": {"skus": ["B"]}}},
            {"hours": {"days": ["fri"], "opens": "11:00", "closes": "11:01"}},
            {"method": ["ship"]},
            {"not": {"quantity": {"at_least": 2}}},
            {"sellable": {"skus": ["A"], "at_least": 3}},
        ]
    }
    rules = book(percent(1000, people=people, when=when, time_zone="America/Denver"))
    wanted = cart(("A", 1), ("B", 1), method="ship")
    assert nets(quoted(wanted, rules, person, sellable={"A": 3})) == [900, 3000]
    assert nets(quoted(wanted, rules, person, sellable={"A": 2})) == [1000, 3000]
    minute = timedelta(minutes=1)
    assert nets(quoted(wanted, rules, person, at=AT + minute, sellable={"A": 3})) == [1000, 3000]
    lines = priced_lines(wanted, person, WEB, AT, FOOD)
    assert asks_sellable(rules, wanted, lines, WEB, AT, "USD") == {"A"}
    assert asks_sellable(rules, wanted, lines[1:], WEB, AT, "USD") == frozenset()


def test_shipping_promotions_exclude_only_each_other() -> None:
    """sylius#10913"""
    rules = book(
        percent(1000, stacks_with="none"),
        {"does": [{"kind": "shipping_percent_off", "basis_points": 5000}], "stacks_with": "none"},
        {"does": [{"kind": "shipping_price", "amount": 199}], "stacks_with": "none"},
    )
    priced = quoted(cart(("A", 1), shipping=499), rules)
    assert (nets(priced), priced.quote.shipping.net, priced.quote.total) == ([900], 199, 1099)
    assert priced.quote.discounts()[1]["shipping"] == 300
    assert reasons(priced) == {"p1": ("saves_less", None)}


def test_a_gift_is_offered_and_then_costs_nothing() -> None:
    rules = book(
        {
            "does": [{"kind": "gift", "sku": "D", "quantity": 2}],
            "when": {"subtotal": {"at_least": 3000}},
        }
    )
    assert quoted(cart(("A", 1)), rules).gifts == ()
    (gift,) = quoted(cart(("B", 1)), rules).gifts
    assert (gift.sku, gift.quantity) == ("D", 2)
    priced = quoted(cart(("B", 1), ("D", 3)), rules)
    assert (nets(priced), priced.gifts) == ([3000, 700], ())
    assert quoted(cart(("A", 2), ("D", 2)), rules).gifts == (), "gifts do not count for themselves"


def test_taxes_are_included_or_added_by_class_and_add_up() -> None:
    rates = {"standard": 190_000, "food": 70_000}
    known = {
        "A": replace(FOOD["A"], attributes={"tax_class": "food"}),
        "B": FOOD["B"],
        "C": FOOD["C"],
    }
    wanted = cart(("A", 1), ("B", 1), ("C", 1), shipping=500)
    for included, total, tax in ((True, 6499, 943), (False, 7614, 1115)):
        rules = book(taxes={"DE": {"included": included, "rates": rates}})
        quote = quoted(wanted, rules, place=replace(WEB, country="DE"), known=known).quote
        assert (quote.total, quote.tax, quote.tax_included) == (total, tax, included)
        assert quote.lines[0].tax is not None
        assert quote.lines[0].tax.rate == 70_000
        assert quoted(wanted, rules, known=known).quote.tax_included is None


def test_price_rows_come_first_and_count_the_units_of_all_lines() -> None:
    rows = (PriceRow(900, min_quantity=3), PriceRow(800, groups=("staff",)))
    known = {"A": replace(FOOD["A"], prices=rows)}
    assert nets(quoted(cart(("A", 1), ("A", 2)), book(percent(1000)), known=known)) == [810, 1620]
    staff = Person(groups=frozenset({"staff"}))
    assert nets(quoted(cart(("A", 1)), book(), staff, known=known)) == [800]


def test_what_depends_on_the_channel_is_listed() -> None:
    known = {"A": replace(FOOD["A"], prices=(PriceRow(900, channels=("pos",)),))}
    rules = book(percent(1000, channels=["pos"]))
    web = quoted(cart(("A", 1)), rules, known=known).quote
    pos = quoted(cart(("A", 1)), rules, place=replace(WEB, channel="pos"), known=known).quote
    assert (web.net, pos.net) == (1000, 810)
    assert web.by_channel == pos.by_channel == ("sku:A", "promotion:p0")
    assert (web.given.channel, pos.given.channel) == ("web", "pos")
    assert quoted(cart(("B", 1)), rules).quote.given.channel is None


def test_a_book_in_another_currency_has_no_promotions_for_the_cart() -> None:
    known = {"A": replace(FOOD["A"], currency="EUR")}
    quote = quoted(cart(("A", 1)), book(percent(1000)), known=known).quote
    assert (quote.net, quote.currency) == (1000, "EUR")


def test_a_million_units_are_priced_without_listing_them() -> None:
    rules = book(
        {"does": [{"kind": "buy_get", "buy": 2, "get": 1}]},
        {
            "does": [
                {
                    "kind": "bundle_price",
                    "amount": 2500,
                    "parts": [{"products": {"skus": ["D"]}, "quantity": 4}],
                }
            ]
        },
    )
    assert nets(quoted(cart(("A", 999_999), ("D", 10)), rules))[0] == 666_666_000


def test_more_contested_promotions_than_are_tried_are_said() -> None:
    rules = book(
        *(
            {
                "does": [{"kind": "order_percent_off", "basis_points": 100 * (number + 1)}],
                "stacks_with": "none",
            }
            for number in range(8)
        )
    )
    priced = quoted(cart(("A", 1)), rules)
    assert (nets(priced), priced.quote.complete) == ([920], False)
    assert reasons(priced)["p0"] == ("not_considered", None)


# -- had by others


def test_100_percent_off_is_nothing_to_pay() -> None:
    """medusa#12429"""
    rules = book(percent(10_000), {"does": [{"kind": "order_percent_off", "basis_points": 10_000}]})
    quote = quoted(cart(("A", 3), ("C", 1)), rules).quote
    assert (quote.total, quote.totals()["discounts"]) == (0, 4999)
    assert [promotion_id for promotion_id, _ in quote.titles] == ["p0", "p1"]


def test_25_percent_of_19_99() -> None:
    """medusa#12226: 14.9925. Once for all equal units, half up: 19.99 - 5.00."""
    rules = book({"does": [{"kind": "percent_off", "basis_points": 2500}]})
    assert nets(quoted(cart(("C", 1)), rules)) == [1499]
    assert nets(quoted(cart(("C", 4)), rules)) == [5997]


def test_no_cents_are_lost_per_unit() -> None:
    """saleor#12040, vendure#3003: an amount divided by the units loses or invents cents."""
    rules = book({"does": [{"kind": "order_amount_off", "amount": 100}]})
    quote = quoted(cart(("A", 3), ("D", 7), ("C", 3)), rules).quote
    assert sum(amount for line in quote.lines for _, amount in line.discounts) == 100
    assert quote.net == 3000 + 4900 + 5997 - 100


def test_nothing_is_shared_to_lines_that_are_not_eligible() -> None:
    """BroadleafCommerce/BroadleafCommerce#1113"""
    effect = {"kind": "order_amount_off", "amount": 333, "products": {"skus": ["A", "D"]}}
    assert nets(quoted(cart(("A", 1), ("B", 1), ("D", 1)), book({"does": [effect]}))) == [
        804,
        3000,
        563,
    ]


def test_nothing_is_left_of_an_amount_that_is_taken_off_whole() -> None:
    """solidusio/solidus#2582: -1.6e-14 was left, and refused."""
    rules = book({"does": [{"kind": "order_amount_off", "amount": 3699}]})
    quote = quoted(cart(("A", 1), ("C", 1), ("D", 1)), rules).quote
    assert (quote.total, [line.net for line in quote.lines]) == (0, [0, 0, 0])


@pytest.mark.parametrize(("units", "net"), [(10, 10_000), (29, 29_000), (30, 10_000), (31, 11_000)])
def test_buy_10_get_20_with_10_in_the_cart(units: int, net: int) -> None:
    """medusa#8829"""
    rules = book({"does": [{"kind": "buy_get", "buy": 10, "get": 20}]})
    assert nets(quoted(cart(("A", units)), rules)) == [net]


def test_buy_get_is_the_same_in_one_line_or_two() -> None:
    """medusa#14432: adding units in one step or in two gave different discounts."""
    rules = book({"does": [{"kind": "buy_get", "buy": 2, "get": 1}]})
    one = quoted(cart(("A", 3)), rules).quote.net
    assert one == quoted(cart(("A", 1), ("A", 2)), rules).quote.net == 2000


def test_a_promotion_runs_to_the_end_of_its_last_day_there() -> None:
    """awesomemotive/easy-digital-downloads#7492, mitodl/mitxpro#991"""
    rules = book(
        percent(1000, starts_on="2026-11-20", ends_on="2026-11-20", time_zone="Asia/Tokyo")
    )
    begins = datetime(2026, 11, 19, 15, tzinfo=UTC)
    moment, day = timedelta(milliseconds=1), timedelta(days=1)
    found = [
        nets(quoted(cart(("A", 1)), rules, at=at))[0]
        for at in (begins - moment, begins, begins + day - moment, begins + day)
    ]
    assert found == [1000, 900, 900, 1000]


def test_unknown_facts_of_the_person_skip_a_promotion() -> None:
    """medusa#15823: an undefined attribute matched."""
    for people in ({"first_order": True}, {"first_order": False}, {"tiers": ["none"]}):
        assert nets(quoted(cart(("A", 1)), book(percent(1000, people=people)))) == [1000]
