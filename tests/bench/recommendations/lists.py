"""How often the suggestions are what real households buy next: by the product's own counters, fit
and ranking."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from shared.recommendations.model.counters import EVERYWHERE, Counters
from shared.recommendations.model.fitting import Predicted, new_to
from shared.recommendations.model.ranking import Suggested, bought_before, goes_with
from shared.recommendations.store.reading import MOST_RANKED, MOST_ROWS
from tests.bench.recommendations.learning import counted, suiting
from tests.bench.recommendations.shopping import MOST_BOUGHT, Case, Weeks, weeks
from tests.bench.report import Row, Table, Tell

SHOWN = 10
DRAWS = 200

Suggest = Callable[[str], Sequence[str]]


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    tell("a year of purchases")
    last, until = (40, 46) if quick else (46, 53)
    split = weeks(last, until, every=4 if quick else 1)
    rows = counted(split.train, tell)
    yield Table(
        f"of 10 suggestions, weeks {last + 1}-{until} from weeks 1-{last}",
        [*_carts(split, rows), *_homes(split, rows, tell)],
        (
            f"{len(split.train):,} baskets of {len(split.before):,} households; the",
            f"{MOST_BOUGHT:,} items that most of them bought, {split.share:.0%} of the lines.",
            "cart: an item of a basket of three or more is hidden; hit: it is among the 10.",
            f"{len(split.cases):,} baskets. home: hits of what the household buys in these",
            "weeks, by min(10, items); new: only of what it never bought before.",
            "low, high: 95 % of draws of households. Tuned on weeks 41-46 from 1-40 alone:",
            "the quick run shows these, with a quarter of the households.",
        ),
    )


def _carts(split: Weeks, rows: Counters) -> Iterator[Row]:
    popular = list(rows.popular[EVERYWHERE, ""].items)
    online = {sku: row.ranked()[:MOST_RANKED] for sku, row in rows.partners.items()}
    yield _cart("cart: what is popular", split.cases, lambda _: popular)
    yield _cart("cart: goes with", split.cases, _partners(online))
    known = [case for case in split.cases if case.home in rows.again]
    yield _cart("... of a known person", known, _partners(online, rows))


def _partners(
    partners: Mapping[str, Suggested], rows: Counters | None = None
) -> Callable[[Case], Sequence[str]]:
    def suggest(case: Case) -> list[str]:
        again = rows.again[case.home] if rows else None
        cart = case.cart[-MOST_ROWS + (rows is not None) :]
        return [one.sku for one in goes_with(cart, partners, again)]

    return suggest


def _cart(name: str, cases: Sequence[Case], suggest: Callable[[Case], Sequence[str]]) -> Row:
    found: dict[str, list[float]] = {}
    for case in cases:
        cart = set(case.cart)
        shown = [sku for sku in suggest(case) if sku not in cart][:SHOWN]
        found.setdefault(case.home, []).append(float(case.hidden in shown))
    return _row(name, found)


def _homes(split: Weeks, rows: Counters, tell: Tell) -> Iterator[Row]:
    popular = list(rows.popular[EVERYWHERE, ""].items)
    model = suiting(rows, tell)
    fresh = {home: skus - split.before[home] for home, skus in split.truth.items()}
    fresh = {home: skus for home, skus in fresh.items() if skus}

    def again(home: str) -> list[str]:
        own = [one.sku for one in bought_before(rows.again[home])]
        return [*own, *(sku for sku in popular if sku not in own)]

    yield _home("home: what is popular", split.truth, lambda _: popular)
    yield _home("home: buys again", split.truth, again)
    yield _home(
        "home: popular, never bought",
        fresh,
        lambda home: [sku for sku in popular if sku not in split.before[home]],
    )
    yield _home("home: suits, nightly fit", fresh, lambda home: _suits(home, split, rows, model))


def _suits(home: str, split: Weeks, rows: Counters, model: Predicted) -> list[str]:
    return [
        sku for sku, _ in new_to(rows.again[home].items, model) if sku not in split.before[home]
    ]


def _home(name: str, truth: Mapping[str, set[str]], suggest: Suggest) -> Row:
    found = {}
    for home, skus in truth.items():
        hits = sum(sku in skus for sku in suggest(home)[:SHOWN])
        found[home] = [hits / min(SHOWN, len(skus))]
    return _row(name, found)


def _row(name: str, found: Mapping[str, Sequence[float]]) -> Row:
    homes = list(found.values())
    draw = Random(0)
    means = sorted(_mean(draw.choices(homes, k=len(homes))) for _ in range(DRAWS))
    return {
        "list": name,
        "hits": _mean(homes),
        "low": means[DRAWS // 40],
        "high": means[-1 - DRAWS // 40],
    }


def _mean(homes: Sequence[Sequence[float]]) -> float:
    return sum(map(sum, homes)) / sum(map(len, homes))
