"""Tolerant reading of foreign JSON, where one defect must not cost the rest, and JSON batches of
limited size."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

MOST_DIGITS = 100
"""Python refuses a whole document for one number of more than 4,300 digits."""


def _integer(digits: str) -> int | str:
    """A number that is too long stays a text, which no field of a schema accepts."""
    return int(digits) if len(digits) <= MOST_DIGITS else digits


DECODER = json.JSONDecoder(parse_int=_integer, strict=False)
"""Not strict: control characters in a text, such as line breaks, are accepted here."""


def loads(text: str) -> Any:
    """Raises ValueError or RecursionError for a text that is not JSON."""
    return DECODER.decode(text)


def batches_of(documents: Iterable[Any], most_bytes: int) -> Iterator[str]:
    """JSON arrays of at most ``most_bytes`` each (of CloudEvents: batches)."""
    batch: list[str] = []
    size = 2
    for document in documents:
        text = json.dumps(document, separators=(",", ":"))
        if batch and size + len(text) + 1 > most_bytes:
            yield f"[{','.join(batch)}]"
            batch, size = [], 2
        batch.append(text)
        size += len(text) + 1
    if batch:
        yield f"[{','.join(batch)}]"
