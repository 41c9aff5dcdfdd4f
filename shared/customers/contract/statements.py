"""Statements about a person: the identifiers, attributes and consents of one source record."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import Field, StringConstraints, ValidationError

from shared.customers.model import normalize
from shared.customers.model.person import (
    IDENTIFIERS,
    Address,
    Consent,
    ConsentStatus,
    ResolveOutcome,
    SourceRecord,
    StatedValue,
)
from shared.errors import InvalidRequest, MalformedRequest
from shared.instants import milliseconds, must_have_passed
from shared.web.auth import Sources
from shared.web.contract import (
    Answer,
    Channel,
    Country,
    Id,
    Input,
    InstantInput,
)
from shared.web.idempotency import Request
from shared.web.problem import invalid

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


Required = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


FieldName = Literal[
    "email",
    "phone",
    "loyalty_id",
    "device_id",
    "payment_token",
    "given_name",
    "family_name",
    "birth_date",
    "address",
]


Uncounted = Literal["verified", "consents"]


class CustomerIdentifiers(Input):
    """Identifiers of a person. A blank value is the same as none."""

    email: Text | None = None
    """Email address."""
    phone: Text | None = None
    """Phone number; without country code it is read as a number of the address's country."""
    loyalty_id: Text | None = None
    """Loyalty number."""
    device_id: Text | None = None
    """Id of a browser or app installation."""
    payment_token: Text | None = None
    """The payment provider's token of a card."""


class CustomerAddress(Input):
    """A postal address."""

    line1: Text = ""
    """Street and house number."""
    city: Text = ""
    """City."""
    region: Text = ""
    """State or province."""
    postal_code: Text = ""
    """Postal code."""
    country: Country | None = None


class CustomerAttributes(Input):
    """Attributes of a person."""

    given_name: Text | None = None
    """Given name."""
    family_name: Text | None = None
    """Family name."""
    birth_date: date | None = None
    """Date of birth."""
    address: CustomerAddress | None = None
    """Postal address."""


class StatedConsent(Input):
    """A consent that a person gave or denied."""

    channel: Channel
    """The channel of contact, such as email or sms."""
    purpose: Channel
    """What the contact is for, such as marketing."""
    contact: Required
    """The address or number that the consent is for."""
    status: ConsentStatus
    """State of the consent."""
    at: InstantInput
    """When the consent was given or denied."""


