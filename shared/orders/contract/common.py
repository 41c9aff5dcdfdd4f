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
"""Packs, products, pulls, the hold and the replay are one batch read of 100 keys up to 32 lines,
and two beyond."""


MOST_ORDERED = 100_000


Ordered = Annotated[int, Strict(), Ge(1), Le(MOST_ORDERED)]
"""Units of a line that somebody wants to buy; stock may have more."""


Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class LineUnits(Input):
    line_id: Id
    quantity: Units


def units(lines: Sequence[LineUnits] | None) -> dict[str, int] | None:
    """Units by line, lines that are there twice added up."""
    if lines is None:
        return None
    total: Counter[str] = Counter()
    for line in lines:
        total[line.line_id] += line.quantity
    return dict(total)
