"""The data model of a person: immutable source records, and the profile that links them.

A source states fields of a person at an instant. Statements of one source record are joined field
by field, and the later value wins. The join is commutative, associative and idempotent, so the
order of arrival does not matter. A profile holds its records and the tree of profile ids that were
merged into it. A merge overwrites nothing, so it can be undone exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Literal

IDENTIFIERS = ("loyalty_id", "payment_token", "email", "phone", "device_id")
ATTRIBUTES = ("given_name", "family_name", "birth_date", "address")
FIELDS = IDENTIFIERS + ATTRIBUTES
IDENTIFYING_FIELDS = ("loyalty_id", "email", "phone", "given_name", "family_name")
"""A profile without any of these fields is anonymous: a device, or a card that paid once."""

ConsentStatus = Literal["granted", "pending", "denied", "unknown"]
STRICTNESS: Mapping[str, int] = {"unknown": 0, "granted": 1, "pending": 2, "denied": 3}
ORDERS = ("purchase", "return")
"""The kinds of interactions that concern orders."""
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
class StatedValue:
    """The value of one field, as a source stated it at ``at``."""

    value: str | Address
    at: datetime
    verified: bool = False

    @property
    def precedence(self) -> tuple[datetime, bool, str]:
        return (self.at, self.verified, repr(self.value))


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a person may be contacted at a contact point, by a channel, for a purpose."""

    channel: str
    purpose: str
    contact: str
    status: ConsentStatus
    at: datetime

    @property
    def point(self) -> tuple[str, str, str]:
        return (self.channel, self.purpose, self.contact)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What one source states about one person: ``fields`` by name (FIELDS), already normalized."""

    source: str
    source_id: str
    occurred_at: datetime
    fields: Mapping[str, StatedValue] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()

    def text(self, name: str) -> str:
        """The value of a text field; '' when it was not stated."""
        stated = self.fields.get(name)
        return stated.value if stated is not None and isinstance(stated.value, str) else ""

    @property
    def address(self) -> Address:
        stated = self.fields.get("address")
        value = stated.value if stated is not None else None
        return value if isinstance(value, Address) else Address()

    @property
    def identifiers(self) -> dict[str, str]:
        fields = self.fields
        return {name: self.text(name) for name in IDENTIFIERS if name in fields}


def join_statements(one: SourceRecord, other: SourceRecord) -> SourceRecord:
    """Join two statements of one source record: for each field, the later value wins.

    For each consent the later statement wins as well; of the same instant, the stricter one.
    """
    if one is other and not one.consents:
        return one
    fields = {
        name: _later_value(one.fields.get(name), other.fields.get(name))
        for name in FIELDS
        if name in one.fields or name in other.fields
    }
    latest: dict[tuple[str, str, str], Consent] = {}
    for consent in (*one.consents, *other.consents):
        current = latest.get(consent.point)
        if current is None or _lateness(consent) > _lateness(current):
            latest[consent.point] = consent
    return SourceRecord(
        source=one.source,
        source_id=one.source_id,
        occurred_at=max(one.occurred_at, other.occurred_at),
        fields=fields,
        consents=tuple(latest[point] for point in sorted(latest)),
    )


def _later_value(one: StatedValue | None, other: StatedValue | None) -> StatedValue:
    if one is None or other is None or one is other:
        only = one or other
        assert only is not None
        return only
    return max(one, other, key=lambda stated: stated.precedence)


def _lateness(consent: Consent) -> tuple[bool, datetime, int]:
    return (consent.status != "unknown", consent.at, STRICTNESS[consent.status])


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A record in a profile. ``home`` is the profile id that it was first linked to; merges do not
    change it. ``homes`` are all homes that it ever had, under which its interactions are stored."""

    key: RecordKey
    record: SourceRecord
    home: str
    homes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A profile id in the tree of merges; ``parent`` is the id that it was merged into, None at the
    root.

    ``by_hand``: a person made the merge, not the rules. ``founders`` are the records that the
    profile started with: one, or all of its records if it was stored before founders were noted.
    """

    profile_id: str
    created_at: datetime
    parent: str | None = None
    merged_at: datetime | None = None
    by_hand: bool = False
    founders: tuple[RecordKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A person. ``version`` is the stored version that was read, 0 for a new profile.

    ``apart`` are the cannot-links: pairs of records that somebody has declared to be two people.
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
    def merged_by_hand(self) -> bool:
        """Whether a person made any of the merges, perhaps one that the rules would not make."""
        return any(member.by_hand for member in self.members)

    @property
    def identified(self) -> bool:
        """Whether any record has one of IDENTIFYING_FIELDS; otherwise the profile is anonymous."""
        return any(held.record.text(name) for held in self.records for name in IDENTIFYING_FIELDS)

    def member(self, profile_id: str) -> Member:
        return next(member for member in self.members if member.profile_id == profile_id)

    def linked_record(self, key: RecordKey) -> LinkedRecord | None:
        return next((held for held in self.records if held.key == key), None)

    def can_be_found_by(self, name: str, value: str) -> bool:
        """Whether a look-up by the identifier may return this person: it is verified, or stands in
        a record that founded the profile.

        Somebody who states another person's email address and an own telephone number may be linked
        to that person; the telephone number must not open the profile.
        """
        stating = [held for held in self.records if held.record.text(name) == value]
        founders = self._founders
        return any(held.record.fields[name].verified or held.key in founders for held in stating)

    @property
    def _founders(self) -> set[RecordKey]:
        """The founders of the profile id, and of the ids that people merged into it by hand."""
        members = {member.profile_id: member for member in self.members}
        own_ids = {self.profile_id}
        while more := {
            member.profile_id
            for member in members.values()
            if member.by_hand and member.parent in own_ids and member.profile_id not in own_ids
        }:
            own_ids |= more
        return {key for profile_id in own_ids for key in members[profile_id].founders}


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of resolving a record. Interactions are stored under ``home``, so that they follow
    the record when a merge is undone. ``merged`` are the profile ids that were merged."""

    profile_id: str
    outcome: ResolveOutcome
    home: str
    record_key: RecordKey
    bits: float | None = None
    reasons: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something that a person did. ``record_key`` is the source record it came with, if any."""

    interaction_id: str
    channel: str
    kind: str
    occurred_at: datetime
    data: Mapping[str, object] = field(default_factory=dict)
    record_key: RecordKey | None = None


MAX_ORDER_ID_LENGTH = 60


def order_id_of(data: Mapping[str, object]) -> str | None:
    """The order id in the ``data`` of an interaction; None without a valid one."""
    order_id = data.get("order_id")
    if isinstance(order_id, str) and 0 < len(order_id) <= MAX_ORDER_ID_LENGTH:
        return order_id
    return None


MAX_PROFILE_BYTES = 300_000
"""Limit on a profile's records: DynamoDB allows 400 KB in an item and 4 MB in a transaction."""


