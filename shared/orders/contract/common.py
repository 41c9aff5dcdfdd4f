"""Limits and fields that several resources of orders share."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Strict, StringConstraints

from shared.web.contract import (
    Id,
    Input,
    Units,
)

MOST_LINES = 45
"""Most lines of an order. Up to 32 lines, an order reads its packs, products, transfers, hold and
stored request in one batch of 100 keys; beyond, in two."""


MOST_ORDERED = 100_000


Ordered = Annotated[int, Strict(), Ge(1), Le(MOST_ORDERED)]
"""Units of one line of an order or cart. (Stock quantities can be larger.)"""


Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class LineUnits(Input):
    """Units of one line of an order."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units of this line."""


def units(lines: Sequence[LineUnits] | None) -> dict[str, int] | None:
    """Units by line; repeated lines are added up. None stands for all units."""
    if lines is None:
        return None
    total: Counter[str] = Counter()
    for line in lines:
        total[line.line_id] += line.quantity
    return dict(total)
