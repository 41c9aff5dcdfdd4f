"""The customers' resolve without a table: the same keys, candidates and decision, kept in dicts."""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.customers.model.decide import decide
from shared.customers.model.key_usage import (
    UNUSED,
    KeyUsage,
    candidate_profiles,
    initial_of,
    shared_identifiers,
)
from shared.customers.model.keys import LookupKey, identifier_key, lookup_keys, record_key
from shared.customers.model.person import Profile, SourceRecord
from shared.customers.model.score import RULES, ScoreRules

SECRET = b"the key of a bench"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass(slots=True)
class Memory:
    """What the table holds, and what it cost to fill it."""

    rules: ScoreRules = RULES
    users: dict[str, KeyUsage] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    merged_into: dict[str, str] = field(default_factory=dict)
    records: int = 0
    keys: int = 0
    scored: int = 0
    reviews: int = 0
    seconds: float = 0.0
    deciding_seconds: float = 0.0

    def resolve(self, record: SourceRecord) -> None:
        started = time.process_time()
        self.records += 1
        name = record_key(SECRET, record.source, record.source_id)
        keys = {found: identifier_key(SECRET, *found) for found in lookup_keys(record)}
        known: dict[LookupKey, KeyUsage] = {
            found: self.users.get(key, UNUSED) for found, key in keys.items()
        }
        near = {self._now(found) for found in candidate_profiles(record, known, self.rules)}
        people = [self.profiles[profile_id] for profile_id in sorted(near)]
        deciding = time.process_time()
        decision = decide(
            name,
            record,
            current=None,
            candidates=people,
            shared=shared_identifiers(record, known, self.rules),
            at=NOW,
            new_profile_id=f"p{self.records:07}",
            rules=self.rules,
        )
        self.deciding_seconds += time.process_time() - deciding
        profile = decision.profile
        for other in people:
            if other.profile_id in profile.member_ids and other.profile_id != profile.profile_id:
                del self.profiles[other.profile_id]
                self.merged_into[other.profile_id] = profile.profile_id
        self.profiles[profile.profile_id] = profile
        held = profile.linked_record(name)
        assert held is not None
        for found, key in keys.items():
            self.users[key] = known[found].with_use(held.home, initial_of(record), profile)
        self.seconds += time.process_time() - started
        self.keys += len(keys)
        self.scored += sum(len(other.records) for other in people)
        self.reviews += bool(decision.possible_links)

    def _now(self, profile_id: str) -> str:
        while profile_id in self.merged_into:
            profile_id = self.merged_into[profile_id]
        return profile_id

    def clusters(self) -> list[list[str]]:
        """The source ids of each profile's records."""
        return [
            [held.record.source_id for held in profile.records]
            for profile in self.profiles.values()
        ]


def filled(records: Iterable[SourceRecord], rules: ScoreRules, order: int | None = None) -> Memory:
    """A store that has resolved ``records``, shuffled by the seed ``order``."""
    arriving = list(records)
    if order is not None:
        random.Random(order).shuffle(arriving)
    memory = Memory(rules)
    for record in arriving:
        memory.resolve(record)
    return memory
