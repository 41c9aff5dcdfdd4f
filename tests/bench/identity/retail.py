"""A shop's households (people.shop): who is merged by itself, beside Splink and beside no rule."""

from collections.abc import Iterator

from shared.customers.score import RULES
from tests.bench.identity import splinks
from tests.bench.identity.figures import ABOUT, ours, row, spread
from tests.bench.identity.judge import judged
from tests.bench.identity.people import Missing, People, shop
from tests.bench.report import Row, Table, Tell

NOTES = (
    *ABOUT,
    "ours: shared/customers record by record, rules 'retail': bits set by hand, bands tuned on",
    "seeds 7, 8 and 9, which are not shown; the generator is ours, too: it compares designs",
    "Splink: unsupervised, in batch; junk and kiosks removed for it; the best of its thresholds",
)
PROBABILITIES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
SEEDS = range(5)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    try:
        town = shop(0)
    except Missing as missing:
        tell(f"identity.retail is left out: {missing}")
        return
    rows: list[Row] = []
    for seed in SEEDS[: 2 if quick else None]:
        tell(f"shop, seed {seed}")
        rows.append(ours(f"NoRain, seed {seed}", shop(seed), RULES))
    verdict = judged(_any_identifier(town), town.person_of)
    rows.append(row("any equal identifier, seed 0", verdict))
    if splinks.importable() and not quick:
        tell("shop, Splink")
        answer = splinks.shop(town.records)
        verdicts = {
            least: judged(answer.clusters(town.records, least), town.person_of)
            for least in PROBABILITIES
        }
        best = max(verdicts, key=lambda least: verdicts[least].f1)
        rows.append(
            row(
                f"Splink, p >= {best}, seed 0",
                verdicts[best],
                seconds=answer.seconds / len(town.records),
            )
        )
    yield Table(f"a shop: {len(town.records):,} records of households", rows, NOTES)
    tell("orders of arrival")
    yield Table(
        "a shop: who comes first", [spread("seed 0", town, RULES, range(2 if quick else 6))]
    )


def _any_identifier(people: People) -> list[list[str]]:
    """Clusters when every equal identifier merges: what a naive customer platform does."""
    cluster_of: dict[str, list[str]] = {}
    by_value: dict[tuple[str, str], list[str]] = {}
    for record in people.records:
        own = [record.source_id]
        for found in record.identifiers.items():
            other = by_value.get(found)
            if other is not None:
                home = cluster_of[other[0]]
                if home is not own:
                    own, home = (home, own) if len(home) > len(own) else (own, home)
                    own += home
                    for name in home:
                        cluster_of[name] = own
            by_value[found] = own
        for name in own:
            cluster_of[name] = own
    return list({id(cluster): cluster for cluster in cluster_of.values()}.values())
