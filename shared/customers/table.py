"""The customers table: who a record is, and everything kept on a person.

    pk                      sk                     what
    PROFILE#<id>            PROFILE                the profile: its records, the ids merged into it;
                                                   or merged_into, one hop; or erased_at
    PROFILE#<id>            AT#<time>#<id>         an interaction, under the id that it was sent to
    PROFILE#<id>            CART                   the cart
    RECORD#<key>            HEAD                   the profile that took the record in; or erased_at
    RECORD#<key>            AT#<time>#<digest>     a statement of the source, never changed
    RECORD#<key>            LINK#.. | CANNOT#..    what was said of this record and others, and why
    ID#<type>#<hash>        ID                     the profiles that use the identifier; erased_at
    REVIEW#<id>             REVIEW                 two records for a person to judge
    IDEM#<name>             IDEM                   a request, its payload's digest and its answer
    AUDIT#<id>              AT#<time>#<id>         who read the profile

Every write is one transaction whose conditions are the versions of all that was decided on. Who
loses a race reads again and decides again.
"""

import hashlib
import heapq
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from shared.aws.dynamodb import Key, Part, get, get_many, key, pause, query, query_page, transact
from shared.aws.items import to_item
from shared.aws.secrets import secret
from shared.aws.settings import table_name
from shared.customers import model
from shared.customers.decide import Decision, Doubt, decide
from shared.customers.fold import Cart, one_cart
from shared.customers.keys import identifier_key, record_key
from shared.customers.model import (
    IDENTIFIERS,
    Interaction,
    Profile,
    Record,
    RecordKey,
    Resolution,
)
from shared.customers.normal import junk, letters
from shared.customers.score import RULES, Shared
from shared.customers.stored import (
    cart_from,
    cart_values,
    digest,
    instant,
    interaction_from,
    interaction_values,
    milliseconds,
    profile_from,
    profile_values,
    record_from,
    record_values,
    text,
)
from shared.errors import Busy, Conflict, Gone, InvalidRequest, NotFound, VersionMismatch
from shared.web.idempotency import KEPT_SECONDS, Request

T = TypeVar("T")

ROUNDS = 40
CANDIDATES = 8
MOST_PEOPLE = 40
"""Profiles kept per identifier; one used by more is as good as none."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something by hand, when, and the reason that they give."""

    actor: str
    at: datetime
    reason: str


# --- resolve -------------------------------------------------------------------------------------


def resolve(
    record: Record,
    request_name: str,
    at: datetime,
    new_profile_id: str,
    request_digest: str = "",
) -> Resolution:
    """Who the record is. ``new_profile_id`` is used when it is somebody new.

    Two read calls; a third when a match was merged since it was last seen.

    Raises Gone when the person was erased, KeyReused, Busy.
    """
    request = Request(request_name, request_digest or digest(record))
    at = milliseconds(at)
    name = record_key(_secret(), record.source, record.source_id)
    return _settled(lambda: _resolve_once(record, name, request, at, new_profile_id))


def _resolve_once(
    record: Record, name: RecordKey, request: Request, at: datetime, new_profile_id: str
) -> Resolution | None:
    ids = _id_keys(record)
    idem, head = Key(_table(), f"IDEM#{request.name}", "IDEM"), Key(_table(), *_head(name))
    items = get_many([idem, head, *ids.values()], consistent=True)
    _refuse_erased_record(items.get(head))
    if idem in items:
        return _resolution(_answer(items[idem], request))
    known = {found: _Users.of(items.get(where)) for found, where in ids.items()}
    home = items[head]["profile"] if head in items else None
    people = _people([*([home] if home else []), *_candidates(record, known)][:CANDIDATES])
    _refuse_erased_person(record, known, people, home)
    standing = people.living.get(people.now.get(home, "")) if home else None
    if people.torn or (home and (standing is None or standing.held(name) is None)):
        return None
    decision = decide(
        name,
        record,
        standing=standing,
        candidates=[profile for profile in people.living.values() if profile is not standing],
        shared=_shared(record, known),
        at=at,
        new_profile_id=new_profile_id,
    )
    resolution = _resolved(name, decision, people)
    parts = [_remember(request, asdict(resolution), at), _statement_put(name, record)]
    if decision.changed:
        parts += _profile_puts(decision.profile, people)
        parts += _log_links(name, decision, request, at)
        parts += [_open_review(doubt, at) for doubt in decision.doubts]
        if standing is None:
            parts.append(_head_put(name, resolution.home))
    parts += _users_puts(record, ids, known, resolution.home, decision.profile)
    return None if transact(parts) else resolution


