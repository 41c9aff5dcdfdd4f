"""Requests and answers of labels, and events of carriers."""

from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints

from shared.carriers.model import CarrierStatus, Label, Package, TrackingEvent
from shared.orders.contract.common import Words
from shared.orders.contract.contacts import AddressInput
from shared.web.contract import Answer, Count, Input, InstantInput, Money

Millimetres = Annotated[int, Strict(), Ge(1), Le(5_000)]
MOST_EVENTS = 25


class PackageInput(Input):
    """Mass and size of a parcel."""

    grams: Annotated[int, Strict(), Ge(1), Le(1_000_000)]
    """Mass in grams."""
    length_mm: Millimetres
    """Longest side in millimetres."""
    width_mm: Millimetres
    """Second side in millimetres."""
    height_mm: Millimetres
    """Third side in millimetres."""

    def package(self) -> Package:
        return Package(self.grams, self.length_mm, self.width_mm, self.height_mm)


class LabelInput(Input):
    """The parcel that gets a label."""

    package: PackageInput
    """Mass and size of the parcel."""
    recipient: AddressInput | None = None
    """Where the parcel goes; default: the recipient of the order."""
    carrier: Words | None = None
    """Only services of this carrier; default: all."""
    service: Words | None = None
    """Only this service; default: the cheapest that arrives by the promised date."""
    number: Annotated[int, Strict(), Ge(1), Le(9)] = 1
    """Which label of the fulfillment: 2 buys another one when the first is void."""


class ReturnLabelInput(Input):
    """The parcel in which the shopper returns goods."""

    package: PackageInput
    """Mass and size of the parcel."""
    sender: AddressInput | None = None
    """Where the parcel comes from; default: the delivery address of the order, else the billing
    address."""
    carrier: Words | None = None
    """Only services of this carrier; default: all."""
    service: Words | None = None
    """Only this service; default: the cheapest."""
    number: Annotated[int, Strict(), Ge(1), Le(9)] = 1
    """Which label of the return: 2 buys another one when the first is void."""


class BoughtLabel(Answer):
    """What every answer about a label has."""

    carrier: str
    """The carrier."""
    service: str | None = None
    """The carrier's service."""
    tracking: str
    """The tracking number."""
    tracking_url: str | None = None
    """Where the shopper can follow the parcel."""
    cost: Money
    """What the label costs."""
    format: Literal["pdf", "png", "zpl"]
    """The format of the document."""
    document_url: str
    """The path of this API that answers the document, for 30 days."""


class LabelAnswer(BoughtLabel):
    """A label that was bought."""

    fulfillment_id: str
    """The id of the fulfillment."""


class ReturnLabelAnswer(BoughtLabel):
    """The label of a return that was bought."""

    return_id: str
    """The id of the return."""


def return_label_answer(return_id: str, label: Label, reference: str) -> ReturnLabelAnswer:
    number = reference.rpartition(".")[2]
    return ReturnLabelAnswer(
        return_id=return_id,
        carrier=label.carrier,
        service=label.service,
        tracking=label.tracking,
        tracking_url=label.tracking_url,
        cost=Money(amount=label.amount, currency=label.currency),
        format=label.format,
        document_url=f"/v1/returns/{return_id}/label?number={number}",
    )


def label_answer(fulfillment_id: str, label: Label, reference: str) -> LabelAnswer:
    number = reference.rpartition(".")[2]
    return LabelAnswer(
        fulfillment_id=fulfillment_id,
        carrier=label.carrier,
        service=label.service,
        tracking=label.tracking,
        tracking_url=label.tracking_url,
        cost=Money(amount=label.amount, currency=label.currency),
        format=label.format,
        document_url=f"/v1/fulfillments/{fulfillment_id}/label?number={number}",
    )


class ParcelEventInput(Input):
    """What a carrier did with a parcel."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The carrier's id of the event; a repeated event has the same id."""
    tracking: Words
    """The tracking number of the parcel."""
    carrier: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    """Name of the carrier."""
    status: CarrierStatus
    """What happened. `exception` is any difficulty under way."""
    at: InstantInput
    """When it happened."""

    def event(self) -> TrackingEvent:
        return TrackingEvent(self.id, self.tracking, self.carrier, self.status, self.at)


class ParcelEventsInput(Input):
    """Events of parcels."""

    events: Annotated[list[ParcelEventInput], Field(min_length=1, max_length=MOST_EVENTS)]
    """The events, in any order."""


class ParcelEventsAnswer(Answer):
    """What the events did."""

    applied: Count
    """Events that changed an order."""
    unchanged: Count
    """Events that changed nothing: repeated, older than what is known, or of a closed parcel."""
    kept: Count
    """Events of parcels that are not shipped yet; they are kept for 30 days."""
