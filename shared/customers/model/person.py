"""What is known of a person: immutable source records, and the profile that is a fold over them.

A source states fields of a person at an instant. Statements of one source record are joined field
by field, the later one wins: a join that is commutative, associative and idempotent, so that the
order of arrival does not matter. A profile holds records and the tree of the profile ids that
were merged into it. Nothing is ever overwritten by a merge, so a merge can be undone exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Literal

IDENTIFIERS = ("loyalty_id", "payment_token", "email", "phone", "device_id")
ATTRIBUTES = ("given_name", "family_name", "birth_date", "address")
FIELDS = IDENTIFIERS + ATTRIBUTES
KNOWN_BY = ("loyalty_id", "email", "phone", "given_name", "family_name")
"""A profile with none of these is anonymous: a device, or a card that paid once."""

Status = Literal["denied", "pending", "granted", "unknown"]
STRICTNESS: Mapping[str, int] = {"unknown": 0, "granted": 1, "pending": 2, "denied": 3}
ORDERS = ("purchase", "return")
"""Kinds of interactions that are about orders."""
ResolveOutcome = Literal["created", "linked", "updated", "review"]
RecordKey = str
"""``<source>#<HMAC of source_id>``, see keys.py."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    line1: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """One field's value, as a source stated it at ``at``."""

    value: str | Address
    at: datetime
    verified: bool = False

    @property
    def weight(self) -> tuple[datetime, bool, str]:
        return (self.at, self.verified, repr(self.value))


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a person may be contacted at one contact point, on a channel, for a purpose."""

    channel: str
    purpose: str
    contact: str
    status: Status
    at: datetime

    @property
    def point(self) -> tuple[str, str, str]:
        return (self.channel, self.purpose, self.contact)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What one source says of one person; ``fields`` by the names of FIELDS, already normalised."""

    source: str
    source_id: str
    occurred_at: datetime
    fields: Mapping[str, Stated] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()

    def text(self, name: str) -> str:
        """The value of a field that is a text, or '' when it was not stated."""
        stated = self.fields.get(name)
        return stated.value if stated is not None and isinstance(stated.value, str) else ""

    @property
    def address(self) -> Address:
        stated = self.fields.get("address")
        found = stated.value if stated is not None else None
        return found if isinstance(found, Address) else Address()

    @property
    def identifiers(self) -> dict[str, str]:
        fields = self.fields
        return {name: self.text(name) for name in IDENTIFIERS if name in fields}


def joined(one: SourceRecord, other: SourceRecord) -> SourceRecord:
    """Two statements of the same source record as one: field by field, the later wins.

    A consent that the source changed is the later one, too; of the same instant the stricter.
    """
    if one is other and not one.consents:
        return one
    fields = {
        name: _later(one.fields.get(name), other.fields.get(name))
        for name in FIELDS
        if name in one.fields or name in other.fields
    }
    latest: dict[tuple[str, str, str], Consent] = {}
    for consent in (*one.consents, *other.consents):
        known = latest.get(consent.point)
        if known is None or _lateness(consent) > _lateness(known):
            latest[consent.point] = consent
    return SourceRecord(
        source=one.source,
        source_id=one.source_id,
        occurred_at=max(one.occurred_at, other.occurred_at),
        fields=fields,
        consents=tuple(latest[point] for point in sorted(latest)),
    )


def _later(one: Stated | None, other: Stated | None) -> Stated:
    if one is None or other is None or one is other:
        found = one or other
        assert found is not None
        return found
    return max(one, other, key=lambda stated: stated.weight)


