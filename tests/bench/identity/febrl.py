"""FEBRL 3 and 4 without the social security number, by weights from FEBRL 2, beside Splink."""

from collections.abc import Iterator

from shared.customers.model.score import RULES, rules
from tests.bench.identity import splinks
from tests.bench.identity.figures import ABOUT, Measured, goal, ours, row, spread
from tests.bench.identity.judge import judged
from tests.bench.identity.names import register
from tests.bench.identity.people import Missing, febrl
from tests.bench.report import Row, Table, Tell

NOTES = (
    *ABOUT,
    "ours: shared/customers (keys, users, score, decide), record by record, rules 'register':",
    "weights learned from FEBRL 2 alone (learn.py), threshold from the number of its pairs",
    "the shop's rules ('retail', the default) leave those apart whose given names or birth dates",
    "differ: in a shop a couple, or father and son, at one address; in FEBRL one person",
    "Splink: unsupervised, in batch, connected components; us/record is wall time with training",
)
PROBABILITIES = (0.5, 0.9, 0.99)
LEAST_F1 = {3: 0.9977, 4: 0.9972}


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    weights = rules("register")
    try:
        febrl(2)
    except Missing as missing:
        made_up = ours("NoRain, one by one", register(0, 3000), weights, order=0)
        yield Table("a made-up register", [made_up.row], (*ABOUT, f"FEBRL is left out: {missing}"))
        return
    goals: list[Row] = []
    for number in (3, 4):
        people = febrl(number)
        tell(f"FEBRL {number}")
        found = ours("NoRain, one by one", people, weights, order=0)
        rows: list[Row] = [
            found.row,
            ours("NoRain, the shop's rules", people, RULES, order=0).row,
        ]
        goals += _goals(number, found)
        if splinks.importable() and not quick:
            tell(f"FEBRL {number}, Splink")
            answer = splinks.register(people.records)
            rows += [
                row(
                    f"Splink, p >= {least}",
                    judged(answer.clusters(people.records, least), people.person_of),
                    seconds=answer.seconds / len(people.records),
                )
                for least in PROBABILITIES
            ]
        yield Table(f"FEBRL {number}: {len(people.records):,} records of persons", rows, NOTES)
    tell("orders of arrival")
    orders = range(3 if quick else 10)
    yield Table(
        "FEBRL: who comes first",
        [spread(f"FEBRL {number}", febrl(number), weights, orders) for number in (3, 4)],
    )
    yield Table("FEBRL: what must be reached", goals)


def _goals(number: int, found: Measured) -> Iterator[Row]:
    verdict, name = found.verdict, f"FEBRL {number}"
    least = LEAST_F1[number]
    yield goal(f"{name} F1", f">= {least}", verdict.f1, held=verdict.f1 >= least)
    false = verdict.false_pairs
    yield goal(f"{name} false pairs", "0", false, held=false == 0)
    yield goal(f"{name} look-ups per record", "<= 8", found.keys, held=found.keys <= 8)
    spent = found.microseconds
    yield goal(f"{name} us CPU per scored record", "<= 100", spent, held=spent <= 100)
