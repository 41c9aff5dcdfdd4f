"""Resolve: read, decide, write; and again when somebody else was faster."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Key, Part, get_many, transact
from shared.customers.decide import Decision, decide
from shared.customers.keys import Found, is_block, record_key
from shared.customers.model import Record, RecordKey, Resolution
from shared.customers.score import RULES, too_much
from shared.customers.stored import digest, milliseconds, record_values, text
from shared.customers.table.households import moved
from shared.customers.table.profiles import People, head_put, people_of, profile_puts, said
from shared.customers.table.reviews import open_review, refuse_erased
from shared.customers.table.rows import (
    answer_of,
    head_at,
    identity_key,
    put,
    remember,
    settled,
    table,
)
from shared.customers.table.users import keys_of, users_of, users_puts
from shared.customers.users import CANDIDATES, Users, candidates, shared
from shared.errors import Conflict, Gone
from shared.web.idempotency import Request


def resolve(
    record: Record,
    request_name: str,
    at: datetime,
    new_profile_id: str,
    request_digest: str = "",
) -> Resolution:
    """Who the record is. ``new_profile_id`` is used when it is somebody new.

    Two read calls; a third when a match was merged since it was last seen.

    Raises Gone when the person was erased, Conflict when the record itself has become too big to
    keep, KeyReused, Busy.
    """
    request = Request(request_name, request_digest or digest(record))
    at = milliseconds(at)
    name = record_key(identity_key(), record.source, record.source_id)
    return settled(lambda: _resolve_once(record, name, request, at, new_profile_id))


def _resolve_once(
    record: Record, name: RecordKey, request: Request, at: datetime, new_profile_id: str
) -> Resolution | None:
    keys = keys_of(record)
    idem, head = Key(table(), f"IDEM#{request.name}", "IDEM"), Key(table(), *head_at(name))
    items = get_many([idem, head, *keys.values()], consistent=True)
    refuse_erased(items.get(head))
    if idem in items:
        return _resolution(answer_of(items[idem], request))
    known = {found: users_of(items.get(where)) for found, where in keys.items()}
    home = items[head]["profile"] if head in items else None
    people = people_of([*([home] if home else []), *candidates(record, known)][:CANDIDATES])
    _refuse_erased_person(record, known, people, home)
    standing = people.living.get(people.now.get(home, "")) if home else None
    if people.torn or (home and (standing is None or standing.held(name) is None)):
        return None
    decision = decide(
        name,
        record,
        standing=standing,
        candidates=[profile for profile in people.living.values() if profile is not standing],
        shared=shared(record, known),
        at=at,
        new_profile_id=new_profile_id,
    )
    if decision.changed and too_much(decision.profile):
        raise Conflict(
            "the profile holds as much as one can", records=len(decision.profile.records)
        )
    resolution = _resolved(name, decision, people)
    parts = [remember(request, asdict(resolution), at), _statement_put(name, record)]
    if decision.changed:
        parts += profile_puts(decision.profile, people)
        parts += _log_links(name, decision, request, at)
        parts += [open_review(doubt, at) for doubt in decision.doubts]
        if standing is None:
            parts.append(head_put(name, resolution.home))
    parts += users_puts(record, keys, known, resolution.home, decision.profile)
    return resolution if _written(parts, _moves(decision, people)) else None


def _written(parts: list[Part], moves: list[Part]) -> bool:
    """Also without the moves: nobody is kept from being known by a house that is full."""
    refused = transact([*parts, *moves])
    if refused and all(one.index >= len(parts) for one in refused):
        refused = transact(parts)
    return not refused


def _moves(decision: Decision, people: People) -> list[Part]:
    ids = decision.profile.member_ids
    before = [profile for profile in people.living.values() if profile.profile_id in ids]
    return moved(before, decision.profile)


def _resolved(name: RecordKey, decision: Decision, people: People) -> Resolution:
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


def _refuse_erased_person(
    record: Record,
    known: Mapping[Found, Users],
    people: People,
    home: str | None,
) -> None:
    """A statement from before the erasure is a replay of it, whatever record it is said to be.

    A later one is of somebody who came back, or who was given the number.
    """
    if home is not None and people.now.get(home) in people.erased:
        raise Gone("this person was erased; the record cannot come back")
    for found, users in known.items():
        if is_block(found):
            continue
        erasures = [people.erased.get(people.now.get(one, "")) for one in users.now.values()]
        times = [users.erased_at, *(erasures if all(erasures) else ())]
        if any(at is not None and text(record.occurred_at) <= at for at in times):
            raise Gone("this person was erased; the statement is older than that")


def _statement_put(name: RecordKey, record: Record) -> Part:
    """Its key is its content: put twice, it is the same item."""
    at = f"AT#{text(record.occurred_at)}#{digest(record)[:16]}"
    return put(f"RECORD#{name}", at, record_values(record))


def _log_links(name: RecordKey, decision: Decision, request: Request, at: datetime) -> list[Part]:
    return [
        said(
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
