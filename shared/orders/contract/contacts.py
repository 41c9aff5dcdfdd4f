"""The persons of an order in requests and answers: delivery and billing address, collector."""

from collections.abc import Callable, Sequence
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared import addresses
from shared.addresses import Address
from shared.customers.model import normalize
from shared.errors import InvalidRequest
from shared.locations.contract import Latitude, Longitude, PostalCode
from shared.orders.contract.common import Words
from shared.orders.model import Collector, Contacts, DeliveryPlace, Order
from shared.web.contract import Answer, Country, Input

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=40)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Lines = Annotated[list[Name], Field(min_length=1, max_length=4)]


class _AddressParts(Input):
    """What the addresses of all countries may have."""

    company: Name | None = None
    """Name of the company."""
    city: Name | None = None
    """City."""
    region: Name | None = None
    """State or province: its code where the country has codes, or its name."""
    phone: Phone | None = None
    """Phone number; without a country code it is one of `country`."""
    email: Email | None = None
    """E-mail address."""


class AddressInput(_AddressParts):
    """A postal address. The rules of its country say which parts it needs."""

    name: Name
    """Name of the person."""
    lines: Lines
    """Street and house number, and what else stands above the city; one to four lines."""
    postal_code: PostalCode | None = None
    """Postal code."""
    country: Country
    """Country of the address."""

    def address(self, path: str) -> Address:
        """The address with its phone in E.164. Raises InvalidRequest with each wrong part."""
        return _address(self, self.name, self.lines, path)


class ShipTo(_AddressParts):
    """A delivery address. Postal code and country are enough to place an order; a parcel needs the
    whole address. `name` and `lines` are given together."""

    name: Name | None = None
    """Name of the person who receives the parcel."""
    lines: Lines | None = None
    """Street and house number, and what else stands above the city; one to four lines."""
    postal_code: PostalCode
    """Postal code of the address."""
    country: Country
    """Country of the address."""
    delivery_note: Words | None = None
    """A note for the carrier."""
    latitude: Latitude | None = None
    """WGS84 latitude; default: the centroid of the postal code."""
    longitude: Longitude | None = None
    """WGS84 longitude; give it together with `latitude`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give both latitude and longitude, or neither")
        if (self.name is None) != (self.lines is None):
            raise ValueError("give both name and lines, or neither")
        if self.name is None and (self.company or self.city or self.phone or self.email):
            raise ValueError("an address with company, city, phone or email needs name and lines")
        return self

    def place(self) -> DeliveryPlace:
        return DeliveryPlace(self.postal_code, self.country, self.latitude, self.longitude)

    def address(self, path: str) -> Address | None:
        """The whole address; None where only the place is given. Raises InvalidRequest with each
        wrong part."""
        if self.name is None or self.lines is None:
            return None
        return _address(self, self.name, self.lines, path)


class CollectorInput(Input):
    """The person who collects the goods of pickup lines."""

    name: Name
    """Name of the person."""
    phone: Phone | None = None
    """Phone number with country code."""
    email: Email | None = None
    """E-mail address."""

    def collector(self, path: str) -> Collector:
        """Raises InvalidRequest for what is no phone number or e-mail address."""
        errors: list[dict[str, str]] = []
        phone = _normal(normalize.phone, self.phone, f"{path}.phone", errors)
        email = _normal(normalize.email, self.email, f"{path}.email", errors)
        _refuse(errors)
        return Collector(self.name, phone, email)


def contacts(
    ship_to: ShipTo | None, bill_to: AddressInput | None, collector: CollectorInput | None
) -> Contacts:
    """Raises InvalidRequest with each wrong part."""
    return Contacts(
        ship_to=ship_to.address("$.ship_to") if ship_to else None,
        bill_to=bill_to.address("$.bill_to") if bill_to else None,
        collector=collector.collector("$.collector") if collector else None,
        delivery_note=ship_to.delivery_note if ship_to else None,
    )


def _address(given: AddressInput | ShipTo, name: str, lines: Sequence[str], path: str) -> Address:
    """Raises InvalidRequest with each part that the country refuses."""
    address = Address(
        name=name,
        lines=tuple(lines),
        city=given.city or "",
        postal_code=given.postal_code or "",
        country=given.country,
        region=given.region,
        company=given.company,
        phone=given.phone,
        email=given.email,
    )
    errors = [
        {"path": f"{path}.{part}", "message": message}
        for part, message in addresses.problems(address)
    ]
    phone = _normal(
        lambda text: normalize.phone(text, address.country), address.phone, f"{path}.phone", errors
    )
    email = _normal(normalize.email, address.email, f"{path}.email", errors)
    _refuse(errors)
    return addresses.normalized(address, phone, email)


def _normal(
    read: Callable[[str], str], text: str | None, path: str, errors: list[dict[str, str]]
) -> str | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        errors.append({"path": path, "message": str(error)})
        return None


def _refuse(errors: list[dict[str, str]]) -> None:
    if errors:
        raise InvalidRequest("the address is not valid", errors)


class _AddressPartsAnswer(Answer):
    """What the addresses of all countries may have."""

    company: str | None = None
    """Name of the company."""
    city: str | None = None
    """City."""
    region: str | None = None
    """State or province."""
    phone: str | None = None
    """Phone number in E.164."""
    email: str | None = None
    """E-mail address."""


class ShipToAnswer(_AddressPartsAnswer):
    """Where parcels go. Name and address are there once the channel has given them."""

    name: str | None = None
    """Name of the person who receives the parcel."""
    lines: list[str] | None = None
    """Street and house number, and what else stands above the city."""
    postal_code: str
    """Postal code of the address."""
    country: Country
    """Country of the address."""
    delivery_note: str | None = None
    """A note for the carrier."""


class BillToAnswer(_AddressPartsAnswer):
    """Where the invoice goes."""

    name: str
    """Name of the person."""
    lines: list[str]
    """Street and house number, and what else stands above the city."""
    postal_code: str | None = None
    """Postal code."""
    country: Country
    """Country of the address."""


class CollectorAnswer(Answer):
    """The person who collects the goods."""

    name: str
    """Name of the person."""
    phone: str | None = None
    """Phone number in E.164."""
    email: str | None = None
    """E-mail address."""


def ship_to_answer(order: Order) -> ShipToAnswer | None:
    place, address = order.ship_to, order.contacts.ship_to
    if place is None:
        return None
    if address is None:
        return ShipToAnswer(
            postal_code=place.postal_code,
            country=place.country,
            delivery_note=order.contacts.delivery_note,
        )
    return ShipToAnswer(
        name=address.name,
        company=address.company,
        lines=list(address.lines),
        city=address.city or None,
        region=address.region,
        postal_code=address.postal_code,
        country=address.country,
        phone=address.phone,
        email=address.email,
        delivery_note=order.contacts.delivery_note,
    )


def bill_to_answer(address: Address | None) -> BillToAnswer | None:
    if address is None:
        return None
    return BillToAnswer(
        name=address.name,
        company=address.company,
        lines=list(address.lines),
        city=address.city or None,
        region=address.region,
        postal_code=address.postal_code or None,
        country=address.country,
        phone=address.phone,
        email=address.email,
    )


def collector_answer(collector: Collector | None) -> CollectorAnswer | None:
    if collector is None:
        return None
    return CollectorAnswer(name=collector.name, phone=collector.phone, email=collector.email)
