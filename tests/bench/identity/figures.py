"""One row of figures for one way to tell people apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.customers.model.score import ScoreRules
from tests.bench.identity.judge import Verdict, judged
from tests.bench.identity.people import People
from tests.bench.identity.store import Memory, filled
from tests.bench.report import Row

ABOUT = (
    "precision and recall over pairs of records; mixed: profiles with records of two people",
    "keys: what a record is looked up by; scored: records that it is compared with",
    "us/score: CPU of a decision per compared record; us/record: with keys hashed and kept",
)


def row(
    name: str, verdict: Verdict, memory: Memory | None = None, seconds: float | None = None
) -> Row:
    """``memory`` is the store that was filled; of anything else ``seconds`` per record."""
    per = memory.records if memory else 1
    return {
        "method": name,
        "F1": f"{verdict.f1:.5f}",
        "precision": f"{verdict.precision:.5f}",
        "recall": f"{verdict.recall:.5f}",
        "false pairs": verdict.false_pairs,
        "mixed %": f"{verdict.mixed:.3%}".rstrip("%"),
        "biggest": verdict.biggest,
        "keys": memory.keys / per if memory else None,
        "scored": memory.scored / per if memory else None,
        "to review": memory.reviews if memory else None,
        "us/score": memory.deciding_seconds / memory.scored * 1e6 if memory else None,
        "us/record": memory.seconds / per * 1e6 if memory else (seconds or 0.0) * 1e6,
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """What a store came to that was filled with ``people``."""

    name: str
    memory: Memory
    verdict: Verdict

    @property
    def row(self) -> Row:
        return row(self.name, self.verdict, self.memory)

    @property
    def keys(self) -> float:
        return self.memory.keys / self.memory.records

    @property
    def microseconds(self) -> float:
        """CPU of a decision per record that was compared."""
        return self.memory.deciding_seconds / self.memory.scored * 1e6


def ours(name: str, people: People, rules: ScoreRules, order: int | None = None) -> Measured:
    memory = filled(people.records, rules, order)
    return Measured(name, memory, judged(memory.clusters(), people.person_of))


def goal(what: str, bound: str, reached: float, *, held: bool) -> Row:
    return {"figure": what, "goal": bound, "reached": f"{reached:.5g}", "held": _yes(held)}


def _yes(held: bool) -> str:
    return "yes" if held else "NO"


def spread(name: str, people: People, rules: ScoreRules, orders: Sequence[int]) -> Row:
    """How much it matters who comes first."""
    verdicts = [
        judged(filled(people.records, rules, order).clusters(), people.person_of)
        for order in orders
    ]
    scores = [verdict.f1 for verdict in verdicts]
    return {
        "records": name,
        "orders": len(orders),
        "lowest F1": f"{min(scores):.5f}",
        "highest F1": f"{max(scores):.5f}",
        "spread": f"{max(scores) - min(scores):.5f}",
        "lowest precision": f"{min(verdict.precision for verdict in verdicts):.5f}",
        "biggest": max(verdict.biggest for verdict in verdicts),
    }
