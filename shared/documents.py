"""JSON that others have written: what is wrong in one place of it must not cost the rest."""

import json
from typing import Any

MOST_DIGITS = 100
"""Python reads no number of more than 4,300 digits, and refuses the whole text for it."""


def _whole(digits: str) -> int | str:
    """A number so long is none that anybody means: it stays a text, and no field takes that."""
    return int(digits) if len(digits) <= MOST_DIGITS else digits


DECODER = json.JSONDecoder(parse_int=_whole, strict=False)
"""Not strict: a line break or another control character in a text is the fault of that text."""


def loads(text: str) -> Any:
    """Raises ValueError or RecursionError where it is no JSON."""
    return DECODER.decode(text)