def _resolved(name: RecordKey, decision: Decision, people: "_People") -> Resolution:
    held = decision.profile.held(name)
    return Resolution(
        profile_id=decision.profile.profile_id,
        outcome=decision.outcome,
        home=held.home if held is not None else decision.profile.profile_id,
        record_key=name,
        bits=decision.bits,
        reasons=decision.reasons,
        merged=tuple(
            sorted(
                profile.profile_id
                for profile in people.living.values()
                if profile.profile_id in decision.profile.member_ids
                and profile.profile_id != decision.profile.profile_id
            )
        ),
    )


def _resolution(values: Mapping[str, Any]) -> Resolution:
    lists = {name: tuple(values[name]) for name in ("reasons", "merged")}
    return Resolution(**{**values, **lists})


def _refuse_erased_record(head: Mapping[str, Any] | None) -> None:
    if head is not None and "erased_at" in head:
        raise Gone("this person was erased; the record cannot come back")


def _refuse_erased_person(
    record: Record,
    known: Mapping[tuple[str, str], "_Users"],
    people: "_People",
    home: str | None,
) -> None:
    """A statement from before the erasure is a replay of it, whatever record it is said to be.

    A later one is of somebody who came back, or who was given the number.
    """
    if home is not None and people.now.get(home) in people.erased:
        raise Gone("this person was erased; the record cannot come back")
    for users in known.values():
        erasures = [people.erased.get(people.now.get(one, "")) for one in users.now.values()]
        times = [users.erased_at, *(erasures if all(erasures) else ())]
        if any(at is not None and text(record.occurred_at) <= at for at in times):
            raise Gone("this person was erased; the statement is older than that")


def _candidates(record: Record, known: Mapping[tuple[str, str], "_Users"]) -> list[str]:
    """The profiles that use one of the identifiers: the strongest kind first, then those with
    the same initial."""
    initial = _initial(record)
    found: dict[str, None] = {}
    for name in IDENTIFIERS:
        users = known.get((name, record.text(name)), _Users())
        same = [home for home in users.now if initial in users.initials.get(home, ())]
        found |= dict.fromkeys(users.now[home] for home in [*same, *users.now])
    return list(found)


def _shared(record: Record, known: Mapping[tuple[str, str], "_Users"]) -> Shared:
    own = {_initial(record)} - {""}
    return frozenset(
        found
        for found, users in known.items()
        if users.crowded or len(users.all_initials | own) > RULES.initials
    )


def _initial(record: Record) -> str:
    return letters(record.text("given_name"))[:1]


# --- profiles ------------------------------------------------------------------------------------


def profile_exists(profile_id: str) -> str | None:
    """The id under which the profile lives now (after merges), None when there is none.

    Raises Gone when it was erased.
    """
    try:
        return find(profile_id).profile_id
    except NotFound:
        return None


def find(profile_id: str) -> Profile:
    """The profile, or the one that it was merged into. Raises NotFound, Gone."""
    return _found(_people([profile_id]), profile_id)


def find_both(one_id: str, other_id: str) -> tuple[Profile, Profile]:
    """Both as they stood at one time. Raises NotFound, Gone, Busy."""

    def once() -> tuple[Profile, Profile] | None:
        people = _people([one_id, other_id])
        return None if people.torn else (_found(people, one_id), _found(people, other_id))

    return _settled(once)


def _found(people: "_People", profile_id: str) -> Profile:
    now = people.now.get(profile_id)
    if now is None:
        raise NotFound("there is no such profile", profile_id=profile_id)
    if now in people.erased:
        raise Gone("this profile was erased", profile_id=profile_id)
    return people.living[now]


def find_by(name: str, value: str) -> list[Profile]:
    """Everybody who uses the normalised identifier, the oldest first."""
    where = f"ID#{identifier_key(_secret(), name, value)}"
    users = _Users.of(get(_table(), where, "ID"))
    people = _people(users.now.values())
    return sorted(
        (profile for profile in people.living.values() if profile.holds(name, value)),
        key=lambda profile: (profile.created_at, profile.profile_id),
    )


@dataclass(frozen=True, slots=True)
class _People:
    """What was read of some profile ids: ``now`` is where each leads, in one hop."""

    now: dict[str, str]
    living: dict[str, Profile]
    erased: dict[str, str]

    @property
    def torn(self) -> bool:
        """Whether a merge went on between the reads, so that one id is seen in two profiles."""
        seen = [member_id for profile in self.living.values() for member_id in profile.member_ids]
        return len(set(seen)) < len(seen)