def _lateness(consent: Consent) -> tuple[bool, datetime, int]:
    return (consent.status != "unknown", consent.at, STRICTNESS[consent.status])


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A record in a profile. ``home`` is the id of the profile that it was linked to first, and
    stays it through merges; ``homes`` are all it ever had, where its interactions are kept."""

    key: RecordKey
    record: SourceRecord
    home: str
    homes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A profile id of the tree; ``parent`` is the id that it was merged into, None at the root.

    ``by_hand`` says that a person did that, and not the rules. ``founders`` are the records that
    the profile began with: one, or all that it held when that was not yet noted.
    """

    profile_id: str
    created_at: datetime
    parent: str | None = None
    merged_at: datetime | None = None
    by_hand: bool = False
    founders: tuple[RecordKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A person. ``version`` is the stored one that this was read at, 0 when it is new.

    ``apart`` are pairs of records that somebody has said are not one person (cannot-links).
    """

    profile_id: str
    members: tuple[Member, ...]
    records: tuple[LinkedRecord, ...]
    apart: frozenset[tuple[RecordKey, RecordKey]] = frozenset()
    version: int = 0

    @property
    def created_at(self) -> datetime:
        return self.member(self.profile_id).created_at

    @property
    def member_ids(self) -> frozenset[str]:
        return frozenset(member.profile_id for member in self.members)

    @property
    def keys(self) -> frozenset[RecordKey]:
        return frozenset(held.key for held in self.records)

    @property
    def confirmed(self) -> bool:
        """Whether a person has put together what the rules would perhaps not have."""
        return any(member.by_hand for member in self.members)

    @property
    def known(self) -> bool:
        return any(held.record.text(name) for held in self.records for name in KNOWN_BY)

    def member(self, profile_id: str) -> Member:
        return next(member for member in self.members if member.profile_id == profile_id)

    def held(self, key: RecordKey) -> LinkedRecord | None:
        return next((held for held in self.records if held.key == key), None)

    def opened_by(self, name: str, value: str) -> bool:
        """Whether the identifier is a key to the person: somebody verified it, or it stands in a
        record that founded the profile. Whoever states an address of somebody else and a
        telephone of their own is linked to them, and is not let in by that telephone."""
        said = [held for held in self.records if held.record.text(name) == value]
        founders = self._founders
        return any(held.record.fields[name].verified or held.key in founders for held in said)

    @property
    def _founders(self) -> set[RecordKey]:
        """Of the id that the person is known by, and of those that people have put to it."""
        members = {member.profile_id: member for member in self.members}
        ours = {self.profile_id}
        while more := {
            member.profile_id
            for member in members.values()
            if member.by_hand and member.parent in ours and member.profile_id not in ours
        }:
            ours |= more
        return {key for profile_id in ours for key in members[profile_id].founders}


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer of a resolve. ``home`` is the id to attach interactions to, so that they follow
    the record when a merge is undone; ``record_key`` names the record itself."""

    profile_id: str
    outcome: ResolveOutcome
    home: str
    record_key: RecordKey
    bits: float | None = None
    reasons: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something a person did. ``record_key`` is the source record it came with, if any."""

    interaction_id: str
    channel: str
    kind: str
    occurred_at: datetime
    data: Mapping[str, object] = field(default_factory=dict)
    record_key: RecordKey | None = None


LONGEST_ORDER_ID = 60


def order_named(data: Mapping[str, object]) -> str | None:
    """The order that an interaction with ``data`` is about, as whoever noted it says."""
    name = data.get("order_id")
    return name if isinstance(name, str) and 0 < len(name) <= LONGEST_ORDER_ID else None


MOST_BYTES = 300_000
"""Of a profile's records together: DynamoDB holds 400 KB in an item, and takes 4 MB at once."""


MOST_RECORD_BYTES = 12_000
"""Of a record without consents, whatever it says: 13 texts of 200 characters, and their names."""
MOST_CONSENT_BYTES = 1_000


def surely_light(profiles: Sequence[Profile]) -> bool:
    """Whether they take less than MOST_BYTES whatever their texts are."""
    records = [held.record for profile in profiles for held in profile.records]
    consents = sum(len(record.consents) for record in records)
    return len(records) * MOST_RECORD_BYTES + consents * MOST_CONSENT_BYTES < MOST_BYTES


def weight(profile: Profile) -> int:
    """About how many bytes the profile's records take in an item, rather too many than too few."""
    return sum(_record_weight(held) for held in profile.records)


def _record_weight(held: LinkedRecord) -> int:
    record = held.record
    texts = [record.source_id, *held.homes]
    for stated in record.fields.values():
        value = stated.value
        texts += [value] if isinstance(value, str) else astuple(value)
    texts += [consent.contact for consent in record.consents]
    return (
        200
        + 60 * len(record.fields)
        + 150 * len(record.consents)
        + sum(len(text.encode()) for text in texts)
    )


def newborn(profile_id: str, key: RecordKey, record: SourceRecord, at: datetime) -> Profile:
    return Profile(
        profile_id=profile_id,
        members=(Member(profile_id, at, founders=(key,)),),
        records=(LinkedRecord(key, joined(record, record), profile_id, (profile_id,)),),
    )


def with_record(profile: Profile, key: RecordKey, record: SourceRecord) -> Profile:
    """``profile`` with the record joined to what it holds under ``key``, or added."""
    known = profile.held(key)
    held = (
        replace(known, record=joined(known.record, record))
        if known is not None
        else LinkedRecord(key, joined(record, record), profile.profile_id, (profile.profile_id,))
    )
    others = (other for other in profile.records if other.key != key)
    return replace(profile, records=_ordered([*others, held]))


def _ordered(records: Iterable[LinkedRecord]) -> tuple[LinkedRecord, ...]:
    return tuple(sorted(records, key=lambda held: held.key))


def survivor(one: Profile, other: Profile) -> tuple[Profile, Profile]:
    """Who keeps the id, and who redirects: the known before the anonymous, then the older."""
    first, second = sorted(
        (one, other),
        key=lambda profile: (not profile.known, profile.created_at, profile.profile_id),
    )
    return first, second


def merge(one: Profile, other: Profile, at: datetime, *, by_hand: bool = False) -> Profile:
    """Both as one person, under the id of the survivor, with the survivor's version.

    A pair that was said to be apart and is together now has been overruled.
    """
    stays, goes = survivor(one, other)
    root = replace(
        goes.member(goes.profile_id), parent=stays.profile_id, merged_at=at, by_hand=by_hand
    )
    rest = (member for member in goes.members if member.profile_id != goes.profile_id)
    records = _ordered([*stays.records, *goes.records])
    keys = {held.key for held in records}
    return replace(
        stays,
        members=_by_id([*stays.members, root, *rest]),
        records=records,
        apart=frozenset(
            pair for pair in stays.apart | goes.apart if not (pair[0] in keys and pair[1] in keys)
        ),
    )


def _by_id(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.profile_id))


