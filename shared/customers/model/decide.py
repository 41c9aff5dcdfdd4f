"""Who a record is: one decision on what was read, with its reasons. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.customers.model.person import (
    Profile,
    RecordKey,
    ResolveOutcome,
    SourceRecord,
    merge,
    newborn,
    with_record,
)
from shared.customers.model.score import (
    APART,
    RULES,
    Evidence,
    ScoreRules,
    Shared,
    compared,
    reached_apart,
    traits,
    vetoes,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A statement that the record and another of the profile are one person."""

    other: RecordKey
    bits: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A pair of records for a person to look at."""

    record: RecordKey
    other: RecordKey
    bits: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityDecision:
    """``profile`` is what is to be stored; the ids of its tree that stood alone before are merged.

    ``changed`` is false when the statement said nothing new.
    """

    profile: Profile
    outcome: ResolveOutcome
    bits: float | None
    reasons: tuple[str, ...]
    links: tuple[Link, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    changed: bool = True


@dataclass(frozen=True, slots=True)
class IdentityMatch:
    """``found`` is the evidence of the profile's record ``other``, the strongest. ``support`` is
    the share of its records that reach the review band, of those that say anything."""

    profile: Profile
    other: RecordKey
    found: Evidence
    support: float

    def lonely(self, rules: ScoreRules) -> bool:
        """Whether a record has little in common with most of a profile of many records: so two
        people of one name and one telephone grow together. What a person has put together is not
        doubted."""
        return (
            not self.profile.confirmed
            and len(self.profile.records) >= rules.many
            and self.support < rules.support
            and not any(f"same {name}" in self.found.reasons for name in rules.sure)
        )


LONELY = "most of the profile's records do not agree"


def decide(
    key: RecordKey,
    statement: SourceRecord,
    *,
    standing: Profile | None,
    candidates: Sequence[Profile],
    shared: Shared,
    at: datetime,
    new_profile_id: str,
    rules: ScoreRules = RULES,
) -> IdentityDecision:
    """``standing`` is the profile that holds the record already; ``candidates`` are others that
    share a key with it.

    The best candidate in the merge band takes the record in; further ones are merged with it. A
    veto turns a link into a doubt, and so do bits below the merge band.
    """
    profile = with_record(standing, key, statement) if standing is not None else None
    held = profile.held(key) if profile is not None else None
    whole = held.record if held is not None else statement
    alone = newborn(new_profile_id, key, statement, at)
    links: list[Link] = []
    doubts: list[Doubt] = []
    matches = _matches(whole, candidates, shared, rules)
    only_one = sum(match.found.bits >= rules.bare for match in matches) == 1
    for match in matches:
        found = match.found
        enough = rules.merge if found.named or not only_one else rules.bare
        if profile is not None and reached_apart(profile, match.profile):
            enough = max(enough, rules.bridge if found.differing < 2 else rules.wide_bridge)
        elif found.differing > 1:
            enough = max(enough, rules.bridge)
        if found.bits < rules.review:
            break
        against = vetoes(profile or alone, match.profile, rules)
        if APART in against:
            continue
        if match.lonely(rules):
            against = (*against, LONELY)
        if against or found.bits < enough:
            doubts.append(Doubt(key, match.other, found.bits, (*found.reasons, *against)))
            continue
        links.append(Link(match.other, found.bits, found.reasons))
        if profile is None:
            profile = with_record(match.profile, key, statement)
        else:
            profile = merge(profile, match.profile, at)
    best: Link | Doubt | None = next(iter(links), next(iter(doubts), None))
    return IdentityDecision(
        profile=profile or alone,
        outcome=_outcome(standing, links, doubts),
        bits=best.bits if best is not None else None,
        reasons=best.reasons if best is not None else (),
        links=tuple(links),
        doubts=tuple(doubts),
        changed=profile is None or profile != standing,
    )


def _outcome(
    standing: Profile | None, links: Sequence[Link], doubts: Sequence[Doubt]
) -> ResolveOutcome:
    if standing is not None:
        return "updated"
    if links:
        return "linked"
    return "review" if doubts else "created"


def _matches(
    record: SourceRecord, candidates: Iterable[Profile], shared: Shared, rules: ScoreRules
) -> list[IdentityMatch]:
    """The best evidence of each candidate, the strongest first, then the older profile."""
    matches = []
    own = traits(record)
    for profile in candidates:
        all_found = [
            (compared(own, traits(held.record), shared, rules), held.key)
            for held in profile.records
        ]
        best, other = max(all_found, key=lambda pair: (pair[0].bits, pair[1]))
        told = [found.bits for found, _ in all_found if found.reasons]
        agree = sum(bits >= rules.review for bits in told)
        matches.append(IdentityMatch(profile, other, best, agree / len(told) if told else 0.0))
    return sorted(
        matches,
        key=lambda match: (-match.found.bits, match.profile.created_at, match.profile.profile_id),
    )