def _people(profile_ids: Iterable[str]) -> _People:
    people = _People({}, {}, {})
    asked = {profile_id: profile_id for profile_id in profile_ids}
    while asked:
        items = get_many((_profile_key(now) for now in asked.values()), consistent=True)
        onward = {}
        for profile_id, now in asked.items():
            item = items.get(_profile_key(now))
            if item is None:
                continue
            if "merged_into" in item:
                onward[profile_id] = item["merged_into"]
                continue
            people.now[profile_id] = now
            if "erased_at" in item:
                people.erased[now] = item["erased_at"]
            else:
                people.living[now] = profile_from(item)
        asked = onward
    return people


def _profile_key(profile_id: str) -> Key:
    return Key(_table(), f"PROFILE#{profile_id}", "PROFILE")


def _profile_puts(profile: Profile, people: _People) -> list[Part]:
    """The profile, and a redirect from each profile of ``people`` that is now a part of it."""
    parts = [_profile_put(profile)]
    for other in people.living.values():
        if other.profile_id in profile.member_ids and other.profile_id != profile.profile_id:
            parts += _redirects(other, profile.profile_id)
    return parts


def _profile_put(profile: Profile) -> Part:
    values = {**profile_values(profile), "version": profile.version + 1}
    return _put(
        *_profile_at(profile.profile_id),
        values,
        # holds when nothing was decided on this profile since it was read
        condition="version = :v" if profile.version else "attribute_not_exists(pk)",
        values={":v": profile.version} if profile.version else {},
    )


def _redirects(goes: Profile, survivor_id: str) -> list[Part]:
    """From ``goes``, and from what redirected to it before: never more than one hop."""
    own = _put(
        *_profile_at(goes.profile_id),
        {"merged_into": survivor_id, "version": goes.version + 1},
        # holds when the profile is as it was when the merge was decided, and no redirect yet
        condition="version = :v AND attribute_not_exists(merged_into)",
        values={":v": goes.version},
    )
    return [
        own,
        *(
            _redirect(member_id, goes.profile_id, survivor_id)
            for member_id in sorted(goes.member_ids - {goes.profile_id})
        ),
    ]


def _redirect(profile_id: str, before: str, after: str) -> Part:
    return _update(
        *_profile_at(profile_id),
        "SET merged_into = :after ADD version :one",
        # holds as long as the id is a part of the profile that it was read in
        condition="merged_into = :before",
        values={":after": after, ":before": before, ":one": 1},
    )


# --- merge and unmerge ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Merged:
    profile_id: str
    merged_from: tuple[str, ...]


def merge(profile_id: str, other_id: str, act: Act, request: Request) -> Merged:
    """Both as one person, by hand: no veto holds, and an earlier 'different' is overruled.

    Profiles that are one already stay as they are. Raises NotFound, Gone, Conflict, Busy.
    """
    if profile_id == other_id:
        raise InvalidRequest(
            "a profile cannot be merged with itself",
            [{"path": "$.other_profile_id", "message": "it is the profile of the path"}],
        )

    def once() -> Merged | None:
        if replayed := _replayed(request):
            return Merged(replayed["profile_id"], tuple(replayed["merged_from"]))
        one, other = find_both(profile_id, other_id)
        together = one if one.profile_id == other.profile_id else model.merge(one, other, act.at)
        merged = Merged(
            together.profile_id, tuple(sorted(together.member_ids - {together.profile_id}))
        )
        parts = [_remember(request, asdict(merged), act.at)]
        if one.profile_id != other.profile_id:
            parts += _merge_parts(one, other, together, act, request.name)
        return None if transact(parts) else merged

    return _settled(once)


def _merge_parts(
    one: Profile, other: Profile, together: Profile, act: Act, name: str
) -> list[Part]:
    if len(together.members) > RULES.most_members or len(together.records) > RULES.most_records:
        raise Conflict(
            "together they would hold too much for one person",
            records=len(together.records),
            most_records=RULES.most_records,
        )
    people = _People({}, {profile.profile_id: profile for profile in (one, other)}, {})
    first, second = one.records[0].key, other.records[0].key
    return [
        *_profile_puts(together, people),
        _said("LINK", first, second, name, act.at, actor=act.actor, reasons=[act.reason]),
        _said("LINK", second, first, name, act.at, actor=act.actor, reasons=[act.reason]),
    ]


def unmerge(
    profile_id: str, record: tuple[str, str], new_id: str, act: Act, request: Request
) -> tuple[str, str]:
    """Takes the person that the record (source, source_id) stands for out of the profile.

    See model.unmerge.

    The ids of the profile that stays, and of the person taken out: the id it had before the
    merge, or ``new_id``. Raises NotFound, Gone, Conflict, Busy.
    """
    source, source_id = record
    name = record_key(_secret(), source, source_id)

    def once() -> tuple[str, str] | None:
        if replayed := _replayed(request):
            return replayed["stays"], replayed["leaves"]
        profile = find(profile_id)
        if profile.held(name) is None:
            raise NotFound("the profile has no such record", source=source, source_id=source_id)
        try:
            stays, leaves = model.unmerge(profile, name, new_id, act.at)
        except ValueError:
            raise Conflict("it is the only record of the profile") from None
        parts = [
            _remember(request, {"stays": stays.profile_id, "leaves": leaves.profile_id}, act.at),
            _profile_put(stays),
            *_taken_out(profile, leaves),
            *_moved_home(profile, leaves),
            *_said_apart(name, stays if name in leaves.keys else leaves, act, request.name),
        ]
        return None if transact(parts) else (stays.profile_id, leaves.profile_id)

    return _settled(once)


