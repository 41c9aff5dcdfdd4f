"""The judge is right, and the rules in the document tell people apart without being tuned to them.

The figures on FEBRL and on a shop of FEBRL's people are the bench's: it says which goals are held.
"""

import pytest

from shared.customers.model.score import RULES, rules
from tests.bench.identity.judge import judged
from tests.bench.identity.names import register, residents
from tests.bench.identity.people import MANIFOLD, PLAIN, Manners, shop
from tests.bench.identity.store import filled

PERSON_OF = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "c1": "c", "c2": "c"}


def test_pairs_are_counted() -> None:
    verdict = judged([["a1", "a2", "b1"], ["a3"], ["c1", "c2"]], PERSON_OF)
    assert (verdict.precision, verdict.recall) == (2 / 4, 2 / 4)
    assert (verdict.false_pairs, verdict.mixed, verdict.biggest) == (2, 1 / 3, 3)
    assert verdict.f1 == 0.5


def test_the_truth_is_perfect_and_apart_is_precise() -> None:
    true = judged([["a1", "a2", "a3"], ["b1"], ["c1", "c2"]], PERSON_OF)
    assert (true.f1, true.mixed) == (1, 0)
    apart = judged([[name] for name in PERSON_OF], PERSON_OF)
    assert (apart.precision, apart.recall, apart.f1) == (1, 0, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_register_is_told_apart(seed: int) -> None:
    people = register(seed, people=1500)
    memory = filled(people.records, rules("register"), order=0)
    verdict = judged(memory.clusters(), people.person_of)
    assert verdict.precision >= 0.999
    assert verdict.f1 >= 0.995
    assert memory.keys <= 8 * memory.records


@pytest.mark.parametrize("manners", [PLAIN, MANIFOLD])
def test_a_shop_merges_by_itself_only_who_is_one(manners: Manners) -> None:
    people = shop(1, base=residents(3000, 1), manners=manners)
    memory = filled(people.records, RULES)
    verdict = judged(memory.clusters(), people.person_of)
    assert verdict.precision >= 0.99
    assert verdict.recall >= 0.74
    assert verdict.mixed <= 0.003
    assert verdict.biggest <= 7
    assert memory.keys <= 8 * memory.records


def test_who_comes_first_matters_little() -> None:
    people = shop(2, base=residents(600, 2))
    scores = [
        judged(filled(people.records, RULES, order).clusters(), people.person_of).f1
        for order in range(3)
    ]
    assert max(scores) - min(scores) < 0.02
