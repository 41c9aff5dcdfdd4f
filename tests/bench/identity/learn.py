"""Learns the rules ``register`` from FEBRL 2 alone: for shared/customers/rules.json.

    python -m tests.bench.identity.learn

A weight is log2(m / u): m over all pairs of records of one person, u over random pairs of two
(Fellegi and Sunter 1969). The band ``merge`` follows from the number of pairs alone.
"""

import json
import math
import random
from collections import Counter, defaultdict
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any

from shared.customers.model.score import (
    CITY_LEVELS,
    NAME_LEVELS,
    STREET_LEVELS,
    ScoreRules,
    Traits,
    names_swapped,
    rules,
    similarity_bits,
    traits,
)
from tests.bench.identity.people import People, febrl

BOUNDS: dict[str, tuple[float, ...]] = {
    "given_name": NAME_LEVELS,
    "family_name": NAME_LEVELS,
    "postal_code": (),
    "number": (),
    "street": STREET_LEVELS,
    "city": CITY_LEVELS,
    "region": (),
}
TRAIT = {"given_name": "given", "family_name": "surname"}
RANDOM_PAIRS = 200_000
PLACES = range(1, 6)
MOST_BITS = 1000.0


def levels(one: Traits, other: Traits) -> dict[str, int]:
    """The level of each field that both records have, 1 for 'the same'."""
    found = {}
    if (
        one.given
        and other.given
        and one.given != other.given
        and names_swapped(one.name, other.name)
    ):
        found["swapped"] = 1
    for name, bounds in BOUNDS.items():
        if "swapped" in found and name in TRAIT:
            continue
        a, b = (getattr(side, TRAIT.get(name, name)) for side in (one, other))
        if name == "given_name" and a and b and 1 in {len(a), len(b)}:
            found["initial"] = 1 + (a[0] != b[0])
            continue
        if at := similarity_bits(a, b, bounds, PLACES[: _count(bounds)]):
            found[name] = int(at)
    if one.born and other.born:
        found["birth_date"] = int(similarity_bits(one.born, other.born, (), PLACES[:3]))
    return found


def _count(bounds: tuple[float, ...]) -> int:
    """The same, one letter apart or above a bound, different."""
    return max(3, len(bounds) + 2)


def learned(people: People, base: ScoreRules) -> ScoreRules:
    by_person = defaultdict(list)
    for record in people.records:
        by_person[people.person_of[record.source_id]].append(traits(record))
    same = Counter[tuple[str, int]]()
    pairs = 0
    for records in by_person.values():
        for one, other in combinations(records, 2):
            same.update(levels(one, other).items())
            pairs += 1
    rnd = random.Random(1)
    other_people = Counter[tuple[str, int]]()
    everybody = [(person, found) for person, records in by_person.items() for found in records]
    for _ in range(RANDOM_PAIRS):
        (person, one), (person2, other) = rnd.choice(everybody), rnd.choice(everybody)
        if person != person2:
            other_people.update(levels(one, other).items())

    def bits(name: str, count: int, total: tuple[float, float] | None = None) -> list[float]:
        m, u = total or (_total(same, name), _total(other_people, name))
        return [
            0.0
            + round(
                math.log2(
                    ((same[name, at] + 0.3) / (m + 1.5))
                    / ((other_people[name, at] + 0.05) / (u + 0.25))
                ),
                2,
            )
            for at in PLACES[:count]
        ]

    weights: dict[str, Any] = {name: bits(name, _count(bounds)) for name, bounds in BOUNDS.items()}
    return replace(
        base,
        **weights,
        birth_date=bits("birth_date", 3),
        initial=bits("initial", 2),
        swapped=bits("swapped", 1, (pairs, RANDOM_PAIRS))[0],
        address_most=MOST_BITS,
        contradictions=False,
    )


def _total(seen: Counter[tuple[str, int]], name: str) -> int:
    return sum(count for (field, _), count in seen.items() if field == name)


def banded(people: People, weights: ScoreRules) -> ScoreRules:
    """Of all pairs of two persons, less than one is expected to be linked by chance: at t bits and
    above there are at most 2 ** -t of them, by the definition of the weights."""
    records = len(people.records)
    merge = round(math.log2(records * (records - 1) / 2), 1)
    return replace(
        weights,
        merge=merge,
        bridge=merge,
        wide_bridge=merge,
        bare=merge,
        review=round(merge / 2, 1),
    )


def main() -> None:
    people = febrl(2)
    weights = replace(learned(people, rules("retail")), version="register-2")
    print(json.dumps(asdict(banded(people, weights)), indent=2))


if __name__ == "__main__":
    main()