def _taken_out(before: Profile, leaves: Profile) -> list[Part]:
    if leaves.profile_id not in before.member_ids:
        return [_profile_put(leaves)]
    redirect = get(_table(), *_profile_at(leaves.profile_id), consistent=True) or {}
    own = _put(
        *_profile_at(leaves.profile_id),
        {**profile_values(leaves), "version": redirect.get("version", 0) + 1},
        # holds as long as the id is a part of the profile that it is taken out of
        condition="merged_into = :before AND version = :v",
        values={":before": before.profile_id, ":v": redirect.get("version", 0)},
    )
    rest = sorted(leaves.member_ids - {leaves.profile_id})
    return [own, *(_redirect(rest_id, before.profile_id, leaves.profile_id) for rest_id in rest)]


def _moved_home(before: Profile, leaves: Profile) -> list[Part]:
    """A record that leaves alone is found under its new profile from now on."""
    parts: list[Part] = []
    for held in leaves.records:
        old = before.held(held.key)
        if old is None or old.home == held.home:
            continue
        parts.append(_head_put(held.key, held.home, before=old.home))
        ids = _id_keys(held.record)
        items = get_many(ids.values(), consistent=True)
        known = {found: _Users.of(items.get(where)) for found, where in ids.items()}
        parts += _users_puts(held.record, ids, known, held.home, leaves)
    return parts


def _said_apart(name: RecordKey, other: Profile, act: Act, request_name: str) -> list[Part]:
    return [
        _said("CANNOT", one, two, request_name, act.at, actor=act.actor, reasons=[act.reason])
        for held in other.records[: model.MOST_APART]
        for one, two in ((name, held.key), (held.key, name))
    ]


# --- statements, links, identifiers --------------------------------------------------------------


def _head(name: RecordKey) -> tuple[str, str]:
    return f"RECORD#{name}", "HEAD"


def _head_put(name: RecordKey, home: str, before: str | None = None) -> Part:
    return _put(
        *_head(name),
        {"profile": home},
        # holds when nobody took the record in (or moved it) since it was read
        condition="profile = :before" if before else "attribute_not_exists(pk)",
        values={":before": before} if before else {},
    )


def _statement_put(name: RecordKey, record: Record) -> Part:
    """Its key is its content: put twice, it is the same item."""
    at = f"AT#{text(record.occurred_at)}#{digest(record)[:16]}"
    return _put(f"RECORD#{name}", at, record_values(record))


def _log_links(name: RecordKey, decision: Decision, request: Request, at: datetime) -> list[Part]:
    return [
        _said(
            "LINK",
            name,
            link.other,
            request.name,
            at,
            actor="rules",
            rules=RULES.version,
            bits=link.bits,
            reasons=list(link.reasons),
        )
        for link in decision.links
    ]


def _said(
    kind: str, name: RecordKey, other: RecordKey, request_name: str, at: datetime, **more: Any
) -> Part:
    """An append-only statement on two records: LINK or CANNOT."""
    short = hashlib.sha256(f"{request_name}\n{other}".encode()).hexdigest()[:16]
    return _put(
        f"RECORD#{name}",
        f"{kind}#{text(at)}#{short}",
        {"kind": kind.lower(), "other": other, "at": text(at), **more},
    )


def _id_keys(record: Record) -> dict[tuple[str, str], Key]:
    """Where each identifier of the record is found; junk is not."""
    return {
        found: Key(_table(), f"ID#{identifier_key(_secret(), *found)}", "ID")
        for found in record.identifiers.items()
        if not junk(found[1])
    }


