"""FEBRL 3 and 4 without the social security number, by weights from FEBRL 2, beside Splink."""

from collections.abc import Iterator

from shared.customers.score import rules
from tests.bench.identity import splinks
from tests.bench.identity.figures import ABOUT, ours, row, spread
from tests.bench.identity.judge import judged
from tests.bench.identity.people import Missing, febrl
from tests.bench.report import Row, Table, Tell

NOTES = (
    *ABOUT,
    "ours: shared/customers (keys, users, score, decide), record by record, rules 'register':",
    "weights learned from FEBRL 2 alone (learn.py), threshold from the number of its pairs",
    "Splink: unsupervised, in batch, connected components; us/record is wall time with training",
)
PROBABILITIES = (0.5, 0.9, 0.99)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    try:
        febrl(2)
    except Missing as missing:
        tell(f"identity.febrl is left out: {missing}")
        return
    register = rules("register")
    for number in (3, 4):
        people = febrl(number)
        tell(f"FEBRL {number}")
        rows: list[Row] = [ours("NoRain, one by one", people, register, order=0)]
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
        [spread(f"FEBRL {number}", febrl(number), register, orders) for number in (3, 4)],
    )
