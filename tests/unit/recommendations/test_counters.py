"""The counters of baskets: whatever the order and the batches, the same counts."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.recommendations.model import counters
from shared.recommendations.model.baskets import MOST_SKUS, Basket, Change
from shared.recommendations.model.counters import (
    AGAIN_HALF_LIFE,
    EVERYWHERE,
    KNOWN_SALES,
    MOST_AGAIN,
    Counters,
    faded,
    places_of,
    share,
)
from tests.support.profiles import examples

DAY = date(2026, 11, 20)
SKUS = ("bread", "jam", "milk", "soap", "tea")
DEPARTMENTS = {"bread": "bakery", "jam": "", "milk": "dairy", "soap": "care", "tea": "drinks"}


def basket(
    *skus: str, day: date = DAY, home: str | None = "bob", at: str | None = "denver"
) -> Basket:
    return Basket(day, tuple((sku, DEPARTMENTS.get(sku, "")) for sku in skus), home, at)


def folded(*groups: list[Change]) -> Counters:
    all_rows = Counters()
    for group in groups:
        all_rows.fold(group, DAY)
    return all_rows


def new(number: int, made: Basket) -> Change:
    return Change(f"o-{number}", 1, None, made)


def counts(rows: Counters) -> object:
    """What the rows count, without what depends on the order: the last day that a subtracted basket
    has left, and the sizes of partners when they were noted."""
    return (
        {
            home: {sku: (one.weight, one.times) for sku, one in row.items.items()}
            for home, row in rows.again.items()
            if row.items
        },
        {
            sku: (
                row.baskets,
                row.weight,
                {other: one.together for other, one in row.items.items()},
            )
            for sku, row in rows.partners.items()
            if row.baskets
        },
        {place: row.items for place, row in rows.popular.items() if row.items},
    )


baskets = st.builds(
    lambda skus, age, home, at: basket(*skus, day=DAY - timedelta(days=age), home=home, at=at),
    st.lists(st.sampled_from(SKUS), unique=True, max_size=5),
    st.integers(0, 300),
    st.sampled_from(("bob", "eve", None)),
    st.sampled_from(("denver", "omaha", None)),
)


@examples(60)
@given(st.data(), st.lists(st.lists(baskets, min_size=1, max_size=3), max_size=8))
def test_any_order_and_any_batches_count_the_same(
    data: st.DataObject, orders: list[list[Basket]]
) -> None:
    """Each order is a list of its versions; only its last one counts in the end."""
    straight = folded(
        [new(number, versions[-1]) for number, versions in enumerate(orders) if versions[-1].skus]
    )
    changes = [
        Change(f"o-{number}", version, before, after)
        for number, versions in enumerate(orders)
        for version, (before, after) in enumerate(
            zip([None, *versions[:-1]], versions, strict=True), 1
        )
    ]
    waiting = {number: [c for c in changes if c.order_id == f"o-{number}"] for number in range(8)}
    batches: list[list[Change]] = []
    number: int
    joined: bool
    while any(waiting.values()):
        number = data.draw(st.sampled_from([n for n, left in waiting.items() if left]))
        change = waiting[number].pop(0)
        joined = data.draw(st.booleans())
        if batches and joined:
            batches[-1].append(change)
        else:
            batches.append([change])
    assert counts(folded(*batches)) == counts(straight)


def test_two_items_of_a_basket_are_partners() -> None:
    rows = folded([new(1, basket("bread", "jam", "milk"))])
    assert {sku: one.together for sku, one in rows.partners["jam"].items.items()} == {
        "bread": share(3),
        "milk": share(3),
    }
    assert rows.partners["jam"].items["milk"].size == 1


def test_a_large_basket_says_less_of_each_pair() -> None:
    rows = folded([new(1, basket("bread", "jam")), new(2, basket("bread", "milk", "tea", "soap"))])
    bread = rows.partners["bread"].items
    assert bread["jam"].together == 71
    assert bread["milk"].together == 50
    assert rows.partners["bread"].ranked()[0][0] == "jam"


def test_what_came_back_is_subtracted() -> None:
    whole, rest = basket("bread", "jam"), basket("bread")
    rows = folded([new(1, whole)], [Change("o-1", 2, whole, rest)])
    assert counts(rows) == counts(folded([new(1, rest)]))
    assert rows.partners["jam"].baskets == 0
    assert list(rows.again["bob"].items) == ["bread"]


def test_an_order_of_nobody_leaves_no_home() -> None:
    assert folded([new(1, basket("bread", home=None))]).again == {}


def test_an_erased_buyer_is_subtracted_and_the_basket_stays() -> None:
    made = basket("bread", "jam")
    rows = folded([new(1, made)], [Change("o-1", 2, made, replace(made, home=None))])
    assert rows.again["bob"].items == {}
    assert rows.partners["bread"].items["jam"].together == share(2)


def test_a_purchase_counts_half_after_its_half_life() -> None:
    old = basket("jam", day=DAY - timedelta(days=AGAIN_HALF_LIFE))
    rows = folded([new(1, old), new(2, basket("bread"))])
    items = rows.again["bob"].items
    assert items["bread"].weight == faded(DAY, AGAIN_HALF_LIFE)
    assert abs(items["jam"].weight / items["bread"].weight - 0.5) < 0.001


def test_a_home_keeps_the_items_of_most_weight() -> None:
    usual = [new(number, basket("bread")) for number in range(2)]
    others = [new(10 + number, basket(f"sku-{number}")) for number in range(MOST_AGAIN + 20)]
    rows = folded(usual, others)
    assert len(rows.again["bob"].items) == MOST_AGAIN
    assert "bread" in rows.again["bob"].items


def test_rows_of_partners_and_of_popularity_stay_below_their_caps() -> None:
    rows = Counters()
    for number in range(30):
        names = [f"sku-{20 * number + place}" for place in range(20)]
        rows.fold([new(number, basket("bread", *names))], DAY)
    most = counters.MOST_PARTNERS + counters.PARTNERS_SPARE
    assert counters.MOST_PARTNERS <= len(rows.partners["bread"].items) <= most
    here = rows.popular[EVERYWHERE, ""].items
    assert counters.MOST_POPULAR <= len(here) <= counters.MOST_POPULAR + counters.POPULAR_SPARE
    assert "bread" in here


def test_a_basket_belongs_to_its_location_and_to_its_departments() -> None:
    assert places_of(basket("bread", "jam", "milk")) == {
        (EVERYWHERE, ""): ["bread", "jam", "milk"],
        ("denver", ""): ["bread", "jam", "milk"],
        (EVERYWHERE, "bakery"): ["bread"],
        (EVERYWHERE, "dairy"): ["milk"],
    }


def test_an_order_that_is_replaced_whole_fits_into_one_transaction() -> None:
    before = Basket(DAY, tuple((f"a{n}", f"d{n}") for n in range(MOST_SKUS)), "bob", "denver")
    after = Basket(DAY, tuple((f"b{n}", f"e{n}") for n in range(MOST_SKUS)), "eve", "omaha")
    places = places_of(before).keys() | places_of(after).keys()
    assert 2 * MOST_SKUS + 2 + len(places) + 2 < 98


def test_an_item_is_new_until_it_was_in_enough_baskets() -> None:
    rows = folded([new(1, basket("bread"))])
    assert (list(rows.newcomers.items), rows.newcomers_changed) == (["bread"], True)
    rows.fold([new(2, basket("bread"))], DAY)
    assert (list(rows.newcomers.items), rows.newcomers_changed) == (["bread"], False)
    rows.fold([new(number, basket("bread")) for number in range(3, KNOWN_SALES + 1)], DAY)
    assert rows.newcomers.items == {}


def test_an_item_is_not_new_for_ever() -> None:
    rows = folded([new(1, basket("bread"))])
    rows.fold([new(2, basket("jam"))], DAY + timedelta(days=counters.NEW_DAYS + 1))
    assert "bread" not in rows.newcomers.items
