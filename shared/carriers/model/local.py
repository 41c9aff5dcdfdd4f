"""The local carrier of demos and tests: the same question always gets the same answer. Pure.

A label is made from its rate and its reference, so that buying it twice is buying it once.
"""

import hashlib

from shared.carriers.model.values import Consignment, Label, Package, Rate
from shared.locations.model import ServiceLevel

CARRIER = "Local"
CURRENCY = "USD"
SERVICES: dict[ServiceLevel, tuple[int, int, int]] = {
    "standard": (490, 60, 80),
    "express": (990, 90, 120),
    "next_day": (1990, 150, 200),
}
"""By service level the minor units for a parcel, for each zone, and for each begun kilogram."""
MOST_ZONES = 8
HEAVIEST_GRAMS = 30_000


def rates(consignment: Consignment) -> tuple[Rate, ...]:
    """The rates by zone and weight; none for a parcel that is too heavy."""
    package = consignment.package
    if package.grams > HEAVIEST_GRAMS:
        return ()
    zone = zone_of(consignment)
    return tuple(
        Rate(
            rate_id=f"{level}.{amount}",
            carrier=CARRIER,
            service=level,
            amount=amount,
            currency=CURRENCY,
            service_level=level,
            days=days_of(level, zone),
        )
        for level in SERVICES
        if (amount := price(level, zone, package))
    )


def price(level: ServiceLevel, zone: int, package: Package) -> int:
    base, per_zone, per_kilogram = SERVICES[level]
    kilograms = -(-package.grams // 1000)
    return base + per_zone * zone + per_kilogram * kilograms


def days_of(level: ServiceLevel, zone: int) -> int:
    match level:
        case "next_day" | "same_day":
            return 1
        case "express":
            return 2
        case "standard":
            return 2 + zone // 2


def zone_of(consignment: Consignment) -> int:
    """1 (near) to MOST_ZONES (far, or abroad), from the first three characters of the postal
    codes."""
    sender, recipient = consignment.sender, consignment.recipient
    if sender.country != recipient.country:
        return MOST_ZONES
    here, there = (
        "".join(address.postal_code.split())[:3].upper() for address in (sender, recipient)
    )
    if here.isdecimal() and there.isdecimal():
        return 1 + min(MOST_ZONES - 1, abs(int(here) - int(there)) // 100)
    return 1 if here == there else MOST_ZONES // 2


def tracking_number(reference: str) -> str:
    """NR, 14 digits, and a check digit (Luhn, ISO/IEC 7812-1 annex B)."""
    digest = hashlib.sha256(reference.encode()).digest()
    digits = f"{int.from_bytes(digest[:8]) % 10**14:014d}"
    return f"NR{digits}{check_digit(digits)}"


def check_digit(digits: str) -> int:
    """The digit behind ``digits`` that makes the Luhn sum a multiple of ten."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return -sum(number // 10 + number % 10 for number in doubled) % 10


def is_tracking_number(text: str) -> bool:
    digits = text.removeprefix("NR")
    return (
        text.startswith("NR")
        and len(digits) == 15
        and digits.isdecimal()
        and check_digit(digits[:-1]) == int(digits[-1])
    )


def label(rate_id: str, consignment: Consignment) -> Label:
    """The label of a rate, still without its document. Raises ValueError for an unknown rate."""
    level, _, amount = rate_id.partition(".")
    tracking = tracking_number(consignment.reference)
    return Label(
        label_id=tracking,
        carrier=CARRIER,
        tracking=tracking,
        amount=int(amount),
        currency=CURRENCY,
        document=b"",
        service=level,
    )
