"""Arithmetic in minor units and basis points: no fraction of a cent exists, and none is lost."""

from collections.abc import Sequence

WHOLE = 10_000
"""100 % in basis points."""
MILLION = 1_000_000
"""Tax rates are in parts per million: 7.125 % is 71,250."""


def percent_of(amount: int, basis_points: int) -> int:
    """A percentage of an amount that is not negative, rounded half up."""
    return (amount * basis_points * 2 + WHOLE) // (2 * WHOLE)


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` split in proportion to ``weights`` by largest remainder: everyone gets the whole
    cents of the share, then one cent each to the largest remainders, the earlier first. The sum is
    ``total``; nobody gets more than the weight as long as ``total`` is not more than their sum."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(remainder)
    missing = total - sum(parts)
    if missing:
        largest = sorted(range(len(weights)), key=lambda at: (-remainders[at], at))
        for at in largest[:missing]:
            parts[at] += 1
    return parts


def tax_within(amount: int, rate: int) -> int:
    """The tax that an amount contains, rounded half up. ``rate`` is in parts per million."""
    divisor = MILLION + rate
    return (amount * rate * 2 + divisor) // (2 * divisor)


def tax_on(amount: int, rate: int) -> int:
    """The tax that is added to an amount, rounded half up. ``rate`` is in parts per million."""
    return (amount * rate * 2 + MILLION) // (2 * MILLION)
