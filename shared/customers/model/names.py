"""Names that are told in more than one way: nicknames, and scripts other than Latin."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from anyascii import anyascii

OTHER = re.compile(r"[^a-z]+")


GREEK = (
    ("ου", "u"),
    ("ού", "u"),
    ("αυ", "av"),
    ("αύ", "av"),
    ("ευ", "ev"),
    ("εύ", "ev"),
    ("τζ", "j"),
)
"""Two letters that are one sound, and are romanised as one."""


@lru_cache(maxsize=4096)
def letters(text: str) -> str:
    """A name as it is compared: a-z only, without accents, other scripts as they are romanised."""
    text = text.casefold()
    if not text.isascii():
        for greek, latin in GREEK:
            text = text.replace(greek, latin)
        told = (c for c in text if unicodedata.category(c)[0] in "LM")  # and no hearts
        text = anyascii("".join(told)).casefold()
    return OTHER.sub("", text)


@lru_cache(maxsize=4096)
def romanised(text: str) -> bool:
    """Whether ``letters`` had to read a script other than Latin."""
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
"""Where the ways to romanise a name differ (Georgiy and Georgy, Hristos and Christos)."""
SOUND = re.compile("|".join(sorted(SOUNDS, key=len, reverse=True)))
REPEATED = re.compile(r"(.)\1+")
VOWELS = re.compile(r"[aeiouyw]+")


@lru_cache(maxsize=4096)
def spoken(name: str) -> str:
    """Letters of a name so that those are the same that romanisations take for one sound."""
    return REPEATED.sub(r"\1", SOUND.sub(lambda found: SOUNDS[found[0]], name))


def consonants(name: str) -> str:
    return REPEATED.sub(r"\1", VOWELS.sub("", name))


def nicknamed(one: str, other: str, *, said: bool = False) -> int:
    """1 when one name is short for the other (Bob, Robert), 2 when both are short for a longer one
    (Bob and Rob), or one starts or ends like the other (Max, Maximilian; Steffi, Stefan; Liam,
    William), else 0.

    ``said`` says that the names are as ``spoken``. What is short for what is told by the package
    ``nicknames``, whose names are English.
    """
    short_for = _short_for(said)
    mine, theirs = short_for.get(one, NONE), short_for.get(other, NONE)
    if one in theirs or other in mine:
        return 1
    longest = max(len(one), len(other))
    third = any(len(name) > longest for name in mine & theirs)
    return 2 if third or _starts_or_ends_like(one, other) else 0


NONE: frozenset[str] = frozenset()
LEAST = 3


def _starts_or_ends_like(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    start = stem(short)
    return (start is not None and long.startswith(start)) or (
        len(short) > LEAST and long.endswith(short)
    )


@lru_cache(maxsize=4096)
def stem(name: str) -> str | None:
    """The name without what makes it small, None when too little is left."""
    for ending in ("ie", "ey", "y", "i"):
        if name.endswith(ending):
            name = name.removesuffix(ending)
            break
    if len(name) > 1 and name[-1] == name[-2]:
        name = name[:-1]
    return name if len(name) >= LEAST else None


def initials(name: str, *, said: bool = False) -> set[str]:
    """What the name may be shortened to: of Bob also R."""
    return {name[:1], *(other[:1] for other in _short_for(said).get(name, NONE))}


@cache
def _short_for(said: bool) -> Mapping[str, frozenset[str]]:
    """4 ms, when the first two names differ."""
    from nicknames import name_triplets  # noqa: PLC0415 (read when it is needed)

    key = spoken if said else letters
    found: dict[str, set[str]] = {}
    for name, _, nickname in name_triplets():
        found.setdefault(key(nickname), set()).add(key(name))
    return {nickname: frozenset(names) for nickname, names in found.items()}
