"""Merge and unmerge profiles by hand."""

from dataclasses import asdict, dataclass

from shared.aws.dynamodb import Part, get, get_many, transact
from shared.customers.model import person
from shared.customers.model.person import LinkedRecord, Profile, RecordKey
from shared.customers.model.score import RULES, compare_records, exceeds_limits, vetoes
from shared.customers.model.views import ExpectedMerge
from shared.customers.store.households import household_splits, household_updates
from shared.customers.store.key_usage import key_usage_of_item, key_usage_puts, lookup_item_keys
from shared.customers.store.profiles import (
    People,
    find,
    find_both,
    head_put,
    link_statement,
    profile_put,
    profile_puts,
    redirect,
)
from shared.customers.store.rows import (
    Act,
    answer_put,
    profile_at,
    put,
    retry_until_written,
    stored_answer,
    table,
)
from shared.customers.store.values import profile_values
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class MergeResult:
    profile_id: str
    merged_from: tuple[str, ...]


def merge(profile_id: str, other_id: str, act: Act, request: Request) -> MergeResult:
    """Merge two profiles by hand, regardless of vetoes and of an earlier verdict 'different'.

    Profiles that are already one stay unchanged. Raises NotFound, Gone, Conflict, Busy.
    """
    if profile_id == other_id:
        raise InvalidRequest(
            "a profile cannot be merged with itself",
            [
                {
                    "path": "$.other_profile_id",
                    "message": "it is the same as the profile in the path",
                }
            ],
        )

    def once() -> MergeResult | None:
        if answered := stored_answer(request):
            return MergeResult(answered["profile_id"], tuple(answered["merged_from"]))
        one, other = find_both(profile_id, other_id)
        merged_profile = (
            one
            if one.profile_id == other.profile_id
            else person.merge(one, other, act.at, by_hand=True)
        )
        merged = MergeResult(
            merged_profile.profile_id,
            tuple(sorted(merged_profile.member_ids - {merged_profile.profile_id})),
        )
        parts = [answer_put(request, asdict(merged), act.at)]
        if one.profile_id != other.profile_id:
            parts += merge_parts(one, other, merged_profile, act, request.name)
        return None if transact(parts) else merged

    return retry_until_written(once)


def preview_merge(profile_id: str, other_id: str) -> ExpectedMerge:
    """The expected result of a merge; writes nothing.

    Raises NotFound, Gone, and Conflict when both are already one profile.
    """
    one, other = find_both(profile_id, other_id)
    if one.profile_id == other.profile_id:
        raise Conflict("both ids are already one profile", profile_id=one.profile_id)
    best = max(
        (
            compare_records(linked.record, other_linked.record, frozenset())
            for linked in one.records
            for other_linked in other.records
        ),
        key=lambda evidence: evidence.bits,
    )
    merged_profile = person.merge(one, other, min(one.created_at, other.created_at), by_hand=True)
    return ExpectedMerge(merged_profile, best.bits, best.reasons, vetoes(one, other))


def merge_parts(
    one: Profile, other: Profile, merged_profile: Profile, act: Act, name: str
) -> list[Part]:
    if len(merged_profile.members) > RULES.most_members or exceeds_limits(merged_profile):
        raise Conflict(
            "the merged profile would exceed the limits for one person",
            records=len(merged_profile.records),
            most_records=RULES.most_records,
            most_merged=RULES.most_members,
        )
    people = People({}, {profile.profile_id: profile for profile in (one, other)}, {})
    first, second = one.records[0].key, other.records[0].key
    return [
        *profile_puts(merged_profile, people),
        *household_updates([one, other], merged_profile),
        link_statement("LINK", first, second, name, act.at, actor=act.actor, reasons=[act.reason]),
        link_statement("LINK", second, first, name, act.at, actor=act.actor, reasons=[act.reason]),
    ]


def unmerge(
    profile_id: str, record: tuple[str, str], new_id: str, act: Act, request: Request
) -> tuple[str, str]:
    """Split the person of the record (source, source_id) off the profile; see person.unmerge.

    Returns the id of the remaining profile, and the id of the split-off person: its id before the
    merge, or ``new_id``. Raises NotFound, Gone, Conflict, Busy.
    """
    source, source_id = record

    def once() -> tuple[str, str] | None:
        if answered := stored_answer(request):
            return answered["stays"], answered["leaves"]
        profile = find(profile_id)
        # By the record's own source id: after an erasure, the record key of that id is another.
        matching = (
            held.key for held in profile.records if _source_and_id(held) == (source, source_id)
        )
        name = next(matching, None)
        if name is None:
            raise NotFound("the profile has no such record", source=source, source_id=source_id)
        try:
            stays, leaves = person.unmerge(profile, name, new_id, act.at)
        except ValueError:
            raise Conflict("the record is the only one of the profile") from None
        parts = [
            answer_put(request, {"stays": stays.profile_id, "leaves": leaves.profile_id}, act.at),
            profile_put(stays),
            *_split_puts(profile, leaves),
            *_rehome_records(profile, leaves),
            *household_splits(profile, [stays, leaves]),
            *_cannot_links(name, stays if name in leaves.keys else leaves, act, request.name),
        ]
        return None if transact(parts) else (stays.profile_id, leaves.profile_id)

    return retry_until_written(once)


def _source_and_id(held: LinkedRecord) -> tuple[str, str]:
    return held.record.source, held.record.source_id


def _split_puts(before: Profile, leaves: Profile) -> list[Part]:
    if leaves.profile_id not in before.member_ids:
        return [profile_put(leaves)]
    redirecting = get(table(), *profile_at(leaves.profile_id), consistent=True) or {}
    own = put(
        *profile_at(leaves.profile_id),
        {**profile_values(leaves), "version": redirecting.get("version", 0) + 1},
        # Holds while the id is still merged into the profile that it leaves.
        condition="merged_into = :before AND version = :v",
        values={":before": before.profile_id, ":v": redirecting.get("version", 0)},
    )
    rest = sorted(leaves.member_ids - {leaves.profile_id})
    return [own, *(redirect(rest_id, before.profile_id, leaves.profile_id) for rest_id in rest)]


def _rehome_records(before: Profile, leaves: Profile) -> list[Part]:
    """Moves the head and the keys of a record that leaves alone to its new profile."""
    parts: list[Part] = []
    for held in leaves.records:
        before_record = before.linked_record(held.key)
        if before_record is None or before_record.home == held.home:
            continue
        parts.append(head_put(held.key, held.home, before=before_record.home))
        keys = lookup_item_keys(held.record)
        items = get_many(keys.values(), consistent=True)
        usages = {key: key_usage_of_item(items.get(where)) for key, where in keys.items()}
        parts += key_usage_puts(held.record, keys, usages, held.home, leaves)
    return parts


def _cannot_links(name: RecordKey, other: Profile, act: Act, request_name: str) -> list[Part]:
    return [
        link_statement(
            "CANNOT", one, two, request_name, act.at, actor=act.actor, reasons=[act.reason]
        )
        for held in other.records[: person.MAX_CANNOT_LINKS]
        for one, two in ((name, held.key), (held.key, name))
    ]
