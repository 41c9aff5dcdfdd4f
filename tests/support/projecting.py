"""Both ways of folding changes into a pack."""

from collections.abc import Callable, Mapping, Sequence

from shared.availability.model.pack import PackChange
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
