"""The shapes that channels send and get (api.md, Customers)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from shared.customers import normal
from shared.customers.fold import Cart, Golden, consents, golden, identifiers
from shared.customers.job import Job
from shared.customers.model import (
    FIELDS,
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
from shared.customers.views import Preview, Review, Whole
from shared.errors import InvalidRequest, MalformedRequest
from shared.instants import must_have_passed
from shared.web.auth import Sources
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Country,
    Id,
    Input,
    Instant,
    InstantInput,
    Sku,
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
    ) -> Record:
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
                values[name] = read(f"identifiers.{name}", normal.identifier, name, given, country)
        values |= self._attributes()
        stated = {
            name: Stated(value, at, trusted and name in self.verified)
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
        return Record(self.source, self.source_id, at, stated, agreed if trusted else ())

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

    record: Record
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
    outcome: Outcome
    bits: float | None = None
    reasons: list[str]
    merged: list[Id] | None = None
    not_counted: list[Uncounted] | None = None


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


def whole_answer(found: Whole) -> CustomerProfile:
    """The profile with all that is seen of it at first."""
    return profile_answer(found.profile, found.housemates).model_copy(
        update={
            "cart": cart_answer(found.profile.profile_id, found.cart),
            "recent": [interaction_answer(entry) for entry in found.recent],
            "orders": [interaction_answer(entry) for entry in found.orders],
        }
    )


def profile_answer(profile: Profile, housemates: Sequence[str] = ()) -> CustomerProfile:
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
        records=[_record_name(held.record) for held in profile.records],
        households=list(housemates),
    )


def _golden_values(found: Golden) -> dict[str, Any]:
    return {
        "value": _value(found.value),
        "source": found.source,
        "source_id": found.source_id,
        "at": found.at,
        "verified": found.verified,
    }


def _value(value: str | Address) -> str | dict[str, str | None]:
    if not isinstance(value, Address):
        return value
    return {
        "line1": value.line1,
        "city": value.city,
        "region": value.region,
        "postal_code": value.postal_code,
        "country": value.country or None,
    }


def _record_name(record: Record) -> RecordName:
    return RecordName(
        source=record.source, source_id=record.source_id, occurred_at=record.occurred_at
    )


class CustomerProfiles(Answer):
    """Everybody whose the identifier is: more than one for a shared phone or mailbox."""

    profiles: list[CustomerProfile]


class MergeRequest(Input):
    other_profile_id: Id
    reason: Required


class MergedCustomer(Answer):
    """``profile_id`` is the survivor: the known before the anonymous, then the older."""

    profile_id: Id
    merged_from: list[Id]


class MergePreviewRequest(Input):
    other_profile_id: Id


class MergePreview(Answer):
    """``profile`` is who they would be together; ``bits`` and ``reasons`` are of the strongest
    pair of records; ``against`` is what forbids the merge to the rules, though not to a person."""

    profile: CustomerProfile
    bits: float
    reasons: list[str]
    against: list[str]


def preview_answer(preview: Preview) -> MergePreview:
    return MergePreview(
        profile=profile_answer(preview.profile),
        bits=preview.bits,
        reasons=list(preview.reasons),
        against=list(preview.vetoes),
    )


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


class ComparedField(Answer):
    """What the two records say, in the order of the review's ``profile_ids``."""

    field: FieldName
    values: Annotated[list[str | CustomerAddress | None], Len(2, 2)]
    verdict: Literal["same", "different", "one_sided"]


class CustomerReview(Answer):
    """Two records that may be one person; ``profile_ids`` are the profiles that hold them now."""

    compared: list[ComparedField]
    records: list[RecordName]

    review_id: Id
    profile_ids: list[Id]
    bits: float
    reasons: list[str]
    opened_at: Instant


def review_answer(review: Review) -> CustomerReview:
    return CustomerReview(
        review_id=review.review_id,
        profile_ids=list(review.profile_ids),
        bits=review.bits,
        reasons=list(review.reasons),
        opened_at=review.opened_at,
        records=[_record_name(record) for record in review.records],
        compared=_compared(*review.records),
    )


def _compared(one: Record, other: Record) -> list[ComparedField]:
    found = []
    for name in FIELDS:
        sides = [record.fields.get(name) for record in (one, other)]
        values = [_value(side.value) if side is not None else None for side in sides]
        if values == [None, None]:
            continue
        verdict = "same" if values[0] == values[1] else "different"
        if None in values:
            verdict = "one_sided"
        found.append(
            ComparedField.model_validate({"field": name, "values": values, "verdict": verdict})
        )
    return found


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
    kind: Literal["view", "cart", "purchase", "return", "visit", "contact"]
    occurred_at: InstantInput
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


class CustomerStatementKept(Answer):
    """A statement of a source as it is kept: fields by name, and what it says of consent."""

    source: str
    source_id: str
    occurred_at: Instant
    fields: dict[str, str | CustomerAddress]
    consents: list[KnownConsent]


class SaidOfRecords(Answer):
    """That two records are, or are not, one person: by which rules or whom, and why."""

    kind: Literal["link", "cannot"]
    at: Instant
    actor: str
    rules: str | None = None
    bits: float | None = None
    reasons: list[str]


class ProfileRead(Answer):
    at: Instant
    actor: str
    what: str


class ProfileReads(Answer):
    """Who has read the profile under this id, newest first."""

    profile_id: Id
    reads: list[ProfileRead]
    next_cursor: str | None = None


class JobAsked(Answer):
    """What was asked for goes on by itself: ``status_url`` tells how far it has come."""

    job_id: Id
    status_url: str


class ExportedFile(Answer):
    """JSON lines, gzip: a document each, with its ``kind``. Whoever has the ``url`` can fetch it
    for 15 minutes."""

    url: str
    bytes: Count
    lines: Count


class CustomerJob(Answer):
    """``gone``: the person was erased before it was done. Known for 30 days after its end.
    ``files`` are there when an export is done, and until ``files_until``."""

    job_id: Id
    kind: Literal["erase", "export"]
    profile_id: Id
    state: Literal["open", "done", "gone"]
    step: str | None = Field(default=None, description="what is being done")
    asked_at: Instant
    ended_at: Instant | None = None
    files: list[ExportedFile] | None = None
    files_until: Instant | None = None


def job_asked(job_id: str) -> JobAsked:
    return JobAsked(job_id=job_id, status_url=f"/v1/customers/jobs/{job_id}")


def job_answer(job: Job) -> CustomerJob:
    return CustomerJob(
        job_id=job.job_id,
        kind=job.kind,
        profile_id=job.profile_id,
        state=job.state,
        step=job.step or None,
        asked_at=job.asked_at,
        ended_at=job.ended_at,
    )


def said_answer(row: Mapping[str, Any]) -> SaidOfRecords:
    return SaidOfRecords.model_validate({**row})


def statement_answer(record: Record) -> CustomerStatementKept:
    return CustomerStatementKept.model_validate(
        {
            "source": record.source,
            "source_id": record.source_id,
            "occurred_at": record.occurred_at,
            "fields": {name: _value(stated.value) for name, stated in record.fields.items()},
            "consents": [
                {
                    "channel": consent.channel,
                    "purpose": consent.purpose,
                    "contact": consent.contact,
                    "status": consent.status,
                    "at": consent.at,
                }
                for consent in record.consents
            ],
        }
    )
