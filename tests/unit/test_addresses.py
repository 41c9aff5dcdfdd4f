"""Addresses by the rules of their country."""

from typing import Any

import pytest

from shared.addresses import Address, normalized, problems

GOOD: dict[str, Any] = {
    "name": "Bob",
    "lines": ("1600 Amphitheatre Pkwy",),
    "city": "Mountain View",
    "postal_code": "94043",
    "country": "US",
    "region": "California",
}


def wrong(**changes: Any) -> dict[str, str]:
    return dict(problems(Address(**{**GOOD, **changes})))


def test_a_region_becomes_its_code() -> None:
    assert wrong() == {}
    assert normalized(Address(**GOOD), "+1650", None).region == "CA"
    assert normalized(Address(**GOOD), "+1650", None).phone == "+1650"


@pytest.mark.parametrize(
    ("changes", "part", "message"),
    [
        ({"postal_code": "9404"}, "postal_code", "no postal code in US looks like this"),
        ({"postal_code": "10001"}, "postal_code", "no postal code in US looks like this"),
        ({"city": ""}, "city", "an address in US needs it"),
        ({"region": None}, "region", "an address in US needs it"),
        ({"region": "Bavaria"}, "region", "US has these: "),
        ({"lines": ()}, "lines", "an address in US needs it"),
        ({"country": "XX"}, "country", "no country has the code XX"),
    ],
)
def test_a_wrong_part_is_named_with_its_reason(
    changes: dict[str, Any], part: str, message: str
) -> None:
    found = wrong(**changes)
    assert set(found) == {part}
    assert found[part].startswith(message)


@pytest.mark.parametrize(
    "parts",
    [
        {"country": "DE", "city": "Berlin", "postal_code": "10115", "region": None},
        {"country": "GB", "city": "London", "postal_code": "SW1A 1AA", "region": None},
        {"country": "FR", "city": "Paris", "postal_code": "75001", "region": None},
        {"country": "HK", "city": "Central", "postal_code": "", "region": "Hong Kong Island"},
        {"country": "CA", "city": "Toronto", "postal_code": "M5V 3L9", "region": "ON"},
    ],
)
def test_addresses_of_other_countries_have_other_parts(parts: dict[str, Any]) -> None:
    assert wrong(**parts) == {}
