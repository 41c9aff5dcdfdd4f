"""The counters that baskets are folded into. Pure.

All counts are whole numbers that add up, so that the order in which baskets come does not matter
and a basket can be subtracted exactly, as long as no row has reached its cap. At a cap the least
entries are dropped; what is subtracted of a dropped entry is nothing.

Counts that fade: a basket of day ``d`` weighs ``2^((d - EPOCH) / half-life)``. Older ones need no
change when time passes: only ratios matter.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from shared.recommendations.model.baskets import Basket, Change

EPOCH = date(2024, 1, 1)
UNIT = 256
"""The weight of a basket of EPOCH: finer than the differences of a day."""
AGAIN_HALF_LIFE = 182
POPULAR_HALF_LIFE = 91
MOST_AGAIN = 300
"""SKUs of a home; reached, the row is cut to them."""
MOST_POPULAR = 100
POPULAR_SPARE = 50
"""A row grows by so many entries before it is cut, which is not at each basket then."""
MOST_PARTNERS = 160
PARTNERS_SPARE = 64
SINGLE = 100
"""The weight of a basket of one SKU among the counters of partners. One of ``n`` SKUs has the
``sqrt(n)``-th part: what a large basket holds together says less about each pair."""
KNOWN_SALES = 20
"""Baskets after which an item is not new any more."""
NEW_DAYS = 60
MOST_NEW = 200


@lru_cache(maxsize=4096)
def faded(day: date, half_life: int) -> int:
    """The weight of a basket of the day in counters with this half-life (days)."""
    return max(1, round(UNIT * math.exp2((day - EPOCH).days / half_life)))


def share(skus: int) -> int:
    """The weight of a basket of so many SKUs among the counters of partners."""
    return round(SINGLE / math.sqrt(skus))


@dataclass(slots=True)
class Bought:
    """An item of a home: its faded count, the number of baskets, and the last day that was
    counted."""

    weight: int
    times: int
    last: date


@dataclass(slots=True)
class Again:
    """What a home buys, by SKU."""

    items: dict[str, Bought] = field(default_factory=dict)

    def add(self, basket: Basket, sign: int) -> None:
        weight = sign * faded(basket.day, AGAIN_HALF_LIFE)
        for sku in basket.names:
            known = self.items.get(sku)
            if known is None:
                if sign > 0:
                    self.items[sku] = Bought(weight, 1, basket.day)
            elif known.times + sign <= 0:
                del self.items[sku]
            else:
                known.weight = max(1, known.weight + weight)
                known.times += sign
                known.last = max(known.last, basket.day) if sign > 0 else known.last

    def cut(self) -> None:
        if len(self.items) > MOST_AGAIN:
            kept = sorted(self.items.items(), key=lambda item: (-item[1].weight, item[0]))
            self.items = dict(kept[:MOST_AGAIN])


@dataclass(slots=True)
class Partner:
    """An item in the baskets of another one: the weight of the baskets that they share
    (``together``), and of all its baskets as a multiple of those of the other one, as it was when
    the two were last counted together (``size``): both have grown since."""

    together: int
    size: float


@dataclass(slots=True)
class Partners:
    """What an item is bought with. ``baskets`` is their number, ``weight`` their sum."""

    baskets: int = 0
    weight: int = 0
    items: dict[str, Partner] = field(default_factory=dict)

    def count(self, basket: Basket, sign: int) -> None:
        self.baskets = max(0, self.baskets + sign)
        self.weight = max(0, self.weight + sign * share(len(basket.skus)))

    def pair(self, others: Iterable[str], weight: int) -> None:
        items = self.items
        for sku in others:
            known = items.get(sku)
            if known is None:
                if weight > 0:
                    items[sku] = Partner(weight, 0.0)
            elif known.together + weight <= 0:
                del items[sku]
            else:
                known.together += weight

    def ranked(self) -> list[tuple[str, float]]:
        """The partners by their score, the best first."""
        scores = [(sku, score(self.weight, one)) for sku, one in self.items.items()]
        return sorted(scores, key=lambda pair: (-pair[1], pair[0]))

    def cut(self) -> None:
        """Far above the cap, keeps the partners of the most baskets. (By their scores, a rare item
        would keep partners that it met once, and lose the frequent ones.)"""
        if len(self.items) > MOST_PARTNERS + PARTNERS_SPARE:
            order = sorted(self.items.items(), key=lambda item: (-item[1].together, item[0]))
            self.items = dict(order[:MOST_PARTNERS])


OWN, OTHER = 0.8, 0.35


def score(weight: int, partner: Partner) -> float:
    """How strongly an item of this weight asks for its partner: the cosine has 0.5 for both
    exponents; a smaller one for the partner prefers what is bought often."""
    weight = max(weight, 1)
    alone = max(partner.size * weight, partner.together)
    return partner.together / (math.pow(weight, OWN) * math.pow(alone, OTHER))


@dataclass(slots=True)
class Popular:
    """The faded counts of the SKUs that are bought most, somewhere or in a department."""

    items: dict[str, int] = field(default_factory=dict)

    def add(self, skus: Iterable[str], weight: int) -> None:
        for sku in skus:
            left = self.items.get(sku, 0) + weight
            if left > 0:
                self.items[sku] = left
            else:
                self.items.pop(sku, None)

    def cut(self) -> None:
        """Brings the SKUs into the order of their counts; far above the cap, drops the last."""
        order = sorted(self.items.items(), key=lambda item: (-item[1], item[0]))
        if len(order) > MOST_POPULAR + POPULAR_SPARE:
            order = order[:MOST_POPULAR]
        self.items = dict(order)


@dataclass(slots=True)
class Newcomers:
    """The first days of items with fewer than KNOWN_SALES baskets."""

    items: dict[str, date] = field(default_factory=dict)

    def cut(self, today: date) -> None:
        since = today - timedelta(days=NEW_DAYS)
        order = sorted(self.items.items(), key=lambda item: (item[1], item[0]), reverse=True)
        self.items = {sku: day for sku, day in order[:MOST_NEW] if day >= since}


Place = tuple[str, str]
"""A location (``all``: everywhere) and a department (``""``: all of them)."""
EVERYWHERE = "all"
MOST_DEPARTMENTS = 10
"""Departments of a basket that count, so that the rows of any order fit into one transaction."""


def places_of(basket: Basket) -> dict[Place, list[str]]:
    """The rows of popularity that the basket belongs to, with its SKUs in each."""
    places: dict[Place, list[str]] = {(EVERYWHERE, ""): list(basket.names)}
    if basket.location_id is not None:
        places[basket.location_id, ""] = list(basket.names)
    departments: dict[str, list[str]] = {}
    for sku, department in basket.skus:
        if department:
            departments.setdefault(department, []).append(sku)
    for department in list(departments)[:MOST_DEPARTMENTS]:
        places[EVERYWHERE, department] = departments[department]
    return places


@dataclass(slots=True)
class Counters:
    """The rows that some changes touch: ``fold`` counts them all in."""

    again: dict[str, Again] = field(default_factory=dict)
    partners: dict[str, Partners] = field(default_factory=dict)
    popular: dict[Place, Popular] = field(default_factory=dict)
    newcomers: Newcomers = field(default_factory=Newcomers)
    newcomers_changed: bool = False

    def fold(self, changes: Iterable[Change], today: date) -> None:
        """Counts the changes. Missing rows begin empty."""
        news: dict[str, date] = {}
        known = {sku: row.baskets for sku, row in self.partners.items()}
        alone: dict[str, None] = {}
        touched: list[tuple[Basket, int]] = []
        for change in changes:
            if change.before is not None:
                touched.append((change.before, -1))
            touched.append((change.after, 1))
        for basket, sign in touched:
            self._count(basket, sign)
            for sku in basket.names:
                alone[sku] = None
                if sign > 0 and not known.get(sku):
                    news.setdefault(sku, basket.day)
        for basket, _ in touched:
            self._note_sizes(basket)
        for sku in alone:
            self.partners[sku].cut()
        self._cut(touched, news, today)

    def _count(self, basket: Basket, sign: int) -> None:
        names = basket.names
        if not names:
            return
        if basket.home is not None:
            self.again.setdefault(basket.home, Again()).add(basket, sign)
        weight = sign * share(len(names))
        for sku in names:
            row = self.partners.setdefault(sku, Partners())
            row.count(basket, sign)
            row.pair((other for other in names if other != sku), weight)
        for place, skus in places_of(basket).items():
            row_here = self.popular.setdefault(place, Popular())
            row_here.add(skus, sign * faded(basket.day, POPULAR_HALF_LIFE))

    def _note_sizes(self, basket: Basket) -> None:
        sizes = {sku: self.partners[sku].weight for sku in basket.names}
        for sku, own in sizes.items():
            items = self.partners[sku].items
            for other, size in sizes.items():
                if other in items:
                    items[other].size = float(f"{size / max(own, 1):.2g}")

    def _cut(
        self, touched: Iterable[tuple[Basket, int]], news: Mapping[str, date], today: date
    ) -> None:
        for basket, _ in touched:
            if basket.home in self.again:
                self.again[basket.home].cut()
        for row in self.popular.values():
            row.cut()
        before = dict(self.newcomers.items)
        for sku, day in news.items():
            self.newcomers.items.setdefault(sku, day)
        for sku in list(self.newcomers.items):
            row_of_sku = self.partners.get(sku)
            if row_of_sku is not None and not 0 < row_of_sku.baskets < KNOWN_SALES:
                del self.newcomers.items[sku]
        self.newcomers.cut(today)
        self.newcomers_changed = self.newcomers.items != before
