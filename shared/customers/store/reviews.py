"""Reviews: pairs of records that may be one person, for a person to judge."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Key, Part, get, get_many, query_page, transact
from shared.aws.items import to_item
from shared.customers.model import person
from shared.customers.model.decide import PossibleLink
from shared.customers.model.person import LinkedRecord, Profile, RecordKey
from shared.customers.model.views import Review
from shared.customers.store.merging import merge_parts
from shared.customers.store.profiles import (
    People,
    find_both,
    link_statement,
    people_of,
    profile_put,
)
from shared.customers.store.rows import Act, head_at, put, retry_until_written, table, update
from shared.customers.store.values import instant
from shared.errors import Conflict, Gone, NotFound
from shared.instants import rfc3339


def open_review(doubt: PossibleLink, at: datetime) -> list[Part]:
    """The writes of a review and of the references to it under both records."""
    pair = person.record_pair(doubt.record, doubt.other)
    review_id = hashlib.sha256("\n".join(pair).encode()).hexdigest()[:26]
    return [
        _review_put(review_id, pair, doubt, at),
        *(put(f"RECORD#{name}", f"REVIEW#{review_id}", {"review": review_id}) for name in pair),
    ]


def _review_put(
    review_id: str, pair: tuple[RecordKey, RecordKey], doubt: PossibleLink, at: datetime
) -> Part:
    return update(
        f"REVIEW#{review_id}",
        "REVIEW",
        # Keeps the state of a review that exists: a judged review is not opened again.
        "SET review_key = if_not_exists(review_key, :open),"
        " opened_at = if_not_exists(opened_at, :at), review_id = :id, pair = :pair,"
        " bits = :bits, reasons = :reasons",
        values={
            ":open": "OPEN",
            ":at": rfc3339(at),
            ":id": review_id,
            ":pair": list(pair),
            ":bits": doubt.bits,
            ":reasons": list(doubt.reasons),
        },
    )


def open_reviews(limit: int, after: str | None) -> tuple[list[Review], str | None]:
    """The oldest open reviews with the current profiles of their records, and the key after which
    the next page starts. Omits reviews of records that are in one profile by now, or erased."""
    page = query_page(
        table(),
        "review_key = :open",
        {":open": {"S": "OPEN"}},
        limit,
        IndexName="by_review",
        **({"ExclusiveStartKey": _review_key(after)} if after else {}),
    )
    heads = get_many(Key(table(), *head_at(name)) for item in page.items for name in item["pair"])
    homes = {where.pk: item.get("profile", "") for where, item in heads.items()}
    people = people_of({home for home in homes.values() if home})
    reviews = [
        review
        for item in page.items
        if (
            review := _review(
                item, [homes.get(head_at(name)[0], "") for name in item["pair"]], people
            )
        )
    ]
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


def _review(item: Mapping[str, Any], homes: Iterable[str], people: People) -> Review | None:
    """None when both records are in one profile by now, or one of them was erased."""
    profiles = [people.living.get(people.current_id.get(home, "")) for home in homes]
    held = [
        profile.linked_record(name) if profile is not None else None
        for profile, name in zip(profiles, item["pair"], strict=True)
    ]
    match (profiles, held):
        case [Profile() as one, Profile() as other], [
            LinkedRecord() as first,
            LinkedRecord() as second,
        ]:
            if one.profile_id == other.profile_id:
                return None
            return Review(
                review_id=item["review_id"],
                profile_ids=(one.profile_id, other.profile_id),
                records=(first.record, second.record),
                bits=item["bits"],
                reasons=tuple(item["reasons"]),
                opened_at=instant(item["opened_at"]),
            )
    return None


def judge(review_id: str, verdict: str, act: Act) -> tuple[str, ...]:
    """Merge both records ('same') or set a cannot-link ('different'), and close the review.

    Returns the profiles that hold the records afterwards. Repeating a verdict changes nothing.

    Raises NotFound, Gone, Busy, and Conflict when the review has another verdict.
    """

    def once() -> tuple[str, ...] | None:
        item = get(table(), f"REVIEW#{review_id}", "REVIEW", consistent=True)
        if item is None:
            raise NotFound("there is no such review", review_id=review_id)
        if item.get("verdict", verdict) != verdict:
            raise Conflict("the review already has another verdict", verdict=item["verdict"])
        one, other = find_both(*(_holding_profile(name) for name in item["pair"]))
        profile_ids = tuple(dict.fromkeys((one.profile_id, other.profile_id)))
        if "verdict" in item:
            return profile_ids
        parts = [_close_review(review_id, verdict, act)]
        if verdict == "same":
            if len(profile_ids) == 2:
                merged = person.merge(one, other, act.at, by_hand=True)
                parts += merge_parts(one, other, merged, act, review_id)
                profile_ids = (merged.profile_id,)
        elif len(profile_ids) == 2:
            pair = person.record_pair(*item["pair"])
            parts += [profile_put(person.add_cannot_links(side, [pair])) for side in (one, other)]
            parts += [
                link_statement(
                    "CANNOT", a, b, review_id, act.at, actor=act.actor, reasons=[act.reason]
                )
                for a, b in (pair, pair[::-1])
            ]
        else:
            raise Conflict(
                "the records are in one profile by now: unmerge one of them",
                profile_id=profile_ids[0],
            )
        return None if transact(parts) else profile_ids

    return retry_until_written(once)


def _holding_profile(name: RecordKey) -> str:
    head = get(table(), *head_at(name), consistent=True)
    refuse_erased(head)
    if head is None:
        raise NotFound("the record of the review does not exist")
    profile_id: str = head["profile"]
    return profile_id


def _close_review(review_id: str, verdict: str, act: Act) -> Part:
    return update(
        f"REVIEW#{review_id}",
        "REVIEW",
        "SET review_key = :closed, verdict = :verdict, judged_at = :at, judged_by = :by",
        # Holds when nobody has judged the review meanwhile.
        condition="attribute_exists(pk) AND attribute_not_exists(verdict)",
        values={":closed": "CLOSED", ":verdict": verdict, ":at": rfc3339(act.at), ":by": act.actor},
    )


def refuse_erased(head: Mapping[str, Any] | None) -> None:
    if head is not None and "erased_at" in head:
        raise Gone("this person was erased; the record cannot be used again")
