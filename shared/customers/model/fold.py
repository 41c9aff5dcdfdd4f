"""The profile as people see it: golden fields with their source, identifiers, consents."""

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
    Stated,
)
from shared.customers.model.score import RULES


@dataclass(frozen=True, slots=True)
class Golden:
    """A field's value, and the record that it was taken from."""

    value: str | Address
    at: datetime
    verified: bool
    source: str
    source_id: str


@dataclass(frozen=True, slots=True)
class Identifier:
    type: str
    value: str
    verified: bool
    sources: tuple[str, ...]


def golden(profile: Profile) -> dict[str, Golden]:
    """Field by field: verified before unverified, then the source's rank, then the latest.

    What was not stated is no value, so a blank never wins.
    """
    found = {}
    for name in ATTRIBUTES:
        stated = [held for held in profile.records if name in held.record.fields]
        if stated:
            best = max(stated, key=lambda held: _precedence(held, held.record.fields[name]))
            field = best.record.fields[name]
            found[name] = Golden(
                field.value,
                field.at,
                field.verified,
                best.record.source,
                best.record.source_id,
            )
    return found


def _precedence(held: LinkedRecord, stated: Stated) -> tuple[bool, int, datetime, str, str]:
    rank = RULES.source_rank.get(held.record.source, 0)
    return (stated.verified, rank, stated.at, repr(stated.value), held.key)


def identifiers(profile: Profile) -> list[Identifier]:
    """The union over all records, strongest kind first; verified when any record says so."""
    verified: dict[tuple[str, str], bool] = {}
    sources: dict[tuple[str, str], set[str]] = {}
    for held in profile.records:
        for name, value in held.record.identifiers.items():
            known = verified.get((name, value), False)
            verified[name, value] = known or held.record.fields[name].verified
            sources.setdefault((name, value), set()).add(held.record.source)
    order = sorted(verified, key=lambda found: (IDENTIFIERS.index(found[0]), found[1]))
    return [
        Identifier(name, value, verified[name, value], tuple(sorted(sources[name, value])))
        for name, value in order
    ]


def consents(profile: Profile) -> list[Consent]:
    """One for each channel, purpose and contact point: the strictest that any record states.

    A grant stays on the contact point that it was given for; 'unknown' overrides nothing.
    """
    return strictest(consent for held in profile.records for consent in held.record.consents)


def strictest(stated: Iterable[Consent]) -> list[Consent]:
    found: dict[tuple[str, str, str], Consent] = {}
    for consent in stated:
        known = found.get(consent.point)
        if known is None or _strictness(consent) > _strictness(known):
            found[consent.point] = consent
    return [found[point] for point in sorted(found)]


def _strictness(consent: Consent) -> tuple[int, datetime]:
    return (STRICTNESS[consent.status], consent.at)


def may_contact(profile: Profile, channel: str, purpose: str, contact: str) -> bool:
    point = (channel, purpose, contact)
    return any(
        consent.point == point and consent.status == "granted" for consent in consents(profile)
    )


@dataclass(frozen=True, slots=True)
class Cart:
    """``lines`` are units by SKU. ``covers`` are the versions of the carts of merged profiles
    that the lines already contain."""

    lines: Mapping[str, int]
    version: int = 0
    updated_at: datetime | None = None
    channel: str | None = None
    covers: Mapping[str, int] | None = None


def one_cart(own: Cart, merged: Mapping[str, Cart]) -> Cart:
    """The cart of a person whose merged profiles had carts of their own: of each SKU the most
    that any of them holds, so that the same wish on two devices is not bought twice."""
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