@dataclass(frozen=True, slots=True)
class _Users:
    """An ID item. ``now`` says where each profile id that used the value was last seen to lead;
    ``initials`` are the first letters of the given names it was used with."""

    now: Mapping[str, str] = field(default_factory=dict)
    initials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    crowded: bool = False
    erased_at: str | None = None
    version: int = 0

    @staticmethod
    def of(item: Mapping[str, Any] | None) -> "_Users":
        if item is None:
            return _Users()
        return _Users(
            now=item["now"],
            initials=item["initials"],
            crowded=item.get("crowded", False),
            erased_at=item.get("erased_at"),
            version=item["version"],
        )

    @property
    def all_initials(self) -> set[str]:
        return {letter for letters_ in self.initials.values() for letter in letters_}

    def used_by(self, home: str, initial: str, profile: Profile) -> "_Users":
        """With one more use, and every id of the profile's tree leading straight to it."""
        if home not in self.now and len(self.now) >= MOST_PEOPLE:
            return replace(self, crowded=True)
        letters_ = sorted({*self.initials.get(home, ()), initial} - {""})
        ids = profile.member_ids
        return replace(
            self,
            now={
                other: profile.profile_id if other in ids else now
                for other, now in {**self.now, home: profile.profile_id}.items()
            },
            initials={**self.initials, home: letters_},
        )

    def without(self, homes: Iterable[str], erased_at: str) -> "_Users":
        gone = set(homes)
        now = {home: to for home, to in self.now.items() if home not in gone}
        return replace(
            self,
            now=now,
            initials={home: found for home, found in self.initials.items() if home not in gone},
            erased_at=self.erased_at if now else erased_at,
        )

    def put(self, pk: str) -> Part:
        return _put(
            pk,
            "ID",
            {
                "now": dict(self.now),
                "initials": {home: list(found) for home, found in self.initials.items()},
                "crowded": self.crowded or None,
                "erased_at": self.erased_at,
                "version": self.version + 1,
            },
            # holds when nobody else began or ceased to use the identifier since it was read
            condition="version = :v" if self.version else "attribute_not_exists(pk)",
            values={":v": self.version} if self.version else {},
        )


def _users_puts(
    record: Record,
    ids: Mapping[tuple[str, str], Key],
    known: Mapping[tuple[str, str], _Users],
    home: str,
    profile: Profile,
) -> list[Part]:
    parts = []
    for found, where in ids.items():
        users = known[found].used_by(home, _initial(record), profile)
        if users != known[found]:
            parts.append(users.put(where.pk))
    return parts


# --- reviews -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Review:
    review_id: str
    profile_ids: tuple[str, ...]
    bits: float
    reasons: tuple[str, ...]
    opened_at: datetime


def _open_review(doubt: Doubt, at: datetime) -> Part:
    pair = model.paired(doubt.record, doubt.other)
    review_id = hashlib.sha256("\n".join(pair).encode()).hexdigest()[:26]
    return _update(
        f"REVIEW#{review_id}",
        "REVIEW",
        # a review that has been judged is not opened again
        "SET review_key = if_not_exists(review_key, :open),"
        " opened_at = if_not_exists(opened_at, :at), review_id = :id, pair = :pair,"
        " bits = :bits, reasons = :reasons",
        values={
            ":open": "OPEN",
            ":at": text(at),
            ":id": review_id,
            ":pair": list(pair),
            ":bits": doubt.bits,
            ":reasons": list(doubt.reasons),
        },
    )


def open_reviews(limit: int, after: str | None) -> tuple[list[Review], str | None]:
    """The oldest open reviews with the profiles that hold the records now, and the key to go on
    after. One that merges have settled since, or that was erased, is not shown."""
    page = query_page(
        _table(),
        "review_key = :open",
        {":open": {"S": "OPEN"}},
        limit,
        IndexName="by_review",
        **({"ExclusiveStartKey": _review_key(after)} if after else {}),
    )
    heads = get_many(Key(_table(), *_head(name)) for item in page.items for name in item["pair"])
    homes = {where.pk: item.get("profile", "") for where, item in heads.items()}
    people = _people({home for home in homes.values() if home})
    reviews = []
    for item in page.items:
        now = [people.now.get(homes.get(_head(name)[0], ""), "") for name in item["pair"]]
        if len(set(now)) == 2 and all(profile_id in people.living for profile_id in now):
            reviews.append(_review(item, now))
    last = page.items[-1] if page.last else None
    return reviews, f"{last['opened_at']} {last['review_id']}" if last else None


def _review_key(after: str) -> dict[str, Any]:
    opened_at, _, review_id = after.partition(" ")
    return to_item(
        {
            "pk": f"REVIEW#{review_id}",
            "sk": "REVIEW",
            "review_key": "OPEN",
            "opened_at": opened_at or " ",
        }
    )


def _review(item: Mapping[str, Any], profile_ids: Iterable[str]) -> Review:
    return Review(
        review_id=item["review_id"],
        profile_ids=tuple(profile_ids),
        bits=item["bits"],
        reasons=tuple(item["reasons"]),
        opened_at=instant(item["opened_at"]),
    )


