"""Decide which person a record belongs to, with reasons. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.customers.model.person import (
    Profile,
    RecordKey,
    ResolveOutcome,
    SourceRecord,
    add_record,
    merge,
    new_profile,
)
from shared.customers.model.score import (
    KEPT_APART,
    RULES,
    Evidence,
    ScoreRules,
    SharedIdentifiers,
    compare_traits,
    no_common_email,
    traits,
    vetoes,
)


@dataclass(frozen=True, slots=True)
class Link:
    """The record and the record ``other`` of the profile are one person."""

    other: RecordKey
    bits: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PossibleLink:
    """A pair of records for manual review."""

    record: RecordKey
    other: RecordKey
    bits: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityDecision:
    """``profile`` is the profile to store; profiles that it now contains are merged into it.

    ``changed`` is False when the statement added nothing new.
    """

    profile: Profile
    outcome: ResolveOutcome
    bits: float | None
    reasons: tuple[str, ...]
    links: tuple[Link, ...] = ()
    possible_links: tuple[PossibleLink, ...] = ()
    changed: bool = True


@dataclass(frozen=True, slots=True)
class IdentityMatch:
    """``evidence`` is the strongest evidence of the profile, from its record ``other``. ``support``
    is the share of its records in the review band or above, among those with any evidence."""

    profile: Profile
    other: RecordKey
    evidence: Evidence
    support: float

    def lacks_support(self, rules: ScoreRules) -> bool:
        """Whether the record agrees with too few records of a large profile, as happens when two
        people of one name share a telephone. Profiles merged by hand are not questioned."""
        return (
            not self.profile.merged_by_hand
            and len(self.profile.records) >= rules.many
            and self.support < rules.support
            and not any(f"same {name}" in self.evidence.reasons for name in rules.sure)
        )


LITTLE_SUPPORT = "too few records of the profile agree"


def decide(
    key: RecordKey,
    statement: SourceRecord,
    *,
    current: Profile | None,
    candidates: Sequence[Profile],
    shared: SharedIdentifiers,
    at: datetime,
    new_profile_id: str,
    rules: ScoreRules = RULES,
) -> IdentityDecision:
    """Decide which profile takes in the record ``key``.

    ``current`` is the profile that already holds the record; ``candidates`` are other profiles that
    share a key with it. The best candidate in the merge band takes the record in, and further ones
    are merged with it. A veto, or a score between ``review`` and the merge band, makes a possible
    link for review instead.
    """
    profile = add_record(current, key, statement) if current is not None else None
    held = profile.linked_record(key) if profile is not None else None
    record = held.record if held is not None else statement
    alone = new_profile(new_profile_id, key, statement, at)
    links: list[Link] = []
    possible_links: list[PossibleLink] = []
    matches = _rank_candidates(record, candidates, shared, rules)
    only_one = sum(match.evidence.bits >= rules.bare for match in matches) == 1
    for match in matches:
        evidence = match.evidence
        required = rules.merge if evidence.named or not only_one else rules.bare
        if profile is not None and no_common_email(profile, match.profile):
            required = max(required, rules.bridge if evidence.differing < 2 else rules.wide_bridge)
        elif evidence.differing > 1:
            required = max(required, rules.bridge)
        if evidence.bits < rules.review:
            break
        objections = vetoes(profile or alone, match.profile, rules)
        if KEPT_APART in objections:
            continue
        if match.lacks_support(rules):
            objections = (*objections, LITTLE_SUPPORT)
        if objections or evidence.bits < required:
            possible_links.append(
                PossibleLink(key, match.other, evidence.bits, (*evidence.reasons, *objections))
            )
            continue
        links.append(Link(match.other, evidence.bits, evidence.reasons))
        if profile is None:
            profile = add_record(match.profile, key, statement)
        else:
            profile = merge(profile, match.profile, at)
    best: Link | PossibleLink | None = next(iter(links), next(iter(possible_links), None))
    return IdentityDecision(
        profile=profile or alone,
        outcome=_outcome(current, links, possible_links),
        bits=best.bits if best is not None else None,
        reasons=best.reasons if best is not None else (),
        links=tuple(links),
        possible_links=tuple(possible_links),
        changed=profile is None or profile != current,
    )


def _outcome(
    current: Profile | None, links: Sequence[Link], doubts: Sequence[PossibleLink]
) -> ResolveOutcome:
    if current is not None:
        return "updated"
    if links:
        return "linked"
    return "review" if doubts else "created"


def _rank_candidates(
    record: SourceRecord,
    candidates: Iterable[Profile],
    shared: SharedIdentifiers,
    rules: ScoreRules,
) -> list[IdentityMatch]:
    """The best evidence of each candidate, the strongest first, then the older profile."""
    matches = []
    record_traits = traits(record)
    for profile in candidates:
        comparisons = [
            (compare_traits(record_traits, traits(held.record), shared, rules), held.key)
            for held in profile.records
        ]
        best, other = max(comparisons, key=lambda pair: (pair[0].bits, pair[1]))
        scores = [evidence.bits for evidence, _ in comparisons if evidence.reasons]
        agreeing = sum(bits >= rules.review for bits in scores)
        support = agreeing / len(scores) if scores else 0.0
        matches.append(IdentityMatch(profile, other, best, support))
    return sorted(
        matches,
        key=lambda match: (
            -match.evidence.bits,
            match.profile.created_at,
            match.profile.profile_id,
        ),
    )
