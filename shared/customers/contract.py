"""The shapes that channels send and get (api.md, Customers)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from shared.customers import normal
from shared.customers.fold import Cart, Golden, consents, golden, identifiers
from shared.customers.model import (
    IDENTIFIERS,
    Address,
    Consent,
    Interaction,
    Outcome,
    Profile,
    Record,
    Stated,
)
from shared.customers.stored import milliseconds
from shared.errors import InvalidRequest, MalformedRequest
from shared.web.contract import Answer, Channel, Count, Country, Id, Input, Instant, Sku, rfc3339
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
ConsentStatus = Literal["granted", "pending", "denied", "unknown"]


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
    at: Instant


class CustomerIdentity(Input):
    """A person as one source knows them: what an order says of its customer."""

    source: Source
    source_id: Required
    identifiers: CustomerIdentifiers = CustomerIdentifiers()
    attributes: CustomerAttributes = CustomerAttributes()
    verified: Annotated[list[FieldName], Len(max_length=9)] = Field(default=[])
    consents: Annotated[list[StatedConsent], Len(max_length=50)] = Field(default=[])

    def record(self, occurred_at: datetime, path: str = "$") -> Record:
        """The statement with everything normalised; ``path`` is where it stands in the request.

        A phone number without a country code is one of the address's country.

        Raises InvalidRequest naming every identifier that is none.
        """
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
                values[name] = read(f"identifiers.{name}", normal.identifier, name, given, country)
        values |= self._attributes()
        stated = {
            name: Stated(value, at, name in self.verified)
            for name, value in values.items()
            if value
        }
        agreed = tuple(
            Consent(
                channel=consent.channel,
                purpose=consent.purpose,
                contact=read(
                    f"consents[{index}].contact", normal.contact, consent.contact, country
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
        return Record(self.source, self.source_id, at, stated, agreed)

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

    occurred_at: Instant


AHEAD = timedelta(days=1)


class ObservedEvent(Input):
    """A CloudEvents 1.0 event of the customer feed: ``source`` and ``id`` name it for ever."""

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    type: Literal["customer.observed"]
    time: Instant
    datacontenttype: Literal["application/json"] | None = None
    data: CustomerStatement


@dataclass(frozen=True, slots=True)
class Observed:
    """What an event tells of a person; ``document`` is the event as it came."""

    record: Record
    request: Request
    document: str


def observed(document: Any, now: datetime) -> Observed:
    """Raises InvalidRequest naming every wrong place by its path in the event, and no value."""
    if not isinstance(document, dict):
        raise MalformedRequest(
            "an event is a JSON object", [{"path": "$", "message": "not an object"}]
        )
    try:
        event = ObservedEvent.model_validate(document)
    except ValidationError as error:
        raise invalid(error, "the event does not fit its schema") from None
    if event.data.occurred_at > now + AHEAD:
        raise InvalidRequest(
            "the event lies in the future",
            [{"path": "$.data.occurred_at", "message": f"more than a day after {rfc3339(now)}"}],
        )
    return Observed(
        record=event.data.record(event.data.occurred_at, "$.data"),
        request=Request.of(event.source, event.id, "customer.observed", "", document["data"]),
        document=json.dumps(document),
    )


class ResolvedCustomer(Answer):
    """``bits`` and ``reasons`` are of the strongest match; ``merged`` are profiles that turned
    out to be the same person."""

    profile_id: Id
    outcome: Outcome
    bits: float | None = None
    reasons: list[str]
    merged: list[Id] | None = None


class GoldenText(Answer):
    value: str
    source: str
    source_id: str
    at: Instant
    verified: bool


class GoldenAddress(Answer):
    value: CustomerAddress
    source: str
    source_id: str
    at: Instant
    verified: bool


class GoldenAttributes(Answer):
    given_name: GoldenText | None = None
    family_name: GoldenText | None = None
    birth_date: GoldenText | None = None
    address: GoldenAddress | None = None


class KnownIdentifier(Answer):
    type: Literal["email", "phone", "loyalty_id", "device_id", "payment_token"]
    value: str
    verified: bool
    sources: list[str]


class KnownConsent(Answer):
    channel: Channel
    purpose: Channel
    contact: str
    status: ConsentStatus
    at: Instant


class RecordName(Answer):
    source: str
    source_id: str
    occurred_at: Instant


class CustomerProfile(Answer):
    """``merged_from`` are the ids that lead here; each attribute names the record it is from."""

    profile_id: Id
    created_at: Instant
    merged_from: list[Id]
    identifiers: list[KnownIdentifier]
    attributes: GoldenAttributes
    consents: list[KnownConsent]
    records: list[RecordName]
    households: list[Id]


def profile_answer(profile: Profile) -> CustomerProfile:
    best = golden(profile)
    return CustomerProfile(
        profile_id=profile.profile_id,
        created_at=profile.created_at,
        merged_from=sorted(profile.member_ids - {profile.profile_id}),
        identifiers=[
            KnownIdentifier.model_validate(
                {
                    "type": found.type,
                    "value": found.value,
                    "verified": found.verified,
                    "sources": list(found.sources),
                }
            )
            for found in identifiers(profile)
        ],
        attributes=GoldenAttributes.model_validate(
            {name: _golden_values(found) for name, found in best.items()}
        ),
        consents=[
            KnownConsent(
                channel=consent.channel,
                purpose=consent.purpose,
                contact=consent.contact,
                status=consent.status,
                at=consent.at,
            )
            for consent in consents(profile)
        ],
        records=[
            RecordName(
                source=held.record.source,
                source_id=held.record.source_id,
                occurred_at=held.record.occurred_at,
            )
            for held in profile.records
        ],
        households=[],
    )


def _golden_values(found: Golden) -> dict[str, Any]:
    value: Any = found.value
    if isinstance(found.value, Address):
        value = {
            "line1": found.value.line1,
            "city": found.value.city,
            "region": found.value.region,
            "postal_code": found.value.postal_code,
            "country": found.value.country or None,
        }
    return {
        "value": value,
        "source": found.source,
        "source_id": found.source_id,
        "at": found.at,
        "verified": found.verified,
    }


class CustomerProfiles(Answer):
    """Everybody who uses the identifier: more than one for a shared phone or mailbox."""

    profiles: list[CustomerProfile]


class MergeRequest(Input):
    other_profile_id: Id
    reason: Required


class MergedCustomer(Answer):
    """``profile_id`` is the survivor: the known before the anonymous, then the older."""

    profile_id: Id
    merged_from: list[Id]


class NamedRecord(Input):
    source: Source
    source_id: Required


class UnmergeRequest(Input):
    record: NamedRecord
    reason: Required


class UnmergedCustomer(Answer):
    """``profile_id`` keeps the rest; the separated person lives under ``separated_profile_id``."""

    profile_id: Id
    separated_profile_id: Id


class CustomerReview(Answer):
    """Two records that may be one person; ``profile_ids`` are the profiles that hold them now."""

    review_id: Id
    profile_ids: list[Id]
    bits: float
    reasons: list[str]
    opened_at: Instant


class CustomerReviews(Answer):
    reviews: list[CustomerReview]
    next_cursor: str | None = None


class Verdict(Input):
    verdict: Literal["same", "different"]


class JudgedReview(Answer):
    review_id: Id
    verdict: Literal["same", "different"]
    profile_ids: list[Id]


LARGEST_DATA = 8 * 1024


def _small(data: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(data, allow_nan=False)) > LARGEST_DATA:
        raise ValueError(f"data has at most {LARGEST_DATA} characters")
    return data


class StatedInteraction(Input):
    channel: Channel
    kind: Literal["view", "cart", "purchase", "visit", "contact"]
    occurred_at: Instant
    data: Annotated[dict[str, Any], AfterValidator(_small)] = Field(default={})


class CustomerInteraction(Answer):
    interaction_id: Id
    channel: Channel
    kind: str
    occurred_at: Instant
    data: dict[str, Any]


def interaction_answer(interaction: Interaction) -> CustomerInteraction:
    return CustomerInteraction(
        interaction_id=interaction.interaction_id,
        channel=interaction.channel,
        kind=interaction.kind,
        occurred_at=interaction.occurred_at,
        data=dict(interaction.data),
    )


class Timeline(Answer):
    """Newest first, of all channels and of all merged ids."""

    profile_id: Id
    interactions: list[CustomerInteraction]
    next_cursor: str | None = None


class CartLine(Input):
    sku: Sku
    quantity: Annotated[Count, Field(ge=1)]


def _once(lines: list[CartLine]) -> list[CartLine]:
    if len({line.sku for line in lines}) < len(lines):
        raise ValueError("a sku may stand in one line only")
    return lines


class CartContent(Input):
    lines: Annotated[list[CartLine], Len(max_length=200), AfterValidator(_once)]
    channel: Channel | None = None


class CustomerCart(Answer):
    profile_id: Id
    lines: list[CartLine]
    channel: Channel | None = None
    updated_at: Instant | None = None


def cart_answer(profile_id: str, cart: Cart) -> CustomerCart:
    return CustomerCart(
        profile_id=profile_id,
        lines=[CartLine(sku=sku, quantity=units) for sku, units in sorted(cart.lines.items())],
        channel=cart.channel,
        updated_at=cart.updated_at,
    )