MAX_RECORD_BYTES = 12_000
"""The largest record without consents: 13 texts of 200 characters, and their names."""
MAX_CONSENT_BYTES = 1_000


def certainly_fits(profiles: Sequence[Profile]) -> bool:
    """Whether the profiles take less than MAX_PROFILE_BYTES however long their texts are."""
    records = [held.record for profile in profiles for held in profile.records]
    consents = sum(len(record.consents) for record in records)
    return len(records) * MAX_RECORD_BYTES + consents * MAX_CONSENT_BYTES < MAX_PROFILE_BYTES


def stored_bytes(profile: Profile) -> int:
    """An upper estimate of the bytes that the profile's records take in an item."""
    return sum(_record_bytes(held) for held in profile.records)


def _record_bytes(held: LinkedRecord) -> int:
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


def new_profile(profile_id: str, key: RecordKey, record: SourceRecord, at: datetime) -> Profile:
    return Profile(
        profile_id=profile_id,
        members=(Member(profile_id, at, founders=(key,)),),
        records=(LinkedRecord(key, join_statements(record, record), profile_id, (profile_id,)),),
    )


def add_record(profile: Profile, key: RecordKey, record: SourceRecord) -> Profile:
    """``profile`` with the record added, or joined to its record of that ``key``."""
    stored = profile.linked_record(key)
    held = (
        replace(stored, record=join_statements(stored.record, record))
        if stored is not None
        else LinkedRecord(
            key, join_statements(record, record), profile.profile_id, (profile.profile_id,)
        )
    )
    others = (other for other in profile.records if other.key != key)
    return replace(profile, records=_sorted_records([*others, held]))


def _sorted_records(records: Iterable[LinkedRecord]) -> tuple[LinkedRecord, ...]:
    return tuple(sorted(records, key=lambda held: held.key))


def survivor_and_merged(one: Profile, other: Profile) -> tuple[Profile, Profile]:
    """The profile that keeps its id, and the one that redirects to it. The survivor is the
    identified one before the anonymous one, then the older one."""
    first, second = sorted(
        (one, other),
        key=lambda profile: (not profile.identified, profile.created_at, profile.profile_id),
    )
    return first, second


