"""The local carrier, the choice of a rate, and money."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.carriers import paper
from shared.carriers.model import Package, Rate, choose, instant_of, local, minor_units
from tests.support.carriers import CONSIGNMENT

LEAVES = datetime(2026, 11, 20, 18, tzinfo=UTC)
CHEAP = Rate("a", "UPS", "ground", 500, "USD", days=5)
FAST = Rate("b", "UPS", "air", 2500, "USD", days=1)
UNSURE = Rate("c", "USPS", "media", 300, "USD")


def test_the_cheapest_rate_in_time_is_chosen() -> None:
    rates = [CHEAP, FAST, UNSURE]
    assert choose(rates, LEAVES) == UNSURE
    assert choose(rates, LEAVES, LEAVES + timedelta(days=5)) == CHEAP
    assert choose(rates, LEAVES, LEAVES + timedelta(days=2)) == FAST


def test_when_all_are_late_the_fastest_is_chosen() -> None:
    assert choose([CHEAP, FAST, UNSURE], LEAVES, LEAVES) == FAST


def test_a_service_may_be_named() -> None:
    assert choose([CHEAP, FAST], LEAVES, carrier="ups", service="AIR") == FAST
    assert choose([CHEAP, FAST], LEAVES, carrier="dhl") is None


def test_a_date_of_the_carrier_goes_before_its_days() -> None:
    dated = replace(FAST, deliver_by=LEAVES + timedelta(days=9))
    assert choose([dated, CHEAP], LEAVES, LEAVES + timedelta(days=5)) == CHEAP


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(0, 13), st.integers(1, 9))
def test_a_mistyped_digit_is_seen(digits: str, place: int, off: int) -> None:
    right = f"NR{digits}{local.check_digit(digits)}"
    assert local.is_tracking_number(right)
    wrong = str((int(digits[place]) + off) % 10)
    mistyped = f"NR{digits[:place]}{wrong}{digits[place + 1 :]}{right[-1]}"
    assert not local.is_tracking_number(mistyped)


@given(st.text(min_size=1))
def test_a_tracking_number_has_its_check_digit(reference: str) -> None:
    assert local.is_tracking_number(local.tracking_number(reference))


def test_rates_grow_with_zone_and_weight() -> None:
    here = replace(CONSIGNMENT, recipient=CONSIGNMENT.sender)
    heavy = replace(CONSIGNMENT, package=Package(9000, 300, 200, 100))
    abroad = replace(CONSIGNMENT, recipient=replace(CONSIGNMENT.sender, country="DE"))
    amounts = [
        local.rates(consignment)[0].amount for consignment in (here, CONSIGNMENT, heavy, abroad)
    ]
    assert amounts == [710, 770, 1330, 1130]
    assert local.rates(replace(heavy, package=Package(30_001, 1, 1, 1))) == ()


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("7.33", "USD", 733), ("0.1", "EUR", 10), ("500", "JPY", 500), ("1.2345", "KWD", 1235)],
)
def test_amounts_are_minor_units(amount: str, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-11-20T10:00:00-08:00", 18), ("2026-11-20T18:00:00", 18), ("soon", None), (None, None)],
)
def test_instants_of_providers(text: str | None, hour: int | None) -> None:
    at = instant_of(text)
    assert (at and at.hour) == hour


def test_letters_that_the_font_lacks_become_their_nearest() -> None:
    assert paper.printable("Zoë  Müller\nŁódź €5") == "Zoë Müller Lódz €5"
    assert paper.printable("北京") == "BeiJing"