def judge(review_id: str, verdict: str, act: Act) -> tuple[str, ...]:
    """Merges the two ('same') or keeps them apart for ever ('different'), and closes the review.

    The profiles that hold the records afterwards. The same verdict again changes nothing.

    Raises NotFound, Gone, Conflict when it was judged otherwise, Busy.
    """

    def once() -> tuple[str, ...] | None:
        item = get(_table(), f"REVIEW#{review_id}", "REVIEW", consistent=True)
        if item is None:
            raise NotFound("there is no such review", review_id=review_id)
        if item.get("verdict", verdict) != verdict:
            raise Conflict("the review was judged otherwise", verdict=item["verdict"])
        one, other = find_both(*(_holder(name) for name in item["pair"]))
        now = tuple(dict.fromkeys((one.profile_id, other.profile_id)))
        if "verdict" in item:
            return now
        parts = [_close_review(review_id, verdict, act)]
        if verdict == "same":
            if len(now) == 2:
                together = model.merge(one, other, act.at)
                parts += _merge_parts(one, other, together, act, review_id)
                now = (together.profile_id,)
        elif len(now) == 2:
            pair = model.paired(*item["pair"])
            parts += [_profile_put(model.set_apart(side, [pair])) for side in (one, other)]
            parts += [
                _said("CANNOT", a, b, review_id, act.at, actor=act.actor, reasons=[act.reason])
                for a, b in (pair, pair[::-1])
            ]
        else:
            raise Conflict("they are one profile by now: unmerge the record", profile_id=now[0])
        return None if transact(parts) else now

    return _settled(once)


def _holder(name: RecordKey) -> str:
    head = get(_table(), *_head(name), consistent=True)
    _refuse_erased_record(head)
    if head is None:
        raise NotFound("the record of the review is not there")
    profile_id: str = head["profile"]
    return profile_id


def _close_review(review_id: str, verdict: str, act: Act) -> Part:
    return _update(
        f"REVIEW#{review_id}",
        "REVIEW",
        "SET review_key = :closed, verdict = :verdict, judged_at = :at, judged_by = :by",
        # holds when nobody has judged it meanwhile
        condition="attribute_exists(pk) AND attribute_not_exists(verdict)",
        values={":closed": "CLOSED", ":verdict": verdict, ":at": text(act.at), ":by": act.actor},
    )


# --- timeline ------------------------------------------------------------------------------------


def interaction_part(profile_id: str, interaction: Interaction) -> Part:
    """A Put for a transaction: one entry of the timeline of ``profile_id``.

    Take Resolution.home and .record_key, so that the entry follows its record through an unmerge.
    """
    return _put(
        f"PROFILE#{profile_id}",
        f"AT#{text(interaction.occurred_at)}#{interaction.interaction_id}",
        interaction_values(interaction),
    )


def record_interaction(
    profile_id: str,
    interaction: Interaction,
    request: Request | None = None,
    at: datetime | None = None,
) -> Interaction:
    """Puts one entry into the timeline; repeated, it changes nothing. Raises NotFound, Gone."""

    def once() -> Interaction | None:
        if request is not None and (replayed := _replayed(request)):
            return interaction_from(replayed)
        parts = [
            _living(find(profile_id).profile_id),
            interaction_part(profile_id, interaction),
        ]
        if request is not None:
            answer = interaction_values(interaction)
            parts.append(_remember(request, answer, at or interaction.occurred_at))
        return None if transact(parts) else interaction

    return _settled(once)


def _living(profile_id: str) -> Part:
    return {
        "ConditionCheck": {
            "TableName": _table(),
            "Key": key(*_profile_at(profile_id)),
            # holds when the profile was neither erased nor merged since it was read
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(erased_at)"
            " AND attribute_not_exists(merged_into)",
        }
    }


def timeline(
    profile_id: str, limit: int, before: str | None
) -> tuple[Profile, list[Interaction], str | None]:
    """The newest interactions of a person over all ids and records; the key to go on before.

    An interaction that came with a record belongs to whoever holds the record now; any other to
    whoever holds the id that it was sent to.
    """
    profile = find(profile_id)
    pages = [
        _interactions(profile, partition, limit, before)
        for partition in sorted(_partitions(profile))
    ]
    newest = heapq.merge(*pages, key=lambda entry: entry[0], reverse=True)
    found = list(itertools.islice(newest, limit + 1))
    more = found[limit - 1][0] if len(found) > limit else None
    return profile, [interaction for _, interaction in found[:limit]], more


def _partitions(profile: Profile) -> set[str]:
    return {*profile.member_ids, *(home for held in profile.records for home in held.homes)}


