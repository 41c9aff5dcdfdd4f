"""Fit which items predict one another: a ridge regression of each item on its nearest ones. Pure.

For an item ``j`` and its neighbours ``N`` the weights ``w`` minimize the squared error with which
the other items of a basket (or of a home) predict whether ``j`` is in it, plus ``ridge`` times
their squares: ``(G_NN + ridge I) w = G_Nj``, where ``G`` counts how often two items are together.
With all items as neighbours it is EASE (Steck, "Embarrassingly Shallow Autoencoders", WWW 2019),
which needs the inverse of one matrix; with 100 each item takes some 10 ms of plain Python, and the
items are independent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from operator import mul

NEIGHBOURS = 100
KEPT = 50
"""Predicted items that each item keeps."""

Row = Mapping[str, float]


@dataclass(slots=True)
class Together:
    """How often each item occurs (``alone``), and how often with others (``rows``), by SKU. A pair
    may stand in one row only, because rows are capped."""

    alone: dict[str, float]
    rows: dict[str, dict[str, float]]

    def complete(self) -> None:
        """Makes the rows symmetric: of two counts of a pair the larger one."""
        for sku, row in self.rows.items():
            for other, count in row.items():
                back = self.rows.get(other)
                if back is not None and back.get(sku, 0.0) < count and other != sku:
                    back[sku] = count


def neighbours(together: Together, sku: str) -> list[str]:
    """The items that are most often with it, for what they are (by their cosine)."""
    alone = together.alone
    near = (
        (count / (alone[other] ** 0.5), other)
        for other, count in together.rows.get(sku, {}).items()
        if other in alone
    )
    return [other for _, other in nlargest(NEIGHBOURS, near)]


def predictors(together: Together, sku: str, ridge: float) -> dict[str, float]:
    """The weights by which its neighbours predict the item."""
    names = neighbours(together, sku)
    if not names:
        return {}
    goal = together.rows[sku]
    matrix = []
    for place, name in enumerate(names):
        row = together.rows.get(name, {})
        line = [row.get(other, 0.0) for other in names[:place]]
        line.append(together.alone[name] + ridge)
        matrix.append(line)
    weights = solved(matrix, [goal[name] for name in names])
    return dict(zip(names, weights, strict=True))


def solved(matrix: list[list[float]], goal: list[float]) -> list[float]:
    """The solution of a symmetric positive system, of which ``matrix`` has the lower half, by
    Cholesky's decomposition. A pivot that counts of capped rows have made too small is raised."""
    half: list[list[float]] = []
    for place, line in enumerate(matrix):
        row: list[float] = []
        for column in range(place):
            above = half[column]
            row.append((line[column] - sum(map(mul, row, above))) / above[column])
        rest = line[place] - sum(map(mul, row, row))
        row.append(max(rest, line[place] * 0.01) ** 0.5)
        half.append(row)
    middle: list[float] = []
    for place, row in enumerate(half):
        middle.append((goal[place] - sum(map(mul, middle, row))) / row[place])
    result = [0.0] * len(middle)
    for place in range(len(middle) - 1, -1, -1):
        value = result[place] = middle[place] / half[place][place]
        line = half[place]
        for column in range(place):
            middle[column] -= value * line[column]
    return result


def kept(columns: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, list[tuple[str, float]]]:
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
