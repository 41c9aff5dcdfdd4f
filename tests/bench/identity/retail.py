"""A shop's households (people.shop): who is merged by itself, beside Splink and beside no rule."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.customers.model.score import RULES
from tests.bench.identity import splinks
from tests.bench.identity.figures import ABOUT, Measured, goal, ours, row, spread
from tests.bench.identity.judge import judged
from tests.bench.identity.names import residents
from tests.bench.identity.people import MANIFOLD, Missing, People, shop
from tests.bench.report import Row, Table, Tell

NOTES = (
    *ABOUT,
    "ours: shared/customers record by record, rules 'retail': bits set by hand, bands tuned on",
    "seeds 1 to 18, which are not shown; the generator is ours, too: it compares designs",
    "Splink: unsupervised, in batch; junk and kiosks removed for it; the best of its thresholds",
)
PROBABILITIES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
SEEDS = range(20, 25)


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    try:
        town = shop(SEEDS[0])
    except Missing as missing:
        made_up = ours("NoRain", shop(0, base=residents(5000, 0)), RULES)
        told = ours("NoRain, " + CALLED, _called(0, residents(5000, 0)), RULES)
        notes = (*ABOUT, f"FEBRL is left out: {missing}")
        yield Table("a made-up shop", [made_up.row, told.row], notes)
        return
    found: list[Measured] = []
    for seed in SEEDS[: 2 if quick else None]:
        tell(f"shop, seed {seed}")
        found.append(ours(f"NoRain, seed {seed}", shop(seed), RULES))
    rows = [measured.row for measured in found]
    verdict = judged(_any_identifier(town), town.person_of)
    rows.append(row(f"any equal identifier, seed {SEEDS[0]}", verdict))
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
                f"Splink, p >= {best}, seed {SEEDS[0]}",
                verdicts[best],
                seconds=answer.seconds / len(town.records),
            )
        )
    yield Table(f"a shop: {len(town.records):,} records of households", rows, NOTES)
    tell("orders of arrival")
    yield Table(
        "a shop: who comes first",
        [spread(f"seed {SEEDS[0]}", town, RULES, range(2 if quick else 6))],
    )
    yield Table("a shop: what must be reached, by the worst seed", list(_goals(found)))
    called: list[Measured] = []
    for seed in SEEDS[: 2 if quick else None]:
        tell(f"shop, {CALLED}, seed {seed}")
        called.append(ours(f"NoRain, seed {seed}", _called(seed), RULES))
    yield Table(f"a shop, {CALLED}", [measured.row for measured in called], ABOUT)
    yield Table(f"a shop, {CALLED}: what must be reached, by the worst seed", list(_goals(called)))


CALLED = "40 % nicknames, 10 % in other scripts, 5 % married, twice the kiosks"


def _called(seed: int, base: Iterable[Mapping[str, str]] | None = None) -> People:
    return shop(seed, base=base, manners=MANIFOLD)


def _goals(found: Sequence[Measured]) -> Iterator[Row]:
    verdicts = [measured.verdict for measured in found]
    precision = min(verdict.precision for verdict in verdicts)
    recall = min(verdict.recall for verdict in verdicts)
    mixed = max(verdict.mixed for verdict in verdicts)
    biggest = max(verdict.biggest for verdict in verdicts)
    keys = max(measured.keys for measured in found)
    spent = max(measured.microseconds for measured in found)
    yield goal("precision", ">= 0.99", precision, held=precision >= 0.99)
    yield goal("recall", ">= 0.74", recall, held=recall >= 0.74)
    yield goal("mixed profiles, %", "<= 0.3", mixed * 100, held=mixed <= 0.003)
    yield goal("biggest profile, records", "<= 10", biggest, held=biggest <= 10)
    yield goal("look-ups per record", "<= 8", keys, held=keys <= 8)
    yield goal("us CPU per scored record", "<= 100", spent, held=spent <= 100)


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