class CustomerIdentity(Input):
    """What one source knows about a person."""

    source: Source
    """The system that states this; the client needs the scope `source:<name>`."""
    source_id: Required
    """The source's own id of the person."""
    identifiers: CustomerIdentifiers = CustomerIdentifiers()
    """Identifiers of the person."""
    attributes: CustomerAttributes = CustomerAttributes()
    """Name, date of birth and address of the person."""
    verified: Annotated[list[FieldName], Len(max_length=9)] = Field(default=[])
    """Fields that the source has verified; they count for trusted sources only."""
    consents: Annotated[list[StatedConsent], Len(max_length=50)] = Field(default=[])
    """Consents of the person; they count for trusted sources only."""

    def record(
        self, occurred_at: datetime, now: datetime, sources: Sources, path: str = "$"
    ) -> SourceRecord:
        """The normalized record; ``path`` is the JSON path of the statement in the request.

        A phone number without country code is read as a number of the address's country. When
        ``sources`` do not trust the source, its consents and verified fields do not count.

        Raises InvalidRequest naming every invalid identifier, FromTheFuture, and Forbidden when the
        source is not one of ``sources``.
        """
        sources.must_state(self.source, f"{path}.source")
        trusted = sources.trust(self.source)
        must_have_passed(
            {
                f"{path}.occurred_at": occurred_at,
                **{
                    f"{path}.consents[{index}].at": consent.at
                    for index, consent in enumerate(self.consents)
                },
            },
            now,
        )
        address = self.attributes.address
        country = address.country if address is not None else None
        at = milliseconds(occurred_at)
        errors: list[dict[str, str]] = []

        def read(place: str, normalise: Callable[..., str], *given: str | None) -> str:
            try:
                return normalise(*given)
            except ValueError as error:
                errors.append({"path": f"{path}.{place}", "message": str(error)})
                return ""

        values: dict[str, str | Address] = {}
        for name in IDENTIFIERS:
            given = getattr(self.identifiers, name)
            if given:
                values[name] = read(
                    f"identifiers.{name}", normalize.identifier, name, given, country
                )
        values |= self._attributes()
        stated = {
            name: StatedValue(value, at, trusted and name in self.verified)
            for name, value in values.items()
            if value
        }
        agreed = tuple(
            Consent(
                channel=consent.channel,
                purpose=consent.purpose,
                contact=read(
                    f"consents[{index}].contact", normalize.contact, consent.contact, country
                ),
                status=consent.status,
                at=milliseconds(consent.at),
            )
            for index, consent in enumerate(self.consents)
        )
        if errors:
            raise InvalidRequest("the customer has invalid identifiers", errors)
        if not stated:
            raise InvalidRequest(
                "the statement is empty",
                [
                    {
                        "path": f"{path}.identifiers",
                        "message": "give at least one identifier or attribute",
                    }
                ],
            )
        return SourceRecord(self.source, self.source_id, at, stated, agreed if trusted else ())

    def not_counted(self, sources: Sources) -> list[Uncounted]:
        """The parts of the statement that do not count because the source is not trusted."""
        if sources.trust(self.source):
            return []
        given: dict[Uncounted, Any] = {"verified": self.verified, "consents": self.consents}
        return [name for name, values in given.items() if values]

    def _attributes(self) -> dict[str, str | Address]:
        given = self.attributes
        values: dict[str, str | Address] = {}
        if given.given_name:
            values["given_name"] = given.given_name
        if given.family_name:
            values["family_name"] = given.family_name
        if given.birth_date is not None:
            values["birth_date"] = given.birth_date.isoformat()
        if given.address is not None:
            stated = given.address
            address = Address(
                stated.line1, stated.city, stated.region, stated.postal_code, stated.country or ""
            )
            if address != Address():
                values["address"] = address
        return values


class CustomerStatement(CustomerIdentity):
    """What a source states about a person."""

    occurred_at: InstantInput
    """When the statement was true."""


class ObservedEvent(Input):
    """A CloudEvents 1.0 event of the customer feed. `source` and `id` identify it for ever."""

    specversion: Literal["1.0"]
    """Version of CloudEvents."""
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """The id of the event, unique in its source."""
    source: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """The system that sends the event."""
    type: Literal["customer.observed"]
    """The type of the event."""
    time: InstantInput
    """When the event was created."""
    datacontenttype: Literal["application/json"] | None = None
    """Media type of `data`."""
    data: CustomerStatement
    """What the source states about the person."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A parsed event of the customer feed; ``document`` is the received JSON."""

    record: SourceRecord
    request: Request
    document: str


def observed(document: Any, now: datetime, sources: Sources) -> Observed:
    """Parses an event of the customer feed.

    Raises InvalidRequest naming every wrong field by its JSON path, without values; Forbidden when
    the feed is not allowed to state records of the source.
    """
    if not isinstance(document, dict):
        raise MalformedRequest(
            "an event must be a JSON object", [{"path": "$", "message": "this is not an object"}]
        )
    try:
        event = ObservedEvent.model_validate(document)
    except ValidationError as error:
        raise invalid(error, "the event does not fit its schema") from None
    return Observed(
        record=event.data.record(event.data.occurred_at, now, sources, "$.data"),
        request=Request.of(event.source, event.id, "customer.observed", "", document["data"]),
        document=json.dumps(document),
    )


class ResolvedCustomer(Answer):
    """The profile of a record."""

    profile_id: Id
    """The id of the customer's profile."""
    outcome: ResolveOutcome
    """What happened with the record."""
    bits: float | None = None
    """Weight of evidence of the strongest match, in bits."""
    reasons: list[str]
    """The evidence of the strongest match."""
    merged: list[Id] | None = None
    """Profiles that turned out to be the same person and were merged."""
    not_counted: list[Uncounted] | None = None
    """Parts of the statement that did not count because the source is not trusted."""
