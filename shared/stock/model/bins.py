"""Bins: where at a location the units of a SKU lie, such as ``A-03-12``. Pure."""

import re

DIGITS = re.compile(r"([0-9]+)")

BinOrder = tuple[bool, tuple[tuple[int, str], ...], str]


def bin_order(name: str | None) -> BinOrder:
    """The sort key of a bin in the order of a walk. Numbers in names count as numbers, so that A-2
    comes before A-10; upper and lower case are alike. Units without a bin come last."""
    pieces = DIGITS.split((name or "").upper())
    # Every second piece is a number; a text may be empty, so that both lists alternate alike.
    keys = tuple(
        (int(piece), "") if number % 2 else (0, piece) for number, piece in enumerate(pieces)
    )
    return name is None, keys, name or ""
