"""JSON that others have written: what is wrong in one place of it must not cost the rest. And JSON
for others, in messages that are not too long."""

import json
from collections.abc import Iterable, Iterator
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


def batches_of(documents: Iterable[Any], most_bytes: int) -> Iterator[str]:
    """JSON arrays (of CloudEvents: batches) of at most ``most_bytes`` each."""
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
