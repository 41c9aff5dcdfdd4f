"""Codes of cards: 15 random characters and a check character.

The alphabet is Crockford's base32 (crockford.com/base32.html): 0-9 and the letters without I, L, O
and U, so that O can be read as 0, and I and L as 1. 15 characters have 75 bits. The check character
is that of ISO 7064 with the moduli 33 and 32: a single wrong character is always found.
"""

from stdnum.iso7064 import mod_37_36

from shared.errors import invalid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_CHARACTERS = 15
CHARACTERS = RANDOM_CHARACTERS + 1
RANDOM_BITS = 75
BITS = 5
GROUP = 4
SUFFIX = 4
"""Characters at the end of a code that receipts and answers may show."""
SLIPS = str.maketrans({"O": "0", "I": "1", "L": "1", " ": "", "-": ""})
MOST_TYPED = 64


def code_of_bits(number: int) -> str:
    """The code of a random number of 75 bits, in groups of four: ``7K2Q-...``."""
    text = "".join(
        ALPHABET[number >> (BITS * place) & 31] for place in reversed(range(RANDOM_CHARACTERS))
    )
    return shown(text + mod_37_36.calc_check_digit(text, ALPHABET))


def shown(code: str) -> str:
    """A code in groups of four."""
    return "-".join(code[start : start + GROUP] for start in range(0, CHARACTERS, GROUP))


def normalised(typed: str, path: str = "$.code") -> str:
    """The 16 characters of a code as somebody has typed it: in lower case, with spaces or dashes,
    with O for 0.

    Raises InvalidRequest, naming the JSON ``path``, for a text that cannot be a code: its number of
    characters, a character or the check character is wrong.
    """
    code = typed.upper().translate(SLIPS) if len(typed) <= MOST_TYPED else ""
    if len(code) != CHARACTERS:
        raise invalid(path, f"a code has {CHARACTERS} characters")
    if not mod_37_36.is_valid(code, ALPHABET):
        raise invalid(path, "a character is wrong: compare it with the card")
    return code
