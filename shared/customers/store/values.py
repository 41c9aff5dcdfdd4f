"""Serialise records and profiles to item values and back. Equal values give equal text."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.customers.model.golden_record import Cart
from shared.customers.model.person import (
    FIELDS,
    Address,
    Consent,
    Interaction,
    LinkedRecord,
    Member,
    Profile,
    RecordKey,
    SourceRecord,
    StatedValue,
)
from shared.instants import rfc3339
from shared.stored import from_row


def instant(stored: str) -> datetime:
    return datetime.fromisoformat(stored)


def record_values(record: SourceRecord) -> dict[str, Any]:
    return {
        "source": record.source,
        "source_id": record.source_id,
        "at": rfc3339(record.occurred_at),
        "fields": {
            name: _stated_values(record.fields[name]) for name in FIELDS if name in record.fields
        },
        "consents": [
            {**asdict(consent), "at": rfc3339(consent.at)}
            for consent in sorted(record.consents, key=lambda consent: consent.point)
        ],
    }


def _stated_values(stated: StatedValue) -> dict[str, Any]:
    value = stated.value
    return {
        "value": asdict(value) if isinstance(value, Address) else value,
        "at": rfc3339(stated.at),
        **({"verified": True} if stated.verified else {}),
    }


def record_from(values: Mapping[str, Any]) -> SourceRecord:
    return SourceRecord(
        source=values["source"],
        source_id=values["source_id"],
        occurred_at=instant(values["at"]),
        fields={
            name: StatedValue(
                value=from_row(Address, stated["value"])
                if isinstance(stated["value"], Mapping)
                else stated["value"],
                at=instant(stated["at"]),
                verified=stated.get("verified", False),
            )
            for name, stated in values["fields"].items()
        },
        consents=tuple(
            from_row(Consent, {**consent, "at": instant(consent["at"])})
            for consent in values["consents"]
        ),
    )


def digest(record: SourceRecord) -> str:
    """SHA-256 over everything that the record states."""
    canonical = json.dumps(record_values(record), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def profile_values(profile: Profile) -> dict[str, Any]:
    """The profile without its version."""
    return {
        "profile_id": profile.profile_id,
        "members": [_member_values(member) for member in profile.members],
        "records": [
            {
                "key": held.key,
                "home": held.home,
                "homes": list(held.homes),
                **record_values(held.record),
            }
            for held in profile.records
        ],
        "apart": [list(pair) for pair in sorted(profile.apart)],
    }


def _member_values(member: Member) -> dict[str, Any]:
    values: dict[str, Any] = {
        "profile_id": member.profile_id,
        "created_at": rfc3339(member.created_at),
        "founders": list(member.founders),
    }
    if member.parent is not None:
        values["parent"] = member.parent
    if member.merged_at is not None:
        values["merged_at"] = rfc3339(member.merged_at)
    if member.by_hand:
        values["by_hand"] = True
    return values


def profile_from(values: Mapping[str, Any]) -> Profile:
    return Profile(
        profile_id=values["profile_id"],
        members=tuple(
            Member(
                profile_id=member["profile_id"],
                created_at=instant(member["created_at"]),
                parent=member.get("parent"),
                merged_at=instant(member["merged_at"]) if "merged_at" in member else None,
                by_hand=member.get("by_hand", False),
                founders=tuple(member.get("founders", _all_of(member["profile_id"], values))),
            )
            for member in values["members"]
        ),
        records=tuple(
            LinkedRecord(linked["key"], record_from(linked), linked["home"], tuple(linked["homes"]))
            for linked in values["records"]
        ),
        apart=frozenset((one, other) for one, other in values["apart"]),
        version=values["version"],
    )


def _all_of(profile_id: str, values: Mapping[str, Any]) -> list[RecordKey]:
    """The founders of an id that was stored before founders were noted: all of its records."""
    return [held["key"] for held in values["records"] if held["home"] == profile_id]


def interaction_values(interaction: Interaction) -> dict[str, Any]:
    return {
        "interaction_id": interaction.interaction_id,
        "channel": interaction.channel,
        "kind": interaction.kind,
        "occurred_at": rfc3339(interaction.occurred_at),
        "data": json.dumps(interaction.data, separators=(",", ":")),
        "record_key": interaction.record_key,
    }


def interaction_from(values: Mapping[str, Any]) -> Interaction:
    return Interaction(
        interaction_id=values["interaction_id"],
        channel=values["channel"],
        kind=values["kind"],
        occurred_at=instant(values["occurred_at"]),
        data=json.loads(values["data"]),
        record_key=values.get("record_key"),
    )


def cart_values(cart: Cart) -> dict[str, Any]:
    return {
        "lines": dict(sorted(cart.lines.items())),
        "version": cart.version,
        "updated_at": rfc3339(cart.updated_at) if cart.updated_at is not None else None,
        "channel": cart.channel,
        "covers": dict(cart.covers or {}),
    }


def cart_from(values: Mapping[str, Any] | None) -> Cart:
    if values is None:
        return Cart(lines={})
    updated = values.get("updated_at")
    return Cart(
        lines=values["lines"],
        version=values["version"],
        updated_at=instant(updated) if updated is not None else None,
        channel=values.get("channel"),
        covers=values["covers"],
    )
