"""Fit which items predict one another: a ridge regression of each item on its nearest ones. Pure.

For an item ``j`` and its neighbours ``N`` the weights ``w`` minimize the squared error with which
the other items of a home predict whether it buys ``j``, too, plus ``ridge`` times
their squares: ``(G_NN + ridge I) w = G_Nj``, where ``G`` counts how often two items are together.
With all items as neighbours it is EASE (Steck, "Embarrassingly Shallow Autoencoders", WWW 2019),
which needs the inverse of one matrix; with 100 each item takes some 20 ms of plain Python, and the
items are independent.

Who has an item is kept as the bits of one whole number, and two items are counted by one AND:
20,000 homes of 5,000 items take 13 MB.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from math import sqrt
from operator import mul

NEIGHBOURS = 100
KEPT = 50
"""Predicted items that each item keeps."""


class OfHomes:
    """Which homes have which items: the bits of one whole number for each item."""

    def __init__(self, homes: Sequence[Collection[str]], items: set[str]) -> None:
        self._bits = _bits(homes, items)
        self.alone = {sku: self._bits[sku].bit_count() for sku in sorted(self._bits)}

    def together(self, one: str, others: Sequence[str]) -> list[int]:
        """How many homes have the item, and each of the others."""
        own, bits = self._bits[one], self._bits
        return [(own & bits[other]).bit_count() for other in others]


def _bits(groups: Sequence[Collection[str]], items: set[str]) -> dict[str, int]:
    places: dict[str, list[int]] = {}
    for place, skus in enumerate(groups):
        for sku in skus:
            if sku in items:
                places.setdefault(sku, []).append(place)
    found = {}
    for sku, rows in places.items():
        data = bytearray(rows[-1] // 8 + 1)
        for place in rows:
            data[place >> 3] |= 1 << (place & 7)
        found[sku] = int.from_bytes(data, "little")
    return found


def most_common(groups: Iterable[Collection[str]], most: int) -> set[str]:
    """The items that most of the homes have."""
    counts: dict[str, int] = {}
    for skus in groups:
        for sku in skus:
            counts[sku] = counts.get(sku, 0) + 1
    return set(nlargest(most, counts, key=lambda sku: (counts[sku], sku)))


def neighbours(found: OfHomes, sku: str) -> list[tuple[str, int]]:
    """The items that are most often with it, for what they are (by their cosine), and how often."""
    others = list(found.alone)
    counts = zip(found.together(sku, others), found.alone.values(), others, strict=True)
    near = [
        (count / sqrt(alone), other, count)
        for count, alone, other in counts
        if count and other != sku
    ]
    return [(other, count) for _, other, count in nlargest(NEIGHBOURS, near)]


def predictors(found: OfHomes, sku: str, ridge: float) -> dict[str, float]:
    """The weights by which its neighbours predict the item."""
    near = neighbours(found, sku)
    names = [name for name, _ in near]
    matrix = [
        [*found.together(name, names[:place]), found.alone[name] + ridge]
        for place, name in enumerate(names)
    ]
    weights = solved(matrix, [count for _, count in near])
    return dict(zip(names, weights, strict=True))


def solved(matrix: Sequence[Sequence[float]], goal: Sequence[float]) -> list[float]:
    """The solution of a symmetric positive system, of which ``matrix`` has the lower half, by
    Cholesky's decomposition."""
    half: list[list[float]] = []
    for place, line in enumerate(matrix):
        row: list[float] = []
        for column in range(place):
            above = half[column]
            row.append((line[column] - sum(map(mul, row, above))) / above[column])
        row.append((line[place] - sum(map(mul, row, row))) ** 0.5)
        half.append(row)
    middle: list[float] = []
    for place, row in enumerate(half):
        middle.append((goal[place] - sum(map(mul, middle, row))) / row[place])
    result = [0.0] * len(middle)
    for place in range(len(middle) - 1, -1, -1):
        row = half[place]
        value = result[place] = middle[place] / row[place]
        for column in range(place):
            middle[column] -= value * row[column]
    return result


Predicted = dict[str, list[tuple[str, float]]]
"""By item what it predicts, the most first."""


def kept(columns: Iterable[tuple[str, Mapping[str, float]]]) -> Predicted:
    """By item the KEPT items that it predicts most, the best first, from the predictors of each."""
    rows: dict[str, list[tuple[float, str]]] = {}
    for predicted, weights in columns:
        for name, weight in weights.items():
            if weight > 0:
                rows.setdefault(name, []).append((weight, predicted))
    return {
        name: [(predicted, weight) for weight, predicted in nlargest(KEPT, row)]
        for name, row in rows.items()
    }


def fitted(found: OfHomes, ridge: float) -> Iterator[tuple[str, dict[str, float]]]:
    """The predictors of each item."""
    for sku in sorted(found.alone):
        yield sku, predictors(found, sku, ridge)


def new_to(bought: Collection[str], predicted: Predicted) -> list[tuple[str, float]]:
    """The KEPT items that what a home buys predicts most, without those that it buys."""
    scores: dict[str, float] = {}
    for sku in bought:
        for other, weight in predicted.get(sku, ()):
            scores[other] = scores.get(other, 0.0) + weight
    for sku in bought:
        scores.pop(sku, None)
    best = nlargest(KEPT, ((score, sku) for sku, score in scores.items()))
    return [(sku, score) for score, sku in best]
