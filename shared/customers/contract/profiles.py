"""Profiles as channels see them."""

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
    """``merged_from`` are the ids that lead here; each attribute names the record it is from.

    Of one profile that is asked for by its id: ``households`` are other people who live at the
    same address, by the ids that they moved in with; ``cart`` is the one of all channels;
    ``recent`` are the newest interactions and ``orders`` the newest purchases and returns of all
    channels, 12 each: the timeline and GET /v1/orders go on from there. ``tier`` is "none": there
    is no loyalty programme yet.
    """

    profile_id: Id
    created_at: Instant
    merged_from: list[Id]
    identifiers: list[KnownIdentifier]
    attributes: GoldenAttributes
    consents: list[KnownConsent]
    records: list[RecordName]
    households: list[Id]
    tier: Literal["none"] = "none"
    cart: "CustomerCart | None" = None
    recent: "list[CustomerInteraction] | None" = None
    orders: "list[CustomerInteraction] | None" = None


def whole_answer(found: ProfileOverview) -> CustomerProfile:
    """The profile with all that is seen of it at first."""
    return profile_answer(found.profile, found.housemates).model_copy(
        update={
            "cart": cart_answer(found.profile.profile_id, found.cart),
            "recent": [interaction_answer(entry) for entry in found.recent],
            "orders": [interaction_answer(entry) for entry in found.orders],
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
        records=[record_name(held.record) for held in profile.records],
        households=list(housemates),
    )


def _golden_values(found: GoldenValue) -> dict[str, Any]:
    return {
        "value": plain_value(found.value),
        "source": found.source,
        "source_id": found.source_id,
        "at": found.at,
        "verified": found.verified,
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
    """Everybody whose the identifier is: more than one for a shared phone or mailbox."""

    profiles: list[CustomerProfile]
