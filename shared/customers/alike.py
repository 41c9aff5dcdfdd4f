"""How alike two texts are, in plain Python: names and dates are short."""

from functools import lru_cache
from operator import ne

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
    left: list[str | None] = list(other)
    places = []
    matched = []
    for i, letter in enumerate(one):
        if letter not in other:
            continue
        try:
            place = left.index(letter, max(0, i - reach), i + reach + 1)
        except ValueError:
            continue
        left[place] = None
        places.append(place)
        matched.append(letter)
    if not matched:
        return 0.0
    there = [other[place] for place in sorted(places)]
    same = len(matched)
    swapped = 0 if matched == there else sum(map(ne, matched, there)) / 2
    return (same / len(one) + same / len(other) + (same - swapped) / same) / 3


def one_apart(one: str, other: str) -> bool:
    """Whether at most one letter was inserted, left out, replaced, or swapped with the next."""
    if one == other:
        return True
    longer_by = len(one) - len(other)
    if not -1 <= longer_by <= 1:
        return False
    at = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        at += 1
    if longer_by == 0:
        if one[at + 1 :] == other[at + 1 :]:
            return True
        swapped = one[at : at + 2] == other[at : at + 2][::-1]
        return swapped and one[at + 2 :] == other[at + 2 :]
    longer, shorter = (one, other) if longer_by > 0 else (other, one)
    return longer[at + 1 :] == shorter[at:]


CODES = str.maketrans("bfpvcgjkqsxzdtlmnraeiouyhw", "11112222222233455600000099")
"""Letters that sound alike (US census, 1918); h and w stand for nothing, not even a pause."""


@lru_cache(maxsize=4096)
def soundex(name: str) -> str:
    """The first letter and three digits of a name of the letters a to z; '' for none."""
    if not name:
        return ""
    found, last = name[0], name[0].translate(CODES)
    for code in name[1:].translate(CODES):
        if code == "9":
            continue
        if code not in {"0", last}:
            found += code
            if len(found) == 4:
                return found
        last = code
    return found.ljust(4, "0")
