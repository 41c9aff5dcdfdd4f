"""Resolve a record: read, decide, write, and retry after a lost race."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from shared.aws.dynamodb import Key, Part, get_many, transact
from shared.customers.model.decide import IdentityDecision, decide
from shared.customers.model.key_usage import (
    MAX_CANDIDATES,
    KeyUsage,
    candidate_profiles,
    shared_identifiers,
)
from shared.customers.model.keys import LookupKey, is_blocking_key, record_key
from shared.customers.model.person import RecordKey, Resolution, SourceRecord
from shared.customers.model.score import RULES, exceeds_limits
from shared.customers.store.households import household_updates
from shared.customers.store.key_usage import key_usage_of_item, key_usage_puts, lookup_item_keys
from shared.customers.store.profiles import (
    People,
    head_put,
    link_statement,
    people_of,
    profile_puts,
)
from shared.customers.store.reviews import open_review
from shared.customers.store.rows import (
    answer_of,
    answer_put,
    erased_statement_at,
    head_at,
    identity_key,
    put,
    request_reference_put,
    retry_until_written,
    table,
)
from shared.customers.store.values import digest, record_values
from shared.errors import Conflict, Gone
from shared.instants import milliseconds, rfc3339
from shared.stored import from_row
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class _ErasedBefore:
    """The person of the record was erased before the statement arrived."""


def resolve(
    record: SourceRecord,
    request_name: str,
    at: datetime,
    new_profile_id: str,
    request_digest: str = "",
    received_at: datetime | None = None,
) -> Resolution:
    """Find the person of a record and store its statement. ``new_profile_id`` becomes the id of the
    profile if the person is new. ``received_at`` is when the statement reached us by our own clock;
    the default is ``at``.

    After an erasure, a statement received before it is refused, and so is an exact repetition of an
    earlier statement, whenever it arrives. Any other later statement starts a new profile.

    Takes two read calls; a third when a matching profile was merged since the key was written, and
    two more for each erasure of the person.

    Raises Gone when the person was erased, Conflict when the profile has no room for the record,
    KeyReused, Busy.
    """
    request = Request(request_name, request_digest or digest(record))
    at = milliseconds(at)
    received = rfc3339(received_at or at)
    for life in count():
        name = record_key(identity_key(), record.source, record.source_id, life)
        new_id = new_profile_id if life == 0 else f"{new_profile_id}-{life}"
        outcome = retry_until_written(
            partial(_resolve_once, record, name, request, at, received, new_id)
        )
        if isinstance(outcome, Resolution):
            return outcome
    raise AssertionError


def _resolve_once(
    record: SourceRecord,
    name: RecordKey,
    request: Request,
    at: datetime,
    received: str,
    new_profile_id: str,
) -> Resolution | _ErasedBefore | None:
    keys = lookup_item_keys(record)
    idem, head = Key(table(), f"IDEM#{request.name}", "IDEM"), Key(table(), *head_at(name))
    items = get_many([idem, head, *keys.values()], consistent=True)
    if "erased_at" in items.get(head, {}):
        return _refuse_old_statement(name, record, received, items[head]["erased_at"])
    usages = {key: key_usage_of_item(items.get(where)) for key, where in keys.items()}
    home = items[head]["profile"] if head in items else None
    answered = _stored_resolution(answer_of(items[idem], request)) if idem in items else None
    others = () if answered and answered.record_key == name else candidate_profiles(record, usages)
    people = people_of([*([home] if home else []), *others][:MAX_CANDIDATES])
    if home is not None and (erased_at := people.erased.get(people.current_id.get(home, ""))):
        return _refuse_old_statement(name, record, received, erased_at)
    if answered and answered.record_key == name:
        return answered
    _refuse_erased_person(usages, people, received)
    current = people.living.get(people.current_id.get(home, "")) if home else None
    if people.inconsistent or (home and (current is None or current.linked_record(name) is None)):
        return None
    decision = decide(
        name,
        record,
        current=current,
        candidates=[profile for profile in people.living.values() if profile is not current],
        shared=shared_identifiers(record, usages),
        at=at,
        new_profile_id=new_profile_id,
    )
    if decision.changed and exceeds_limits(decision.profile):
        raise Conflict(
            "the profile has reached its limit of records or bytes",
            records=len(decision.profile.records),
        )
    resolution = _resolution_of(name, decision, people)
    parts = [
        answer_put(request, asdict(resolution), at, instead=items.get(idem)),
        request_reference_put(name, request, at),
        _statement_put(name, record),
    ]
    if decision.changed:
        parts += profile_puts(decision.profile, people)
        parts += _log_links(name, decision, request, at)
        parts += [part for doubt in decision.possible_links for part in open_review(doubt, at)]
        if current is None:
            parts.append(head_put(name, resolution.home))
    parts += key_usage_puts(record, keys, usages, resolution.home, decision.profile)
    return resolution if _write_with_moves(parts, _household_moves(decision, people)) else None


def _write_with_moves(parts: list[Part], moves: list[Part]) -> bool:
    """Write all parts. If only the household updates fail (the household is full), write the other
    parts without them."""
    refused = transact([*parts, *moves])
    if refused and all(row.index >= len(parts) for row in refused):
        refused = transact(parts)
    return not refused


def _household_moves(decision: IdentityDecision, people: People) -> list[Part]:
    ids = decision.profile.member_ids
    before = [profile for profile in people.living.values() if profile.profile_id in ids]
    return household_updates(before, decision.profile)


def _resolution_of(name: RecordKey, decision: IdentityDecision, people: People) -> Resolution:
    held = decision.profile.linked_record(name)
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


def _stored_resolution(values: Mapping[str, Any]) -> Resolution:
    lists = {name: tuple(values[name]) for name in ("reasons", "merged")}
    return from_row(Resolution, {**values, **lists})


def _refuse_old_statement(
    name: RecordKey, record: SourceRecord, received: str, erased_at: str
) -> _ErasedBefore:
    """Raises Gone for a statement received before the erasure, and for a repetition of one."""
    if received <= erased_at:
        raise Gone("this person was erased after the statement was received")
    statement = _statement_at(record)
    earlier = (
        Key(table(), f"RECORD#{name}", statement),
        Key(table(), *erased_statement_at(name, statement)),
    )
    if get_many(earlier, consistent=True):
        raise Gone("this person was erased; the statement repeats one from before the erasure")
    return _ErasedBefore()


def _refuse_erased_person(
    usages: Mapping[LookupKey, KeyUsage], people: People, received: str
) -> None:
    """Refuse a statement received before the erasure of all users of one of its identifiers: it is
    a replay, whatever its record. A later statement may come from somebody who returned, or who was
    given the telephone number.
    """
    for lookup_key, usage in usages.items():
        if is_blocking_key(lookup_key):
            continue
        erasures = [
            people.erased.get(people.current_id.get(profile_id, ""))
            for profile_id in usage.profile_of.values()
        ]
        times = [usage.erased_at, *(erasures if all(erasures) else ())]
        if any(at is not None and received <= at for at in times):
            raise Gone("this person was erased after the statement was received")


def _statement_put(name: RecordKey, record: SourceRecord) -> Part:
    """The write of the statement. Its key contains its digest, so writing it twice is harmless."""
    return put(f"RECORD#{name}", _statement_at(record), record_values(record))


def _statement_at(record: SourceRecord) -> str:
    return f"AT#{rfc3339(record.occurred_at)}#{digest(record)[:16]}"


def _log_links(
    name: RecordKey, decision: IdentityDecision, request: Request, at: datetime
) -> list[Part]:
    return [
        link_statement(
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
