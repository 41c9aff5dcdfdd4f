"""Both ways of folding changes into a pack, and rows of packs for Hypothesis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import projection

Fold = Callable[[str, Sequence[PackChange], Mapping[str, int]], bool]


def alone(sku: str, changes: Sequence[PackChange], confidence: Mapping[str, int]) -> bool:
    return projection.project(sku, changes, confidence)


def together(sku: str, changes: Sequence[PackChange], confidence: Mapping[str, int]) -> bool:
    """As one of a batch."""
    result = projection.project_all({sku: changes}, {sku: confidence})[sku]
    if isinstance(result, Exception):
        raise result
    return result


WAYS: list[Fold] = [alone, together]


def pack_row(*values: Any, **more: Any) -> PackRow:
    """For ``builds``, which would make up every value of a NamedTuple that it is not given."""
    return PackRow(*values, **more)