def _interactions(
    profile: Profile, partition: str, limit: int, before: str | None
) -> Iterator[tuple[str, Interaction]]:
    rows = query(
        _table(),
        "pk = :pk AND sk BETWEEN :from AND :to",
        to_item({":pk": f"PROFILE#{partition}", ":from": "AT#", ":to": before or "AT#~"}),
        ScanIndexForward=False,
        Limit=limit + 1,
    )
    for row in rows:
        if row["sk"] == before:
            continue
        interaction = interaction_from(row)
        if _belongs(interaction, partition, profile):
            yield row["sk"], interaction


def _belongs(interaction: Interaction, partition: str, profile: Profile) -> bool:
    if interaction.record_key is not None:
        return interaction.record_key in profile.keys
    return partition in profile.member_ids


# --- cart ----------------------------------------------------------------------------------------


def cart(profile_id: str) -> tuple[Profile, Cart, str]:
    """The profile, its one cart, and the version to send back as If-Match."""
    profile = find(profile_id)
    carts = _carts(profile)
    own = carts.pop(profile.profile_id)
    return profile, one_cart(own, carts), _cart_version(own, carts)


def put_cart(
    profile_id: str,
    lines: Mapping[str, int],
    channel: str | None,
    if_match: str | None,
    at: datetime,
) -> tuple[Profile, Cart, str]:
    """Replaces the cart. Without ``if_match`` the last writer wins.

    Raises VersionMismatch when it has changed since that version was read, NotFound, Gone, Busy.
    """

    def once() -> tuple[Profile, Cart, str] | None:
        profile = find(profile_id)
        carts = _carts(profile)
        own = carts.pop(profile.profile_id)
        version = _cart_version(own, carts)
        if if_match not in {None, "*", version}:
            raise VersionMismatch("the cart has changed since it was read", version=version)
        covers = {other_id: other.version for other_id, other in carts.items() if other.version}
        new = Cart(dict(lines), own.version + 1, milliseconds(at), channel, covers)
        parts = [
            _living(profile.profile_id),
            _put(
                *_cart_at(profile.profile_id),
                cart_values(new),
                # holds when the cart is as it was when it was read
                condition="version = :v" if own.version else "attribute_not_exists(pk)",
                values={":v": own.version} if own.version else {},
            ),
        ]
        return None if transact(parts) else (profile, new, _cart_version(new, carts))

    return _settled(once)


def _carts(profile: Profile) -> dict[str, Cart]:
    keys = {member_id: Key(_table(), *_cart_at(member_id)) for member_id in profile.member_ids}
    items = get_many(keys.values(), consistent=True)
    return {member_id: cart_from(items.get(where)) for member_id, where in keys.items()}


def _cart_at(profile_id: str) -> tuple[str, str]:
    return f"PROFILE#{profile_id}", "CART"


def _cart_version(own: Cart, others: Mapping[str, Cart]) -> str:
    """Changes when any of the carts does, and when the merged profiles do."""
    merged = [f"{other_id}.{others[other_id].version}" for other_id in sorted(others)]
    short = hashlib.sha256("\n".join(merged).encode()).hexdigest()[:8] if merged else ""
    return f"{own.version}-{short}" if short else str(own.version)


# --- erase, audit --------------------------------------------------------------------------------


def erase(profile_id: str, act: Act) -> None:
    """Removes the person: every record, statement, link, interaction and cart, of all merged ids.

    First the profile is closed, in one conditional write: from then on nothing reads it and a
    replay is refused. Then the rest goes; a repetition goes on where a broken one ended. What is
    left are keyed hashes. Raises NotFound, Busy.
    """

    def close() -> Mapping[str, Any] | None:
        people = _people([profile_id])
        now = people.now.get(profile_id)
        if now is None:
            raise NotFound("there is no such profile", profile_id=profile_id)
        if now in people.erased:
            return get(_table(), *_profile_at(now), consistent=True)
        profile = people.living[now]
        left = {
            "members": sorted(profile.member_ids),
            "partitions": sorted(_partitions(profile)),
            "records": sorted(profile.keys),
            "ids": sorted(_all_identifiers(profile)),
        }
        tombstone = {
            "erased_at": text(act.at),
            "erased_by": act.actor,
            "left": left,
            "version": profile.version + 1,
        }
        closed = _put(
            *_profile_at(now),
            tombstone,
            # holds when no record was taken in, and nothing merged, since the profile was read
            condition="version = :v",
            values={":v": profile.version},
        )
        return None if transact([closed]) else {**tombstone, "pk": f"PROFILE#{now}"}

    tombstone = _settled(close)
    if "left" in tombstone:
        _sweep(tombstone["left"], tombstone["erased_at"])
        done = {"erased_at": tombstone["erased_at"], "version": tombstone["version"]}
        transact([_put(tombstone["pk"], "PROFILE", done)])


