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
from shared.customers.store.values import milliseconds
from shared.errors import InvalidRequest, MalformedRequest
from shared.instants import must_have_passed
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
    """What a person is found by. Blank is the same as absent."""

    email: Text | None = None
    phone: Text | None = None
    loyalty_id: Text | None = None
    device_id: Text | None = None
    payment_token: Text | None = None


class CustomerAddress(Input):
    line1: Text = ""
    city: Text = ""
    region: Text = ""
    postal_code: Text = ""
    country: Country | None = None


class CustomerAttributes(Input):
    given_name: Text | None = None
    family_name: Text | None = None
    birth_date: date | None = None
    address: CustomerAddress | None = None


class StatedConsent(Input):
    channel: Channel
    purpose: Channel
    contact: Required
    status: ConsentStatus
    at: InstantInput


class CustomerIdentity(Input):
    """A person as one source knows them: what an order says of its customer."""

    source: Source
    source_id: Required
    identifiers: CustomerIdentifiers = CustomerIdentifiers()
    attributes: CustomerAttributes = CustomerAttributes()
    verified: Annotated[list[FieldName], Len(max_length=9)] = Field(default=[])
    consents: Annotated[list[StatedConsent], Len(max_length=50)] = Field(default=[])

    def record(
        self, occurred_at: datetime, now: datetime, sources: Sources, path: str = "$"
    ) -> SourceRecord:
        """The statement with everything normalised; ``path`` is where it stands in the request.

        A phone number without a country code is one of the address's country. Of a source that
        ``sources`` do not trust nothing counts as verified, and no consent counts.

        Raises InvalidRequest naming every identifier that is none, FromTheFuture, Forbidden when
        the source is not among ``sources``.
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
            raise InvalidRequest("the customer has identifiers that are none", errors)
        if not stated:
            raise InvalidRequest(
                "nothing is said of the customer",
                [{"path": f"{path}.identifiers", "message": "give at least one"}],
            )
        return SourceRecord(self.source, self.source_id, at, stated, agreed if trusted else ())

    def not_counted(self, sources: Sources) -> list[Uncounted]:
        """What of the statement does not count, because its source is not trusted with it."""
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
            found = given.address
            address = Address(
                found.line1, found.city, found.region, found.postal_code, found.country or ""
            )
            if address != Address():
                values["address"] = address
        return values


class CustomerStatement(CustomerIdentity):
    """What a source states of a person, and when it was so."""

    occurred_at: InstantInput


class ObservedEvent(Input):
    """A CloudEvents 1.0 event of the customer feed: ``source`` and ``id`` name it for ever."""

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    type: Literal["customer.observed"]
    time: InstantInput
    datacontenttype: Literal["application/json"] | None = None
    data: CustomerStatement


@dataclass(frozen=True, slots=True)
class Observed:
    """What an event tells of a person; ``document`` is the event as it came."""

    record: SourceRecord
    request: Request
    document: str


def observed(document: Any, now: datetime, sources: Sources) -> Observed:
    """Raises InvalidRequest naming every wrong place by its path in the event, and no value;
    Forbidden when the feed may not speak for the source."""
    if not isinstance(document, dict):
        raise MalformedRequest(
            "an event is a JSON object", [{"path": "$", "message": "not an object"}]
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
    """``bits`` and ``reasons`` are of the strongest match; ``merged`` are profiles that turned
    out to be the same person; ``not_counted`` is what the source is not trusted with."""

    profile_id: Id
    outcome: ResolveOutcome
    bits: float | None = None
    reasons: list[str]
    merged: list[Id] | None = None
    not_counted: list[Uncounted] | None = None
