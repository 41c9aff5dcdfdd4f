"""Answers of profiles."""

from collections.abc import Sequence
from typing import Any, Literal

from shared.customers.contract.carts import CustomerCart, cart_answer
from shared.customers.contract.interactions import CustomerInteraction, interaction_answer
from shared.customers.contract.statements import CustomerAddress
from shared.customers.model.golden_record import GoldenValue, consents, golden_record, identifiers
from shared.customers.model.person import Address, ConsentStatus, Profile, SourceRecord
from shared.customers.model.views import ProfileOverview
from shared.web.contract import (
    Answer,
    Channel,
    Id,
    Instant,
)


class GoldenText(Answer):
    """The best known value of an attribute, with its source."""

    value: str
    """The value."""
    source: str
    """The source of the value."""
    source_id: str
    """The source's own id of the person."""
    at: Instant
    """When the value was stated."""
    verified: bool
    """Whether a trusted source has verified the value."""


class GoldenAddress(Answer):
    """The best known address, with its source."""

    value: CustomerAddress
    """The address."""
    source: str
    """The source of the value."""
    source_id: str
    """The source's own id of the person."""
    at: Instant
    """When the value was stated."""
    verified: bool
    """Whether a trusted source has verified the value."""


class GoldenAttributes(Answer):
    """The best known attributes of a person."""

    given_name: GoldenText | None = None
    """Given name."""
    family_name: GoldenText | None = None
    """Family name."""
    birth_date: GoldenText | None = None
    """Date of birth, ISO 8601."""
    address: GoldenAddress | None = None
    """Postal address."""


class KnownIdentifier(Answer):
    """An identifier of a person."""

    type: Literal["email", "phone", "loyalty_id", "device_id", "payment_token"]
    """Type of identifier."""
    value: str
    """The normalized value."""
    verified: bool
    """Whether a trusted source has verified the value."""
    sources: list[str]
    """The sources that stated the value."""


class KnownConsent(Answer):
    """A consent of a person."""

    channel: Channel
    """The channel of contact, such as email or sms."""
    purpose: Channel
    """What the contact is for, such as marketing."""
    contact: str
    """The address or number that the consent is for."""
    status: ConsentStatus
    """State of the consent."""
    at: Instant
    """When the consent was given or denied."""


class RecordName(Answer):
    """A source record of a profile."""

    source: str
    """The source of the record."""
    source_id: str
    """The source's own id of the person."""
    occurred_at: Instant
    """When the record was true."""


class CustomerProfile(Answer):
    """A person. `households`, `cart`, `recent` and `orders` are included only when one profile is
    read by its id."""

    profile_id: Id
    """The id of the customer's profile."""
    created_at: Instant
    """When the profile was created."""
    merged_from: list[Id]
    """Ids of merged profiles that lead to this one."""
    identifiers: list[KnownIdentifier]
    """Identifiers of the person."""
    attributes: GoldenAttributes
    """The best known value of each attribute, with its source."""
    consents: list[KnownConsent]
    """The consents in force."""
    records: list[RecordName]
    """The source records of the profile."""
    households: list[Id]
    """Profiles of other people at the same address."""
    tier: str = "none"
    """Loyalty tier, when one profile is read by its id; `none` for no tier."""
    cart: "CustomerCart | None" = None
    """The cart of all channels."""
    recent: "list[CustomerInteraction] | None" = None
    """The 12 newest interactions; the timeline has the others."""
    orders: "list[CustomerInteraction] | None" = None
    """The 12 newest purchases and returns; GET /v1/orders has the others."""


def whole_answer(view: ProfileOverview, tier: str) -> CustomerProfile:
    """The profile with its tier, household, cart, newest interactions and newest orders."""
    return profile_answer(view.profile, view.housemates).model_copy(
        update={
            "tier": tier,
            "cart": cart_answer(view.profile.profile_id, view.cart),
            "recent": [interaction_answer(entry) for entry in view.recent],
            "orders": [interaction_answer(entry) for entry in view.orders],
        }
    )


def profile_answer(profile: Profile, housemates: Sequence[str] = ()) -> CustomerProfile:
    best = golden_record(profile)
    return CustomerProfile(
        profile_id=profile.profile_id,
        created_at=profile.created_at,
        merged_from=sorted(profile.member_ids - {profile.profile_id}),
        identifiers=[
            KnownIdentifier.model_validate(
                {
                    "type": identifier.type,
                    "value": identifier.value,
                    "verified": identifier.verified,
                    "sources": list(identifier.sources),
                }
            )
            for identifier in identifiers(profile)
        ],
        attributes=GoldenAttributes.model_validate(
            {name: _golden_values(value) for name, value in best.items()}
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
        records=[record_name(held.record) for held in profile.records],
        households=list(housemates),
    )


def _golden_values(golden: GoldenValue) -> dict[str, Any]:
    return {
        "value": plain_value(golden.value),
        "source": golden.source,
        "source_id": golden.source_id,
        "at": golden.at,
        "verified": golden.verified,
    }


def plain_value(value: str | Address) -> str | dict[str, str | None]:
    if not isinstance(value, Address):
        return value
    return {
        "line1": value.line1,
        "city": value.city,
        "region": value.region,
        "postal_code": value.postal_code,
        "country": value.country or None,
    }


def record_name(record: SourceRecord) -> RecordName:
    return RecordName(
        source=record.source, source_id=record.source_id, occurred_at=record.occurred_at
    )


class CustomerProfiles(Answer):
    """The profiles with an identifier."""

    profiles: list[CustomerProfile]
    """The profiles with this identifier: more than one for a shared phone or mailbox."""
