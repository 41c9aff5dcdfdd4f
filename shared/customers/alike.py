"""How alike two texts are, in plain Python: names and dates are short."""

from functools import lru_cache

PREFIX = 4
PREFIX_WEIGHT = 0.1


@lru_cache(maxsize=4096)
def jaro_winkler(one: str, other: str) -> float:
    """0 to 1 (Winkler 1990: Jaro's similarity, with credit for a common start of up to 4)."""
    if one == other:
        return 1.0
    if not one or not other:
        return 0.0
    jaro = _jaro(one, other)
    start = 0
    for a, b in zip(one[:PREFIX], other[:PREFIX], strict=False):
        if a != b:
            break
        start += 1
    return jaro + start * PREFIX_WEIGHT * (1 - jaro)


def _jaro(one: str, other: str) -> float:
    reach = max(0, max(len(one), len(other)) // 2 - 1)
    taken = [False] * len(other)
    matched = []
    for i, letter in enumerate(one):
        for j in range(max(0, i - reach), min(len(other), i + reach + 1)):
            if not taken[j] and other[j] == letter:
                taken[j] = True
                matched.append(letter)
                break
    if not matched:
        return 0.0
    there = (letter for letter, is_taken in zip(other, taken, strict=True) if is_taken)
    swapped = sum(a != b for a, b in zip(matched, there, strict=True)) / 2
    same = len(matched)
    return (same / len(one) + same / len(other) + (same - swapped) / same) / 3


@lru_cache(maxsize=4096)
def edits(one: str, other: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment)."""
    if one == other:
        return 0
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        next_row = [i]
        for j, against in enumerate(other, 1):
            cost = min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            next_row.append(cost)
        before, row = row, next_row
    return row[-1]
