"""Pairs of records that may be one person, for a person to judge."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Key, Part, get, get_many, query_page, transact
from shared.aws.items import to_item
from shared.customers.model import person
from shared.customers.model.decide import Doubt
from shared.customers.model.person import LinkedRecord, Profile, RecordKey
from shared.customers.model.views import Review
from shared.customers.store.merging import merge_parts
from shared.customers.store.profiles import People, find_both, people_of, profile_put, said
from shared.customers.store.rows import Act, head_at, put, settled, table, update
from shared.customers.store.values import instant, text
from shared.errors import Conflict, Gone, NotFound


def open_review(doubt: Doubt, at: datetime) -> list[Part]:
    """The review, and under each of the two records that there is one."""
    pair = person.paired(doubt.record, doubt.other)
    review_id = hashlib.sha256("\n".join(pair).encode()).hexdigest()[:26]
    return [
        _opened(review_id, pair, doubt, at),
        *(put(f"RECORD#{name}", f"REVIEW#{review_id}", {"review": review_id}) for name in pair),
    ]


def _opened(review_id: str, pair: tuple[RecordKey, RecordKey], doubt: Doubt, at: datetime) -> Part:
    return update(
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
    """None when the pair is one by now, or one of the two is gone."""
    now = [people.living.get(people.now.get(home, "")) for home in homes]
    held = [
        profile.held(name) if profile is not None else None
        for profile, name in zip(now, item["pair"], strict=True)
    ]
    match (now, held):
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
    """Merges the two ('same') or keeps them apart for ever ('different'), and closes the review.

    The profiles that hold the records afterwards. The same verdict again changes nothing.

    Raises NotFound, Gone, Conflict when it was judged otherwise, Busy.
    """

    def once() -> tuple[str, ...] | None:
        item = get(table(), f"REVIEW#{review_id}", "REVIEW", consistent=True)
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
                together = person.merge(one, other, act.at, by_hand=True)
                parts += merge_parts(one, other, together, act, review_id)
                now = (together.profile_id,)
        elif len(now) == 2:
            pair = person.paired(*item["pair"])
            parts += [profile_put(person.set_apart(side, [pair])) for side in (one, other)]
            parts += [
                said("CANNOT", a, b, review_id, act.at, actor=act.actor, reasons=[act.reason])
                for a, b in (pair, pair[::-1])
            ]
        else:
            raise Conflict("they are one profile by now: unmerge the record", profile_id=now[0])
        return None if transact(parts) else now

    return settled(once)


def _holder(name: RecordKey) -> str:
    head = get(table(), *head_at(name), consistent=True)
    refuse_erased(head)
    if head is None:
        raise NotFound("the record of the review is not there")
    profile_id: str = head["profile"]
    return profile_id


def _close_review(review_id: str, verdict: str, act: Act) -> Part:
    return update(
        f"REVIEW#{review_id}",
        "REVIEW",
        "SET review_key = :closed, verdict = :verdict, judged_at = :at, judged_by = :by",
        # holds when nobody has judged it meanwhile
        condition="attribute_exists(pk) AND attribute_not_exists(verdict)",
        values={":closed": "CLOSED", ":verdict": verdict, ":at": text(act.at), ":by": act.actor},
    )


def refuse_erased(head: Mapping[str, Any] | None) -> None:
    if head is not None and "erased_at" in head:
        raise Gone("this person was erased; the record cannot come back")
