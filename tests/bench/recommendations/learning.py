"""The product's counters and its nightly fit over the weeks of real households."""

from collections.abc import Sequence

from shared.recommendations.fitting import MOST_HOMES, MOST_ITEMS, RIDGE
from shared.recommendations.model import fitting
from shared.recommendations.model.baskets import Basket, Change
from shared.recommendations.model.counters import Counters, places_of
from shared.recommendations.model.fitting import Predicted
from tests.bench.report import Tell

TOGETHER = 10
"""Baskets that are folded at once: as many as a transaction has room for, at 6 items each."""


def counted(baskets: Sequence[Basket], tell: Tell) -> Counters:
    """The rows that the worker of orders would have after these baskets."""
    rows = Counters()
    for start in range(0, len(baskets), TOGETHER):
        if start % 5_000 == 0:
            tell(f"counting, {start:,} of {len(baskets):,} baskets")
        batch = baskets[start : start + TOGETHER]
        part = _touched(rows, batch)
        changes = [
            Change(str(number), 1, None, basket) for number, basket in enumerate(batch, start)
        ]
        part.fold(changes, batch[-1].day)
        rows.again |= part.again
        rows.partners |= part.partners
        rows.popular |= part.popular
    return rows


def _touched(rows: Counters, batch: Sequence[Basket]) -> Counters:
    homes = {basket.home for basket in batch if basket.home is not None}
    skus = {sku for basket in batch for sku in basket.names}
    places = {place for basket in batch for place in places_of(basket)}
    return Counters(
        {home: rows.again[home] for home in homes if home in rows.again},
        {sku: rows.partners[sku] for sku in skus if sku in rows.partners},
        {place: rows.popular[place] for place in places if place in rows.popular},
        rows.newcomers,
    )


def suiting(rows: Counters, tell: Tell) -> Predicted:
    """The model of what suits a home, from the rows of the homes."""
    homes = [tuple(again.items) for again in rows.again.values()][:MOST_HOMES]
    items = fitting.most_common(homes, MOST_ITEMS)
    tell(f"fitting {len(items):,} items to {len(homes):,} homes")
    return fitting.kept(fitting.fitted(fitting.OfHomes(homes, items), RIDGE))