def merge(one: Profile, other: Profile, at: datetime, *, by_hand: bool = False) -> Profile:
    """One profile for both, with the id and version of the survivor.

    Cannot-links between records that are now in one profile are overruled and dropped.
    """
    survivor, merged = survivor_and_merged(one, other)
    root = replace(
        merged.member(merged.profile_id), parent=survivor.profile_id, merged_at=at, by_hand=by_hand
    )
    rest = (member for member in merged.members if member.profile_id != merged.profile_id)
    records = _sorted_records([*survivor.records, *merged.records])
    keys = {held.key for held in records}
    return replace(
        survivor,
        members=_sorted_members([*survivor.members, root, *rest]),
        records=records,
        apart=frozenset(
            pair
            for pair in survivor.apart | merged.apart
            if not (pair[0] in keys and pair[1] in keys)
        ),
    )


def _sorted_members(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.profile_id))


def unmerge(profile: Profile, key: RecordKey, new_id: str, at: datetime) -> tuple[Profile, Profile]:
    """Split the person of record ``key`` off. Returns the remaining profile and the split-off one.

    If the record came with a merged profile, that merge is undone: the profile leaves with
    everything that was merged into it. If the record is the survivor's only own record, the latest
    merge is undone. Any other record leaves alone, as the new profile ``new_id``.

    Raises KeyError when the profile does not have the record, ValueError when it is the only one.
    """
    held = profile.linked_record(key)
    if held is None:
        raise KeyError(key)
    if held.home != profile.profile_id:
        return _split_off_profile(profile, held.home, key)
    if any(other.home == held.home and other.key != key for other in profile.records):
        return _split_off_record(profile, held, new_id, at)
    merged = [member for member in profile.members if member.parent == profile.profile_id]
    if not merged:
        raise ValueError("the only record of the profile")
    latest = max(merged, key=lambda member: (member.merged_at or at, member.profile_id))
    return _split_off_profile(profile, latest.profile_id, key)


def _split_off_profile(profile: Profile, root: str, key: RecordKey) -> tuple[Profile, Profile]:
    gone = {root}
    while more := {
        member.profile_id
        for member in profile.members
        if member.parent in gone and member.profile_id not in gone
    }:
        gone |= more
    leaves = Profile(
        profile_id=root,
        members=_sorted_members(
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
    return _keep_apart(profile, stays, leaves, key)


def _split_off_record(
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
            _without_founder(member, profile, held.key) if held.key in member.founders else member
            for member in profile.members
        ),
        records=tuple(other for other in profile.records if other.key != held.key),
    )
    return _keep_apart(profile, stays, leaves, held.key)


def _without_founder(member: Member, profile: Profile, gone: RecordKey) -> Member:
    """``member`` without the founder ``gone``. If one record of the id remains, it becomes the
    founder; of several records, none can stand in for the others."""
    others = [
        held.key for held in profile.records if held.home == member.profile_id and held.key != gone
    ]
    remaining = tuple(key for key in member.founders if key != gone)
    return replace(member, founders=tuple(others) if len(others) == 1 else remaining)


MAX_CANNOT_LINKS = 20


def _keep_apart(
    profile: Profile, stays: Profile, leaves: Profile, key: RecordKey
) -> tuple[Profile, Profile]:
    """Both sides, with cannot-links between the record and at most MAX_CANNOT_LINKS records of the
    other side."""
    other = leaves if key in stays.keys else stays
    apart = profile.apart | {
        record_pair(key, held.key) for held in other.records[:MAX_CANNOT_LINKS]
    }
    return add_cannot_links(stays, apart), add_cannot_links(leaves, apart)


def record_pair(one: RecordKey, other: RecordKey) -> tuple[RecordKey, RecordKey]:
    return (one, other) if one < other else (other, one)


def add_cannot_links(profile: Profile, pairs: Iterable[tuple[RecordKey, RecordKey]]) -> Profile:
    """``profile`` with the cannot-links of ``pairs`` that concern one of its records."""
    keys = profile.keys
    concerned = {pair for pair in pairs if pair[0] in keys or pair[1] in keys}
    return replace(profile, apart=profile.apart | concerned)


def has_cannot_link(one: Profile, other: Profile) -> bool:
    """Whether a cannot-link stands between a record of ``one`` and a record of ``other``."""
    return any(
        (a in one.keys and b in other.keys) or (a in other.keys and b in one.keys)
        for a, b in one.apart | other.apart
    )
