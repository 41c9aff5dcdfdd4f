"""Compare names that have several spellings: nicknames, and scripts other than Latin."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from anyascii import anyascii

NOT_A_LETTER = re.compile(r"[^a-z]+")


GREEK = (
    ("ου", "u"),
    ("ού", "u"),
    ("αυ", "av"),
    ("αύ", "av"),
    ("ευ", "ev"),
    ("εύ", "ev"),
    ("τζ", "j"),
)
"""Pairs of Greek letters that are one sound, and their romanisation."""


@lru_cache(maxsize=4096)
def latin_letters(text: str) -> str:
    """The name in the letters a-z: without accents, other scripts romanised."""
    text = text.casefold()
    if not text.isascii():
        for greek, latin in GREEK:
            text = text.replace(greek, latin)
        kept = (c for c in text if unicodedata.category(c)[0] in "LM")  # drops emoji
        text = anyascii("".join(kept)).casefold()
    return NOT_A_LETTER.sub("", text)


@lru_cache(maxsize=4096)
def is_romanised(text: str) -> bool:
    """Whether the text has letters of a script other than Latin."""
    return not text.isascii() and any(
        c.isalpha() and not unicodedata.name(c, "LATIN").startswith("LATIN") for c in text
    )


SOUNDS = {
    "shch": "sh",
    "sch": "sh",
    "dzh": "j",
    "zh": "j",
    "tch": "h",
    "ch": "h",
    "kh": "h",
    "ph": "f",
    "th": "t",
    "ts": "c",
    "tz": "c",
    "ks": "x",
    "ck": "k",
    "q": "k",
    "c": "k",
    "mp": "b",
    "nt": "d",
    "gk": "g",
    "mph": "mf",
    "nth": "nt",
    "oo": "u",
    "ou": "u",
    "ee": "i",
    "w": "v",
    "y": "i",
}
"""Spellings that differ between romanisations (Georgiy and Georgy, Hristos and Christos)."""
SOUND = re.compile("|".join(sorted(SOUNDS, key=len, reverse=True)))
REPEATED = re.compile(r"(.)\1+")
VOWELS = re.compile(r"[aeiouyw]+")


@lru_cache(maxsize=4096)
def phonetic_spelling(name: str) -> str:
    """The name with one spelling for each sound that romanisations spell differently."""
    return REPEATED.sub(r"\1", SOUND.sub(lambda match: SOUNDS[match[0]], name))


def consonants(name: str) -> str:
    return REPEATED.sub(r"\1", VOWELS.sub("", name))


def nickname_degree(one: str, other: str, *, phonetic: bool = False) -> int:
    """How two names are related: 1 when one is short for the other (Bob, Robert); 2 when both are
    short for a longer name (Bob and Rob), or one starts or ends like the other (Max, Maximilian;
    Steffi, Stefan; Liam, William); else 0.

    ``phonetic`` names were spelled by ``phonetic_spelling``. Nicknames come from the package
    ``nicknames``, which knows English names only.
    """
    full_names = _full_names(phonetic)
    names, other_names = full_names.get(one, NO_NAMES), full_names.get(other, NO_NAMES)
    if one in other_names or other in names:
        return 1
    longest = max(len(one), len(other))
    common_name = any(len(name) > longest for name in names & other_names)
    return 2 if common_name or _starts_or_ends_like(one, other) else 0


NO_NAMES: frozenset[str] = frozenset()
MIN_STEM = 3


def _starts_or_ends_like(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    start = stem(short)
    return (start is not None and long.startswith(start)) or (
        len(short) > MIN_STEM and long.endswith(short)
    )


@lru_cache(maxsize=4096)
def stem(name: str) -> str | None:
    """The name without its diminutive ending; None when fewer than MIN_STEM letters remain."""
    for ending in ("ie", "ey", "y", "i"):
        if name.endswith(ending):
            name = name.removesuffix(ending)
            break
    if len(name) > 1 and name[-1] == name[-2]:
        name = name[:-1]
    return name if len(name) >= MIN_STEM else None


def possible_initials(name: str, *, phonetic: bool = False) -> set[str]:
    """The initials that the name may be abbreviated to: for Bob also R."""
    return {name[:1], *(other[:1] for other in _full_names(phonetic).get(name, NO_NAMES))}


@cache
def _full_names(phonetic: bool) -> Mapping[str, frozenset[str]]:
    """The full names of each nickname. Loading takes 4 ms, when two names first differ."""
    from nicknames import name_triplets  # noqa: PLC0415 (read when it is needed)

    key = phonetic_spelling if phonetic else latin_letters
    full_names: dict[str, set[str]] = {}
    for name, _, nickname in name_triplets():
        full_names.setdefault(key(nickname), set()).add(key(name))
    return {nickname: frozenset(names) for nickname, names in full_names.items()}