def unmerge(profile: Profile, key: RecordKey, new_id: str, at: datetime) -> tuple[Profile, Profile]:
    """``profile`` without the person that record ``key`` stands for, and that person.

    A record that came with a merged profile takes that profile out again, with all that was
    merged into it: the merge is undone. The record that is all that the survivor had of its own
    undoes the latest merge. Any other record leaves alone, as the new profile ``new_id``.

    Raises KeyError when the record is not here, ValueError when it is the only one.
    """
    held = profile.held(key)
    if held is None:
        raise KeyError(key)
    if held.home != profile.profile_id:
        return _taken_out(profile, held.home, key)
    if any(other.home == held.home and other.key != key for other in profile.records):
        return _alone(profile, held, new_id, at)
    merged = [member for member in profile.members if member.parent == profile.profile_id]
    if not merged:
        raise ValueError("the only record of the profile")
    latest = max(merged, key=lambda member: (member.merged_at or at, member.profile_id))
    return _taken_out(profile, latest.profile_id, key)


def _taken_out(profile: Profile, root: str, key: RecordKey) -> tuple[Profile, Profile]:
    gone = {root}
    while more := {
        member.profile_id
        for member in profile.members
        if member.parent in gone and member.profile_id not in gone
    }:
        gone |= more
    leaves = Profile(
        profile_id=root,
        members=_by_id(
            replace(member, parent=None, merged_at=None, by_hand=False)
            if member.profile_id == root
            else member
            for member in profile.members
            if member.profile_id in gone
        ),
        records=tuple(held for held in profile.records if held.home in gone),
    )
    stays = replace(
        profile,
        members=tuple(member for member in profile.members if member.profile_id not in gone),
        records=tuple(held for held in profile.records if held.home not in gone),
    )
    return _set_apart(profile, stays, leaves, key)


def _alone(
    profile: Profile, held: LinkedRecord, new_id: str, at: datetime
) -> tuple[Profile, Profile]:
    leaves = Profile(
        profile_id=new_id,
        members=(Member(new_id, at, founders=(held.key,)),),
        records=(replace(held, home=new_id, homes=(*held.homes, new_id)),),
    )
    stays = replace(
        profile,
        members=tuple(
            _founded_anew(member, profile, held.key) if held.key in member.founders else member
            for member in profile.members
        ),
        records=tuple(other for other in profile.records if other.key != held.key),
    )
    return _set_apart(profile, stays, leaves, held.key)


def _founded_anew(member: Member, profile: Profile, gone: RecordKey) -> Member:
    """``member`` without the founder ``gone``. A record that is left alone with its id founds it;
    of several nobody knows which one may speak for the others."""
    others = [
        held.key for held in profile.records if held.home == member.profile_id and held.key != gone
    ]
    left = tuple(key for key in member.founders if key != gone)
    return replace(member, founders=tuple(others) if len(others) == 1 else left)


MOST_APART = 20


def _set_apart(
    profile: Profile, stays: Profile, leaves: Profile, key: RecordKey
) -> tuple[Profile, Profile]:
    """Both sides with the cannot-links between the record and the other side, 20 at most."""
    other = leaves if key in stays.keys else stays
    apart = profile.apart | {paired(key, held.key) for held in other.records[:MOST_APART]}
    return set_apart(stays, apart), set_apart(leaves, apart)


def paired(one: RecordKey, other: RecordKey) -> tuple[RecordKey, RecordKey]:
    return (one, other) if one < other else (other, one)


def set_apart(profile: Profile, pairs: Iterable[tuple[RecordKey, RecordKey]]) -> Profile:
    """``profile`` with those of ``pairs`` that concern one of its records."""
    keys = profile.keys
    concerned = {pair for pair in pairs if pair[0] in keys or pair[1] in keys}
    return replace(profile, apart=profile.apart | concerned)


def kept_apart(one: Profile, other: Profile) -> bool:
    """Whether somebody has said that a record of one and a record of the other are two persons."""
    return any(
        (a in one.keys and b in other.keys) or (a in other.keys and b in one.keys)
        for a, b in one.apart | other.apart
    )