def _all_identifiers(profile: Profile) -> set[str]:
    """The keys of every identifier that any statement of the profile's records ever named."""
    found = set()
    for held in profile.records:
        rows = query(
            _table(),
            "pk = :pk AND begins_with(sk, :at)",
            to_item({":pk": f"RECORD#{held.key}", ":at": "AT#"}),
        )
        for record in (held.record, *(record_from(row) for row in rows)):
            found |= {where.pk for where in _id_keys(record).values()}
    return found


def _sweep(left: Mapping[str, Any], erased_at: str) -> None:
    for name in left["records"]:
        rows = [row["sk"] for row in _rows(f"RECORD#{name}") if row["sk"] != "HEAD"]
        _write([_delete(f"RECORD#{name}", sk) for sk in rows])
        _write([_put(*_head(name), {"erased_at": erased_at})])
    for pk in left["ids"]:
        _settled(lambda pk=pk: _forget_user(pk, left["members"], erased_at))  # type: ignore[misc]
    members, records = set(left["members"]), set(left["records"])
    for partition in left["partitions"]:
        _write(
            [
                _delete(row["pk"], row["sk"])
                for row in _rows(f"PROFILE#{partition}")
                if row["sk"] != "PROFILE"
                and (row.get("record_key") in records or _without_record(row, partition, members))
            ]
        )


def _without_record(row: Mapping[str, Any], partition: str, members: set[str]) -> bool:
    return "record_key" not in row and partition in members


def _forget_user(pk: str, homes: Iterable[str], erased_at: str) -> bool | None:
    users = _Users.of(get(_table(), pk, "ID", consistent=True))
    return None if transact([users.without(homes, erased_at).put(pk)]) else True


def _rows(pk: str) -> Iterator[dict[str, Any]]:
    return query(_table(), "pk = :pk", to_item({":pk": pk}), ConsistentRead=True)


def _write(parts: Sequence[Part]) -> None:
    for start in range(0, len(parts), 100):
        transact(parts[start : start + 100])


def audit(profile_ids: Iterable[str], actor: str, what: str, at: datetime, audit_id: str) -> None:
    """Notes who read the profiles, and by which question."""
    _write(
        [
            _put(
                f"AUDIT#{profile_id}",
                f"AT#{text(at)}#{audit_id}",
                {"actor": actor, "what": what, "at": text(at)},
            )
            for profile_id in profile_ids
        ]
    )


# --- requests ------------------------------------------------------------------------------------


def _settled(once: Callable[[], T | None]) -> T:
    """``once`` again until it is not None: each time it reads, decides and tries to write anew."""
    for attempt in range(ROUNDS):
        try:
            found = once()
        except Busy:
            found = None
        if found is not None:
            return found
        pause(attempt + 2)
    raise Busy("too many writers on the same person")


def _replayed(request: Request) -> dict[str, Any] | None:
    item = get(_table(), f"IDEM#{request.name}", "IDEM", consistent=True)
    return _answer(item, request) if item is not None else None


def _answer(item: Mapping[str, Any], request: Request) -> dict[str, Any]:
    request.check(item["digest"])
    answer: dict[str, Any] = json.loads(item["answer"])
    return answer


def _remember(request: Request, answer: Mapping[str, Any], at: datetime) -> Part:
    return _put(
        f"IDEM#{request.name}",
        "IDEM",
        {
            "digest": request.digest,
            "answer": json.dumps(answer, separators=(",", ":")),
            "ttl": int(at.timestamp()) + KEPT_SECONDS,
        },
        # holds when the request was not answered yet
        condition="attribute_not_exists(pk)",
    )


def _profile_at(profile_id: str) -> tuple[str, str]:
    return f"PROFILE#{profile_id}", "PROFILE"


def _table() -> str:
    return table_name("customers")


def _secret() -> bytes:
    return secret("identity_key")


def _put(
    pk: str,
    sk: str,
    item: Mapping[str, Any],
    *,
    condition: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Part:
    arguments: dict[str, Any] = {
        "TableName": _table(),
        "Item": to_item({"pk": pk, "sk": sk, **item}),
    }
    if condition is not None:
        arguments["ConditionExpression"] = condition
    if values:
        arguments["ExpressionAttributeValues"] = to_item(values)
    return {"Put": arguments}


def _update(
    pk: str,
    sk: str,
    expression: str,
    *,
    values: Mapping[str, Any],
    condition: str | None = None,
) -> Part:
    arguments: dict[str, Any] = {
        "TableName": _table(),
        "Key": key(pk, sk),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": to_item(values),
    }
    if condition is not None:
        arguments["ConditionExpression"] = condition
    return {"Update": arguments}


def _delete(pk: str, sk: str) -> Part:
    return {"Delete": {"TableName": _table(), "Key": key(pk, sk)}}
