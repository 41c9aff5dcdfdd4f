"""Arithmetic in minor units and basis points: no fraction of a cent exists, and none is lost."""

from collections.abc import Sequence
from fractions import Fraction

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


def apportion(total: int, weights: Sequence[int], least: Sequence[int]) -> list[int]:
    """``total`` split in proportion to ``weights`` by Webster's rule: cent by cent to the largest
    weight / (2 · parts so far + 1), the earlier first; nobody gets less than ``least``.

    Unlike largest remainder, a larger total takes from nobody: what is given back to each tender
    depends on how much is given back, not in which steps. Nobody gets more than the weight as long
    as the total is not more than their sum. (Balinski and Young, Fair Representation, 1982.)

    ``total`` is at least the sum of ``least``.
    """
    fixed = dict[int, int]()
    while True:
        free = [at for at in range(len(weights)) if at not in fixed]
        remaining = total - sum(fixed.values())
        parts = dict(zip(free, _webster(remaining, [weights[at] for at in free]), strict=True))
        # Whoever has more already keeps it; the others share what remains.
        over = [at for at in free if parts[at] < least[at]]
        if not over:
            parts |= fixed
            return [parts[at] for at in range(len(weights))]
        fixed |= {at: least[at] for at in over}


def _webster(total: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    # A start from below: with n weights, Webster's rule stays within n of the exact share.
    parts = [max(0, total * weight // whole - len(weights)) for weight in weights]
    for _ in range(total - sum(parts)):
        at = max(
            range(len(weights)), key=lambda at: (Fraction(weights[at], 2 * parts[at] + 1), -at)
        )
        parts[at] += 1
    return parts


def tax_within(amount: int, rate: int) -> int:
    """The tax that an amount contains, rounded half up. ``rate`` is in parts per million."""
    divisor = MILLION + rate
    return (amount * rate * 2 + divisor) // (2 * divisor)


def tax_on(amount: int, rate: int) -> int:
    """The tax that is added to an amount, rounded half up. ``rate`` is in parts per million."""
    return (amount * rate * 2 + MILLION) // (2 * MILLION)
