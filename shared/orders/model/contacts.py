"""The persons of an order: who receives it, who pays, who collects. Pure."""

from dataclasses import dataclass

from shared.addresses import Address


@dataclass(frozen=True, slots=True)
class Collector:
    """The person who collects the goods."""

    name: str
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Contacts:
    """All None where the channel has told none. ``delivery_note`` is for the carrier."""

    ship_to: Address | None = None
    bill_to: Address | None = None
    collector: Collector | None = None
    delivery_note: str | None = None
    gift_message: str | None = None


NO_CONTACTS = Contacts()
