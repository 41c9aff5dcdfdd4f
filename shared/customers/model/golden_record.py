"""The golden record of a profile: surviving field values with their source, identifiers, consents
and cart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.customers.model.person import (
    ATTRIBUTES,
    IDENTIFIERS,
    STRICTNESS,
    Address,
    Consent,
    LinkedRecord,
    Profile,
    StatedValue,
)
from shared.customers.model.score import RULES


@dataclass(frozen=True, slots=True)
class GoldenValue:
    """The surviving value of a field, and the record that it comes from."""

    value: str | Address
    at: datetime
    verified: bool
    source: str
    source_id: str


@dataclass(frozen=True, slots=True)
class ProfileIdentifier:
    type: str
    value: str
    verified: bool
    sources: tuple[str, ...]


def golden_record(profile: Profile) -> dict[str, GoldenValue]:
    """The survivorship rules, field by field: verified values first, then the rank of the source,
    then the latest value. A record without a value for a field does not take part, so a blank never
    wins.
    """
    golden = {}
    for name in ATTRIBUTES:
        stated = [held for held in profile.records if name in held.record.fields]
        if stated:
            best = max(stated, key=lambda held: _precedence(held, held.record.fields[name]))
            field = best.record.fields[name]
            golden[name] = GoldenValue(
                field.value,
                field.at,
                field.verified,
                best.record.source,
                best.record.source_id,
            )
    return golden


def _precedence(held: LinkedRecord, stated: StatedValue) -> tuple[bool, int, datetime, str, str]:
    rank = RULES.source_rank.get(held.record.source, 0)
    return (stated.verified, rank, stated.at, repr(stated.value), held.key)


def identifiers(profile: Profile) -> list[ProfileIdentifier]:
    """The union over all records, the strongest kind first; verified if any record verified it."""
    verified: dict[tuple[str, str], bool] = {}
    sources: dict[tuple[str, str], set[str]] = {}
    for held in profile.records:
        for name, value in held.record.identifiers.items():
            verified.setdefault((name, value), False)
            verified[name, value] |= held.record.fields[name].verified
            sources.setdefault((name, value), set()).add(held.record.source)
    order = sorted(verified, key=lambda pair: (IDENTIFIERS.index(pair[0]), pair[1]))
    return [
        ProfileIdentifier(name, value, verified[name, value], tuple(sorted(sources[name, value])))
        for name, value in order
    ]


def consents(profile: Profile) -> list[Consent]:
    """One consent for each channel, purpose and contact point: the strictest of all records.

    A grant applies only to the contact point that it was given for; 'unknown' overrides nothing.
    """
    return strictest_consents(
        consent for held in profile.records for consent in held.record.consents
    )


def strictest_consents(stated: Iterable[Consent]) -> list[Consent]:
    strictest: dict[tuple[str, str, str], Consent] = {}
    for consent in stated:
        current = strictest.get(consent.point)
        if current is None or _strictness(consent) > _strictness(current):
            strictest[consent.point] = consent
    return [strictest[point] for point in sorted(strictest)]


def _strictness(consent: Consent) -> tuple[int, datetime]:
    return (STRICTNESS[consent.status], consent.at)


def may_contact(profile: Profile, channel: str, purpose: str, contact: str) -> bool:
    point = (channel, purpose, contact)
    return any(
        consent.point == point and consent.status == "granted" for consent in consents(profile)
    )


@dataclass(frozen=True, slots=True)
class Cart:
    """``lines`` are units by SKU. ``covers`` are the versions of the carts of merged profiles that
    are already contained in the lines, by profile id."""

    lines: Mapping[str, int]
    version: int = 0
    updated_at: datetime | None = None
    channel: str | None = None
    covers: Mapping[str, int] | None = None


def merge_carts(own: Cart, merged: Mapping[str, Cart]) -> Cart:
    """The cart of a person whose merged profiles had their own carts. For each SKU it has the
    highest quantity of any cart, so that an item put into two carts is not bought twice."""
    covers = own.covers or {}
    lines = dict(own.lines)
    latest = own
    for profile_id in sorted(merged):
        cart = merged[profile_id]
        if cart.version <= covers.get(profile_id, 0):
            continue
        for sku, quantity in cart.lines.items():
            lines[sku] = max(quantity, lines.get(sku, 0))
        if latest.updated_at is None or (cart.updated_at or latest.updated_at) > latest.updated_at:
            latest = cart
    return replace(own, lines=lines, updated_at=latest.updated_at, channel=latest.channel)
