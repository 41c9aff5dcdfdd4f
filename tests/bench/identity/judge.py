"""How right a set of clusters is: pairs of records against pairs of records."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """``mixed`` is the share of clusters with records of more than one person."""

    precision: float
    recall: float
    false_pairs: int
    mixed: float
    biggest: int

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def judged(clusters: Iterable[Sequence[str]], person_of: Mapping[str, str]) -> Verdict:
    """``clusters`` of record ids; ``person_of`` says whose each record is."""
    right = claimed = mixed = count = biggest = 0
    for cluster in clusters:
        people = Counter(person_of[name] for name in cluster)
        right += sum(_pairs(records) for records in people.values())
        claimed += _pairs(len(cluster))
        mixed += len(people) > 1
        count += 1
        biggest = max(biggest, len(cluster))
    true = sum(_pairs(records) for records in Counter(person_of.values()).values())
    return Verdict(
        precision=right / claimed if claimed else 1.0,
        recall=right / true if true else 1.0,
        false_pairs=claimed - right,
        mixed=mixed / count if count else 0.0,
        biggest=biggest,
    )


def _pairs(records: int) -> int:
    return records * (records - 1) // 2
