"""Resolve: read, decide, write; and again when somebody else was faster."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from shared.aws.dynamodb import Key, Part, get_many, transact
from shared.customers.model.decide import IdentityDecision, decide
from shared.customers.model.keys import Found, is_block, record_key
from shared.customers.model.person import RecordKey, Resolution, SourceRecord
from shared.customers.model.score import RULES, too_much
from shared.customers.model.users import CANDIDATES, Users, candidates, shared
from shared.customers.store.households import moved
from shared.customers.store.profiles import People, head_put, people_of, profile_puts, said
from shared.customers.store.reviews import open_review
from shared.customers.store.rows import (
    answer_of,
    asked,
    gone_at,
    head_at,
    identity_key,
    put,
    remember,
    settled,
    table,
)
from shared.customers.store.users import keys_of, users_of, users_puts
from shared.customers.store.values import digest, milliseconds, record_values, text
from shared.errors import Conflict, Gone
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class _Over:
    """The person behind the record was erased before the statement came."""


def resolve(
    record: SourceRecord,
    request_name: str,
    at: datetime,
    new_profile_id: str,
    request_digest: str = "",
    received_at: datetime | None = None,
) -> Resolution:
    """Who the record is. ``new_profile_id`` is used when it is somebody new. ``received_at`` is
    when the statement reached us by our own clock, ``at`` when nothing else is said: what came
    before the person was erased is refused, and so is what was said before, word by word, whenever
    it comes. What else comes later is of somebody who begins anew.

    Two read calls; a third when a match was merged since it was last seen, and two more for each
    time that the person was erased.

    Raises Gone when the person was erased, Conflict when the record itself has become too big to
    keep, KeyReused, Busy.
    """
    request = Request(request_name, request_digest or digest(record))
    at = milliseconds(at)
    received = text(received_at or at)
    for life in count():
        name = record_key(identity_key(), record.source, record.source_id, life)
        new_id = new_profile_id if life == 0 else f"{new_profile_id}-{life}"
        found = settled(partial(_resolve_once, record, name, request, at, received, new_id))
        if isinstance(found, Resolution):
            return found
    raise AssertionError


def _resolve_once(
    record: SourceRecord,
    name: RecordKey,
    request: Request,
    at: datetime,
    received: str,
    new_profile_id: str,
) -> Resolution | _Over | None:
    keys = keys_of(record)
    idem, head = Key(table(), f"IDEM#{request.name}", "IDEM"), Key(table(), *head_at(name))
    items = get_many([idem, head, *keys.values()], consistent=True)
    if "erased_at" in items.get(head, {}):
        return _over(name, record, received, items[head]["erased_at"])
    known = {found: users_of(items.get(where)) for found, where in keys.items()}
    home = items[head]["profile"] if head in items else None
    answered = _resolution(answer_of(items[idem], request)) if idem in items else None
    others = () if answered and answered.record_key == name else candidates(record, known)
    people = people_of([*([home] if home else []), *others][:CANDIDATES])
    if home is not None and (erased_at := people.erased.get(people.now.get(home, ""))):
        return _over(name, record, received, erased_at)
    if answered and answered.record_key == name:
        return answered
    _refuse_erased_person(known, people, received)
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
    parts = [
        remember(request, asdict(resolution), at, instead=items.get(idem)),
        asked(name, request, at),
        _statement_put(name, record),
    ]
    if decision.changed:
        parts += profile_puts(decision.profile, people)
        parts += _log_links(name, decision, request, at)
        parts += [part for doubt in decision.doubts for part in open_review(doubt, at)]
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


def _moves(decision: IdentityDecision, people: People) -> list[Part]:
    ids = decision.profile.member_ids
    before = [profile for profile in people.living.values() if profile.profile_id in ids]
    return moved(before, decision.profile)


def _resolved(name: RecordKey, decision: IdentityDecision, people: People) -> Resolution:
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


def _over(name: RecordKey, record: SourceRecord, received: str, erased_at: str) -> _Over:
    """Raises Gone for what came before the person was erased, and for a repetition of it."""
    if received <= erased_at:
        raise Gone("this person was erased; the statement came before that")
    statement = _statement_at(record)
    kept = Key(table(), f"RECORD#{name}", statement), Key(table(), *gone_at(name, statement))
    if get_many(kept, consistent=True):
        raise Gone("this person was erased; the statement is one of those from before that")
    return _Over()


def _refuse_erased_person(known: Mapping[Found, Users], people: People, received: str) -> None:
    """A statement that came before the erasure is a replay of it, whatever record it is said to be.

    A later one is of somebody who came back, or who was given the number.
    """
    for found, users in known.items():
        if is_block(found):
            continue
        erasures = [people.erased.get(people.now.get(one, "")) for one in users.now.values()]
        times = [users.erased_at, *(erasures if all(erasures) else ())]
        if any(at is not None and received <= at for at in times):
            raise Gone("this person was erased; the statement came before that")


def _statement_put(name: RecordKey, record: SourceRecord) -> Part:
    """Its key is its content: put twice, it is the same item."""
    return put(f"RECORD#{name}", _statement_at(record), record_values(record))


def _statement_at(record: SourceRecord) -> str:
    return f"AT#{text(record.occurred_at)}#{digest(record)[:16]}"


def _log_links(
    name: RecordKey, decision: IdentityDecision, request: Request, at: datetime
) -> list[Part]:
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
