"""Merge and unmerge by hand."""

from dataclasses import asdict, dataclass

from shared.aws.dynamodb import Part, get, get_many, transact
from shared.customers.model import person
from shared.customers.model.person import LinkedRecord, Profile, RecordKey
from shared.customers.model.score import RULES, evidence, too_much, vetoes
from shared.customers.model.views import Preview
from shared.customers.store.households import moved, parted
from shared.customers.store.profiles import (
    People,
    find,
    find_both,
    head_put,
    profile_put,
    profile_puts,
    redirect,
    said,
)
from shared.customers.store.rows import Act, profile_at, put, remember, replayed, settled, table
from shared.customers.store.users import keys_of, users_of, users_puts
from shared.customers.store.values import profile_values
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.web.idempotency import Request


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
        if answered := replayed(request):
            return Merged(answered["profile_id"], tuple(answered["merged_from"]))
        one, other = find_both(profile_id, other_id)
        together = (
            one
            if one.profile_id == other.profile_id
            else person.merge(one, other, act.at, by_hand=True)
        )
        merged = Merged(
            together.profile_id, tuple(sorted(together.member_ids - {together.profile_id}))
        )
        parts = [remember(request, asdict(merged), act.at)]
        if one.profile_id != other.profile_id:
            parts += merge_parts(one, other, together, act, request.name)
        return None if transact(parts) else merged

    return settled(once)


def preview(profile_id: str, other_id: str) -> Preview:
    """Nothing is written. Raises NotFound, Gone, Conflict when they are one already."""
    one, other = find_both(profile_id, other_id)
    if one.profile_id == other.profile_id:
        raise Conflict("they are one profile already", profile_id=one.profile_id)
    best = max(
        (
            evidence(held.record, against.record, frozenset())
            for held in one.records
            for against in other.records
        ),
        key=lambda found: found.bits,
    )
    together = person.merge(one, other, min(one.created_at, other.created_at), by_hand=True)
    return Preview(together, best.bits, best.reasons, vetoes(one, other))


def merge_parts(one: Profile, other: Profile, together: Profile, act: Act, name: str) -> list[Part]:
    if len(together.members) > RULES.most_members or too_much(together):
        raise Conflict(
            "together they would hold too much for one person",
            records=len(together.records),
            most_records=RULES.most_records,
            most_merged=RULES.most_members,
        )
    people = People({}, {profile.profile_id: profile for profile in (one, other)}, {})
    first, second = one.records[0].key, other.records[0].key
    return [
        *profile_puts(together, people),
        *moved([one, other], together),
        said("LINK", first, second, name, act.at, actor=act.actor, reasons=[act.reason]),
        said("LINK", second, first, name, act.at, actor=act.actor, reasons=[act.reason]),
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

    def once() -> tuple[str, str] | None:
        if answered := replayed(request):
            return answered["stays"], answered["leaves"]
        profile = find(profile_id)
        # by what it says of itself: of one that has come back the key is another
        named = (held.key for held in profile.records if _names(held) == (source, source_id))
        name = next(named, None)
        if name is None:
            raise NotFound("the profile has no such record", source=source, source_id=source_id)
        try:
            stays, leaves = person.unmerge(profile, name, new_id, act.at)
        except ValueError:
            raise Conflict("it is the only record of the profile") from None
        parts = [
            remember(request, {"stays": stays.profile_id, "leaves": leaves.profile_id}, act.at),
            profile_put(stays),
            *_taken_out(profile, leaves),
            *_moved_home(profile, leaves),
            *parted(profile, [stays, leaves]),
            *_said_apart(name, stays if name in leaves.keys else leaves, act, request.name),
        ]
        return None if transact(parts) else (stays.profile_id, leaves.profile_id)

    return settled(once)


def _names(held: LinkedRecord) -> tuple[str, str]:
    return held.record.source, held.record.source_id


def _taken_out(before: Profile, leaves: Profile) -> list[Part]:
    if leaves.profile_id not in before.member_ids:
        return [profile_put(leaves)]
    redirecting = get(table(), *profile_at(leaves.profile_id), consistent=True) or {}
    own = put(
        *profile_at(leaves.profile_id),
        {**profile_values(leaves), "version": redirecting.get("version", 0) + 1},
        # holds as long as the id is a part of the profile that it is taken out of
        condition="merged_into = :before AND version = :v",
        values={":before": before.profile_id, ":v": redirecting.get("version", 0)},
    )
    rest = sorted(leaves.member_ids - {leaves.profile_id})
    return [own, *(redirect(rest_id, before.profile_id, leaves.profile_id) for rest_id in rest)]


def _moved_home(before: Profile, leaves: Profile) -> list[Part]:
    """A record that leaves alone is found under its new profile from now on."""
    parts: list[Part] = []
    for held in leaves.records:
        old = before.held(held.key)
        if old is None or old.home == held.home:
            continue
        parts.append(head_put(held.key, held.home, before=old.home))
        keys = keys_of(held.record)
        items = get_many(keys.values(), consistent=True)
        known = {found: users_of(items.get(where)) for found, where in keys.items()}
        parts += users_puts(held.record, keys, known, held.home, leaves)
    return parts


def _said_apart(name: RecordKey, other: Profile, act: Act, request_name: str) -> list[Part]:
    return [
        said("CANNOT", one, two, request_name, act.at, actor=act.actor, reasons=[act.reason])
        for held in other.records[: person.MOST_APART]
        for one, two in ((name, held.key), (held.key, name))
    ]
