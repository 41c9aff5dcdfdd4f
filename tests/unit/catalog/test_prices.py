"""Price rows: the most specific wins, and days stay the days that were sent."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.contract import PriceRowAnswer, PriceRowInput
from shared.catalog.model import Buying, PriceRow, Product

AT = datetime(2026, 11, 20, 18, tzinfo=UTC)
ZONES = [
    "America/Denver",
    "Europe/Berlin",
    "Asia/Beirut",
    "America/Havana",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "UTC",
]


def product(*rows: PriceRow) -> Product:
    return Product("milk", "Milk", 349, "USD", 1.0, prices=rows)


def buying(channel: str = "web", quantity: int = 1, at: datetime = AT) -> Buying:
    return Buying(channel, at, "denver", frozenset({"staff", "b2b"}), quantity)


def test_the_price_of_the_product_is_the_row_without_conditions() -> None:
    assert product().price_for(buying()) == PriceRow(349)


def test_group_goes_before_location_and_location_before_channel() -> None:
    rows = (
        PriceRow(330, channels=("web",)),
        PriceRow(340, locations=("denver",)),
        PriceRow(345, groups=("staff",)),
        PriceRow(100, groups=("vip",)),
        PriceRow(100, channels=("pos",)),
        PriceRow(100, locations=("boulder",)),
    )
    for order in permutations(rows):
        assert product(*order).price_for(buying()).amount == 345
    assert product(*rows[:2]).price_for(buying()).amount == 340
    assert product(rows[0]).price_for(buying()).amount == 330
    assert product(rows[0]).price_for(buying("pos")).amount == 349


def test_a_group_of_locations_goes_behind_the_location_and_before_the_channel() -> None:
    there = Buying("web", AT, "denver", location_groups=frozenset({"mountain", "city"}))
    rows = (
        PriceRow(330, channels=("web",)),
        PriceRow(340, location_groups=("mountain",)),
        PriceRow(345, locations=("denver",)),
        PriceRow(100, location_groups=("coast",)),
    )
    for order in permutations(rows):
        assert product(*order).price_for(there).amount == 345
    for order in permutations((*rows[:2], rows[3])):
        assert product(*order).price_for(there).amount == 340
        assert product(*order).price_for(buying()).amount == 330, "it is in no group"
    both = PriceRow(335, channels=("web",), location_groups=("city", "coast"))
    assert product(*rows[:2], both).price_for(there).amount == 335


def test_then_the_greatest_quantity_that_is_reached_and_then_the_latest_start() -> None:
    rows = (
        PriceRow(300, min_quantity=6),
        PriceRow(290, min_quantity=12),
        PriceRow(310, min_quantity=6, starts_at=AT - timedelta(days=1)),
        PriceRow(315, min_quantity=6, starts_at=AT - timedelta(days=2)),
    )
    amounts = [product(*rows).price_for(buying(quantity=count)).amount for count in (5, 6, 11, 12)]
    assert amounts == [349, 310, 310, 290]
    steps = product(*rows).price_steps(buying())
    assert [(step.min_quantity, step.amount) for step in steps] == [(1, 349), (6, 310), (12, 290)]


def test_of_equal_rows_the_lowest_amount_wins_in_any_order() -> None:
    rows = (PriceRow(320, channels=("web",)), PriceRow(310, channels=("web", "pos")))
    assert {product(*order).price_for(buying()).amount for order in permutations(rows)} == {310}


def test_a_row_ends_with_its_last_day_there() -> None:
    row = PriceRowInput.model_validate(
        {
            "amount": 299,
            "starts_on": "2026-11-27",
            "ends_on": "2026-11-29",
            "time_zone": "America/Denver",
        }
    ).row()
    milk = product(row)
    starts, ends = datetime(2026, 11, 27, 7, tzinfo=UTC), datetime(2026, 11, 30, 7, tzinfo=UTC)
    moment = timedelta(milliseconds=1)
    for at, amount in ((starts - moment, 349), (starts, 299), (ends - moment, 299), (ends, 349)):
        assert milk.price_for(buying(at=at)).amount == amount
    assert milk.price_changes_at(AT) == starts
    assert milk.price_changes_at(starts) == ends
    assert milk.price_changes_at(ends) is None


@given(
    first=st.dates(date(2020, 1, 1), date(2100, 1, 1)),
    days=st.integers(0, 400),
    zone=st.sampled_from(ZONES),
)
def test_saving_a_row_again_moves_no_date(first: date, days: int, zone: str) -> None:
    """woocommerce/woocommerce-android#16279: each save moved the date by a day."""
    sent = {
        "amount": 1,
        "starts_on": first.isoformat(),
        "ends_on": (first + timedelta(days=days)).isoformat(),
        "time_zone": zone,
    }
    row = PriceRowInput.model_validate(sent).row()
    answered = PriceRowAnswer.of(row).model_dump(mode="json")
    assert {name: answered[name] for name in sent} == sent
    assert PriceRowInput.model_validate(answered).row() == row
    assert row.starts_at is not None
    assert row.starts_at.astimezone(ZoneInfo(zone)).date() == first
    before = (row.starts_at - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    assert before.date() == first - timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"starts_on": "2026-11-27"}, ()),
        ({"starts_on": "2026-11-27", "ends_on": "2026-11-26", "time_zone": "UTC"}, ()),
        ({"time_zone": "Denver"}, ("time_zone",)),
        ({"min_quantity": 0}, ("min_quantity",)),
        ({"channels": []}, ("channels",)),
        ({"colour": "red"}, ("colour",)),
    ],
)
def test_a_bad_row_is_refused(changes: dict[str, object], place: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (pydantic's)
        PriceRowInput.model_validate({"amount": 1, **changes})
    assert [error["loc"] for error in refused.value.errors()] == [place]  # type: ignore[attr-defined]
